/* SPDX-License-Identifier: BSD-2-Clause */
/* gen_merges.c - two paths that meet with different knowledge: what pruning must not confuse. */
#include "gen.h"

enum carrier { IN_REG, IN_SLOT, IN_POINTER, IN_COPY, IN_SLOT_COPY, CARRIERS };

static void carry(struct gen *g, enum carrier c, u32 d, u32 other, s32 slot, u32 n)
{
	static const u8 sizes[] = {BPF_DW, BPF_DW, BPF_DW, BPF_W, BPF_H, BPF_B};

	switch (c) {
	case IN_REG: emit(g, BPF_MOV64_IMM(d, n)); break;
	case IN_SLOT:
		if (chance(g->r, 30)) {
			emit(g, BPF_ST_MEM(sizes[below(g->r, 6)], REG_FP, slot, n));
			break;
		}
		emit(g, BPF_MOV64_IMM(d, n));
		if (chance(g->r, 25)) { /* through another register */
			emit(g, BPF_MOV64_REG(5, REG_FP));
			emit(g, BPF_ALU64_IMM(BPF_ADD, 5, slot));
			emit(g, BPF_STX_MEM(sizes[below(g->r, 6)], 5, d, 0));
			g->kind[5] = K_NONE;
		} else {
			emit(g, BPF_INSN(BPF_STX | sizes[below(g->r, 6)] | BPF_MEM, REG_FP, d, slot,
					 0));
		}
		break;
	case IN_POINTER:
		emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_VALUE, 0, MAP_ONE));
		emit(g, BPF_INSN(0, 0, 0, 0, chance(g->r, 50) ? n : 0));
		if (chance(g->r, 60)) {
			emit(g, BPF_MOV64_REG(0, other));
			emit(g, BPF_ALU64_IMM(BPF_AND, 0, n));
			emit(g, BPF_ALU64_REG(BPF_ADD, d, 0));
			g->kind[0] = K_NUM;
		}
		break;
	case IN_COPY:			/* @d equals @other, or does not */
		if (chance(g->r, 30)) { /* by way of the stack, perhaps not all of it */
			u8 sz = sizes[below(g->r, 6)];

			emit(g, BPF_INSN(BPF_STX | sz | BPF_MEM, REG_FP, other, slot, 0));
			emit(g, BPF_INSN(BPF_LDX | sz | BPF_MEM, d, REG_FP, slot, 0));
		} else if (chance(g->r, 60)) {
			emit(g, BPF_INSN((chance(g->r, 80) ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_X,
					 d, other, 0, 0));
		} else {
			unknown_in(g, d);
		}
		break;
	case IN_SLOT_COPY:
		if (chance(g->r, 60))
			emit(g, BPF_STX_MEM(BPF_DW, REG_FP, other, slot));
		else
			emit(g, BPF_ST_MEM(BPF_DW, REG_FP, slot, n));
		break;
	default: break;
	}
}

