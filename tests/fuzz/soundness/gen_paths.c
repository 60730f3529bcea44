/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gen_paths.c - two paths meet right before something that must not be decided for one by what the
 * other brought: sizes, constants, objects on the stack. The path that is walked first is good, the
 * other half the time. R9 tells the paths apart, R8 carries the number, R7 is free.
 */
#include "gen.h"

static bool room(const struct gen *g)
{
	return !g->in_loop && g->depth < 3 && g->p->len < SP_MAX_INSNS - 100;
}

static void lands(struct gen *g, u32 at)
{
	g->p->insns[at].off = g->p->len - at - 1;
}

static void fp_plus(struct gen *g, u32 d, s32 off)
{
	emit(g, BPF_MOV64_REG(d, REG_FP));
	emit(g, BPF_ALU64_IMM(BPF_ADD, d, off));
}

static void done(struct gen *g)
{
	for (u32 i = 0; i < REG_FP; i++)
		if (!(i == 6 && g->has_ctx))
			g->kind[i] = K_NONE;
}

/* The second path begins; -> where the first leaves. */
static u32 fork_here(struct gen *g)
{
	u32 at;

	unknown_in(g, 9);
	at = g->p->len;
	emit(g, BPF_JMP_IMM(random_cond(g), 9, below(g->r, 20), 0));
	return at;
}

static u32 other_path(struct gen *g, u32 at)
{
	u32 over = g->p->len;

	emit(g, BPF_JMP_A(0));
	lands(g, at);
	return over;
}

static void meet(struct gen *g, u32 over)
{
	lands(g, over);
	emit(g, BPF_JMP_A(0)); /* a place to be pruned at */
}

/* R8 is @good, and on the other path that or @bad. */
static void two_numbers(struct gen *g, s32 good, s32 bad)
{
	u32 over = fork_here(g);

	emit(g, BPF_MOV64_IMM(8, good));
	over = other_path(g, over);
	emit(g, BPF_MOV64_IMM(8, chance(g->r, 50) ? bad : good));
	meet(g, over);
}

static void access_value(struct gen *g, u32 ptr, s32 off)
{
	emit(g, BPF_LDX_MEM(BPF_B, 0, ptr, off));
}

/* --- numbers --- */

