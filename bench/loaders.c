/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loaders.c - how long a process takes to load an object for the first time, and its memory: one program per way, so that none pays
 * for the other's libraries. HOW: 1 libbpf, 2 bpftool's light skeleton, 3 ours. OBJ is the object's name.
 *   usage: loaders_HOW_OBJ [OBJECT]      prints "HOW microseconds peak-KiB microseconds-in-TEST_RUN"
 *
 * The last figure is how long a loader program ran: the object's own bpf(2) calls, of which no loader can save one.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#if HOW == 1
#include <bpf/libbpf.h>
#else
#include <sys/syscall.h>
#include <unistd.h>
static long timed_syscall(long nr, long cmd, void *attr, unsigned long size);
#define syscall(nr, cmd, attr, size, ...) \
	timed_syscall(nr, (long)(cmd), (void *)(attr), (unsigned long)(size))
#include HEADER
#undef syscall
#endif

#define CAT_(a, b) a##b
#define CAT(a, b)  CAT_(a, b)
#define TEXT_(x)   #x
#define TEXT(x)	   TEXT_(x)

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

static double in_run;

#if HOW != 1
#define TEST_RUN 10

static long timed_syscall(long nr, long cmd, void *attr, unsigned long size)
{
	double start = cmd == TEST_RUN ? now_us() : 0;
	long ret = syscall(nr, cmd, attr, size, 0L, 0L, 0L);

	if (cmd == TEST_RUN)
		in_run += now_us() - start;
	return ret;
}
#endif

#if HOW == 1
static int once(const char *object)
{
	struct bpf_object *o = bpf_object__open_file(object, NULL);
	int err = o ? bpf_object__load(o) : -1;

	bpf_object__close(o);
	return err;
}
#else
static int once(const char *object)
{
	struct OBJ *s = CAT(OBJ, __open_and_load)();

	if (!s)
		return -1;
	CAT(OBJ, __destroy)(s);
	return 0;
}
#endif

static long peak_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmHWM: %ld", &kib);
	if (f)
		fclose(f);
	return kib;
}

int main(int argc, char **argv)
{
	double start = now_us(), took;

	if (once(argc > 1 ? argv[1] : "")) {
		perror(TEXT(OBJ));
		return 1;
	}
	took = now_us() - start;
	printf("%d %.0f %ld %.0f\n", HOW, took, peak_kib(), in_run);
	return 0;
}
