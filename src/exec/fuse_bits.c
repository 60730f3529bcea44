/* SPDX-License-Identifier: BSD-2-Clause */
/* fuse_bits.c - rotations, byte swaps of loads, and loads byte by byte. */
#include "exec/fuse.h"
#include "exec/jit_parts_x86_64.h"
#include "isa/insn.h"

/* --- rotations ---
 *
 *	a = s; a >>= 28; b = s; b <<= 4; b |= a     and a is forgotten: b = rol(s, 4)
 *	a = s; a >>= 28; s <<= 4; s |= a            the same in place
 */
struct rotation {
	u8 to, from, left, span;
};

static bool is_shift(const struct bpf_insn *in, u32 class, u32 reg)
{
	u32 op = in->code & 0xf8;

	return BPF_CLASS(in->code) == class && in->dst_reg == reg &&
	       (op == (BPF_LSH | BPF_K) || op == (BPF_RSH | BPF_K)) && in->imm > 0;
}

static bool is_move_for(const struct bpf_insn *in, u32 class)
{
	return (in->code == (BPF_ALU64 | BPF_MOV | BPF_X) ||
		in->code == (class | BPF_MOV | BPF_X)) &&
	       !in->off && in->dst_reg != in->src_reg;
}

/* Both shifts together are the width, so or, xor and add are the same. */
static bool is_join(const struct bpf_insn *in, u32 class)
{
	u32 op = in->code & 0xf8;

	return BPF_CLASS(in->code) == class &&
	       (op == (BPF_OR | BPF_X) || op == (BPF_XOR | BPF_X) || op == (BPF_ADD | BPF_X));
}

static bool rotation_at(const struct jit *j, u32 i, struct rotation *r)
{
	const struct bpf_insn *copy = &j->img->insns[i], *one = jit_ahead(j, i + 1),
			      *second = jit_ahead(j, i + 2), *two, *join;
	u32 class = BPF_CLASS(one->code), a = copy->dst_reg, s = copy->src_reg, b = s, at = i + 2;
	s32 width = class == BPF_ALU64 ? 64 : 32;

	if ((class != BPF_ALU && class != BPF_ALU64) || !is_move_for(copy, class) ||
	    !is_shift(one, class, a))
		return false;
	if (is_move_for(second, class) && second->src_reg == s && second->dst_reg != a) {
		b = second->dst_reg;
		at++;
	}
	two = jit_ahead(j, at);
	join = jit_ahead(j, at + 1);
	if (!is_shift(two, class, b) || BPF_OP(two->code) == BPF_OP(one->code) ||
	    one->imm + two->imm != width || !is_join(join, class))
		return false;
	*r = (struct rotation){join->dst_reg, (u8)s,
			       (u8)(BPF_OP(one->code) == BPF_LSH ? one->imm : two->imm),
			       (u8)(at + 2 - i)};
	return (join->dst_reg == b && join->src_reg == a && jit_dead(j, at + 1, a)) ||
	       (join->dst_reg == a && join->src_reg == b && jit_dead(j, at + 1, b));
}

u32 jit_match_rotate(struct jit *j, u32 i)
{
	struct rotation r;

	return rotation_at(j, i, &r) ? r.span : 0;
}

void jit_emit_rotate(struct jit *j, u32 i, u32 span)
{
	u32 w = BPF_CLASS(j->img->insns[i + 1].code) == BPF_ALU64, to, from;
	struct rotation r;

	rotation_at(j, i, &r);
	to = jit_hw[r.to];
	from = jit_hw[r.from];
	if (to != from && (j->features & HAS_BMI2)) {
		x86_rorx(j, w, to, from, (w ? 64 : 32) - r.left);
		return;
	}
	if (to != from)
		x86_mov(j, w, to, from);
	x86_rr(j, w, 0xc1, 0, to); /* rol */
	put8(j, r.left);
}

/* --- fields that begin at bit 0 ---
 *
 *	[a = s;] a <<= 32; a s>>= 32     movsxd a, s
 *	[a = s;] a &= 0xff               movzx a, s
 */
struct extension {
	u8 to, from, bits, span;
	bool sign, wide;
};

static bool is_width(s32 bits)
{
	return bits == 8 || bits == 16 || bits == 32;
}

static bool is_back_shift(const struct bpf_insn *in, const struct bpf_insn *shift)
{
	u32 op = in->code & 0xf8;

	return BPF_CLASS(in->code) == BPF_CLASS(shift->code) && in->dst_reg == shift->dst_reg &&
	       (op == (BPF_RSH | BPF_K) || op == (BPF_ARSH | BPF_K)) && in->imm == shift->imm;
}

