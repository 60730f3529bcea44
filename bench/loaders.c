/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loaders.c - how long a process takes to load an object for the first time, and its memory: one program per way, so that none pays
 * for the other's libraries. HOW: 1 libbpf, 2 bpftool's light skeleton, 3 ours. OBJ is the object's name.
 *   usage: loaders_HOW_OBJ [OBJECT]      prints "HOW microseconds peak-KiB microseconds-in-calls by-program microseconds-of-CPU"
 *
 * The fourth figure is the object's own bpf(2) calls, of which no loader can save one: how long a loader program ran (the next is 1 then), or what a skeleton without
 * one spent in them. The last is the process's work, without what it waits for: a kernel that fills a map of maps waits for a grace period, which takes
 * as long as other CPUs like.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
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

static double cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec +
	       u.ru_stime.tv_usec;
}

static double in_run, in_calls;

#if HOW != 1
#define TEST_RUN 10

static long timed_syscall(long nr, long cmd, void *attr, unsigned long size)
{
	double start = now_us();
	long ret = syscall(nr, cmd, attr, size, 0L, 0L, 0L);

	*(cmd == TEST_RUN ? &in_run : &in_calls) += now_us() - start;
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
	double cpu = cpu_us(), start = now_us(), took;

	if (once(argc > 1 ? argv[1] : "")) {
		perror(TEXT(OBJ));
		return 1;
	}
	took = now_us() - start;
	cpu = cpu_us() - cpu;
	printf("%d %.0f %ld %.0f %d %.0f\n", HOW, took, peak_kib(), in_run ? in_run : in_calls,
	       in_run > 0, cpu);
	return 0;
}
