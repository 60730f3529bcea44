/* SPDX-License-Identifier: BSD-2-Clause */
/* mutate.c - a program with a few changes. */
#include "gen.h"

/* Another map, another place in it, another constant. */
static void mutate_imm64(struct rng *r, struct bpf_insn *in)
{
	static const s32 steps[] = {1, -1, 4, -4, 8, -8, 16, 32};

	switch (in->src_reg) {
	case BPF_PSEUDO_MAP_FD: in->imm = below(r, SP_MAPS); break;
	case BPF_PSEUDO_MAP_VALUE: in[1].imm = (u32)in[1].imm + steps[below(r, 8)]; break;
	case 0: in->imm = (s32)rnd_interesting(r); break;
	}
}

static void mutate_one(struct rng *r, struct sprog *p)
{
	struct bpf_insn *in = &p->insns[below(r, p->len)];
	u8 cls = BPF_CLASS(in->code);
	bool jump = (cls == BPF_JMP || cls == BPF_JMP32) && BPF_OP(in->code) != BPF_CALL &&
		    BPF_OP(in->code) != BPF_EXIT;
	bool alu = cls == BPF_ALU || cls == BPF_ALU64;
	static const s16 steps[] = {1, -1, 2, -2, 4, -4, 8, -8};

	if (insn_is_ldimm64(in) && in + 1 < p->insns + p->len)
		mutate_imm64(r, in);
	if (!in->code || cls == BPF_LD)
		return;
	switch (below(r, 9)) {
	case 0:
		if (in->imm || chance(r, 30))
			in->imm = (s32)rnd_interesting(r);
		break;
	case 1: in->imm = (u32)in->imm + steps[below(r, 8)]; break;
	case 2: in->off += steps[below(r, 8)]; break;
	case 3: in->dst_reg = below(r, 11); break;
	case 4: in->src_reg = below(r, 11); break;
	case 5:
		if (jump)
			in->code = (in->code & 0x0f) | (below(r, 14) << 4);
		else if (alu)
			in->code = (in->code & 0x0f) | (below(r, 14) << 4);
		else if (cls == BPF_LDX || cls == BPF_STX || cls == BPF_ST)
			in->code = (in->code & ~0x18) | below(r, 4) << 3;
		break;
	case 6: /* 32 <-> 64 bits */
		if (jump || alu)
			in->code ^= jump ? BPF_JMP ^ BPF_JMP32 : BPF_ALU ^ BPF_ALU64;
		break;
	case 7:
		if (jump || (alu && chance(r, 50)))
			*in = BPF_JMP_A(0); /* a check is gone */
		break;
	case 8:
		if (in > p->insns && in[-1].code && BPF_CLASS(in[-1].code) != BPF_LD && !jump &&
		    cls != BPF_JMP && BPF_CLASS(in[-1].code) != BPF_JMP &&
		    BPF_CLASS(in[-1].code) != BPF_JMP32) {
			struct bpf_insn t = in[-1];

			in[-1] = *in;
			*in = t;
		}
		break;
	}
}

void gen_mutate(struct rng *r, struct sprog *p)
{
	u32 n = 1 + below(r, 4);

	while (n--)
		mutate_one(r, p);
	if (chance(r, 10))
		p->flags ^= BPF_F_TEST_STATE_FREQ;
}