/* A record as large as R8, then its last byte. */
static void p_record_size(struct gen *g)
{
	u32 size = 8 * (1 + below(g->r, 4)), at;

	if (!room(g))
		return;
	two_numbers(g, size, 8 * (s32)below(g->r, size / 8 + 1));
	emit_map(g, 1, MAP_RING);
	emit(g, BPF_MOV64_REG(2, 8));
	emit(g, BPF_MOV64_IMM(3, 0));
	emit(g, BPF_EMIT_CALL(BPF_FUNC_ringbuf_reserve));
	at = g->p->len;
	emit(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
	emit(g, BPF_ST_MEM(BPF_B, 0, (s32)size - 1, 1));
	emit(g, BPF_MOV64_REG(1, 0));
	emit(g, BPF_MOV64_IMM(2, 0));
	emit(g, BPF_EMIT_CALL(BPF_FUNC_ringbuf_submit));
	lands(g, at);
	done(g);
}

/* So much of an object as memory, then the last byte of it. */
static void p_object_size(struct gen *g)
{
	u32 size = 1 + below(g->r, 8), at, none;

	if (!room(g) || sp_kfunc_id[KF_ACQ] < 0 ||
	    (g->p->type != BPF_PROG_TYPE_SCHED_CLS && g->p->type != BPF_PROG_TYPE_TRACING))
		return;
	emit(g, BPF_ST_MEM(BPF_DW, REG_FP, -8, 0));
	fp_plus(g, 1, -8);
	emit_kfunc(g, KF_ACQ);
	none = g->p->len;
	emit(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
	emit(g, BPF_MOV64_REG(7, 0));
	g->kind[7] = K_CTX;
	two_numbers(g, size, below(g->r, size));
	emit(g, BPF_MOV64_REG(1, 7));
	emit(g, BPF_MOV64_REG(2, 8));
	emit_kfunc(g, chance(g->r, 50) ? KF_RDWR : KF_RDONLY);
	at = g->p->len;
	emit(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
	access_value(g, 0, (s32)size - 1);
	lands(g, at);
	emit(g, BPF_MOV64_REG(1, 7));
	emit_kfunc(g, KF_REL);
	lands(g, none);
	done(g);
}

/* Memory on the stack and how much of it. */
static void p_memory_size(struct gen *g)
{
	bool kernel = g->p->type == BPF_PROG_TYPE_SCHED_CLS && sp_kfunc_id[KF_MEMLEN] > 0;
	u32 size = 4 * (1 + below(g->r, 4));

	if (!room(g) || (!kernel && g->p->type == BPF_PROG_TYPE_SOCKET_FILTER))
		return;
	for (u32 i = 0; i < 2; i++)
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, -8 * (s32)(i + 1), 1));
	two_numbers(g, size, size + 4 * below(g->r, 4));
	fp_plus(g, 1, -(s32)size);
	emit(g, BPF_MOV64_REG(2, 8));
	for (u32 i = 3; i <= 5; i++)
		emit(g, BPF_MOV64_IMM(i, 0));
	if (kernel && chance(g->r, 60))
		emit_kfunc(g, KF_MEMLEN);
	else
		emit(g, BPF_EMIT_CALL(BPF_FUNC_csum_diff));
	g->written |= 3;
	done(g);
}

/* R8 + pointer, which is a pointer. */
static void p_number_plus_pointer(struct gen *g)
{
	u32 n = below(g->r, 16);

	if (!room(g))
		return;
	two_numbers(g, n, n + below(g->r, 30));
	emit_value(g, 7, MAP_ONE, 0);
	emit(g, BPF_ALU64_REG(BPF_ADD, 8, 7));
	access_value(g, 8, 15 - (s32)n);
	done(g);
}

/* R8 decides a branch, as the second operand, and that about an access. */
static void p_decides(struct gen *g)
{
	u8 op = random_cond(g), cls = chance(g->r, 70) ? BPF_JMP : BPF_JMP32;
	u32 n = below(g->r, 16);

	if (!room(g))
		return;
	two_numbers(g, n, below(g->r, 16));
	emit_value(g, 7, MAP_ONE, 0);
	emit(g, BPF_MOV64_IMM(1, below(g->r, 16)));
	emit(g, BPF_INSN(cls | op | BPF_X, 1, 8, 1, 0));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 7, 20));
	access_value(g, 7, chance(g->r, 50) ? 0 : -20);
	done(g);
}

/* --- what is on the stack --- */

/* A key that was written on one path only. */
static void p_unwritten(struct gen *g)
{
	s32 slot = -8 * (s32)(3 + below(g->r, 4));
	u32 over = 0;

	if (!room(g))
		return;
	over = fork_here(g);
	emit(g, BPF_ST_MEM(BPF_DW, REG_FP, slot, below(g->r, 4)));
	over = other_path(g, over);
	if (chance(g->r, 50))
		emit(g,
		     BPF_ST_MEM(chance(g->r, 50) ? BPF_DW : BPF_W, REG_FP, slot, below(g->r, 4)));
	else if (chance(g->r, 30))
		emit(g, BPF_STX_MEM(BPF_DW, REG_FP, REG_FP, slot));
	meet(g, over);
	fp_plus(g, 2, slot);
	emit_map(g, 1, MAP_HASH);
	emit(g, BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem));
	done(g);
	g->written &= ~(1ull << (-slot / 8 - 1));
}

static void spoil(struct gen *g, s32 at, u32 slots)
{
	if (chance(g->r, 50))
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, at + 8 * (s32)below(g->r, slots), 0));
}

static void dynptr_at(struct gen *g, s32 d)
{
	emit_value(g, 1, MAP_ONE, 0);
	emit(g, BPF_MOV64_IMM(2, 8));
	emit(g, BPF_MOV64_IMM(3, 0));
	fp_plus(g, 4, d);
	emit(g, BPF_EMIT_CALL(BPF_FUNC_dynptr_from_mem));
	clobbered(g, K_NONE);
}