/* A number goes a roundabout way and comes back to @d; @t is free. */
static void travel(struct gen *g, u32 d, u32 t)
{
	s32 slot = -8 * (s32)(1 + below(g->r, 5)), off = chance(g->r, 80) ? 0 : 4;
	u8 in = chance(g->r, 60) ? BPF_DW : random_size(g),
	   out = chance(g->r, 70) ? in : random_size(g);

	switch (below(g->r, 9)) {
	case 0:
		emit(g, BPF_INSN(BPF_STX | in | BPF_MEM, REG_FP, d, slot, 0));
		emit(g, BPF_JMP_A(0));
		emit(g, BPF_INSN(BPF_LDX | out | BPF_MEM, d, REG_FP,
				 slot + (out == BPF_DW ? 0 : off), 0));
		break;
	case 1: /* through another register */
		emit(g, BPF_MOV64_REG(t, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, t, slot));
		if (chance(g->r, 50)) {
			emit(g, BPF_INSN(BPF_STX | in | BPF_MEM, t, d, 0, 0));
			emit(g, BPF_INSN(BPF_LDX | out | BPF_MEM, d, REG_FP, slot, 0));
		} else {
			emit(g, BPF_INSN(BPF_STX | in | BPF_MEM, REG_FP, d, slot, 0));
			emit(g, BPF_INSN(BPF_LDX | out | BPF_MEM, d, t, 0, 0));
		}
		break;
	case 2:
		emit(g, BPF_INSN((chance(g->r, 50) ? BPF_ALU : BPF_ALU64) | BPF_MOV | BPF_X, t, d,
				 0, 0));
		emit(g, BPF_MOV64_IMM(d, 0));
		emit(g, chance(g->r, 50) ? BPF_MOV64_REG(d, t) : BPF_ALU64_REG(BPF_ADD, d, t));
		break;
	case 3:
		emit(g, BPF_ALU64_IMM(BPF_ADD, d, 5));
		emit(g, BPF_ALU64_IMM(BPF_SUB, d, 5));
		break;
	case 4: /* a swap */
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, slot, below(g->r, 4)));
		emit(g, BPF_ATOMIC_OP(BPF_DW, chance(g->r, 50) ? BPF_XCHG : BPF_ADD | BPF_FETCH,
				      REG_FP, d, slot));
		emit(g, BPF_LDX_MEM(BPF_DW, d, REG_FP, slot));
		break;
	case 5: /* a branch that means nothing */
		emit(g, BPF_MOV64_REG(t, d));
		emit(g, BPF_JMP_IMM(random_cond(g), t, below(g->r, 16), 0));
		break;
	case 6: /* a comparison with a number that carries the knowledge */
		emit(g, BPF_MOV64_REG(t, d));
		unknown_in(g, d);
		to_end(g, BPF_JMP_REG(chance(g->r, 50) ? BPF_JNE : BPF_JGT, d, t, 0));
		break;
	case 7: /* through a function */
		if (!can_call(g))
			break;
		emit(g, BPF_MOV64_REG(1, d));
		emit(g, BPF_MOV64_REG(2, d));
		emit(g, BPF_MOV64_REG(3, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, 3, slot));
		if (chance(g->r, 50))
			emit(g, BPF_STX_MEM(BPF_DW, REG_FP, d, slot));
		else
			emit(g, BPF_ST_MEM(BPF_DW, REG_FP, slot, below(g->r, 4)));
		note_call(g, g->func + 1, false);
		emit(g, BPF_CALL_REL(0));
		clobbered(g, K_NUM);
		if (chance(g->r, 50))
			emit(g, BPF_LDX_MEM(BPF_DW, d, REG_FP, slot));
		else if (chance(g->r, 30))
			emit(g, BPF_MOV64_REG(d, 0));
		break;
	}
}

static void p_diamond(struct gen *g)
{
	enum carrier c = below(g->r, CARRIERS);
	u32 other = free_reg(g, 0), d = free_reg(g, 1u << other), a = below(g->r, 8),
	    b = chance(g->r, 60) ? below(g->r, 16) : below(g->r, 100);
	u32 v = free_reg(g, 1u << other | 1u << d), at, over, k,
	    room = 15 - (chance(g->r, 70) ? max(a, min(b, 15u)) : a);
	s32 slot = -8 * (s32)(1 + below(g->r, 4));
	u64 written = g->written;

	if (g->p->len > SP_MAX_INSNS - 120 || g->p->unpriv)
		return;
	unknown_in(g, other);
	if (chance(g->r, 30)) { /* one with more than 32 bits */
		emit(g,
		     BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, other, BPF_PSEUDO_MAP_VALUE, 0, MAP_ONE));
		emit(g, BPF_INSN(0, 0, 0, 0, 0));
		emit(g, BPF_LDX_MEM(BPF_DW, other, other, 0));
		emit(g, BPF_ALU64_IMM(BPF_RSH, other, 1 + below(g->r, 31)));
	}
	k = other;
	if (chance(g->r, 50)) {
		unknown_in(g, v);
		k = v;
	}
	if (chance(g->r, 20))
		a = 0;
	g->kind[d] = g->kind[other] = g->kind[v] = K_NONE;
	at = g->p->len;
	emit(g, BPF_JMP_IMM(random_cond(g), k, below(g->r, 20), 0));
	carry(g, c, d, other, slot, a);
	over = g->p->len;
	emit(g, BPF_JMP_A(0));
	g->p->insns[at].off = g->p->len - at - 1;
	carry(g, c, d, other, slot, b);
	g->p->insns[over].off = g->p->len - over - 1;
	g->kind[0] = g->kind[5] = K_NONE;
	if (c == IN_SLOT || c == IN_SLOT_COPY || c == IN_REG || c == IN_POINTER)
		emit(g, BPF_JMP_A(0));
	if (chance(g->r, 30)) { /* something between */
		g->kind[d] = g->kind[other] = g->kind[v] = K_CTX;
		g->depth += 3;
		block(g, 1);
		g->depth -= 3;
	}
	g->kind[d] = g->kind[other] = g->kind[v] = K_NONE;
	if (c == IN_SLOT && chance(g->r, 20)) /* some of it anew */
		emit(g, BPF_ST_MEM(below(g->r, 2) ? BPF_W : BPF_B, REG_FP,
				   slot + 4 * (s32)below(g->r, 2), 0));
	if (c == IN_SLOT || c == IN_SLOT_COPY) {
		u8 sz = chance(g->r, 60) ? BPF_DW : random_size(g);

		if (chance(g->r, 30)) {
			emit(g, BPF_MOV64_REG(v, REG_FP));
			emit(g, BPF_ALU64_IMM(BPF_ADD, v, slot));
			emit(g, BPF_LDX_MEM(sz, d, v, 0));
		} else {
			emit(g, BPF_LDX_MEM(sz, d, REG_FP, slot));
		}
		if (c == IN_SLOT_COPY)
			to_end(g, BPF_JMP_IMM(BPF_JGT, other, a, 0));
	} else if (c == IN_COPY) {
		to_end(g, BPF_INSN((chance(g->r, 70) ? BPF_JMP : BPF_JMP32) | BPF_JGT | BPF_K,
				   other, 0, 0, a));
	}
	if (c == IN_POINTER) {
		access_at(g, d, room, BPF_B);
		g->kind[d] = K_NONE;
		return;
	}
	for (u32 i = below(g->r, 4); i && !full(g); i--)
		travel(g, d, v);
	if (chance(g->r, 30))
		emit(g, BPF_ALU64_IMM(chance(g->r, 50) ? BPF_AND : BPF_ADD, d, below(g->r, 32)));
	if (chance(g->r, 25)) { /* the number decides a branch, which decides about the access */
		emit(g, BPF_MOV64_IMM(v, 0));
		emit(g, BPF_INSN((chance(g->r, 70) ? BPF_JMP : BPF_JMP32) | random_cond(g) | BPF_K,
				 d, 0, 1, below(g->r, 16)));
		emit(g, BPF_MOV64_IMM(v, 8 + below(g->r, 30)));
		emit(g, BPF_MOV64_REG(d, v));
	}
	emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, v, BPF_PSEUDO_MAP_VALUE, 0, MAP_ONE));
	emit(g, BPF_INSN(0, 0, 0, 0, 0));
	emit(g, BPF_ALU64_REG(BPF_ADD, v, d));
	access_at(g, v, room, BPF_B);
	g->kind[d] = g->kind[v] = K_NONE;
	g->written = written & ~(1ull << (-slot / 8 - 1));
}

