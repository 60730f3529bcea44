/* SPDX-License-Identifier: BSD-2-Clause */
/* gen_flow.c - branches, loops, calls, callbacks. */
#include "gen.h"

static void p_branch(struct gen *g)
{
	enum kind before[VFY_REGS], then[VFY_REGS];
	struct bpf_insn j = random_jump(g);
	u32 at = g->p->len, over;
	u64 written = g->written, w;

	if (g->depth > 3)
		return;
	save(g, before);
	emit(g, j);
	g->depth++;
	block(g, 1 + below(g->r, 3));
	if (chance(g->r, 50)) {
		over = g->p->len;
		emit(g, BPF_JMP_A(0));
		g->p->insns[at].off = g->p->len - at - 1;
		save(g, then);
		w = g->written;
		memcpy(g->kind, before, sizeof(before));
		g->written = written;
		block(g, 1 + below(g->r, 3));
		g->p->insns[over].off = g->p->len - over - 1;
		join(g, then);
		g->written &= w;
	} else {
		g->p->insns[at].off = g->p->len - at - 1;
		join(g, before);
		g->written &= written;
	}
	g->depth--;
}

static void p_loop(struct gen *g)
{
	u32 c = 7 + below(g->r, 3), n = 1 + below(g->r, 6), top;
	enum kind before[VFY_REGS];
	bool mem = chance(g->r, 30);

	if (g->p->unpriv || g->depth > 1 || g->in_loop)
		return;
	if (mem)
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, -80, 0));
	else
		emit(g, BPF_MOV64_IMM(c, 0));
	g->kind[c] = mem ? g->kind[c] : K_NONE; /* nobody shall change it */
	/* what the body makes of registers it may only count on if it was so before: forget all
	 * numbers but one */
	for (u32 i = 0; i < REG_FP; i++)
		if (g->kind[i] != K_NUM && !(i == 6 && g->has_ctx))
			g->kind[i] = K_NONE;
	save(g, before);
	top = g->p->len;
	g->in_loop = true;
	g->depth++;
	block(g, 1 + below(g->r, 3));
	g->depth--;
	g->in_loop = false;
	/* numbers of before that are none now would be bad in the next round */
	for (u32 i = 0; i < REG_FP; i++)
		if (before[i] == K_NUM && g->kind[i] != K_NUM) {
			emit(g, BPF_MOV64_IMM(i, below(g->r, 9)));
			g->kind[i] = K_NUM;
		}
	if (mem) {
		emit(g, BPF_LDX_MEM(BPF_DW, c, REG_FP, -80));
		emit(g, BPF_ALU64_IMM(BPF_ADD, c, 1));
		emit(g, BPF_STX_MEM(BPF_DW, REG_FP, c, -80));
		g->kind[c] = K_NUM;
	} else {
		emit(g, BPF_ALU64_IMM(BPF_ADD, c, 1));
	}
	emit(g, BPF_JMP_IMM(chance(g->r, 50)   ? BPF_JLT
			    : chance(g->r, 50) ? BPF_JSLT
					       : BPF_JNE,
			    c, n, (s32)top - (s32)g->p->len - 1));
	join(g, before);
	g->kind[c] = K_NUM;
}

/* A loop that may_goto ends. */
static void p_open_loop(struct gen *g)
{
	enum kind before[VFY_REGS];
	bool in_loop = g->in_loop;
	u32 top;

	if (g->p->unpriv || g->depth > 2)
		return;
	for (u32 i = 0; i < REG_FP; i++)
		if (g->kind[i] != K_NUM && !(i == 6 && g->has_ctx))
			g->kind[i] = K_NONE;
	save(g, before);
	top = g->p->len;
	emit(g, BPF_MAY_GOTO_INSN(0));
	g->in_loop = true;
	g->depth++;
	block(g, 1 + below(g->r, 4));
	g->depth--;
	g->in_loop = in_loop;
	for (u32 i = 0; i < REG_FP; i++)
		if (before[i] == K_NUM && g->kind[i] != K_NUM) {
			emit(g, BPF_MOV64_IMM(i, below(g->r, 9)));
			g->kind[i] = K_NUM;
		}
	emit(g, BPF_JMP_A((s32)top - (s32)g->p->len - 1));
	g->p->insns[top].off = g->p->len - top - 1;
	join(g, before);
}