static bool extension_at(const struct jit *j, u32 i, struct extension *e)
{
	const struct bpf_insn *in = &j->img->insns[i], *first = in, *back;
	u32 class = BPF_CLASS(jit_ahead(j, i + 1)->code);
	s32 width;
	bool copied = (class == BPF_ALU || class == BPF_ALU64) && is_move_for(in, class) &&
		      jit_ahead(j, i + 1)->dst_reg == in->dst_reg;

	if (copied)
		first = in + 1;
	class = BPF_CLASS(first->code);
	width = class == BPF_ALU64 ? 64 : 32;
	back = jit_ahead(j, i + copied + 1);
	*e = (struct extension){.to = first->dst_reg,
				.from = copied ? in->src_reg : first->dst_reg};
	if (is_shift(first, class, e->to) && BPF_OP(first->code) == BPF_LSH &&
	    is_back_shift(back, first) && is_width(width - first->imm)) {
		e->bits = (u8)(width - first->imm);
		e->sign = BPF_OP(back->code) == BPF_ARSH;
		e->wide = class == BPF_ALU64;
		e->span = 2 + copied;
		return true;
	}
	e->bits = first->imm == 0xff ? 8 : 16;
	e->span = 1 + copied;
	return (first->code & 0xf8) == (BPF_AND | BPF_K) &&
	       (first->imm == 0xff || first->imm == 0xffff);
}

u32 jit_match_extend(struct jit *j, u32 i)
{
	struct extension e;

	return extension_at(j, i, &e) ? e.span : 0;
}

void jit_emit_extend(struct jit *j, u32 i, u32 span)
{
	static const u32 ops[2][3] = {{X86_BYTE | 0x0fb6, 0x0fb7, 0x8b},
				      {X86_BYTE | 0x0fbe, 0x0fbf, 0x63}};
	struct extension e;

	extension_at(j, i, &e);
	x86_rr(j, e.sign && e.wide, ops[e.sign][e.bits / 16], jit_hw[e.to], jit_hw[e.from]);
}

/* --- fields that begin at another bit ---
 *
 *	[a = s;] a >>= 5; a &= 0x7f      rorx a, s, 5; and a, 0x7f
 *
 * What turns in from below is above the mask.
 */
struct field {
	u8 to, from, shift, span;
	bool wide;
	s32 mask;
};

static bool field_at(const struct jit *j, u32 i, struct field *f)
{
	const struct bpf_insn *in = &j->img->insns[i], *shift = in, *and;
	u32 class = BPF_CLASS(jit_ahead(j, i + 1)->code);
	bool copied = (class == BPF_ALU || class == BPF_ALU64) && is_move_for(in, class) &&
		      jit_ahead(j, i + 1)->dst_reg == in->dst_reg;

	if (copied)
		shift = in + 1;
	class = BPF_CLASS(shift->code);
	and = jit_ahead(j, i + copied + 1);
	*f = (struct field){.to = shift->dst_reg,
			    .from = copied ? in->src_reg : shift->dst_reg,
			    .shift = (u8)shift->imm,
			    .span = 2 + copied,
			    .wide = class == BPF_ALU64,
			    .mask = and->imm};
	return is_shift(shift, class, f->to) && BPF_OP(shift->code) == BPF_RSH &&
	       shift->imm < (f->wide ? 64 : 32) &&
	       (and->code == (BPF_ALU64 | BPF_AND | BPF_K) || and->code == (BPF_ALU | BPF_AND |
									    BPF_K)) &&
		       and->dst_reg == f->to && f->mask > 0 &&
	       (u64)f->mask >> ((f->wide ? 64 : 32) - f->shift) == 0;
}

/* Masks that a jump asks about are its. */
static bool is_asked(const struct bpf_insn *in, u32 reg)
{
	u32 class = BPF_CLASS(in->code), op = in->code & 0xf8;

	return (class == BPF_JMP || class == BPF_JMP32) &&
	       (op == (BPF_JEQ | BPF_K) || op == (BPF_JNE | BPF_K)) && in->dst_reg == reg &&
	       !in->imm;
}

u32 jit_match_field(struct jit *j, u32 i)
{
	struct field f;

	return field_at(j, i, &f) && !is_asked(jit_ahead(j, i + f.span), f.to) ? f.span : 0;
}

void jit_emit_field(struct jit *j, u32 i, u32 span)
{
	struct field f;
	u32 to, from;

	field_at(j, i, &f);
	to = jit_hw[f.to];
	from = jit_hw[f.from];
	if (to != from && (j->features & HAS_BMI2)) {
		x86_rorx(j, f.wide, to, from, f.shift);
	} else {
		if (to != from)
			x86_mov(j, f.wide, to, from);
		x86_rr(j, f.wide, 0xc1, 5, to); /* shr */
		put8(j, f.shift);
	}
	if (f.mask == 0xff || f.mask == 0xffff)
		x86_rr(j, 0, f.mask == 0xff ? X86_BYTE | 0x0fb6 : 0x0fb7, to, to); /* movzx */
	else
		x86_alu_imm(j, 0, 4, to, f.mask);
}

/* --- byte swaps --- */

