/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse_address.c - a register that is set to a sum and then used as an address, or just a sum:
 *
 *	r3 = r1; r3 += r2; r3 += 4; r3 = *(u8 *)(r3 +1)      movzx r3, [r1 + r2 + 5]
 *	r4 = r2; r4 <<= 3; r0 = r1; r0 += r4                 lea r0, [r1 + r2 * 8]
 *
 * The sum's register is not written before the access, so what it was made of may be itself.
 */
#include "exec/fuse.h"
#include "exec/jit_parts_x86_64.h"
#include "isa/insn.h"

#define NONE 0xff

struct sum {
	u8 reg; /* where the program has it */
	u8 base, index, scale;
	s64 disp;
	u32 n;			       /* instructions */
	const struct bpf_insn *access; /* or NULL */
	bool swap;		       /* a byte swap is behind it */
};

static bool is_move(const struct bpf_insn *in)
{
	return jit_is_alu64(in, BPF_MOV | BPF_X) && !in->off && in->dst_reg != in->src_reg;
}

static bool is_scale(const struct bpf_insn *in, u32 reg)
{
	return jit_is_alu64(in, BPF_LSH | BPF_K) && in->dst_reg == reg && in->imm > 0 &&
	       in->imm <= 3;
}

/* [e = x;] e <<= scale; d = b; d += e, and e is forgotten. */
static bool two_registers(const struct jit *j, u32 i, struct sum *s)
{
	const struct bpf_insn *in = &j->img->insns[i];
	u32 moved = is_move(in), e = in->dst_reg, at = i + moved;
	const struct bpf_insn *shift = moved ? jit_ahead(j, at) : in, *move = jit_ahead(j, at + 1),
			      *add = jit_ahead(j, at + 2);

	if (!is_scale(shift, e) || !is_move(move) || move->src_reg == e || move->dst_reg == e ||
	    !jit_is_alu64(add, BPF_ADD | BPF_X) || add->dst_reg != move->dst_reg ||
	    add->src_reg != e || !jit_dead(j, at + 2, e))
		return false;
	*s = (struct sum){.reg = move->dst_reg,
			  .base = move->src_reg,
			  .index = moved ? in->src_reg : e,
			  .scale = (u8)shift->imm,
			  .n = moved + 3};
	return true;
}

static bool begin(const struct jit *j, u32 i, struct sum *s)
{
	const struct bpf_insn *in = &j->img->insns[i];

	if (BPF_CLASS(in->code) != BPF_ALU64)
		return false;
	*s = (struct sum){.reg = in->dst_reg, .base = in->dst_reg, .index = NONE, .n = 1};
	switch (in->code & 0xf8) {
	case BPF_MOV | BPF_X: s->base = in->src_reg; return two_registers(j, i, s) || is_move(in);
	case BPF_LSH | BPF_K:
		s->base = NONE;
		s->index = in->dst_reg;
		s->scale = (u8)in->imm;
		return two_registers(j, i, s) || is_scale(in, in->dst_reg);
	case BPF_ADD | BPF_X: s->index = in->src_reg; return in->src_reg != in->dst_reg;
	case BPF_ADD | BPF_K: s->disp = in->imm; return true;
	case BPF_SUB | BPF_K: s->disp = -(s64)in->imm; return true;
	}
	return false;
}

static bool add_register(struct sum *s, u8 reg)
{
	if (reg == s->reg)
		return false;
	if (s->base == NONE)
		s->base = reg;
	else if (s->index == NONE)
		s->index = reg;
	else
		return false;
	return true;
}

static bool scale(struct sum *s, const struct bpf_insn *in)
{
	if (!is_scale(in, s->reg) || s->index != NONE || s->disp)
		return false;
	s->index = s->base;
	s->base = NONE;
	s->scale = (u8)in->imm;
	return true;
}

static bool extend(struct sum *s, const struct bpf_insn *in)
{
	s64 disp = s->disp;

	if (BPF_CLASS(in->code) != BPF_ALU64 || in->dst_reg != s->reg)
		return false;
	switch (in->code & 0xf8) {
	case BPF_ADD | BPF_X: return add_register(s, in->src_reg);
	case BPF_LSH | BPF_K: return scale(s, in);
	case BPF_ADD | BPF_K: disp += in->imm; break;
	case BPF_SUB | BPF_K: disp -= in->imm; break;
	default: return false;
	}
	if (disp != (s32)disp)
		return false;
	s->disp = disp;
	return true;
}

/* @in, at @i, is the only one that needs the sum. */
static bool is_access(const struct jit *j, u32 i, const struct bpf_insn *in, const struct sum *s)
{
	u32 mode = BPF_MODE(in->code);
	s64 disp = s->disp + in->off;

	if (disp != (s32)disp)
		return false;
	switch (BPF_CLASS(in->code)) {
	case BPF_LDX:
		return mode != BPF_KPTR && in->src_reg == s->reg &&
		       (in->dst_reg == s->reg || jit_dead(j, i, s->reg));
	case BPF_STX:
		if (in->src_reg == s->reg)
			return false;
		/* fall through */
	case BPF_ST: return mode == BPF_MEM && in->dst_reg == s->reg && jit_dead(j, i, s->reg);
	}
	return false;
}

static bool is_swapped(const struct bpf_insn *load, const struct bpf_insn *swap)
{
	u32 size = jit_bytes_of[JIT_SIZE_ROW(load->code)];

	return BPF_CLASS(load->code) == BPF_LDX && BPF_MODE(load->code) == BPF_MEM && size > 1 &&
	       jit_is_swap(swap, load->dst_reg, (s32)size * 8);
}

static bool sum_at(const struct jit *j, u32 i, struct sum *s)
{
	const struct bpf_insn *in;

	if (!begin(j, i, s) || s->disp != (s32)s->disp)
		return false;
	while (s->n < JIT_MAX_SPAN - 1 && extend(s, jit_ahead(j, i + s->n)))
		s->n++;
	in = jit_ahead(j, i + s->n);
	if (s->base == NONE)
		return false;
	if (is_access(j, i + s->n, in, s)) {
		s->access = in;
		s->n++;
		s->swap = is_swapped(in, jit_ahead(j, i + s->n));
		s->n += s->swap;
	}
	return s->n > 1;
}

u32 jit_match_address(struct jit *j, u32 i)
{
	struct sum s;

	return sum_at(j, i, &s) ? s.n : 0;
}

void jit_emit_address(struct jit *j, u32 i, u32 span)
{
	struct x86_addr a;
	struct sum s;

	sum_at(j, i, &s);
	a = (struct x86_addr){jit_hw[s.base], s.index == NONE ? RSP : jit_hw[s.index], s.scale,
			      (s32)s.disp};
	if (s.access)
		a.disp += s.access->off;
	if (!s.access)
		x86_at(j, 1, 0x8d, jit_hw[s.reg], &a); /* lea */
	else if (s.swap)
		jit_emit_bytes_at(j, jit_hw[s.access->dst_reg],
				  jit_bytes_of[JIT_SIZE_ROW(s.access->code)], &a, true);
	else if (BPF_CLASS(s.access->code) == BPF_LDX)
		jit_emit_load(j, s.access, &a);
	else
		jit_emit_store(j, s.access, &a);
}
