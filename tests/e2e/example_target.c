// SPDX-License-Identifier: BSD-2-Clause
/*
 * example_target.c - a program whose leaks and whose use of time are known, for the tests of the examples. Reads lines:
 *
 *	leak           allocates by each function, and gives some back
 *	burn SECONDS   three quarters of the time in heavy(), one in light(), both called by work()
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOINLINE __attribute__((noinline, noclone))

static void *volatile kept;
static volatile unsigned long sink;

/* 50 blocks of 1000 bytes stay, 50 do not. */
NOINLINE void leak_malloc(void)
{
	for (int i = 0; i < 50; i++) {
		free(malloc(500));
		kept = malloc(1000);
	}
}

/* 20 times 7 * 30 bytes */
NOINLINE void leak_calloc(void)
{
	for (int i = 0; i < 20; i++)
		kept = calloc(7, 30);
}

/* One block that grows; what it was is no leak. 4096 bytes stay. */
NOINLINE void leak_realloc(void)
{
	char *p = malloc(16);

	for (size_t n = 32; p && n <= 4096; n *= 2)
		p = realloc(p, n);
	kept = p;
}

/* 3 times 512 bytes, 256 once */
NOINLINE void leak_aligned(void)
{
	void *p = NULL;

	for (int i = 0; i < 3; i++) {
		if (posix_memalign(&p, 64, 512))
			abort();
		kept = p;
	}
	kept = aligned_alloc(256, 256);
}

/* All is given back. */
NOINLINE void leak_nothing(void)
{
	void *p[100];

	for (int i = 0; i < 100; i++)
		p[i] = malloc(10 * i);
	for (int i = 0; i < 100; i++)
		free(p[i]);
}

NOINLINE void leak(void)
{
	leak_malloc();
	leak_calloc();
	leak_realloc();
	leak_aligned();
	leak_nothing();
}

static double used(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

NOINLINE void heavy(double until)
{
	for (unsigned long i = 0; used() < until; i++)
		for (int j = 0; j < 20000; j++)
			sink += j;
}

NOINLINE void light(double until)
{
	for (unsigned long i = 0; used() < until; i++)
		for (int j = 0; j < 20000; j++)
			sink += j;
}

NOINLINE void work(double seconds)
{
	double end = used() + seconds;

	while (used() < end) {
		heavy(used() + 0.03);
		light(used() + 0.01);
	}
}

int main(void)
{
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		if (!strncmp(line, "leak", 4))
			leak();
		else if (!strncmp(line, "burn ", 5))
			work(atof(line + 5));
		puts("done");
	}
	return 0;
}
