/* SPDX-License-Identifier: BSD-2-Clause */
/* gen_newer.c - iterators over numbers, dynptrs, numbers that differ by a constant. */
#include "gen.h"

static void lands(struct gen *g, u32 at)
{
	g->p->insns[at].off = g->p->len - at - 1;
}

static void forget_all(struct gen *g)
{
	for (u32 i = 0; i < REG_FP; i++)
		if (!(i == 6 && g->has_ctx))
			g->kind[i] = K_NONE;
}

static void stack_arg(struct gen *g, u32 reg, s32 off)
{
	emit(g, BPF_MOV64_REG(reg, REG_FP));
	emit(g, BPF_ALU64_IMM(BPF_ADD, reg, off));
}

/* A loop's body: pieces that use no number of before. */
static void body(struct gen *g)
{
	bool was = g->in_loop;

	forget_all(g);
	g->in_loop = true;
	g->depth++;
	block(g, 1 + below(g->r, 3));
	g->depth--;
	g->in_loop = was;
	forget_all(g);
}

/* for (new; next; ) { a number, sometimes as offset } destroy */
static void p_iterator(struct gen *g)
{
	s32 it = -104 - 8 * (s32)below(g->r, 3), n = below(g->r, 9);
	u32 top, at, leave = 0;

	if (g->p->unpriv || g->depth > 2 || sp_kfunc_id[KF_ITER_NEW] < 0 ||
	    (g->p->type != BPF_PROG_TYPE_SCHED_CLS && !chance(g->r, 3)))
		return;
	stack_arg(g, 1, it);
	emit(g, BPF_MOV64_IMM(2, chance(g->r, 80) ? 0 : (s32)below(g->r, 5) - 3));
	emit(g, BPF_MOV64_IMM(3, n));
	emit_kfunc(g, KF_ITER_NEW);
	clobbered(g, K_NUM);
	if (chance(g->r, 40)) {
		emit(g, BPF_MOV64_IMM(9, below(g->r, 4)));
		g->kind[9] = K_NUM;
	}
	top = g->p->len;
	stack_arg(g, 1, it);
	emit_kfunc(g, KF_ITER_NEXT);
	at = g->p->len;
	emit(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
	forget_all(g);
	emit(g, BPF_LDX_MEM(chance(g->r, 95) ? BPF_W : BPF_DW, 7, 0, 0));
	if (chance(g->r, 50)) {
		to_end(g, BPF_JMP_IMM(BPF_JGT, 7, 1 + below(g->r, 15), 0));
		g->nr_fixups--; /* not out of the loop: over it */
		leave = g->p->len - 1;
		emit_value(g, 8, MAP_ONE, 0);
		emit(g, BPF_ALU64_REG(BPF_ADD, 8, 7));
		access_at(g, 8, below(g->r, 4), BPF_B);
	}
	if (chance(g->r, 30)) { /* a counter of its own */
		emit(g, BPF_ALU64_IMM(BPF_ADD, 9, 1));
		if (chance(g->r, 50))
			emit(g, BPF_ALU64_IMM(BPF_AND, 9, 15));
	}
	if (chance(g->r, 50))
		body(g);
	emit(g, BPF_JMP_A((s32)top - (s32)g->p->len - 1));
	if (leave)
		lands(g, leave);
	lands(g, at);
	forget_all(g);
	if (chance(g->r, 97)) {
		stack_arg(g, 1, it);
		emit_kfunc(g, KF_ITER_DESTROY);
		clobbered(g, K_NONE);
	}
}

/* --- dynptrs --- */

static void dynptr_use(struct gen *g, s32 d)
{
	s32 buf = -32;
	u32 at, size = 1 + below(g->r, 8);

	switch (below(g->r, 3)) {
	case 0: /* read */
		stack_arg(g, 1, buf);
		emit(g, BPF_MOV64_IMM(2, size));
		stack_arg(g, 3, d);
		emit(g, BPF_MOV64_IMM(4, below(g->r, 12)));
		emit(g, BPF_MOV64_IMM(5, 0));
		emit(g, BPF_EMIT_CALL(BPF_FUNC_dynptr_read));
		clobbered(g, K_NUM);
		break;
	case 1: /* write */
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, buf, below(g->r, 99)));
		stack_arg(g, 1, d);
		emit(g, BPF_MOV64_IMM(2, below(g->r, 12)));
		stack_arg(g, 3, buf);
		emit(g, BPF_MOV64_IMM(4, size));
		emit(g, BPF_MOV64_IMM(5, 0));
		emit(g, BPF_EMIT_CALL(BPF_FUNC_dynptr_write));
		clobbered(g, K_NUM);
		break;
	case 2: /* a slice */
		stack_arg(g, 1, d);
		emit(g, BPF_MOV64_IMM(2, below(g->r, 12)));
		emit(g, BPF_MOV64_IMM(3, size));
		emit(g, BPF_EMIT_CALL(BPF_FUNC_dynptr_data));
		clobbered(g, K_NONE);
		at = g->p->len;
		emit(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
		emit(g, BPF_MOV64_REG(9, 0));
		access_at(g, 0, chance(g->r, 95) ? below(g->r, size) : size, BPF_B);
		if (chance(g->r, 15))
			dynptr_use(g, d);
		if (chance(g->r, 30))
			access_at(g, 9, below(g->r, size), BPF_B);
		lands(g, at);
		forget_all(g);
		break;
	}
}

