/* SPDX-License-Identifier: BSD-2-Clause */
/* idioms.c - groups of instructions that the JIT fuses (exec/fusions.def), with any registers and
 * constants, and now and then with one instruction that does not belong. */
#include "prog.h"

/* Registers that are forgotten afterwards, or not. */
static void forget(struct rng *r, struct prog *p, u32 reg)
{
	if (below(r, 3))
		put(p, BPF_MOV64_IMM(reg, (s32)below(r, 100)));
}

static void put_rotate(struct rng *r, struct prog *p)
{
	u32 a = free_reg(r, p), s = free_reg(r, p), b = below(r, 2) ? s : free_reg(r, p), k;
	u8 class = below(r, 2) ? BPF_ALU64 : BPF_ALU, left = below(r, 2) ? BPF_LSH : BPF_RSH;
	s32 width = class == BPF_ALU64 ? 64 : 32;

	k = 1 + below(r, (u32)width - 1);
	put(p, BPF_INSN(class | BPF_MOV | BPF_X, a, s, 0, 0));
	put(p, BPF_INSN(class | left, a, 0, 0, (s32)k));
	if (b != s)
		put(p, BPF_INSN(class | BPF_MOV | BPF_X, b, s, 0, 0));
	put(p, BPF_INSN(class | (BPF_LSH + BPF_RSH - left), b, 0, 0,
			below(r, 8) ? width - (s32)k : (s32)k));
	if (below(r, 4))
		put(p, BPF_INSN(class | BPF_OR | BPF_X, b, a, 0, 0));
	else
		put(p, BPF_INSN(class | BPF_XOR | BPF_X, a, b, 0, 0));
	forget(r, p, below(r, 2) ? a : b);
}

/* Sums of numbers. */
static void put_sum(struct rng *r, struct prog *p)
{
	u32 d = free_reg(r, p), e = free_reg(r, p), n = 1 + below(r, 5);

	if (below(r, 2)) {
		if (below(r, 2))
			put(p, BPF_MOV64_REG(e, free_reg(r, p)));
		put(p, BPF_ALU64_IMM(BPF_LSH, e, (s32)below(r, 5)));
		put(p, BPF_MOV64_REG(d, free_reg(r, p)));
		put(p, BPF_ALU64_REG(BPF_ADD, d, e));
		forget(r, p, e);
	} else if (below(r, 3)) {
		put(p, BPF_MOV64_REG(d, free_reg(r, p)));
	}
	while (n--)
		switch (below(r, 4)) {
		case 0: put(p, BPF_ALU64_IMM(BPF_ADD, d, (s32)number(r))); break;
		case 1: put(p, BPF_ALU64_REG(BPF_ADD, d, free_reg(r, p))); break;
		case 2: put(p, BPF_ALU64_IMM(BPF_SUB, d, (s32)number(r))); break;
		case 3: put(p, BPF_ALU64_IMM(BPF_LSH, d, (s32)below(r, 5))); break;
		}
}

static const u8 sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};

/* Sums that are addresses: base + index << scale + constants. What is left of one is a distance. */
static void put_address(struct rng *r, struct prog *p)
{
	u32 d = free_reg(r, p), e = free_reg(r, p), v = free_reg(r, p);
	bool stack = p->base == BPF_REG_10;
	s32 low = stack ? -8 * AT_STACK : -MEM / 2, high = stack ? -32 : MEM / 2 - 32;
	s32 split = (s32)below(r, 100) - 50, off = low + (s32)below(r, (u32)(high - low));
	u8 size = sizes[below(r, 4)];

	if (d == e)
		return;
	put(p, BPF_MOV64_IMM(e, (s32)below(r, 4)));
	if (below(r, 2))
		put(p, BPF_ALU64_IMM(BPF_LSH, e, (s32)below(r, 4)));
	put(p, BPF_MOV64_REG(d, p->base));
	if (below(r, 4))
		put(p, BPF_ALU64_REG(BPF_ADD, d, e));
	if (below(r, 2)) {
		put(p, BPF_ALU64_IMM(BPF_ADD, d, split));
		off -= split;
	}
	switch (below(r, 4)) {
	case 0: put(p, BPF_LDX_MEM(size, d, d, (s16)off)); return;
	case 1: put(p, BPF_LDX_MEM(size, v, d, (s16)off)); break;
	case 2:
		if (v == d) /* an address is no number */
			v = e;
		put(p, BPF_STX_MEM(size, d, v, (s16)off));
		v = e;
		break;
	case 3:
		put(p, BPF_ST_MEM(size, d, (s16)off, (s32)number(r)));
		v = e;
		break;
	}
	if (v != d && below(r, 2))
		put(p, BPF_ALU64_REG(BPF_SUB, d, p->base));
	else if (v != d)
		put(p, BPF_MOV64_IMM(d, 7));
	forget(r, p, e);
}

