/* SPDX-License-Identifier: BSD-2-Clause */
/* gen_kptrs.c - pointers to objects in map values. */
#include "gen.h"

#define NUMBER_AT 24 /* byte of the value that is no pointer's */

static bool usable(const struct gen *g)
{
	return sp_has_kptrs && !g->p->unpriv && g->depth < 3 && g->p->len < SP_MAX_INSNS - 100;
}

static void lands(struct gen *g, u32 at)
{
	g->p->insns[at].off = g->p->len - at - 1;
}

static void value_in(struct gen *g, u32 d)
{
	if (chance(g->r, 70)) {
		emit_value(g, d, MAP_KPTR, 0);
		return;
	}
	emit(g, BPF_ST_MEM(BPF_W, REG_FP, -4, 0));
	emit(g, BPF_MOV64_REG(2, REG_FP));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 2, -4));
	emit_map(g, 1, MAP_KPTR);
	emit(g, BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem));
	clobbered(g, K_NONE);
	to_end(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
	emit(g, BPF_MOV64_REG(d, 0));
}

/* A field; @good: one that owns nothing. */
static const struct sp_kptr *some_field(struct gen *g, bool good)
{
	const struct sp_kptr *k;

	do
		k = &sp_kptrs[below(g->r, SP_KPTRS)];
	while (good && k->ref);
	return k;
}

/* The number in @d is seen from outside. */
static void show(struct gen *g, u32 d)
{
	emit_value(g, 1, MAP_ONE, 0);
	emit(g, BPF_STX_MEM(BPF_W, 1, d, 0));
	g->kind[1] = K_NONE;
}

/* What a field points to: loaded, checked, read, sometimes stored again. */
static void follow_field(struct gen *g, u32 v, u32 d)
{
	const struct sp_kptr *from = some_field(g, false), *to = some_field(g, chance(g->r, 97));
	u32 at;

	if (chance(g->r, 75))
		while (to->type != from->type || to->ref)
			to = some_field(g, true);
	emit(g, BPF_LDX_MEM(BPF_DW, d, v, from->off));
	if (chance(g->r, 30))
		emit(g, BPF_STX_MEM(BPF_DW, v, d, to->off));
	at = g->p->len;
	emit(g, BPF_JMP_IMM(chance(g->r, 97) ? BPF_JEQ : BPF_JNE, d, 0, 0));
	if (chance(g->r, 40)) {
		if (chance(g->r, 30)) /* the member of the one is the other */
			emit(g, BPF_ALU64_IMM(BPF_ADD, d, 8));
		emit(g, BPF_STX_MEM(BPF_DW, v, d, to->off));
	} else {
		emit(g, BPF_LDX_MEM(BPF_W, d, d, 4 * below(g->r, chance(g->r, 80) ? 2 : 9)));
		if (chance(g->r, 50))
			show(g, d);
	}
	lands(g, at);
}

/* One that is no field's: through a helper, too. */
static void use_number(struct gen *g, u32 v)
{
	if (chance(g->r, 60) || g->p->type == BPF_PROG_TYPE_SOCKET_FILTER) {
		access_at(g, v, NUMBER_AT + (chance(g->r, 90) ? 0 : -(s32)below(g->r, 9)),
			  random_size(g));
		return;
	}
	emit(g, BPF_MOV64_REG(1, v));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 1, chance(g->r, 85) ? NUMBER_AT : 8 * below(g->r, 3)));
	emit(g, BPF_MOV64_IMM(2, 8));
	emit(g, BPF_MOV64_IMM(3, 0));
	emit(g, BPF_EMIT_CALL(BPF_FUNC_probe_read_kernel));
	clobbered(g, K_NUM);
}

/* A number is no object, unless it is 0: on both paths that meet. */
static void store_number(struct gen *g, u32 v, u32 d)
{
	if (chance(g->r, 50)) {
		unknown_in(g, d);
		g->kind[d] = K_CTX;
		emit(g, BPF_JMP_IMM(random_cond(g), d, below(g->r, 20), 1));
		emit(g, BPF_MOV64_IMM(d, 0));
		emit(g, BPF_JMP_A(0));
		if (chance(g->r, 30))
			emit(g, BPF_MOV64_IMM(d, 0));
	} else {
		emit(g, BPF_MOV64_IMM(d, chance(g->r, 95) ? 0 : 1));
	}
	emit(g, BPF_STX_MEM(BPF_DW, v, d, some_field(g, true)->off));
}

static void p_fields(struct gen *g)
{
	u32 v = free_reg(g, 0), d = free_reg(g, 1u << v), n = 1 + below(g->r, 3);

	if (!usable(g))
		return;
	value_in(g, v);
	g->kind[v] = K_CTX; /* for nobody to take */
	while (n--) {
		g->kind[d] = K_CTX;
		switch (below(g->r, 8)) {
		case 0:
			emit(g, BPF_ST_MEM(BPF_DW, v, some_field(g, chance(g->r, 95))->off,
					   chance(g->r, 96) ? 0 : 1));
			break;
		case 1: use_number(g, v); break;
		case 2: store_number(g, v, d); break;
		default: follow_field(g, v, d);
		}
	}
	g->kind[v] = g->kind[d] = K_NONE;
}

