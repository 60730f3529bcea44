/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * big.c - a hash map of @N elements (8-byte keys and values): fills it, looks up keys in random
 * order through bpf(2), and prints "ELEMENTS LOOKUP_NS MEMORY_KIB READ_NS NEXT_NS". The memory is what is resident of the map
 * when it is mapped here, else what fdinfo says: a kernel's count of its own. READ_NS and NEXT_NS are what the machine takes
 * for one read anywhere in an array of that size: reads that do not wait for each other, and each behind the
 * one before. No look-up can be faster than the first; one whose instructions are more than the processor looks ahead
 * takes the second, beside its instructions.
 *   usage: big N
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOKUPS 200000
#define ROUNDS	9

static long bpf(int cmd, union bpf_attr *attr, unsigned int size)
{
	return syscall(__NR_bpf, cmd, attr, size);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static unsigned long memory_kib(int fd)
{
	unsigned long kib = 0, locked = 0;
	char line[512], path[64];
	int ours = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "memlock:", 8))
			locked = strtoul(line + 8, NULL, 10) / 1024;
	if (f)
		fclose(f);
	f = fopen("/proc/self/smaps", "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (strchr(line, '-') && strchr(line, '/'))
			ours = !!strstr(line, "/memfd:bpf-map");
		else if (ours && !strncmp(line, "Rss:", 4))
			kib += strtoul(line + 4, NULL, 10);
	}
	if (f)
		fclose(f);
	return kib ? kib : locked;
}

static uint64_t seed = 88172645463325252ull;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* One read of a line of an array of @kib KiB, ns. @wait: its address is not known before the last one was read. */
static double read_ns(const char *mem, uint64_t kib, int wait)
{
	uint64_t lines = kib * 1024 / 64, sum = 0;
	volatile uint64_t sink;
	double best = 0;

	for (int r = 0; r < ROUNDS; r++) {
		double t = now_ns();

		for (int i = 0; i < LOOKUPS; i++) {
			uint64_t at = (random64() + (wait ? sum : 0)) % lines;

			sum += *(const uint64_t *)(mem + at * 64);
		}
		t = (now_ns() - t) / LOOKUPS;
		best = r && best < t ? best : t;
	}
	sink = sum;
	(void)sink;
	return best;
}

static void print_floor(uint64_t kib)
{
	size_t len = kib * 1024;
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!len || mem == MAP_FAILED) {
		printf(" 0 0\n");
		return;
	}
	memset(mem, 0, len);
	printf(" %.1f %.1f\n", read_ns(mem, kib, 0), read_ns(mem, kib, 1));
	munmap(mem, len);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 0) : 0, key, value;
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = 8, .max_entries = n};
	int fd = bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	double v[ROUNDS];

	if (fd < 0) {
		perror("MAP_CREATE");
		return 1;
	}
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = fd;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	for (uint64_t i = 0; i < n; i++) {
		key = i * 0x9e3779b97f4a7c15ull;
		value = i;
		if (bpf(BPF_MAP_UPDATE_ELEM, &attr, 32)) {
			perror("MAP_UPDATE_ELEM");
			return 1;
		}
	}
	for (int r = 0; r < ROUNDS; r++) {
		double t = now_ns();

		for (int i = 0; i < LOOKUPS; i++) {
			uint64_t at = random64() % n;

			key = at * 0x9e3779b97f4a7c15ull;
			if (bpf(BPF_MAP_LOOKUP_ELEM, &attr, 32) || value != at) {
				fprintf(stderr, "element %lu: %s\n", (unsigned long)at,
					strerror(errno));
				return 1;
			}
		}
		v[r] = (now_ns() - t) / LOOKUPS;
	}
	qsort(v, ROUNDS, sizeof(*v), by_value);
	printf("%lu %.1f %lu", (unsigned long)n, v[ROUNDS / 2], memory_kib(fd));
	print_floor(memory_kib(fd));
	return 0;
}
