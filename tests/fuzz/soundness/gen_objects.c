/* SPDX-License-Identifier: BSD-2-Clause */
/* gen_objects.c - what is taken and must be given back: records, references, locks; tail calls. */
#include "gen.h"

/* R0 is checked, in most cases, and kept in @d. */
static void check_and_keep(struct gen *g, u32 d, u32 *at)
{
	*at = g->p->len;
	emit(g, BPF_JMP_IMM(chance(g->r, 97) ? BPF_JEQ : BPF_JNE, 0, 0, 0));
	emit(g, BPF_MOV64_REG(d, 0));
	g->kind[0] = g->kind[d] = K_NONE;
}

static void lands(struct gen *g, u32 at)
{
	g->p->insns[at].off = g->p->len - at - 1;
}

/* Something happens while the thing in @d is held. */
static void meanwhile(struct gen *g, u32 d)
{
	if (chance(g->r, 40)) { /* over the stack */
		emit(g, BPF_STX_MEM(BPF_DW, REG_FP, d, -96));
		if (chance(g->r, 50))
			emit(g, BPF_MOV64_IMM(d, 0));
		emit(g, BPF_LDX_MEM(BPF_DW, d, REG_FP, -96));
	}
	if (g->depth > 2 || !chance(g->r, 40))
		return;
	g->kind[d] = K_CTX; /* for nobody to take */
	g->depth += 2;
	block(g, 1);
	g->depth -= 2;
}

/* reserve, NULL check, accesses, submit or discard, in one of the two branches or both */
static void p_ringbuf(struct gen *g)
{
	static const s32 ends[] = {BPF_FUNC_ringbuf_submit, BPF_FUNC_ringbuf_discard};
	u32 size = 8 * (1 + below(g->r, 6)), d = free_reg(g, 0), at, n;

	if (g->in_loop || g->depth > 2)
		return;
	emit_map(g, 1, MAP_RING);
	emit(g, BPF_MOV64_IMM(2, size - (chance(g->r, 20) ? below(g->r, 8) : 0)));
	emit(g, BPF_MOV64_IMM(3, 0));
	emit(g, BPF_EMIT_CALL(BPF_FUNC_ringbuf_reserve));
	clobbered(g, K_NONE);
	check_and_keep(g, d, &at);
	g->kind[d] = K_CTX;
	for (n = 1 + below(g->r, 3); n; n--)
		access_at(g, d,
			  chance(g->r, 95) ? below(g->r, size / 8) * 8 : size - below(g->r, 8),
			  chance(g->r, 60) ? BPF_DW : random_size(g));
	if (chance(g->r, 20) && g->p->type != BPF_PROG_TYPE_SOCKET_FILTER) { /* as memory */
		u32 s = number(g);

		g->kind[s] = K_NONE;
		emit(g, BPF_ALU64_IMM(BPF_AND, s, 7));
		emit(g, BPF_MOV64_REG(2, s));
		emit(g, BPF_MOV64_REG(1, d));
		emit(g, BPF_MOV64_IMM(3, 0));
		emit(g, BPF_EMIT_CALL(BPF_FUNC_probe_read_kernel));
		clobbered(g, K_NUM);
	}
	meanwhile(g, d);
	emit(g, BPF_MOV64_REG(1, d));
	emit(g, BPF_MOV64_IMM(2, 0));
	emit(g, BPF_EMIT_CALL(ends[below(g->r, 2)]));
	clobbered(g, K_NONE);
	g->kind[d] = K_NONE;
	if (chance(g->r, 4)) /* too late */
		access_at(g, d, 0, BPF_B);
	lands(g, at);
	for (u32 i = 0; i < REG_FP; i++)
		if (i != 6)
			g->kind[i] = K_NONE;
}

static void p_ringbuf_output(struct gen *g)
{
	u32 s = number(g), n = bound(g, s), keep = free_reg(g, 0);

	emit(g, BPF_MOV64_REG(keep, s));
	g->kind[keep] = K_NUM;
	for (s32 o = -8; o >= -(s32)round_up(n, 8) - 8; o -= 8)
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, o, 0));
	emit(g, BPF_MOV64_REG(3, keep));
	emit(g, BPF_MOV64_REG(2, REG_FP));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 2, -(s32)round_up(n, 8) - (chance(g->r, 60) ? 8 : 0)));
	emit_map(g, 1, MAP_RING);
	emit(g, BPF_MOV64_IMM(4, 0));
	emit(g, BPF_EMIT_CALL(BPF_FUNC_ringbuf_output));
	clobbered(g, K_NUM);
}

/* --- locks --- */

static void lock_call(struct gen *g, u32 value, s32 id)
{
	emit(g, BPF_MOV64_REG(1, value));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 1, chance(g->r, 97) ? SP_LOCK_AT : 0));
	emit(g, BPF_EMIT_CALL(id));
	clobbered(g, K_NONE);
}