/* R8 is R7 on one way: then the NULL check of one is that of the other. */
static void p_null_diamond(struct gen *g)
{
	u32 at, over, copy = below(g->r, 2);
	bool stack = chance(g->r, 35); /* a slot is R7 or R8 */
	const struct bpf_insn same = stack ? BPF_STX_MEM(BPF_DW, REG_FP, 7, -112)
					   : BPF_MOV64_REG(8, 7),
			      other = stack ? BPF_STX_MEM(BPF_DW, REG_FP, 8, -112) : BPF_JMP_A(0);

	if (g->p->len > SP_MAX_INSNS - 100 || g->depth > 2)
		return;
	for (u32 i = 0; i < 2; i++) {
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, -8, below(g->r, 6)));
		emit(g, BPF_MOV64_REG(2, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, 2, -8));
		emit_map(g, 1, chance(g->r, 50) ? MAP_HASH : MAP_ARRAY);
		emit(g, BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem));
		clobbered(g, K_NONE);
		emit(g, BPF_MOV64_REG(7 + i, 0));
		g->kind[7 + i] = K_NONE;
	}
	emit(g, BPF_EMIT_CALL(BPF_FUNC_get_prandom_u32));
	clobbered(g, K_NONE);
	at = g->p->len;
	emit(g, BPF_JMP_IMM(random_cond(g), 0, below(g->r, 20), 0));
	emit(g, copy ? same : other);
	over = g->p->len;
	emit(g, BPF_JMP_A(0));
	g->p->insns[at].off = g->p->len - at - 1;
	emit(g, copy ? other : same);
	g->p->insns[over].off = g->p->len - over - 1;
	emit(g, BPF_MOV64_IMM(0, 0));
	to_end(g, BPF_JMP_IMM(BPF_JEQ, 7, 0, 0));
	if (stack)
		emit(g, BPF_LDX_MEM(BPF_DW, 8, REG_FP, -112));
	emit(g, BPF_LDX_MEM(BPF_B, chance(g->r, 50) ? 0 : 5, 8, below(g->r, 8)));
	g->kind[7] = g->kind[8] = g->kind[0] = K_NONE;
	g->written |= 1;
}

static const struct piece pieces[] = {{p_diamond, 10}, {p_null_diamond, 2}};
THEME(gen_merges, pieces);