static void clobber_slot(struct gen *g, s32 d)
{
	if (chance(g->r, 4))
		emit(g, BPF_ST_MEM(chance(g->r, 50) ? BPF_DW : BPF_B, REG_FP,
				   d + 8 * (s32)below(g->r, 2), 0));
}

static void p_dynptr(struct gen *g)
{
	s32 d = -120 - 8 * (s32)below(g->r, 2);

	if (g->p->unpriv || g->depth > 2)
		return;
	emit_value(g, 1, chance(g->r, 80) ? MAP_ONE : MAP_LOCK, 0);
	if (chance(g->r, 30))
		emit(g, BPF_ALU64_IMM(BPF_ADD, 1, below(g->r, 8)));
	emit(g, BPF_MOV64_IMM(2, below(g->r, chance(g->r, 90) ? 9 : 20)));
	emit(g, BPF_MOV64_IMM(3, 0));
	stack_arg(g, 4, d);
	emit(g, BPF_EMIT_CALL(BPF_FUNC_dynptr_from_mem));
	clobbered(g, K_NUM);
	for (u32 n = 1 + below(g->r, 3); n && !full(g); n--) {
		clobber_slot(g, d);
		dynptr_use(g, d);
	}
}

static void submit_dynptr(struct gen *g, s32 d)
{
	stack_arg(g, 1, d);
	emit(g, BPF_MOV64_IMM(2, 0));
	emit(g, BPF_EMIT_CALL(chance(g->r, 50) ? BPF_FUNC_ringbuf_submit_dynptr
					       : BPF_FUNC_ringbuf_discard_dynptr));
	clobbered(g, K_NONE);
}