/* An index that is right most of the time. */
static u32 small(struct gen *g)
{
	return chance(g->r, 80) ? 1 : chance(g->r, 70) ? below(g->r, 8) : 100;
}

/* A loop in which a number reaches its use over several rounds and branches: R7 is used, R8 is
 * R7 one round later, R9 two. */
static void p_handed_on(struct gen *g)
{
	u32 top, n = 2 + below(g->r, 4), use = below(g->r, n), at;
	bool steady = chance(g->r, 50); /* only one path brings something new, before the loop */

	if (g->p->unpriv || g->depth > 1 || g->in_loop || g->p->len > SP_MAX_INSNS - 60)
		return;
	for (u32 i = 7; i < REG_FP; i++)
		emit(g, BPF_MOV64_IMM(i, steady ? 1 : small(g)));
	if (steady || chance(g->r, 60)) {
		unknown_in(g, 0);
		emit(g, BPF_JMP_IMM(random_cond(g), 0, below(g->r, 9), 1));
		if (chance(g->r, 50)) /* the path with the news is the second */
			emit(g, BPF_JMP_A(1));
		emit(g, BPF_MOV64_IMM(7 + below(g->r, 3), steady ? 100 : small(g)));
	}
	top = g->p->len;
	emit(g, BPF_MAY_GOTO_INSN(0));
	for (u32 i = 0; i < n; i++) {
		unknown_in(g, 0);
		at = g->p->len;
		emit(g, BPF_JMP_IMM(random_cond(g), 0, below(g->r, 9), 0));
		if (i == use) {
			emit_value(g, 1, MAP_ONE, 0);
			emit(g, BPF_ALU64_REG(BPF_ADD, 1, 7));
			emit(g, BPF_LDX_MEM(BPF_B, 0, 1, 0));
		} else if (steady || chance(g->r, 70)) {
			u32 d = 7 + below(g->r, 2);

			emit(g, BPF_MOV64_REG(d, d + 1));
		} else {
			emit(g, BPF_MOV64_IMM(7 + below(g->r, 3), small(g)));
		}
		if (chance(g->r, 50))
			emit(g, BPF_JMP_A((s32)top - (s32)g->p->len - 1));
		g->p->insns[at].off = g->p->len - at - 1;
	}
	emit(g, BPF_JMP_A((s32)top - (s32)g->p->len - 1));
	g->p->insns[top].off = g->p->len - top - 1;
	clobbered(g, K_NONE);
	for (u32 i = 7; i < REG_FP; i++)
		g->kind[i] = K_NUM;
}

/* A global function of (context, u64 *, int). */
static void call_with_context(struct gen *g, u32 callee, u32 n)
{
	s32 slot = -8 * (s32)(1 + below(g->r, 4));

	if (!g->has_ctx)
		return;
	emit(g, BPF_MOV64_REG(3, n));
	if (chance(g->r, 70)) {
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, slot, below(g->r, 9)));
		emit(g, BPF_MOV64_REG(2, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, 2, slot));
	} else if (chance(g->r, 50)) {
		emit_value(g, 2, MAP_ONE, 8 * below(g->r, 2));
	} else {
		emit(g, BPF_MOV64_IMM(2, 0));
	}
	emit(g, BPF_MOV64_REG(1, 6));
	note_call(g, callee, false);
	emit(g, BPF_CALL_REL(0));
	clobbered(g, K_NUM);
}