/* Between the two only accesses, no calls; sometimes a branch around the unlock. */
static void p_lock(struct gen *g)
{
	static const s32 places[] = {0, 8, 12, 8, 0, 4};
	u32 d = free_reg(g, 0), at = 0, k = free_reg(g, 1u << d);

	if (g->p->type == BPF_PROG_TYPE_SOCKET_FILTER || g->depth > 2 || g->in_loop)
		return;
	if (chance(g->r, 60)) {
		emit_value(g, d, MAP_LOCK, 0);
	} else {
		emit(g, BPF_ST_MEM(BPF_W, REG_FP, -4, 0));
		emit(g, BPF_MOV64_REG(2, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, 2, -4));
		emit_map(g, 1, MAP_LOCK);
		emit(g, BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem));
		clobbered(g, K_NONE);
		to_end(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
		emit(g, BPF_MOV64_REG(d, 0));
	}
	g->kind[d] = K_CTX;
	unknown_in(g, k);
	g->kind[k] = K_CTX;
	lock_call(g, d, BPF_FUNC_spin_lock);
	for (u32 n = below(g->r, 3); n; n--)
		access_at(g, d, places[below(g->r, chance(g->r, 96) ? 5 : 6)],
			  chance(g->r, 50) ? BPF_W : BPF_B);
	if (chance(g->r, 30)) {
		at = g->p->len;
		emit(g, BPF_JMP_IMM(random_cond(g), k, below(g->r, 9), 0));
		access_at(g, d, 8, BPF_W);
		if (chance(g->r, 90))
			lands(g, at);
	}
	lock_call(g, d, BPF_FUNC_spin_unlock);
	if (at && !g->p->insns[at].off)
		lands(g, at);
	g->kind[d] = K_NONE;
	g->kind[k] = K_NUM;
}

/* --- kernel functions --- */

static bool may_call_kernel(const struct gen *g)
{
	return (g->p->type == BPF_PROG_TYPE_SCHED_CLS || g->p->type == BPF_PROG_TYPE_TRACING) &&
	       sp_kfunc_id[KF_ACQ] > 0;
}

static void object_memory(struct gen *g, u32 d)
{
	bool write = chance(g->r, 50);
	u32 size = chance(g->r, 90) ? below(g->r, 9) : below(g->r, 20), at;

	emit(g, BPF_MOV64_REG(1, d));
	emit(g, BPF_MOV64_IMM(2, size));
	emit_kfunc(g, write ? KF_RDWR : KF_RDONLY);
	clobbered(g, K_NONE);
	at = g->p->len;
	emit(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
	if (write && chance(g->r, 60))
		emit(g, BPF_ST_MEM(BPF_W, 0, 4 * below(g->r, 2), below(g->r, 99)));
	else
		access_at(g, 0, below(g->r, size ? size : 1), random_size(g));
	g->kind[0] = K_NONE;
	lands(g, at);
}

/* acquire, loads of the object's fields, what it points to, release */
static void p_reference(struct gen *g)
{
	u32 d = free_reg(g, 0), at;

	if (!may_call_kernel(g) || g->depth > 2 || g->in_loop)
		return;
	emit(g, BPF_ST_MEM(BPF_DW, REG_FP, -8, 0));
	emit(g, BPF_MOV64_REG(1, REG_FP));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 1, -8));
	emit_kfunc(g, KF_ACQ);
	clobbered(g, K_NONE);
	g->written |= 1;
	check_and_keep(g, d, &at);
	g->kind[d] = K_CTX;
	for (u32 n = below(g->r, 3); n; n--) {
		u32 to = free_reg(g, 1u << d);

		emit(g, BPF_LDX_MEM(chance(g->r, 80) ? BPF_W : random_size(g), to, d,
				    4 * below(g->r, chance(g->r, 95) ? 8 : 10)));
		g->kind[to] = K_NUM;
	}
	if (chance(g->r, 30)) { /* the next object's fields */
		u32 to = free_reg(g, 1u << d);

		emit(g, BPF_LDX_MEM(BPF_DW, to, d, 16));
		emit(g, BPF_LDX_MEM(BPF_W, to, to, 4 * below(g->r, 8)));
		g->kind[to] = K_NUM;
	}
	if (chance(g->r, 40))
		object_memory(g, d);
	meanwhile(g, d);
	emit(g, BPF_MOV64_REG(1, d));
	emit_kfunc(g, KF_REL);
	clobbered(g, K_NONE);
	g->kind[d] = K_NONE;
	if (chance(g->r, 3))
		access_at(g, d, 0, BPF_W);
	lands(g, at);
	for (u32 i = 0; i < REG_FP; i++)
		if (i != 6)
			g->kind[i] = K_NONE;
}

/* The context, memory with its length, a struct of numbers. */
static void p_kernel_memory(struct gen *g)
{
	u32 s, n, k;

	if (!may_call_kernel(g) || !g->has_ctx)
		return;
	if (chance(g->r, 30)) {
		emit(g, BPF_MOV64_REG(1, 6));
		emit_kfunc(g, KF_CTX);
		clobbered(g, K_NONE);
		return;
	}
	s = number(g);
	n = bound(g, s);
	k = free_reg(g, 1u << s);
	emit(g, BPF_MOV64_REG(k, s));
	g->kind[k] = K_NUM;
	n = round_up(n, 8) + 8;
	for (s32 o = -8; o >= -(s32)n && chance(g->r, 95); o -= 8)
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, o, 1));
	emit(g, BPF_MOV64_REG(1, REG_FP));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 1, -(s32)n));
	emit(g, BPF_MOV64_REG(2, k));
	emit_kfunc(g, chance(g->r, 70) ? KF_MEMLEN : KF_PASS1);
	clobbered(g, K_NONE);
}

static void p_tail_call(struct gen *g)
{
	u32 s;

	if (!g->has_ctx)
		return;
	s = number(g);
	if (chance(g->r, 60))
		emit(g, BPF_ALU64_IMM(BPF_AND, s, 7));
	emit(g, BPF_MOV64_REG(3, s));
	emit(g, BPF_MOV64_REG(1, 6));
	emit_map(g, 2, MAP_PROGS);
	emit(g, BPF_EMIT_CALL(BPF_FUNC_tail_call));
	clobbered(g, K_NONE);
}

static const struct piece pieces[] = {{p_ringbuf, 3},	{p_ringbuf_output, 1}, {p_lock, 2},
				      {p_reference, 4}, {p_kernel_memory, 1},  {p_tail_call, 1}};
THEME(gen_objects, pieces);
