/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit_live.c - which registers somebody still reads: what the fusions ask before they leave a value
 * out. From a function's end to its beginning, again while a backward jump brings news; a function
 * where that takes long has all of them live.
 */
#include "exec/jit_live.h"
#include "isa/insn.h"

#define ROUNDS	  12
#define BIT(reg)  (1u << (reg))
#define ARGUMENTS (BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5))

struct access {
	u16 reads, writes;
};

static struct access call(const struct bpf_insn *in)
{
	if (!in->src_reg && in->imm == BPF_FUNC_jiffies64) /* was a load of a variable */
		return (struct access){0, BIT(0)};
	return (struct access){ARGUMENTS, BIT(0) | ARGUMENTS};
}

static struct access jump(const struct bpf_insn *in)
{
	switch (BPF_OP(in->code)) {
	case BPF_CALL: return call(in);
	case BPF_EXIT: return (struct access){BIT(0), 0};
	case BPF_TAIL_CALL: return (struct access){ARGUMENTS, 0};
	case BPF_JA:
	case BPF_JCOND: return (struct access){0, 0};
	}
	return (struct access){BIT(in->dst_reg) | (BPF_SRC(in->code) == BPF_X) << in->src_reg, 0};
}

static struct access arithmetic(const struct bpf_insn *in)
{
	u8 op = BPF_OP(in->code);
	u16 reads = op == BPF_MOV ? 0 : BIT(in->dst_reg);

	if (BPF_SRC(in->code) == BPF_X && op != BPF_END)
		reads |= BIT(in->src_reg);
	return (struct access){reads, BIT(in->dst_reg)};
}

static struct access atomic(const struct bpf_insn *in)
{
	struct access a = {BIT(in->dst_reg) | BIT(in->src_reg), 0};

	if (in->imm == BPF_CMPXCHG)
		a = (struct access){a.reads | BIT(0), BIT(0)};
	else if (in->imm & BPF_FETCH)
		a.writes = BIT(in->src_reg);
	return a;
}

static struct access access_of(const struct bpf_insn *in)
{
	switch (BPF_CLASS(in->code)) {
	case BPF_ALU:
	case BPF_ALU64: return arithmetic(in);
	case BPF_JMP:
	case BPF_JMP32: return jump(in);
	case BPF_LDX: return (struct access){BIT(in->src_reg), BIT(in->dst_reg)};
	case BPF_LD: return (struct access){0, BIT(in->dst_reg)};
	case BPF_ST: return (struct access){BIT(in->dst_reg), 0};
	}
	if (BPF_MODE(in->code) == BPF_ATOMIC)
		return atomic(in);
	return (struct access){BIT(in->dst_reg) | BIT(in->src_reg), 0};
}

u32 jit_live_behind(const struct jit *j, u32 i)
{
	const struct bpf_insn *in = &j->img->insns[i];
	u32 live = i + 1 < j->func_end ? j->live[i + 1] : 0;

	if (in->code == (BPF_JMP | BPF_EXIT))
		return 0;
	if (jit_is_goto(in))
		return j->live[jit_target(in, i)];
	return jit_is_jump(in) ? live | j->live[jit_target(in, i)] : live;
}

/* Whether anything changed. */
static bool one_round(struct jit *j, u32 start)
{
	bool changed = false;

	for (u32 i = j->func_end; i-- > start;) {
		struct access a;
		u16 live = jit_live_behind(j, i);

		if (!(j->flags[i] & JIT_SECOND)) {
			a = access_of(&j->img->insns[i]);
			live = (live & ~a.writes) | a.reads;
		}
		changed |= live != j->live[i];
		j->live[i] = live;
	}
	return changed;
}

void jit_find_live(struct jit *j, u32 start)
{
	bool loops = false;

	for (u32 i = start; i < j->func_end && !loops; i++)
		loops = j->flags[i] & JIT_LOOP;
	memset(&j->live[start], 0, (j->func_end - start) * sizeof(*j->live));
	for (u32 round = 0; one_round(j, start) && loops; round++)
		if (round == ROUNDS) {
			memset(&j->live[start], 0xff, (j->func_end - start) * sizeof(*j->live));
			return;
		}
}
