/* SPDX-License-Identifier: BSD-2-Clause */
/* fuse_branch.c - jumps with what is in front of them or behind. */
#include "exec/fuse.h"
#include "exec/jit_x86_64.h"
#include "isa/insn.h"

/* --- arithmetic whose result is zero or not ---
 *
 *	r1 += r2; if r1 == 0 goto             add r1, r2; je
 *	r3 = r1; r3 &= 4; if r3 != 0 goto     test r1, 4; jne       and r3 is forgotten
 */
static bool sets_zero_flag(const struct bpf_insn *in)
{
	s32 mask = BPF_CLASS(in->code) == BPF_ALU64 ? 63 : 31;

	if (BPF_CLASS(in->code) != BPF_ALU && BPF_CLASS(in->code) != BPF_ALU64)
		return false;
	switch (BPF_OP(in->code)) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR: return true;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH: return BPF_SRC(in->code) == BPF_K && (in->imm & mask);
	}
	return false;
}

/* @in asks whether @alu's result is zero: that of 32 bits is one of 64. */
static bool asks_for_zero(const struct bpf_insn *in, const struct bpf_insn *alu)
{
	u32 class = BPF_CLASS(in->code), op = in->code & 0xf8;

	return (class == BPF_JMP || (class == BPF_JMP32 && BPF_CLASS(alu->code) == BPF_ALU)) &&
	       (op == (BPF_JEQ | BPF_K) || op == (BPF_JNE | BPF_K)) && !in->imm &&
	       in->dst_reg == alu->dst_reg;
}

static bool is_copy_for(const struct bpf_insn *in, const struct bpf_insn *alu)
{
	return BPF_OP(in->code) == BPF_MOV && BPF_SRC(in->code) == BPF_X && !in->off &&
	       (BPF_CLASS(in->code) == BPF_ALU64 ||
		(BPF_CLASS(in->code) == BPF_ALU && BPF_CLASS(alu->code) == BPF_ALU)) &&
	       in->dst_reg == alu->dst_reg;
}

static bool is_and(const struct bpf_insn *in)
{
	return BPF_OP(in->code) == BPF_AND &&
	       (BPF_SRC(in->code) == BPF_K || in->src_reg != in->dst_reg);
}

u32 jit_match_test(struct jit *j, u32 i)
{
	const struct bpf_insn *in = &j->img->insns[i], *alu = jit_ahead(j, i + 1);

	if (sets_zero_flag(in))
		return asks_for_zero(alu, in) ? 2 : 0;
	return sets_zero_flag(alu) && is_and(alu) && is_copy_for(in, alu) &&
			       asks_for_zero(jit_ahead(j, i + 2), alu) &&
			       jit_dead(j, i + 2, in->dst_reg)
		       ? 3
		       : 0;
}

static void emit_test(struct jit *j, const struct bpf_insn *and, u32 reg)
{
	u32 w = BPF_CLASS(and->code) == BPF_ALU64;

	if (BPF_SRC(and->code) == BPF_X) {
		x86_rr(j, w, 0x85, jit_hw[ and->src_reg], reg);
	} else {
		x86_rr(j, w && and->imm < 0, 0xf7, 0, reg);
		put32(j, and->imm);
	}
}

void jit_emit_test(struct jit *j, u32 i, u32 span)
{
	const struct bpf_insn *in = &j->img->insns[i], *jump = in + span - 1;

	if (span == 3)
		emit_test(j, in + 1, jit_hw[in->src_reg]);
	else if (is_and(in) && jit_dead(j, i + 1, in->dst_reg))
		emit_test(j, in, jit_hw[in->dst_reg]);
	else
		jit_emit_alone(j, i);
	jit_emit_jump(j, i, (u32)jit_target(jump, i + span - 1),
		      jit_conditions[BPF_OP(jump->code) >> 4]);
}

/* --- jumps over one instruction --- */

static u32 other_condition(const struct bpf_insn *in)
{
	return jit_conditions[BPF_OP(in->code) >> 4] ^ 1;
}

/* Constants stay behind jumps: they would need a register first, which costs more than it saves where
 * the jump is predicted. */
static bool is_select(const struct bpf_insn *mov)
{
	return BPF_OP(mov->code) == BPF_MOV && BPF_SRC(mov->code) == BPF_X && !mov->off &&
	       (BPF_CLASS(mov->code) == BPF_ALU || BPF_CLASS(mov->code) == BPF_ALU64);
}

/* But a register that is compared with the constant it then is: at least that, or at most. */
static bool is_clamp(const struct bpf_insn *in, const struct bpf_insn *mov)
{
	u32 op = BPF_OP(in->code), class = BPF_CLASS(mov->code);

	return (mov->code & 0xf8) == (BPF_MOV | BPF_K) &&
	       (class == BPF_ALU || class == BPF_ALU64) && BPF_SRC(in->code) == BPF_K &&
	       op != BPF_JEQ && op != BPF_JNE && op != BPF_JSET && in->dst_reg == mov->dst_reg &&
	       in->imm == mov->imm;
}

