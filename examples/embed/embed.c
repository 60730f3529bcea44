/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * embed.c - the BPF subsystem inside this process: a map, a program that counts in it, three test
 * runs, the count. Needs no privilege. Build: cc embed.c $(pkg-config --cflags --libs userbpf)
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <userbpf.h>

#define INSN(c, d, s, o, i)                                                         \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}

static int fail(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	return 1;
}

static int create_counter(struct userbpf *u)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};

	strcpy(attr.map_name, "counter");
	return userbpf_bpf(u, BPF_MAP_CREATE, &attr, sizeof(attr));
}

/* counter[0] += 1; return the length of the packet */
static int load_program(struct userbpf *u, int map_fd, char *log, unsigned int log_size)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		INSN(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_fd),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_0, BPF_REG_1, 0, BPF_ADD),
		INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_6, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uintptr_t)insns,
		.insn_cnt = sizeof(insns) / sizeof(insns[0]),
		.license = (uintptr_t) "Dual BSD/GPL",
		.log_buf = (uintptr_t)log,
		.log_size = log_size,
		.log_level = 1,
	};

	strcpy(attr.prog_name, "count_packets");
	return userbpf_bpf(u, BPF_PROG_LOAD, &attr, sizeof(attr));
}

int main(void)
{
	static char log[65536];
	char packet[64] = {0};
	union bpf_attr run = {0}, lookup = {0};
	struct userbpf *u = userbpf_open(NULL);
	uint32_t key = 0;
	uint64_t count = 0;
	int map, prog, err;

	if (!u)
		return perror("userbpf_open"), 1;
	map = create_counter(u);
	if (map < 0)
		return fail("BPF_MAP_CREATE", map);
	prog = load_program(u, map, log, sizeof(log));
	if (prog < 0) {
		fputs(log, stderr);
		return fail("BPF_PROG_LOAD", prog);
	}

	run.test.prog_fd = prog;
	run.test.data_in = (uintptr_t)packet;
	run.test.data_size_in = sizeof(packet);
	run.test.repeat = 3;
	err = userbpf_bpf(u, BPF_PROG_TEST_RUN, &run, sizeof(run));
	if (err)
		return fail("BPF_PROG_TEST_RUN", err);

	lookup.map_fd = map;
	lookup.key = (uintptr_t)&key;
	lookup.value = (uintptr_t)&count;
	err = userbpf_bpf(u, BPF_MAP_LOOKUP_ELEM, &lookup, sizeof(lookup));
	if (err)
		return fail("BPF_MAP_LOOKUP_ELEM", err);
	printf("the program saw %u bytes and ran %llu times\n", run.test.retval,
	       (unsigned long long)count);

	close(prog);
	close(map);
	return userbpf_close(u);
}
