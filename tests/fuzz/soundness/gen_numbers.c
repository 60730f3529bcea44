/* SPDX-License-Identifier: BSD-2-Clause */
/* gen_numbers.c - arithmetic, and what bounds a number. */
#include "gen.h"

static void p_alu(struct gen *g)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR,   BPF_AND,
				 BPF_LSH, BPF_RSH, BPF_MOD, BPF_XOR, BPF_ARSH, BPF_ADD,
				 BPF_AND, BPF_RSH, BPF_SUB, BPF_ARSH};
	u8 op = ops[below(g->r, ARRAY_SIZE(ops))], cls = chance(g->r, 40) ? BPF_ALU : BPF_ALU64;
	bool shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH,
	     div = op == BPF_DIV || op == BPF_MOD;
	s32 imm = (s32)rnd_interesting(g->r);
	u32 d = number(g);
	s16 off = div && chance(g->r, 40);

	if (chance(g->r, 40)) {
		emit(g, BPF_INSN(cls | op | BPF_X, d, number(g), off, 0));
		return;
	}
	if (shift)
		imm &= cls == BPF_ALU ? 31 : 63;
	if (div && !imm)
		imm = 3;
	emit(g, BPF_INSN(cls | op | BPF_K, d, 0, off, imm));
}

static void p_unary(struct gen *g)
{
	static const s16 widths[] = {0, 8, 16, 32};
	static const s32 bits[] = {16, 32, 64};
	u32 s = number(g), d = some_dst(g);

	switch (below(g->r, 5)) {
	case 0:
		emit(g, BPF_INSN((chance(g->r, 50) ? BPF_ALU : BPF_ALU64) | BPF_NEG, s, 0, 0, 0));
		break;
	case 1:
		emit(g,
		     BPF_ENDIAN(chance(g->r, 50) ? BPF_TO_LE : BPF_TO_BE, s, bits[below(g->r, 3)]));
		break;
	case 2: emit(g, BPF_BSWAP(s, bits[below(g->r, 3)])); break;
	case 3:
		emit(g, BPF_INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, widths[below(g->r, 4)], 0));
		g->kind[d] = K_NUM;
		break;
	case 4:
		emit(g, BPF_INSN(BPF_ALU | BPF_MOV | BPF_X, d, s, widths[below(g->r, 3)], 0));
		g->kind[d] = K_NUM;
		break;
	}
}

static void p_const(struct gen *g)
{
	u32 d = some_dst(g);
	u64 v = rnd_interesting(g->r);

	g->kind[d] = K_NUM;
	if (chance(g->r, 30)) {
		emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, d, 0, 0, (u32)v));
		emit(g, BPF_INSN(0, 0, 0, 0, v >> 32));
	} else {
		emit(g, BPF_INSN((chance(g->r, 50) ? BPF_ALU : BPF_ALU64) | BPF_MOV | BPF_K, d, 0,
				 0, (s32)v));
	}
}

/* A register equal to another: what is learned of one holds for the other. */
static void p_copy(struct gen *g)
{
	u32 s = number(g), d = some_dst(g);

	emit(g, BPF_MOV64_REG(d, s));
	g->kind[d] = K_NUM;
}

void unknown_in(struct gen *g, u32 d)
{
	if (g->has_ctx) {
		emit(g, BPF_LDX_MEM(BPF_W, d, 6, g->p->type == BPF_PROG_TYPE_XDP ? 12 : 8));
	} else {
		emit(g, BPF_EMIT_CALL(BPF_FUNC_get_prandom_u32));
		clobbered(g, K_NUM);
		emit(g, BPF_MOV64_REG(d, 0));
	}
	g->kind[d] = K_NUM;
}

static void p_unknown(struct gen *g)
{
	static const s32 calls[] = {BPF_FUNC_get_prandom_u32, BPF_FUNC_ktime_get_ns,
				    BPF_FUNC_get_smp_processor_id};
	u32 d = some_dst(g);

	if (g->has_ctx && chance(g->r, 60)) {
		if (g->p->type == BPF_PROG_TYPE_XDP)
			emit(g, BPF_LDX_MEM(BPF_W, d, 6, chance(g->r, 50) ? 12 : 16));
		else if (chance(g->r, 40))
			emit(g, BPF_LDX_MEM(BPF_B, d, 6, 48 + below(g->r, 20)));
		else
			emit(g, BPF_LDX_MEM(BPF_W, d, 6, 4 * below(g->r, 4)));
		g->kind[d] = K_NUM;
		return;
	}
	if (g->kind[0] == K_CTX)
		return;
	emit(g, BPF_EMIT_CALL(calls[below(g->r, 3)]));
	clobbered(g, K_NUM);
	if (chance(g->r, 70)) {
		d = 7 + below(g->r, 3);
		emit(g, BPF_MOV64_REG(d, 0));
		g->kind[d] = K_NUM;
	}
}

/* Makes @d small: mask, compare, both. Returns roughly the bound. */
u32 bound(struct gen *g, u32 d)
{
	u32 n = 1u << below(g->r, 6);
	u8 cls = chance(g->r, 30) ? BPF_JMP32 : BPF_JMP;
	u32 k;

	n += chance(g->r, 40) ? below(g->r, 8) : 0;
	switch (below(g->r, 6)) {
	case 0:
		emit(g, BPF_INSN((chance(g->r, 40) ? BPF_ALU : BPF_ALU64) | BPF_AND | BPF_K, d, 0,
				 0, n - 1));
		break;
	case 1: to_end(g, BPF_INSN(cls | BPF_JGT | BPF_K, d, 0, 0, n)); break;
	case 2: to_end(g, BPF_INSN(cls | BPF_JGE | BPF_K, d, 0, 0, n)); break;
	case 3:
		to_end(g, BPF_INSN(cls | (chance(g->r, 50) ? BPF_JSGT : BPF_JSGE) | BPF_K, d, 0, 0,
				   n));
		to_end(g, BPF_INSN(cls | (chance(g->r, 50) ? BPF_JSLT : BPF_JSLE) | BPF_K, d, 0, 0,
				   chance(g->r, 70) ? 0 : -(s32)below(g->r, 8)));
		break;
	case 4:
		emit(g, BPF_INSN((chance(g->r, 40) ? BPF_ALU : BPF_ALU64) | BPF_RSH | BPF_K, d, 0,
				 0, 20 + below(g->r, 12)));
		to_end(g, BPF_INSN(cls | BPF_JGT | BPF_K, d, 0, 0, n));
		break;
	case 5:
		k = some_dst(g);
		if (k == d)
			break;
		emit(g, BPF_MOV64_IMM(k, n));
		g->kind[k] = K_NUM;
		to_end(g, BPF_INSN(cls | BPF_JLT | BPF_X, k, d, 0, 0));
		break;
	}
	return n;
}

static const struct piece pieces[] = {
	{p_alu, 22}, {p_unary, 6}, {p_const, 6}, {p_copy, 6}, {p_unknown, 9}};
THEME(gen_numbers, pieces);