/* A field of 2, 4 or 8 bytes by bytes, into @to; -> false: no register is free for it. */
static void put_pieces(struct rng *r, struct prog *p, u32 to, u32 tmp, u32 size, s32 off)
{
	u8 class = size > 4 || below(r, 3) ? BPF_ALU64 : BPF_ALU;
	u32 half = size / 2, third = free_reg(r, p);

	if (size == 1 || (size == 2 && !below(r, 8))) {
		put(p, BPF_LDX_MEM(size == 1 ? BPF_B : BPF_H, to, p->base, (s16)off));
		return;
	}
	if (below(r, 2)) {
		put_pieces(r, p, to, third, half, off + (s32)half);
		put(p, BPF_INSN(class | BPF_LSH | BPF_K, to, 0, 0, (s32)half * 8));
		put_pieces(r, p, tmp, third, half, off + (below(r, 20) ? 0 : 1));
	} else {
		put_pieces(r, p, tmp, third, half, off);
		put_pieces(r, p, to, third, half, off + (s32)half);
		put(p, BPF_INSN(class | BPF_LSH | BPF_K, to, 0, 0, (s32)half * 8));
	}
	put(p, BPF_INSN(class | BPF_OR | BPF_X, to, tmp, 0, 0));
}

static void put_bytes(struct rng *r, struct prog *p)
{
	u32 to = free_reg(r, p), tmp = free_reg(r, p), size = 2u << below(r, 3);
	s32 off = p->base == BPF_REG_10 ? -8 * AT_STACK + (s32)below(r, 60)
					: (s32)below(r, MEM - 20) - MEM / 2;

	put_pieces(r, p, to, tmp, size, off);
	if (below(r, 2))
		put(p, BPF_ENDIAN(BPF_TO_BE, to, (s32)(below(r, 4) ? size * 8 : 16)));
	forget(r, p, tmp);
	for (u32 reg = 0; reg < REGS; reg++)
		if (reg != p->base && reg != to && below(r, 2))
			put(p, BPF_MOV32_IMM(reg, (s32)reg));
}

static void put_swapped(struct rng *r, struct prog *p)
{
	static const s32 bits[] = {16, 32, 64};
	u32 to = free_reg(r, p), n = below(r, 3);
	s32 off = p->base == BPF_REG_10 ? -48 : (s32)below(r, MEM - 20) - MEM / 2;

	put(p, BPF_LDX_MEM(sizes[1 + n], to, p->base, (s16)off));
	if (below(r, 5) == 0)
		n = below(r, 3);
	put(p, below(r, 2) ? BPF_ENDIAN(BPF_TO_BE, to, bits[n]) : BPF_BSWAP(to, bits[n]));
}

