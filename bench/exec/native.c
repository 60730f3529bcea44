/* SPDX-License-Identifier: BSD-2-Clause */
/* native - the programs as C, measured as exec.c does: "PROGRAM NS RESULT". */
#include <stdio.h>
#include <time.h>

#define SIZE	 256
#define BATCHES	 40
#define BATCH_NS 400000

struct __sk_buff {
	unsigned char *data, *data_end;
	unsigned int len;
};

#define time		       program_time
#define PROG(name, kind, what) int name(struct __sk_buff *skb);
#include "programs.def"
#undef PROG
#undef time

static unsigned char packet[SIZE] __attribute__((aligned(16)));

static void fill(void)
{
	for (int i = 0; i < SIZE; i++)
		packet[i] = i * 7 + (i >> 3);
}

static double batch(int (*volatile prog)(struct __sk_buff *), unsigned int repeat,
		    unsigned int *result)
{
	struct __sk_buff skb = {packet, packet + SIZE, SIZE};
	struct timespec a, b;

	fill();
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned int i = 0; i < repeat; i++)
		*result = prog(&skb);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / repeat;
}

static void measure(const char *name, int (*prog)(struct __sk_buff *))
{
	unsigned int result, ignored, repeat;
	double best, ns;

	batch(prog, 3, &result);
	best = batch(prog, 100, &ignored);
	repeat = 1 + BATCH_NS / (best + 1);
	for (int i = 0; i < BATCHES; i++) {
		ns = batch(prog, repeat, &ignored);
		best = ns < best ? ns : best;
	}
	printf("%s %.1f %u\n", name, best, result);
}

int main(void)
{
#define time		       program_time
#define PROG(name, kind, what) measure(#name, name);
#include "programs.def"
	return 0;
}