static void p_call(struct gen *g)
{
	u32 callee, n = number(g), m = number(g);
	u32 v = any_of(g, K_VALUE);
	bool ptr = chance(g->r, 40), loop = !g->p->unpriv && chance(g->r, 25);

	if (g->p->unpriv || !can_call(g) || g->p->len + 10 > SP_MAX_INSNS)
		return;
	callee = g->func + 1 + below(g->r, SP_MAX_FUNCS - g->func - 1);
	if (chance(g->r, 60) || callee > g->last + 1)
		callee = g->func + 1;
	g->last = max(g->last, callee);
	if (loop) {
		bool map = chance(g->r, 30);

		if (g->in_loop)
			return;
		emit(g, BPF_MOV64_REG(3, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, 3, -8 * (s32)(1 + below(g->r, 3))));
		if (chance(g->r, 20))
			emit(g, BPF_MOV64_IMM(3, 0));
		if (map) {
			emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0,
					 chance(g->r, 50) ? MAP_ARRAY : MAP_HASH));
			emit(g, BPF_INSN(0, 0, 0, 0, 0));
		} else if (n > 0 && n < 6 ? n != 1 && n != 3 : true) {
			emit(g, BPF_MOV64_REG(1, n));
		} else {
			emit(g, BPF_MOV64_IMM(1, below(g->r, 5)));
		}
		emit(g, BPF_MOV64_IMM(4, 0));
		note_call(g, callee, true);
		emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, 2, BPF_PSEUDO_FUNC, 0, 0));
		emit(g, BPF_INSN(0, 0, 0, 0, 0));
		emit(g, BPF_EMIT_CALL(map ? BPF_FUNC_for_each_map_elem : BPF_FUNC_loop));
		clobbered(g, K_NUM);
		return;
	}
	if (g->p->takes_ctx >> callee & 1) {
		call_with_context(g, callee, n);
		return;
	}
	emit(g, BPF_MOV64_REG(1, n));
	g->kind[1] = K_NUM;
	emit(g, BPF_MOV64_REG(2, m));
	g->kind[2] = K_NUM;
	emit(g, BPF_MOV64_IMM(3, 0));
	if (ptr && v != VFY_REGS && v > 3) {
		emit(g, BPF_MOV64_REG(3, v));
	} else if (ptr) {
		u32 slot = below(g->r, 4);

		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, -8 * (s32)(slot + 1), 0));
		emit(g, BPF_MOV64_REG(3, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, 3, -8 * (s32)(slot + 1)));
	}
	note_call(g, callee, false);
	emit(g, BPF_CALL_REL(0));
	clobbered(g, K_NUM);
}

/* A callback may change what the caller keeps in its stack, in some rounds. */
static void p_callback(struct gen *g)
{
	u32 kind = below(g->r, 4), d = 7 + below(g->r, 3), v = d == 9 ? 7 : d + 1;
	s32 slot = -8 * (s32)(1 + below(g->r, 4)),
	    arg = chance(g->r, 75) ? slot : -8 * (s32)(1 + below(g->r, 4));

	if (g->p->unpriv || !can_call(g) || g->p->len > SP_MAX_INSNS - 120 || g->in_loop)
		return;
	if (kind == 0) {
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, slot, 0));
	} else if (kind == 1) {
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, slot, below(g->r, 8)));
	} else {
		emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_VALUE, 0, MAP_ONE));
		emit(g, BPF_INSN(0, 0, 0, 0, below(g->r, 8)));
		if (kind == 2)
			emit(g, BPF_STX_MEM(BPF_DW, REG_FP, d, slot));
		else
			emit(g, BPF_ST_MEM(BPF_DW, REG_FP, slot, 0));
	}
	if (arg != slot)
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, arg, below(g->r, 3)));
	emit(g, BPF_MOV64_IMM(1, 1 + below(g->r, 5)));
	emit(g, BPF_MOV64_REG(3, REG_FP));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 3, arg));
	emit(g, BPF_MOV64_IMM(4, 0));
	note_call(g, g->func + 1, true);
	emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, 2, BPF_PSEUDO_FUNC, 0, 0));
	emit(g, BPF_INSN(0, 0, 0, 0, 0));
	emit(g, BPF_EMIT_CALL(BPF_FUNC_loop));
	clobbered(g, K_NUM);
	g->kind[d] = g->kind[v] = K_NONE;
	emit(g, BPF_LDX_MEM(BPF_DW, d, REG_FP, slot));
	if (kind == 2) {
		access_at(g, d, below(g->r, 8), BPF_B);
	} else {
		emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, v, BPF_PSEUDO_MAP_VALUE, 0, MAP_ONE));
		emit(g, BPF_INSN(0, 0, 0, 0, 0));
		if (kind == 1 && chance(g->r, 70))
			to_end(g, BPF_JMP_IMM(BPF_JGT, d, 7, 0));
		emit(g, BPF_ALU64_REG(BPF_ADD, v, d));
		access_at(g, v, below(g->r, 8), BPF_B);
	}
	g->kind[d] = g->kind[v] = K_NONE;
	g->written &= ~(1ull << (-slot / 8 - 1) | 1ull << (-arg / 8 - 1));
}