static void put_extend(struct rng *r, struct prog *p)
{
	static const s32 shifts[] = {32, 48, 56, 16, 24, 31};
	u32 a = free_reg(r, p), s = free_reg(r, p);
	u8 class = below(r, 2) ? BPF_ALU64 : BPF_ALU;
	s32 k = shifts[below(r, 6)];

	if (class == BPF_ALU)
		k &= 31;
	if (below(r, 2))
		put(p, BPF_INSN((below(r, 2) ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_X, a, s, 0, 0));
	if (below(r, 2)) {
		put(p, BPF_INSN(class | BPF_AND, a, 0, 0, below(r, 2) ? 0xff : 0xffff));
		return;
	}
	put(p, BPF_INSN(class | BPF_LSH, a, 0, 0, k));
	put(p,
	    BPF_INSN(class | (below(r, 2) ? BPF_RSH : BPF_ARSH), a, 0, 0, below(r, 8) ? k : k / 2));
}

static void put_field(struct rng *r, struct prog *p)
{
	u32 a = free_reg(r, p), s = free_reg(r, p);
	u8 class = below(r, 2) ? BPF_ALU64 : BPF_ALU, other = below(r, 6) ? class : BPF_ALU64;
	u32 shift = 1 + below(r, class == BPF_ALU64 ? 63 : 31);
	s32 mask = below(r, 2) ? (s32)((1u << below(r, 32)) - 1) : (s32)number(r);

	if (below(r, 2))
		put(p, BPF_INSN(other | BPF_MOV | BPF_X, a, s, 0, 0));
	put(p, BPF_INSN(class | BPF_RSH | BPF_K, a, 0, 0, (s32)shift));
	put(p, BPF_INSN(other | BPF_AND | BPF_K, a, 0, 0, mask));
	if (below(r, 6))
		return;
	put(p, BPF_JMP_IMM(below(r, 2) ? BPF_JEQ : BPF_JNE, a, 0, 1));
	put(p, BPF_ALU64_IMM(BPF_ADD, s, 1));
}

/* Jumps over some of what follows. */
static void put_jumps(struct rng *r, struct prog *p)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_AND, BPF_OR,
				 BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH};
	u32 a = free_reg(r, p), s = free_reg(r, p), b = free_reg(r, p);
	u8 class = below(r, 2) ? BPF_ALU64 : BPF_ALU, x = below(r, 2) ? BPF_X : BPF_K;

	switch (below(r, 6)) {
	case 0: /* asks whether something is zero */
		if (below(r, 2))
			put(p, BPF_INSN(class | BPF_MOV | BPF_X, a, s, 0, 0));
		put(p, BPF_INSN(class | ops[below(r, 8)] | x, a, x == BPF_X ? b : 0, 0,
				x == BPF_X ? 0 : (s32)(number(r) & (below(r, 2) ? 3 : ~0ull))));
		put(p, BPF_INSN((below(r, 2) ? BPF_JMP : BPF_JMP32) |
					(below(r, 2) ? BPF_JEQ : BPF_JNE),
				a, 0, 2, below(r, 8) ? 0 : 1));
		forget(r, p, a);
		put(p, BPF_ALU64_IMM(BPF_ADD, b, 3));
		put(p, BPF_MOV64_IMM(a, 1));
		break;
	case 1: /* selects */
		put(p, any_branch(r, p, 1));
		put(p, BPF_INSN(class | BPF_MOV | x, a, x == BPF_X ? b : 0, 0,
				x == BPF_X ? 0 : (s32)number(r)));
		break;
	case 2: /* selects, and goes elsewhere */
		put(p, any_branch(r, p, 3));
		put(p, BPF_INSN(class | BPF_MOV | x, a, x == BPF_X ? b : 0, 0,
				x == BPF_X ? 0 : (s32)number(r)));
		put(p, BPF_JMP_A(1));
		put(p, BPF_ALU64_IMM(BPF_ADD, b, 3));
		break;
	case 5: /* 0 or 1, mostly */
		put(p,
		    BPF_INSN(class | BPF_MOV | BPF_K, a, 0, 0, (s32)below(r, below(r, 8) ? 2 : 3)));
		x = (u8)below(r, 2);
		put(p, any_branch(r, p, x ? 1 : 3));
		put(p, BPF_INSN((below(r, 2) ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_K, a, 0, 0,
				(s32)below(r, 2)));
		if (x)
			break;
		put(p, BPF_JMP_A(1));
		put(p, BPF_ALU64_IMM(BPF_ADD, b, 3));
		break;
	case 3:
		put(p, any_branch(r, p, 1));
		put(p, BPF_JMP_A(2));
		put(p, BPF_ALU64_IMM(BPF_ADD, b, 3));
		put(p, BPF_JMP_A(0));
		break;
	case 4: /* leaves, seldom: most of the program should run */
		if (below(r, 4))
			break;
		put(p, any_branch(r, p, 1));
		if (below(r, 2))
			put(p, BPF_JMP_A(1));
		put(p, BPF_EXIT_INSN());
		break;
	}
}

