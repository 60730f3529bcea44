/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fdarray.c - loads a program with fd_array_cnt (Linux 6.14): two maps are bound to it, of which its instructions want one; pins it.
 *   usage: fdarray PATH
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* attr of a later kernel */
union big_attr {
	union bpf_attr a;
	struct {
		char known[148];
		__u32 fd_array_cnt;
	};
};

static int bpf(int cmd, void *attr, unsigned int size)
{
	return (int)syscall(SYS_bpf, cmd, attr, size);
}

static int map(const char *name)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.map_type = BPF_MAP_TYPE_ARRAY;
	a.key_size = a.value_size = 4;
	a.max_entries = 1;
	strcpy(a.map_name, name);
	return bpf(BPF_MAP_CREATE, &a, sizeof(a));
}

int main(int argc, char **argv)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = 1,
		 .src_reg = BPF_PSEUDO_MAP_IDX_VALUE,
		 .imm = 1},
		{0},
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 0, .src_reg = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fds[] = {map("unused"), map("used")};
	union bpf_attr pin;
	union big_attr b;
	int fd;

	memset(&b, 0, sizeof(b));
	b.a.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	b.a.insns = (unsigned long)insns;
	b.a.insn_cnt = 4;
	b.a.license = (unsigned long)"GPL";
	b.a.fd_array = (unsigned long)fds;
	strcpy(b.a.prog_name, "bound");
	b.fd_array_cnt = 2;
	fd = bpf(BPF_PROG_LOAD, &b, sizeof(b));
	memset(&pin, 0, sizeof(pin));
	pin.pathname = (unsigned long)(argc > 1 ? argv[1] : "");
	pin.bpf_fd = fd;
	if (fd < 0 || bpf(BPF_OBJ_PIN, &pin, sizeof(pin))) {
		perror("fdarray");
		return 1;
	}
	return 0;
}
