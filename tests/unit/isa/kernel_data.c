/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel_data FILE... - the cases of data.h given to this machine's own kernel, whose answers must
 * be the ones written in the files. Cases the kernel refuses or cannot know (internal opcodes,
 * callbacks without BTF) are counted, not failed. 77 when it has no bpf(2) for us.
 *
 * The case becomes a subprogram, so that all 64 bits of its r0 come back: through a map value, as
 * its memory does.
 */
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "data.h"

struct value {
	u64 r0;
	u8 mem[CASE_MEM];
};

struct state {
	const char *path;
	int map, ran, refused, failed;
};

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int make_map(void)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY,
			       .key_size = 4,
			       .value_size = sizeof(struct value),
			       .max_entries = 1};

	return bpf(BPF_MAP_CREATE, &attr);
}

static int map_elem(const struct state *st, int cmd, struct value *v)
{
	u32 key = 0;
	union bpf_attr attr = {.map_fd = (u32)st->map, .key = (u64)&key, .value = (u64)v};

	return bpf(cmd, &attr);
}

static bool for_kernel(const struct isa_case *c)
{
	if (c->nr_maps)
		return false;
	for (int i = 0; i < c->nr_insns; i++) {
		if (!isa_opcode_valid(c->insns[i].code) || insn_is_pseudo_func(&c->insns[i]))
			return false;
		i += insn_is_ld_imm64(&c->insns[i]);
	}
	return true;
}

static int load(const struct state *st, const struct isa_case *c)
{
	struct bpf_insn insns[CASE_INSNS + 16] = {
		BPF_LD_MAP_VALUE(1, st->map, offsetof(struct value, mem)),
		BPF_MOV64_IMM(2, c->mem_len),
		BPF_CALL_REL(5),
		BPF_LD_MAP_VALUE(1, st->map, 0),
		BPF_STX_MEM(BPF_DW, 1, 0, 0),
		BPF_MOV64_IMM(0, 0),
		BPF_EXIT_INSN(),
	};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SYSCALL,
			       .prog_flags = BPF_F_SLEEPABLE,
			       .insns = (u64)insns,
			       .insn_cnt = 9 + (u32)c->nr_insns,
			       .license = (u64) "GPL"};

	memcpy(&insns[9], c->insns, (size_t)c->nr_insns * sizeof(insns[0]));
	return bpf(BPF_PROG_LOAD, &attr);
}

static void one_case(const struct isa_case *c, void *arg)
{
	struct state *st = arg;
	struct value v = {0};
	union bpf_attr attr = {0};
	const u8 *want = c->after_len ? c->after : c->mem;
	int fd = for_kernel(c) ? load(st, c) : -1;

	if (fd < 0) {
		st->refused++;
		return;
	}
	memcpy(v.mem, c->mem, (size_t)c->mem_len);
	map_elem(st, BPF_MAP_UPDATE_ELEM, &v);
	attr.test.prog_fd = (u32)fd;
	if (bpf(BPF_PROG_TEST_RUN, &attr) < 0 || map_elem(st, BPF_MAP_LOOKUP_ELEM, &v) < 0 ||
	    v.r0 != c->result || memcmp(v.mem, want, (size_t)c->mem_len)) {
		printf("%s:%d: the kernel's r0 is 0x%llx, the file's 0x%llx\n%s", st->path, c->line,
		       v.r0, c->result, c->text);
		st->failed++;
	}
	st->ran++;
	close(fd);
}

int main(int argc, char **argv)
{
	struct state st = {.map = make_map()};

	if (st.map < 0) {
		printf("no bpf(2) here\n");
		return 77;
	}
	for (int i = 1; i < argc; i++) {
		st.path = argv[i];
		if (isa_for_each(argv[i], one_case, &st) < 0)
			st.failed++;
	}
	printf("%d cases run, %d not for this kernel, %d differ\n", st.ran, st.refused, st.failed);
	return st.failed ? 1 : st.ran ? 0 : 77;
}
