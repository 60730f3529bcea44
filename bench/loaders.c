/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loaders.c - how long a process takes to load an object for the first time, and its memory: one program per way, so that none pays
 * for the other's libraries. HOW: 1 libbpf, 2 bpftool's light skeleton, 3 ours. OBJ is the object's name.
 *   usage: loaders_HOW_OBJ [OBJECT]      prints "microseconds peak-KiB"
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#if HOW == 1
#include <bpf/libbpf.h>
#else
#include HEADER
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
	printf("%.0f %ld\n", took, peak_kib());
	return 0;
}
