/* SPDX-License-Identifier: BSD-2-Clause */
/* numbers.c - what arithmetic and comparisons give (machine.h). */
#include "machine.h"

static s64 sdiv(s64 a, s64 b, bool mod, bool is32)
{
	if (!b)
		return mod ? a : 0;
	if (b == -1)
		return mod ? 0 : is32 ? (s64)(s32)(0u - (u32)a) : (s64)(0ull - (u64)a);
	return mod ? a % b : a / b;
}

static u64 swap(u64 v, u32 bits)
{
	return bits == 16   ? __builtin_bswap16(v)
	       : bits == 32 ? __builtin_bswap32(v)
			    : __builtin_bswap64(v);
}

u64 alu_value(const struct bpf_insn *in, u64 d, u64 s)
{
	bool is32 = BPF_CLASS(in->code) == BPF_ALU;

	if (BPF_OP(in->code) == BPF_END) {
		u64 mask = in->imm == 64 ? ~0ull : (1ull << in->imm) - 1;

		if (!is32 || BPF_SRC(in->code) == BPF_TO_BE)
			return swap(d, in->imm);
		return d & mask;
	}
	if (is32) {
		d = (u32)d;
		s = (u32)s;
	}
	switch (BPF_OP(in->code)) {
	case BPF_ADD: d += s; break;
	case BPF_SUB: d -= s; break;
	case BPF_MUL: d *= s; break;
	case BPF_OR: d |= s; break;
	case BPF_AND: d &= s; break;
	case BPF_XOR: d ^= s; break;
	case BPF_NEG: d = -d; break;
	case BPF_LSH: d <<= s & (is32 ? 31 : 63); break;
	case BPF_RSH: d >>= s & (is32 ? 31 : 63); break;
	case BPF_ARSH: d = is32 ? (u64)((s32)d >> (s & 31)) : (u64)((s64)d >> (s & 63)); break;
	case BPF_DIV:
	case BPF_MOD:
		if (in->off)
			d = sdiv(is32 ? (s32)d : (s64)d, is32 ? (s32)s : (s64)s,
				 BPF_OP(in->code) == BPF_MOD, is32);
		else if (BPF_OP(in->code) == BPF_DIV)
			d = s ? d / s : 0;
		else
			d = s ? d % s : d;
		break;
	case BPF_MOV:
		d = s;
		if (in->off && BPF_SRC(in->code) == BPF_X)
			d = (u64)((s64)(s << (64 - in->off)) >> (64 - in->off));
		break;
	}
	return is32 ? (u32)d : d;
}

bool jump_taken(const struct bpf_insn *in, u64 d, u64 s)
{
	s64 sd = d, ss = s;

	if (BPF_CLASS(in->code) == BPF_JMP32) {
		d = (u32)d;
		s = (u32)s;
		sd = (s32)d;
		ss = (s32)s;
	}
	switch (BPF_OP(in->code)) {
	case BPF_JEQ: return d == s;
	case BPF_JNE: return d != s;
	case BPF_JGT: return d > s;
	case BPF_JGE: return d >= s;
	case BPF_JLT: return d < s;
	case BPF_JLE: return d <= s;
	case BPF_JSGT: return sd > ss;
	case BPF_JSGE: return sd >= ss;
	case BPF_JSLT: return sd < ss;
	case BPF_JSLE: return sd <= ss;
	case BPF_JSET: return d & s;
	}
	return false;
}

/* What the result of an instruction on @in's operands is in the twin. */
enum how alu_how(const struct machine *m, const struct bpf_insn *in)
{
	const struct cframe *f = &m->f[m->depth];
	u8 op = BPF_OP(in->code);
	bool x = BPF_SRC(in->code) == BPF_X && op != BPF_END && op != BPF_NEG,
	     wide = BPF_CLASS(in->code) == BPF_ALU64;
	enum how d = f->how[in->dst_reg], s = x ? f->how[in->src_reg] : SAME;

	if (op == BPF_MOV)
		return s == ADDRESS && (!wide || in->off) ? JUNK : s;
	if (d == SAME && s == SAME)
		return SAME;
	if (!wide || (op != BPF_ADD && op != BPF_SUB))
		return JUNK;
	if (d == ADDRESS && s == SAME)
		return ADDRESS;
	if (d == SAME && s == ADDRESS && op == BPF_ADD)
		return ADDRESS;
	return JUNK;
}

bool jump_same(const struct machine *m, const struct bpf_insn *in)
{
	const struct cframe *f = &m->f[m->depth];
	bool x = BPF_SRC(in->code) == BPF_X;
	enum how d = f->how[in->dst_reg], s = x ? f->how[in->src_reg] : SAME;

	if (d == SAME && s == SAME)
		return true;
	if (BPF_CLASS(in->code) == BPF_JMP32)
		return false;
	if (d == ADDRESS && s == ADDRESS) /* places in one region */
		return f->regs[in->dst_reg] >> FAR == f->regs[in->src_reg] >> FAR;
	/* an address and NULL */
	return d == ADDRESS && s == SAME && (x ? f->regs[in->src_reg] : (u64)in->imm) == 0 &&
	       (BPF_OP(in->code) == BPF_JEQ || BPF_OP(in->code) == BPF_JNE);
}