u32 jit_match_swapped(struct jit *j, u32 i)
{
	const struct bpf_insn *in = &j->img->insns[i];
	u32 size = jit_bytes_of[JIT_SIZE_ROW(in->code)];

	if (BPF_MODE(in->code) != BPF_MEM || size == 1)
		return 0;
	return jit_is_swap(jit_ahead(j, i + 1), in->dst_reg, (s32)size * 8) ? 2 : 0;
}

void jit_emit_swapped(struct jit *j, u32 i, u32 span)
{
	const struct bpf_insn *in = &j->img->insns[i];
	const struct x86_addr a = {jit_hw[in->src_reg], RSP, 0, in->off};

	jit_emit_bytes_at(j, jit_hw[in->dst_reg], jit_bytes_of[JIT_SIZE_ROW(in->code)], &a, true);
}

/* --- bytes put together ---
 *
 * What compilers make of fields that may have any alignment: loads of bytes, shifts by their place, ors.
 * Each register holds so many bytes of memory, shifted; those that are next to each other and in their
 * places become one. */
#define MAX_PIECES 28 /* instructions looked at */

struct piece {
	s16 off;
	u8 len, shift; /* bytes; bits */
};

struct pieces {
	u8 base;
	u16 written;	      /* mask */
	struct piece reg[12]; /* len 0: nothing of this */
	struct piece best;
	u8 to, span;
	bool swap;
};

static bool load_piece(struct pieces *p, const struct bpf_insn *in)
{
	u32 size = jit_bytes_of[JIT_SIZE_ROW(in->code)];

	if (BPF_CLASS(in->code) != BPF_LDX || BPF_MODE(in->code) != BPF_MEM || size == 8 ||
	    in->src_reg != p->base || p->written >> p->base & 1)
		return false;
	p->reg[in->dst_reg] = (struct piece){in->off, (u8)size, 0};
	return true;
}

static bool shift_piece(struct pieces *p, const struct bpf_insn *in, u32 width)
{
	struct piece *a = &p->reg[in->dst_reg];

	if (!a->len || in->imm < 0 || a->shift + 8 * a->len + (u32)in->imm > width || in->imm >= 64)
		return false;
	a->shift += (u8)in->imm;
	return true;
}

static bool join_pieces(struct pieces *p, const struct bpf_insn *in, u32 width)
{
	struct piece *a = &p->reg[in->dst_reg], *b = &p->reg[in->src_reg],
		     *low = a->shift <= b->shift ? a : b, *high = low == a ? b : a;

	if (!a->len || !b->len || a == b || high->shift != low->shift + 8 * low->len ||
	    high->off != low->off + low->len || high->shift + 8 * high->len > width)
		return false;
	*a = (struct piece){low->off, low->len + high->len, low->shift};
	return true;
}

static bool step(struct pieces *p, const struct bpf_insn *in)
{
	u32 class = BPF_CLASS(in->code), op = in->code & 0xf8;
	u32 width = class == BPF_ALU64 ? 64 : 32;

	if (class == BPF_LDX)
		return load_piece(p, in);
	if (class != BPF_ALU && class != BPF_ALU64)
		return false;
	if (op == (BPF_LSH | BPF_K))
		return shift_piece(p, in, width);
	return op == (BPF_OR | BPF_X) && join_pieces(p, in, width);
}

/* Whether one load does what the instructions up to @i did. */
static bool complete(const struct jit *j, const struct pieces *p, u32 i, u32 to)
{
	const struct piece *a = &p->reg[to];
	u32 others = p->written & ~(1u << to);

	return !a->shift && (a->len == 2 || a->len == 4 || a->len == 8) &&
	       !(jit_live_behind(j, i) & others);
}

static bool pieces_at(const struct jit *j, u32 i, struct pieces *p)
{
	const struct bpf_insn *in = &j->img->insns[i];

	*p = (struct pieces){.base = in->src_reg};
	for (u32 n = 0; n < MAX_PIECES; n++) {
		in = n ? jit_ahead(j, i + n) : in;
		if (!step(p, in))
			break;
		p->written |= 1u << in->dst_reg;
		if (BPF_CLASS(in->code) == BPF_LDX || !complete(j, p, i + n, in->dst_reg))
			continue;
		p->best = p->reg[in->dst_reg];
		p->to = in->dst_reg;
		p->span = (u8)(n + 1);
	}
	if (!p->span)
		return false;
	p->swap = jit_is_swap(jit_ahead(j, i + p->span), p->to, 8 * p->best.len);
	p->span += p->swap;
	return true;
}

u32 jit_match_bytes(struct jit *j, u32 i)
{
	struct pieces p;

	return BPF_SIZE(j->img->insns[i].code) != BPF_DW && pieces_at(j, i, &p) ? p.span : 0;
}

void jit_emit_bytes(struct jit *j, u32 i, u32 span)
{
	struct x86_addr a;
	struct pieces p;

	pieces_at(j, i, &p);
	a = (struct x86_addr){jit_hw[p.base], RSP, 0, p.best.off};
	jit_emit_bytes_at(j, jit_hw[p.to], p.best.len, &a, p.swap);
}