/* A slice of it in R9, submit on both ways; sometimes the slice is used too late. */
static void submit_with_slice(struct gen *g, s32 d)
{
	u32 at, over;

	stack_arg(g, 1, d);
	emit(g, BPF_MOV64_IMM(2, 0));
	emit(g, BPF_MOV64_IMM(3, 8));
	emit(g, BPF_EMIT_CALL(BPF_FUNC_dynptr_data));
	clobbered(g, K_NONE);
	at = g->p->len;
	emit(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
	emit(g, BPF_MOV64_REG(9, 0));
	access_at(g, 9, below(g->r, 8), BPF_B);
	submit_dynptr(g, d);
	if (chance(g->r, 20))
		emit(g, BPF_LDX_MEM(BPF_B, 8, 9, below(g->r, 8)));
	over = g->p->len;
	emit(g, BPF_JMP_A(0));
	lands(g, at);
	submit_dynptr(g, d);
	lands(g, over);
	forget_all(g);
}

static void p_ring_dynptr(struct gen *g)
{
	s32 d = -120 - 8 * (s32)below(g->r, 2);

	if (g->p->unpriv || g->depth > 2 || g->in_loop)
		return;
	if (chance(g->r, 50)) {
		emit(g, BPF_MOV64_IMM(2, below(g->r, 20)));
	} else {
		u32 s = number(g);

		emit(g, BPF_MOV64_REG(2, s));
		emit(g, BPF_ALU64_IMM(BPF_AND, 2, 31));
	}
	emit_map(g, 1, MAP_RING);
	emit(g, BPF_MOV64_IMM(3, 0));
	stack_arg(g, 4, d);
	emit(g, BPF_EMIT_CALL(BPF_FUNC_ringbuf_reserve_dynptr));
	clobbered(g, K_NUM);
	for (u32 n = below(g->r, 3); n && !full(g); n--) {
		clobber_slot(g, d);
		dynptr_use(g, d);
	}
	if (chance(g->r, 20)) {
		g->depth += 3;
		block(g, 1);
		g->depth -= 3;
	}
	if (chance(g->r, 40))
		submit_with_slice(g, d);
	else
		submit_dynptr(g, d);
}

/* --- what is learned of w = v + constant holds for v --- */

static void p_linked(struct gen *g)
{
	u32 s = free_reg(g, 0), d = free_reg(g, 1u << s), v = free_reg(g, 1u << s | 1u << d), n;
	s32 k = (s32)below(g->r, 40) - 20;
	u8 cls = chance(g->r, 60) ? BPF_ALU64 : BPF_ALU;

	unknown_in(g, s);
	if (chance(g->r, 20))
		emit(g, BPF_ALU64_IMM(BPF_LSH, s, 1 + below(g->r, 32)));
	g->kind[s] = g->kind[d] = g->kind[v] = K_NONE;
	emit(g, BPF_INSN((chance(g->r, 75) ? cls : cls ^ BPF_ALU ^ BPF_ALU64) | BPF_MOV | BPF_X, d,
			 s, 0, 0));
	emit(g, BPF_INSN(cls | BPF_ADD | BPF_K, d, 0, 0, k));
	if (chance(g->r, 20))
		emit(g, BPF_INSN(cls | BPF_ADD | BPF_K, chance(g->r, 50) ? s : d, 0, 0,
				 (s32)below(g->r, 9) - 4));
	if (chance(g->r, 15)) { /* by way of the stack */
		emit(g, BPF_STX_MEM(BPF_DW, REG_FP, s, -8));
		emit(g, BPF_MOV64_IMM(s, 0));
	}
	n = bound(g, d);
	if (g->p->insns[g->p->len - 1].code == (BPF_ALU64 | BPF_MOV | BPF_K))
		return;
	if (chance(g->r, 15))
		emit(g, BPF_LDX_MEM(BPF_DW, s, REG_FP, -8));
	emit_value(g, v, MAP_ONE, 0);
	emit(g, BPF_ALU64_REG(BPF_ADD, v, s));
	access_at(g, v, k + (s32)(n < 15 ? below(g->r, 15 - n) : 0), BPF_B);
	g->kind[s] = g->kind[d] = g->kind[v] = K_NONE;
}

/* --- structs of the service, seen through BTF --- */

/* Fields of a struct, then of what one of them points to; most of it unchecked, as it may be. */
static void walk_struct(struct gen *g, u32 p)
{
	static const s32 pointers[] = {0, 8, 0, 8, 40, 48, 120};
	u32 d = free_reg(g, 1u << p);

	for (u32 n = 1 + below(g->r, 3); n; n--) {
		if (chance(g->r, 40)) {
			emit(g, BPF_LDX_MEM(BPF_DW, p, p, pointers[below(g->r, 7)]));
			if (chance(g->r, 30))
				to_end(g, BPF_JMP_IMM(BPF_JEQ, p, 0, 0));
		} else {
			emit(g, BPF_INSN(BPF_LDX | BPF_MEM |
						 (chance(g->r, 70) ? BPF_W : random_size(g)),
					 d, p,
					 chance(g->r, 85) ? 16 + 4 * (s32)below(g->r, 6)
							  : (s32)below(g->r, 600),
					 0));
			g->kind[d] = K_NUM;
		}
	}
	g->kind[p] = K_NONE;
	if (chance(g->r, 3))
		access_at(g, p, 16, BPF_W);
}

static void p_iterated(struct gen *g)
{
	u32 p = free_reg(g, 0);

	if (g->p->type != BPF_PROG_TYPE_TRACING || g->kind[6] != K_CTX)
		return;
	emit(g, BPF_LDX_MEM(BPF_DW, p, 6, chance(g->r, 80) ? 8 : 0));
	g->kind[p] = K_NONE;
	if (chance(g->r, 90))
		to_end(g, BPF_JMP_IMM(BPF_JEQ, p, 0, 0));
	walk_struct(g, p);
}

static void p_map_struct(struct gen *g)
{
	u32 p = free_reg(g, 0);

	if (g->p->unpriv)
		return;
	emit_map(g, p, below(g->r, MAP_OUTER));
	walk_struct(g, p);
}

/* --- maps in maps --- */

static void p_inner_map(struct gen *g)
{
	u32 d = free_reg(g, 0);

	emit(g, BPF_ST_MEM(BPF_W, REG_FP, -4, below(g->r, 3)));
	g->written &= ~1ull;
	stack_arg(g, 2, -4);
	emit_map(g, 1, MAP_OUTER);
	emit(g, BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem));
	clobbered(g, K_NONE);
	if (chance(g->r, 95))
		to_end(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
	if (chance(g->r, 20))
		emit(g, BPF_MOV64_REG(d, 0));
	g->kind[d] = K_NONE;
	emit(g, BPF_MOV64_REG(1, 0));
	stack_arg(g, 2, -4);
	emit(g, BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem));
	clobbered(g, K_NONE);
	if (chance(g->r, 97))
		to_end(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
	emit(g, BPF_MOV64_REG(d, 0));
	g->kind[d] = K_VALUE;
	g->value_map[d] = MAP_ARRAY;
}

static const struct piece pieces[] = {{p_iterator, 3}, {p_dynptr, 2},	  {p_ring_dynptr, 2},
				      {p_iterated, 3}, {p_map_struct, 1}, {p_inner_map, 2},
				      {p_linked, 4}};
THEME(gen_newer, pieces);
