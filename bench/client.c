/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.c - one measurement of a bpf(2) client, printed as "name value unit". Run it under
 * `userbpf run` and on the kernel's own bpf(2) to compare the two; it knows nothing about either.
 *   usage: client roundtrip | array | hash | load | progs N FILE | spawn NAME CMD...
 * Every figure is the median of several rounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 15

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

static double median(double *v, int n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static int die(const char *what)
{
	perror(what);
	return 1;
}

static int bench_roundtrip(void)
{
	double v[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		const int n = 500;
		double t = now_ns();

		for (int i = 0; i < n; i++) {
			union bpf_attr attr = {.start_id = 0};

			if (bpf(BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)) && errno != ENOENT)
				return die("PROG_GET_NEXT_ID");
		}
		v[r] = (now_ns() - t) / n;
	}
	printf("roundtrip %.0f ns\n", median(v, ROUNDS));
	return 0;
}

static int bench_lookup(int type, const char *name)
{
	union bpf_attr attr = {
		.map_type = type, .key_size = 4, .value_size = 8, .max_entries = 1024};
	double v[ROUNDS];
	uint64_t value;
	uint32_t key;
	int fd = bpf(BPF_MAP_CREATE, &attr, sizeof(attr));

	if (fd < 0)
		return die("MAP_CREATE");
	for (key = 0; key < 1024; key++) {
		value = key;
		memset(&attr, 0, sizeof(attr));
		attr.map_fd = fd;
		attr.key = (uintptr_t)&key;
		attr.value = (uintptr_t)&value;
		if (bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)))
			return die("MAP_UPDATE_ELEM");
	}
	for (int r = 0; r < ROUNDS; r++) {
		const int n = 20000;
		double t = now_ns();

		for (int i = 0; i < n; i++) {
			key = i & 1023;
			if (bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)) || value != key)
				return die("MAP_LOOKUP_ELEM");
		}
		v[r] = (now_ns() - t) / n;
	}
	printf("%s %.1f ns\n", name, median(v, ROUNDS));
	return 0;
}

/* A program the verifier has to look at insn by insn: stores, loads, arithmetic with unknown
 * scalars, a branch every eighth insn. */
static int make_program(struct bpf_insn *p, int n)
{
	int i = 0;

	p[i++] = (struct bpf_insn){BPF_LDX | BPF_W | BPF_MEM, BPF_REG_0, BPF_REG_1, 0, 0};
	p[i++] = (struct bpf_insn){BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_0, 0, 0};
	while (i < n - 1) {
		switch (i & 7) {
		case 0:
			p[i] = (struct bpf_insn){BPF_JMP | BPF_JGT | BPF_K, BPF_REG_2, 0, 0, i};
			break;
		case 1:
			p[i] = (struct bpf_insn){BPF_STX | BPF_DW | BPF_MEM, BPF_REG_10, BPF_REG_2,
						 -8, 0};
			break;
		case 2:
			p[i] = (struct bpf_insn){BPF_LDX | BPF_DW | BPF_MEM, BPF_REG_3, BPF_REG_10,
						 -8, 0};
			break;
		case 3:
			p[i] = (struct bpf_insn){BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_0, BPF_REG_3,
						 0, 0};
			break;
		case 4:
			p[i] = (struct bpf_insn){BPF_ALU64 | BPF_XOR | BPF_X, BPF_REG_2, BPF_REG_0,
						 0, 0};
			break;
		case 5:
			p[i] = (struct bpf_insn){BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_2, 0, 0, 3};
			break;
		case 6:
			p[i] = (struct bpf_insn){BPF_ALU | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, 77};
			break;
		default:
			p[i] = (struct bpf_insn){BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0,
						 0xffff};
			break;
		}
		i++;
	}
	p[i++] = (struct bpf_insn){BPF_JMP | BPF_EXIT, 0, 0, 0, 0};
	return i;
}

static int load(struct bpf_insn *insns, int n, const char *name)
{
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER};

	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	snprintf(attr.prog_name, sizeof(attr.prog_name), "%s", name);
	return bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int bench_load(void)
{
	static struct bpf_insn insns[1000];
	int n = make_program(insns, 1000);
	double v[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		double t = now_ns();
		int fd = load(insns, n, "thousand");

		if (fd < 0)
			return die("PROG_LOAD");
		v[r] = now_ns() - t;
		close(fd);
	}
	printf("load1000 %.1f us\n", median(v, ROUNDS) / 1e3);
	return 0;
}

static int bench_progs(int n, const char *path)
{
	struct bpf_insn two[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
				 {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
	static char buf[1 << 16];
	double v[5];
	long lines = 0;

	for (int i = 0; i < n; i++)
		if (load(two, 2, "filler") < 0)
			return die("PROG_LOAD");
	for (int r = 0; r < 5; r++) {
		double t = now_ns();
		int fd = open(path, O_RDONLY);
		ssize_t got;

		if (fd < 0)
			return die(path);
		for (lines = 0; (got = read(fd, buf, sizeof(buf))) > 0;)
			for (ssize_t i = 0; i < got; i++)
				lines += buf[i] == '\n';
		close(fd);
		if (got < 0)
			return die(path);
		v[r] = now_ns() - t;
	}
	if (lines <= n) {
		fprintf(stderr, "%s: %ld lines for %d programs\n", path, lines, n);
		return 1;
	}
	printf("cat%d %.2f ms\n", n, median(v, 5) / 1e6);
	return 0;
}

/* Whole-process time of a command. */
static int bench_spawn(const char *name, char **argv)
{
	double v[ROUNDS];

	for (int r = -1; r < ROUNDS; r++) { /* the first one warms the caches */
		double t = now_ns();
		pid_t pid;
		int status;

		if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) ||
		    waitpid(pid, &status, 0) < 0 || status)
			return die(argv[0]);
		if (r >= 0)
			v[r] = now_ns() - t;
	}
	printf("%s %.2f ms\n", name, median(v, ROUNDS) / 1e6);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "roundtrip"))
		return bench_roundtrip();
	if (!strcmp(what, "array"))
		return bench_lookup(BPF_MAP_TYPE_ARRAY, "array");
	if (!strcmp(what, "hash"))
		return bench_lookup(BPF_MAP_TYPE_HASH, "hash");
	if (!strcmp(what, "load"))
		return bench_load();
	if (!strcmp(what, "progs") && argc == 4)
		return bench_progs(atoi(argv[2]), argv[3]);
	if (!strcmp(what, "spawn") && argc > 3)
		return bench_spawn(argv[2], argv + 3);
	fprintf(stderr,
		"usage: client roundtrip | array | hash | load | progs N FILE | spawn NAME CMD...\n");
	return 2;
}
