/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_known.c - what registers certainly are, instruction by instruction. */
#include "exec/jit_known.h"
#include "isa/insn.h"

const struct bpf_map *jit_map_of(const struct jit *j, u64 addr)
{
	for (u32 i = 0; i < j->img->nr_maps; i++)
		if ((u64)j->img->maps[i] == addr)
			return j->img->maps[i];
	return NULL;
}

static struct jit_known known_constant(const struct jit *j, u64 v)
{
	u64 off = v - (u64)j->img->insns;
	u32 at = (u32)(off / sizeof(struct bpf_insn));

	const struct bpf_map *map = jit_map_of(j, v);

	if (map)
		return (struct jit_known){.map = map};
	if (off < j->img->len * sizeof(struct bpf_insn) && (j->flags[at] & JIT_FUNCTION))
		return (struct jit_known){.func = at + 1};
	return (struct jit_known){0};
}

void jit_forget_all(struct jit *j)
{
	memset(j->known, 0, sizeof(j->known));
	j->knows = false;
}

/* What the registers are behind an instruction: constants, and copies of them. */
void jit_follow_known(struct jit *j, const struct bpf_insn *in)
{
	static const struct jit_known unknown;
	u8 class = BPF_CLASS(in->code), dst = in->dst_reg;

	if (insn_is_ld_imm64(in)) {
		j->known[dst] = known_constant(j, insn_imm64(in));
		j->knows |= j->known[dst].map || j->known[dst].func;
	}
	if (!j->knows || class == BPF_LD)
		return;
	if (in->code == (BPF_JMP | BPF_CALL) || in->code == (BPF_JMP | BPF_TAIL_CALL))
		memset(j->known, 0, 6 * sizeof(*j->known));
	else if (class == BPF_STX && BPF_MODE(in->code) == BPF_ATOMIC)
		j->known[0] = j->known[in->src_reg] = unknown;
	else if (in->code == (BPF_ALU64 | BPF_MOV | BPF_X) && !in->off)
		j->known[dst] = j->known[in->src_reg];
	else if (class == BPF_ALU || class == BPF_ALU64 || class == BPF_LDX)
		j->known[dst] = unknown;
}