/* if ... goto +1; r1 = r2          or: if ... goto there; r1 = r2; goto there */
u32 jit_match_select(struct jit *j, u32 i)
{
	const struct bpf_insn *in = &j->img->insns[i], *mov = jit_ahead(j, i + 1),
			      *leave = jit_ahead(j, i + 2);

	if (!jit_is_condition(in) || !(is_select(mov) || is_clamp(in, mov)))
		return 0;
	if (in->off == 1)
		return 2;
	return jit_is_goto(leave) && jit_target(leave, i + 2) == jit_target(in, i) ? 3 : 0;
}

#define LOOK_BACK 8 /* instructions */

/* Also over a jump over one move of another register. */
static bool step_back(const struct jit *j, u32 *i, u32 reg)
{
	const struct bpf_insn *in = &j->img->insns[*i];

	if (jit_step_back(j, i))
		return true;
	if (*i < 2 || (j->flags[*i] & (JIT_SHARED | JIT_FUNCTION)) || !jit_is_condition(in - 2) ||
	    in[-2].off != 1 || !is_select(in - 1) || in[-1].dst_reg == reg ||
	    (j->flags[*i - 1] & (JIT_LEADER | JIT_FUNCTION | JIT_SECOND)))
		return false;
	*i -= 2;
	return true;
}

/* The upper half of @reg is zero in front of instruction @i: what moves and loads in front of it tell. */
static bool is_narrow(const struct jit *j, u32 i, u32 reg)
{
	for (u32 n = 0; n < LOOK_BACK && step_back(j, &i, reg); n++) {
		const struct bpf_insn *in = &j->img->insns[i];
		u32 class = BPF_CLASS(in->code);

		if (jit_is_condition(in))
			continue;
		if (class != BPF_ALU && class != BPF_ALU64 && class != BPF_LDX)
			return false;
		if (in->dst_reg != reg)
			continue;
		if (class == BPF_ALU)
			return BPF_OP(in->code) != BPF_END;
		if (class == BPF_LDX)
			return BPF_MODE(in->code) == BPF_MEM && BPF_SIZE(in->code) != BPF_DW;
		if (in->code != (BPF_ALU64 | BPF_MOV | BPF_X) || in->off)
			return false;
		reg = in->src_reg;
	}
	return false;
}

void jit_emit_select(struct jit *j, u32 i, u32 span)
{
	const struct bpf_insn *in = &j->img->insns[i], *mov = in + 1;
	bool w = BPF_CLASS(mov->code) == BPF_ALU64, narrow = !w && is_narrow(j, i, mov->dst_reg);
	u32 from = jit_hw[mov->src_reg];

	if (BPF_SRC(mov->code) == BPF_K) {
		x86_mov_imm(j, TMP, w ? (u64)(s64)mov->imm : (u32)mov->imm);
		from = TMP;
	} else if (!w && !narrow) {
		x86_mov(j, 0, TMP, from);
		from = TMP;
	}
	jit_emit_compare(j, in);
	x86_rr(j, !narrow, 0x0f40 | other_condition(in), jit_hw[mov->dst_reg], from);
	if (span == 3)
		jit_emit_jump(j, i, (u32)jit_target(in, i), -1);
}

/* r1 = 1; if ... goto +1; r1 = 0          and 0 and 1. Where both go to one place far away the jump stays: it is taken
 * anyway, and was measured to be faster. */
static bool is_flag(const struct bpf_insn *in, const struct bpf_insn *jump,
		    const struct bpf_insn *other)
{
	u32 class = BPF_CLASS(in->code), reg = in->dst_reg;

	return (in->code & 0xf8) == (BPF_MOV | BPF_K) && (u32)in->imm <= 1 &&
	       (class == BPF_ALU || class == BPF_ALU64) && jit_is_condition(jump) &&
	       jump->dst_reg != reg && (BPF_SRC(jump->code) == BPF_K || jump->src_reg != reg) &&
	       (other->code & 0xf8) == (BPF_MOV | BPF_K) && other->dst_reg == reg &&
	       (BPF_CLASS(other->code) == BPF_ALU || BPF_CLASS(other->code) == BPF_ALU64) &&
	       other->imm == !in->imm;
}

u32 jit_match_flag(struct jit *j, u32 i)
{
	const struct bpf_insn *in = &j->img->insns[i], *jump = jit_ahead(j, i + 1);

	return is_flag(in, jump, jit_ahead(j, i + 2)) && jump->off == 1 ? 3 : 0;
}