/* One instruction accesses this on one path and that on the other. */
static void p_which_field(struct gen *g)
{
	static const u32 places[] = {0, 8, 16, NUMBER_AT};
	u32 v = free_reg(g, 0), d = free_reg(g, 1u << v), from = places[below(g->r, 4)];

	if (!usable(g))
		return;
	unknown_in(g, d);
	g->kind[d] = K_CTX;
	value_in(g, v);
	emit(g, BPF_ALU64_IMM(BPF_ADD, v, from));
	emit(g, BPF_JMP_IMM(random_cond(g), d, below(g->r, 9), 1));
	emit(g, BPF_ALU64_IMM(BPF_ADD, v, (s32)places[below(g->r, 4)] - (s32)from));
	if (chance(g->r, 50)) {
		emit(g, BPF_LDX_MEM(BPF_DW, d, v, 0));
		if (chance(g->r, 50)) {
			emit(g, BPF_JMP_IMM(BPF_JEQ, d, 0, 4));
			emit(g, BPF_LDX_MEM(BPF_W, d, d, 0));
			show(g, d);
		} else { /* only whether it is NULL */
			emit_value(g, 1, MAP_ONE, 0);
			emit(g, BPF_JMP_IMM(BPF_JEQ, d, 0, 1));
			emit(g, BPF_ST_MEM(BPF_W, 1, 0, 77));
			g->kind[1] = K_NONE;
		}
	} else {
		emit(g, BPF_MOV64_IMM(d, 0));
		emit(g, BPF_STX_MEM(BPF_DW, v, d, 0));
	}
	g->kind[v] = g->kind[d] = K_NONE;
}

/* A reference or NULL, in R2. */
static void reference_in(struct gen *g)
{
	emit(g, BPF_ST_MEM(BPF_DW, REG_FP, -8, 0));
	emit(g, BPF_MOV64_REG(1, REG_FP));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 1, -8));
	emit_kfunc(g, KF_ACQ);
	g->written |= 1;
	emit(g, BPF_MOV64_REG(2, 0));
	emit(g, BPF_JMP_IMM(BPF_JEQ, chance(g->r, 50) ? 0 : 2, 0, 0)); /* NULL is good, too */
}

/* NULL, on the path that is walked first, or the number in @d. */
static void null_in(struct gen *g, u32 d)
{
	unknown_in(g, d);
	emit(g, BPF_MOV64_IMM(2, 0));
	if (chance(g->r, 50))
		return;
	emit(g, BPF_JMP_IMM(random_cond(g), d, below(g->r, 20), 1));
	emit(g, BPF_JMP_A(1));
	emit(g, BPF_MOV64_REG(2, d));
	emit(g, BPF_JMP_A(0));
}

/* What was in the map comes out and is given back; something else may go in. */
static void p_exchange(struct gen *g)
{
	u32 v = free_reg(g, 0), at;
	bool get = chance(g->r, 25);

	if (!usable(g) || g->in_loop || sp_kfunc_id[KF_ACQ] < 0 ||
	    (g->p->type != BPF_PROG_TYPE_SCHED_CLS && g->p->type != BPF_PROG_TYPE_TRACING))
		return;
	value_in(g, v);
	if (chance(g->r, 40) && !get) {
		reference_in(g);
	} else {
		g->kind[v] = K_CTX;
		null_in(g, free_reg(g, 1u << v));
	}
	emit(g, BPF_MOV64_REG(1, v));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 1, chance(g->r, 95) ? 8 : 8 * below(g->r, 4)));
	if (get) {
		emit(g, BPF_MOV64_IMM(3, 0));
		emit_kfunc(g, KF_KPTR_GET);
	} else {
		emit(g, BPF_EMIT_CALL(BPF_FUNC_kptr_xchg));
	}
	clobbered(g, K_NONE);
	at = g->p->len;
	emit(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
	if (chance(g->r, 30)) {
		emit(g, BPF_LDX_MEM(BPF_W, 1, 0, 4 * below(g->r, 4)));
		if (chance(g->r, 30)) /* a copy for who owns nothing */
			emit(g, BPF_STX_MEM(BPF_DW, v, 0, 0));
	}
	emit(g, BPF_MOV64_REG(1, 0));
	if (chance(g->r, 97))
		emit_kfunc(g, KF_REL);
	clobbered(g, K_NONE);
	lands(g, at);
	g->kind[v] = K_NONE;
}

static const struct piece pieces[] = {{p_fields, 3}, {p_which_field, 1}, {p_exchange, 3}};
THEME(gen_kptrs, pieces);
