/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loader_floor.c - what it takes to load and run a loader program that does nothing, in a process of its own: with the object's own calls the least any
 * loader needs.
 *   usage: loader_floor      prints "4 microseconds"
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int make_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 64, .max_entries = 1};
	int fd = bpf(BPF_MAP_CREATE, &attr);
	char value[64] = "";
	__u32 key = 0;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = fd;
	attr.key = (unsigned long)&key;
	attr.value = (unsigned long)value;
	return fd < 0 || bpf(BPF_MAP_UPDATE_ELEM, &attr) ? -1 : fd;
}

static int make_prog(int map)
{
	static const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
						{.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SYSCALL,
			       .insns = (unsigned long)insns,
			       .insn_cnt = 2,
			       .license = (unsigned long)"Dual BSD/GPL",
			       .prog_flags = BPF_F_SLEEPABLE,
			       .fd_array = (unsigned long)&map};

	return bpf(BPF_PROG_LOAD, &attr);
}

static int once(void)
{
	int map = make_map(), prog = map < 0 ? -1 : make_prog(map);
	union bpf_attr attr = {.test.prog_fd = prog};

	if (prog < 0 || bpf(BPF_PROG_TEST_RUN, &attr))
		return -1;
	close(prog);
	close(map);
	return 0;
}

int main(void)
{
	double start = now_us(), took;

	if (once()) {
		perror("loader_floor");
		return 1;
	}
	took = now_us() - start;
	printf("4 %.0f\n", took);
	return 0;
}