void jit_emit_flag(struct jit *j, u32 i, u32 span)
{
	const struct bpf_insn *in = &j->img->insns[i], *jump = in + 1;
	u32 reg = jit_hw[in->dst_reg],
	    cc = in->imm ? jit_conditions[BPF_OP(jump->code) >> 4] : other_condition(jump);

	x86_zero(j, reg);
	jit_emit_compare(j, jump);
	x86_rr(j, 0, X86_BYTE | 0x0f90 | cc, 0, reg); /* setcc */
}

/* --- checks of divisors ---
 *
 * The verifier puts them there, for the CPU's division would trap; ours does what they do:
 *
 *	if r2 != 0 goto +2; w1 ^= w1; goto +1; r1 /= r2
 *	if w2 == 0 goto +2; w1 %= w2; goto +1; w1 = w1
 */
static bool is_division(const struct jit *j, u32 i, const struct bpf_insn *check, u32 op)
{
	const struct bpf_insn *in = &j->img->insns[i];
	u32 class = BPF_CLASS(check->code) == BPF_JMP ? BPF_ALU64 : BPF_ALU;

	return i < j->func_end && in->code == (class | op | BPF_X) && in->src_reg == check->dst_reg;
}

static bool is_moved_over(const struct jit *j, u32 i)
{
	const struct bpf_insn *leave = jit_ahead(j, i), *mov = &j->img->insns[i + 1];

	return leave->code == (BPF_JMP | BPF_JA) && leave->off == 1 && i + 1 < j->func_end &&
	       mov->code == (BPF_ALU | BPF_MOV | BPF_X) && !mov->off &&
	       mov->dst_reg == mov->src_reg;
}

u32 jit_match_divide(struct jit *j, u32 i)
{
	const struct bpf_insn *in = &j->img->insns[i], *zero = jit_ahead(j, i + 1),
			      *leave = jit_ahead(j, i + 2);
	u32 op = in->code & 0xf8;

	if (in->imm)
		return 0;
	if (op == (BPF_JNE | BPF_K) && in->off == 2)
		return zero->code == (BPF_ALU | BPF_XOR | BPF_X) &&
				       zero->dst_reg == zero->src_reg &&
				       leave->code == (BPF_JMP | BPF_JA) && leave->off == 1 &&
				       is_division(j, i + 3, in, BPF_DIV) &&
				       in[3].dst_reg == zero->dst_reg
			       ? 3
			       : 0;
	if (op != (BPF_JEQ | BPF_K) || !is_division(j, i + 1, in, BPF_MOD) ||
	    (j->flags[i + 1] & JIT_LEADER))
		return 0;
	if (BPF_CLASS(in->code) == BPF_JMP)
		return in->off == 1 ? 2 : 0;
	if (in->off != 2 || !is_moved_over(j, i + 2) || in[3].dst_reg != in[1].dst_reg)
		return 0;
	/* who comes from elsewhere finds the move */
	return j->flags[i + 3] & JIT_SHARED ? 3 : 4;
}

/* Behind three of a division is the division, behind three of a modulo a move of what is moved already. */
void jit_emit_divide(struct jit *j, u32 i, u32 span)
{
	if (BPF_OP(j->img->insns[i].code) == BPF_JEQ)
		jit_emit_alone(j, i + 1);
}

/* if ... goto +1; goto there          or: if ... goto out; goto loop     one jump each round, unless both go back */
u32 jit_match_invert(struct jit *j, u32 i)
{
	const struct bpf_insn *in = &j->img->insns[i], *leave = jit_ahead(j, i + 1);

	return jit_is_condition(in) && jit_is_goto(leave) &&
			       (in->off == 1 || (in->off > 0 && jit_target(leave, i + 1) <= i))
		       ? 2
		       : 0;
}

void jit_emit_invert(struct jit *j, u32 i, u32 span)
{
	const struct bpf_insn *in = &j->img->insns[i];

	jit_emit_compare(j, in);
	jit_emit_jump(j, i, (u32)jit_target(in + 1, i + 1), (int)other_condition(in));
	if (in->off != 1)
		jit_emit_jump(j, i + 1, (u32)jit_target(in, i), -1);
}

/* if ... goto +1; exit      where jumps to exits go to the way out, so that nothing leads to this one */
u32 jit_match_leave(struct jit *j, u32 i)
{
	const struct bpf_insn *in = &j->img->insns[i];

	return jit_is_condition(in) && in->off == 1 && i + 1 < j->func_end &&
			       in[1].code == (BPF_JMP | BPF_EXIT)
		       ? 2
		       : 0;
}

void jit_emit_leave(struct jit *j, u32 i, u32 span)
{
	const struct bpf_insn *in = &j->img->insns[i];

	jit_emit_compare(j, in);
	jit_emit_jump(j, i, i + 1, (int)other_condition(in));
}