static void p_dynptr_on_one(struct gen *g)
{
	s32 d = -120 - 8 * (s32)below(g->r, 2);
	u32 over;

	if (!room(g) || g->p->unpriv)
		return;
	dynptr_at(g, d);
	over = other_path(g, fork_here(g));
	if (chance(g->r, 30)) { /* halves of two others in its place */
		dynptr_at(g, d - 8);
		dynptr_at(g, d + 8);
	} else {
		spoil(g, d, 2);
	}
	meet(g, over);
	fp_plus(g, 1, d);
	emit(g, BPF_MOV64_IMM(2, 0));
	emit(g, BPF_MOV64_IMM(3, 4));
	emit(g, BPF_EMIT_CALL(BPF_FUNC_dynptr_data));
	emit(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 1));
	access_value(g, 0, 0);
	done(g);
}

/* A zero on one path, a pointer on the other, and a callback that may overwrite it. */
static void p_promise(struct gen *g)
{
	s32 slot = -8 * (s32)(3 + below(g->r, 4));
	u32 over;

	if (!room(g) || g->p->unpriv || !can_call(g))
		return;
	emit_value(g, 7, MAP_ONE, 0);
	g->kind[7] = K_CTX;
	over = fork_here(g);
	emit(g, BPF_ST_MEM(BPF_DW, REG_FP, slot, 0));
	over = other_path(g, over);
	emit(g, BPF_STX_MEM(BPF_DW, REG_FP, 7, slot));
	meet(g, over);
	emit(g, BPF_MOV64_IMM(1, 1 + below(g->r, 4)));
	fp_plus(g, 3, slot);
	emit(g, BPF_MOV64_IMM(4, 0));
	note_call(g, g->func + 1, true);
	emit_imm64(g, 2, BPF_PSEUDO_FUNC, 0);
	emit(g, BPF_EMIT_CALL(BPF_FUNC_loop));
	emit(g, BPF_LDX_MEM(BPF_DW, 8, REG_FP, slot));
	emit(g, BPF_JMP_IMM(BPF_JEQ, 8, 0, 1));
	access_value(g, 8, 0);
	done(g);
	g->written &= ~(1ull << (-slot / 8 - 1));
}

static void p_iterator_on_one(struct gen *g)
{
	s32 it = -104;
	u32 over;

	if (!room(g) || g->p->type != BPF_PROG_TYPE_SCHED_CLS || sp_kfunc_id[KF_ITER_NEW] < 0)
		return;
	fp_plus(g, 1, it);
	emit(g, BPF_MOV64_IMM(2, 0));
	emit(g, BPF_MOV64_IMM(3, 3));
	emit_kfunc(g, KF_ITER_NEW);
	clobbered(g, K_NONE);
	over = other_path(g, fork_here(g));
	if (chance(g->r, 50)) { /* another takes its place */
		fp_plus(g, 1, it);
		emit_kfunc(g, KF_ITER_DESTROY);
		clobbered(g, K_NONE);
		fp_plus(g, 1, it - 8 * (s32)below(g->r, 2));
		emit(g, BPF_MOV64_IMM(2, 0));
		emit(g, BPF_MOV64_IMM(3, 5));
		emit_kfunc(g, KF_ITER_NEW);
		clobbered(g, K_NONE);
	}
	meet(g, over);
	fp_plus(g, 1, it);
	emit_kfunc(g, KF_ITER_DESTROY);
	done(g);
}

static const struct piece pieces[] = {
	{p_record_size, 1},	    {p_object_size, 2},	    {p_memory_size, 1},
	{p_number_plus_pointer, 1}, {p_decides, 1},	    {p_unwritten, 1},
	{p_dynptr_on_one, 1},	    {p_iterator_on_one, 2}, {p_promise, 2}};
THEME(gen_paths, pieces);