/* The callback: R1 round, R2 the caller's stack. */
void callback_body(struct gen *g)
{
	u32 n = 1 + below(g->r, 3);

	while (n--) {
		u32 at = g->p->len;
		bool cond = chance(g->r, 70);

		if (chance(g->r, 30))
			emit(g, BPF_LDX_MEM(BPF_DW, 4, 2, 0));
		else
			emit(g, BPF_MOV64_REG(4, 1));
		at = g->p->len;
		if (cond)
			emit(g, BPF_JMP_IMM(random_cond(g), chance(g->r, 60) ? 1 : 4,
					    below(g->r, 6), 0));
		switch (below(g->r, 7)) {
		case 0:
			emit(g, BPF_ST_MEM(BPF_DW, 2, 0, chance(g->r, 40) ? 0 : below(g->r, 12)));
			break;
		case 1: emit(g, BPF_STX_MEM(BPF_DW, 2, 4, 0)); break;
		case 2:
			emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, 3, BPF_PSEUDO_MAP_VALUE, 0,
					 MAP_ONE));
			emit(g, BPF_INSN(0, 0, 0, 0, below(g->r, 10)));
			emit(g, BPF_STX_MEM(BPF_DW, 2, 3, 0));
			break;
		case 3: emit(g, BPF_ATOMIC_OP(BPF_DW, BPF_ADD, 2, 1, 0)); break;
		case 4: emit(g, BPF_STX_MEM(BPF_B, 2, 1, 0)); break;
		case 5:
			emit(g, BPF_STX_MEM(BPF_DW, REG_FP, 2, -8));
			emit(g, BPF_MOV64_IMM(2, 0));
			emit(g, BPF_LDX_MEM(BPF_DW, 2, REG_FP, -8));
			break;
		}
		if (cond)
			g->p->insns[at].off = g->p->len - at - 1;
	}
	emit(g, BPF_MOV64_IMM(0, 0));
	if (chance(g->r, 40)) {
		emit(g, BPF_JMP_IMM(random_cond(g), 1, below(g->r, 4), 1));
		emit(g, BPF_MOV64_IMM(0, 1));
	} else if (chance(g->r, 30)) { /* the first path's may be good */
		emit(g, BPF_JMP_IMM(random_cond(g), 1, below(g->r, 4), 1));
		emit(g, BPF_JMP_A(1));
		emit(g, BPF_MOV64_IMM(0, below(g->r, 3)));
		emit(g, BPF_JMP_A(0));
	}
	emit(g, BPF_EXIT_INSN());
}

static const struct piece pieces[] = {{p_branch, 16},  {p_loop, 4},	 {p_call, 4},
				      {p_callback, 3}, {p_open_loop, 3}, {p_handed_on, 5}};
THEME(gen_flow, pieces);