static void put_divide(struct rng *r, struct prog *p)
{
	u32 a = free_reg(r, p), b = free_reg(r, p);
	bool wide = below(r, 2);
	u8 class = wide ? BPF_ALU64 : BPF_ALU, jmp = wide ? BPF_JMP : BPF_JMP32;
	s16 sign = (s16)below(r, 2);

	if (below(r, 2))
		put(p, BPF_INSN(class | BPF_AND, b, 0, 0, 3));
	if (below(r, 2)) {
		put(p, BPF_INSN(jmp | BPF_JNE, b, 0, 2, 0));
		put(p, BPF_ALU32_REG(BPF_XOR, a, a));
		put(p, BPF_JMP_A(1));
		put(p, BPF_INSN(class | BPF_DIV | BPF_X, a, b, sign, 0));
		return;
	}
	put(p, BPF_INSN(jmp | BPF_JEQ, b, 0, wide ? 1 : 2, 0));
	put(p, BPF_INSN(class | BPF_MOD | BPF_X, a, b, sign, 0));
	if (!wide) {
		put(p, BPF_JMP_A(1));
		put(p, BPF_MOV32_REG(a, a));
	}
}

/* Comparisons of one register, some of them in trees. */
static void put_tree(struct rng *r, struct prog *p)
{
	static const u8 ops[] = {BPF_JEQ, BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JSGT, BPF_JLT, BPF_JSLE};
	u32 v = free_reg(r, p), a = free_reg(r, p), n = 4 + below(r, 10), first, last;
	u8 class = below(r, 2) ? BPF_JMP : BPF_JMP32;

	if (below(r, 4))
		put(p, BPF_ALU64_IMM(BPF_AND, v, 15));
	first = p->len;
	for (u32 k = 0; k < n; k++)
		put(p, BPF_INSN(class | ops[below(r, 7)], v, 0, 0,
				(s32)below(r, below(r, 9) ? 16 : 200)));
	if (below(r, 2))
		put(p, BPF_JMP_A(1));
	last = p->len;
	for (u32 k = 0; k < n; k++)
		put(p,
		    below(r, 4) ? BPF_ALU64_IMM(BPF_MUL, a, (s32)k + 3) : BPF_MOV64_IMM(a, (s32)k));
	if (p->len >= MAX_LEN)
		return;
	for (u32 k = first; k < first + n; k++)
		p->insns[k].off =
			(s16)(below(r, 3) || k + 2 > first + n ? last + below(r, n) - k - 1
							       : 1 + below(r, first + n - k - 1));
}

/* Words from one place to another, which may overlap. */
static void put_copy(struct rng *r, struct prog *p)
{
	u32 via = free_reg(r, p), n = 3 + below(r, 8), from = p->base, to = BPF_REG_10, ptr;
	s32 step = below(r, 2) ? 8 : -8, src, dst;

	if (p->base == BPF_REG_10 || (n > AT_STACK))
		return;
	src = -MEM / 2 + (s32)below(r, MEM - 8 * n);
	dst = -8 * (s32)n - 8 * (s32)below(r, AT_STACK - n + 1);
	ptr = free_reg(r, p);
	if (below(r, 2)) {
		to = p->base;
		dst = -MEM / 2 + (s32)below(r, MEM - 8 * n);
	} else if (below(r, 2) && ptr != via) {
		put(p, BPF_MOV64_REG(ptr, p->base));
		put(p, BPF_ALU64_IMM(BPF_ADD, ptr, 0));
		to = ptr;
		dst = src + ((s32)below(r, 40) - 20);
		dst = dst < -MEM / 2		   ? -MEM / 2
		      : dst > MEM / 2 - 8 * (s32)n ? MEM / 2 - 8 * (s32)n
						   : dst;
	}
	for (u32 k = 0; k < n; k++) {
		s32 at = step > 0 ? 8 * (s32)k : 8 * (s32)(n - 1 - k);

		put(p, BPF_LDX_MEM(BPF_DW, via, from, (s16)(src + at)));
		put(p, BPF_STX_MEM(BPF_DW, to, via, (s16)(dst + at)));
	}
	forget(r, p, via);
	if (to != p->base && to != BPF_REG_10)
		put(p, BPF_MOV64_IMM(to, 5));
}

void put_idiom(struct rng *r, struct prog *p)
{
	switch (below(r, 11)) {
	case 10: put_field(r, p); break;
	case 0: put_rotate(r, p); break;
	case 1: put_sum(r, p); break;
	case 2: put_address(r, p); break;
	case 3: put_bytes(r, p); break;
	case 4: put_swapped(r, p); break;
	case 5: put_extend(r, p); break;
	case 6: put_jumps(r, p); break;
	case 7: put_divide(r, p); break;
	case 8: put_tree(r, p); break;
	case 9: put_copy(r, p); break;
	}
}
