/* SPDX-License-Identifier: BSD-2-Clause */
/* gen_globals.c - global functions: what two paths pass to one, and packets that move in one. */
#include "gen.h"

/* One that may be called from here, of the kind asked for; 0: none. */
static u32 some_global(struct gen *g, bool with_context)
{
	u32 mask = with_context ? g->p->takes_ctx : g->p->global & ~g->p->takes_ctx, n = 0,
	    found = 0;

	if (g->p->unpriv || !can_call(g) || g->p->len > SP_MAX_INSNS - 100)
		return 0;
	for (u32 i = g->func + 1; i <= g->last + 1 && i < SP_MAX_FUNCS; i++)
		if ((mask >> i & 1) && !below(g->r, ++n))
			found = i;
	return found;
}

static void call_global(struct gen *g, u32 callee)
{
	note_call(g, callee, false);
	emit(g, BPF_CALL_REL(0));
	clobbered(g, K_NUM);
}

/* --- arguments --- */

/* The function reads eight bytes there. */
static void good_memory(struct gen *g, u32 d)
{
	s32 slot = -8 * (s32)(1 + below(g->r, 4));

	switch (below(g->r, 4)) {
	case 0:
	case 1:
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, slot, below(g->r, 9)));
		emit(g, BPF_MOV64_REG(d, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, d, slot));
		break;
	case 2: emit_value(g, d, MAP_ONE, 8 * below(g->r, 2)); break;
	case 3: emit(g, BPF_MOV64_IMM(d, 0)); break;
	}
}

/* R9 is a number. */
static void bad_memory(struct gen *g, u32 d)
{
	switch (below(g->r, 4)) {
	case 0: emit(g, BPF_MOV64_REG(d, 9)); break;
	case 1: emit(g, BPF_MOV64_IMM(d, 1 + below(g->r, 99))); break;
	case 2:
		emit(g, BPF_MOV64_REG(d, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, d, -(s32)(1 + below(g->r, 7))));
		break;
	case 3: emit_value(g, d, MAP_ONE, 9 + below(g->r, 7)); break;
	}
}

/* Two paths that meet right before the call: what the second passes is bad, half the time. */
static void p_arguments(struct gen *g)
{
	bool with_context = g->has_ctx && chance(g->r, 50), bad = chance(g->r, 50),
	     null = chance(g->r, 30);
	u32 callee = some_global(g, with_context), mem = with_context ? 2 : 3, at, over;

	if (!callee)
		return;
	unknown_in(g, 9);
	emit(g, BPF_MOV64_IMM(1, below(g->r, 16)));
	emit(g, BPF_MOV64_REG(with_context ? 3 : 2, 9));
	if (with_context)
		emit(g, BPF_MOV64_REG(1, 6));
	at = g->p->len;
	emit(g, BPF_JMP_IMM(random_cond(g), 9, below(g->r, 20), 0));
	if (null)
		emit(g, BPF_MOV64_IMM(mem, 0));
	else
		good_memory(g, mem);
	over = g->p->len;
	emit(g, BPF_JMP_A(0));
	g->p->insns[at].off = g->p->len - at - 1;
	if (null && bad)
		emit(g, BPF_MOV64_REG(mem, 9));
	else if (bad)
		bad_memory(g, mem);
	else
		good_memory(g, mem);
	g->p->insns[over].off = g->p->len - over - 1;
	call_global(g, callee);
	g->kind[9] = K_NUM;
}

/* --- packets --- */

static void load_packet(struct gen *g, u32 bytes)
{
	bool xdp = g->p->type == BPF_PROG_TYPE_XDP;

	emit(g, BPF_LDX_MEM(BPF_W, 7, 6, xdp ? 0 : 76));
	emit(g, BPF_LDX_MEM(BPF_W, 8, 6, xdp ? 4 : 80));
	emit(g, BPF_MOV64_REG(0, 7));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 0, bytes));
	to_end(g, BPF_JMP_REG(BPF_JGT, 0, 8, 0));
	g->kind[0] = g->kind[7] = g->kind[8] = K_NONE;
}

/* A function that moves the packet, most of the time; what was known of it before is used after. */
static void p_packet_call(struct gen *g)
{
	u32 callee = g->has_ctx ? some_global(g, true) : 0, n = 1 + below(g->r, 16);
	bool in_slot = chance(g->r, 25);

	if (!callee || g->p->type == BPF_PROG_TYPE_SOCKET_FILTER)
		return;
	if (chance(g->r, 60))
		g->moves |= 1u << callee;
	load_packet(g, n);
	if (in_slot)
		emit(g, BPF_STX_MEM(BPF_DW, REG_FP, 7, -120));
	emit(g, BPF_MOV64_REG(1, 6));
	emit(g, BPF_MOV64_IMM(2, 0));
	emit(g, BPF_MOV64_IMM(3, below(g->r, 9)));
	call_global(g, callee);
	if (chance(g->r, 40))
		load_packet(g, n);
	else if (in_slot)
		emit(g, BPF_LDX_MEM(BPF_DW, 7, REG_FP, -120));
	access_at(g, 7, below(g->r, n), BPF_B);
	g->kind[7] = g->kind[8] = K_NONE;
}

static const struct piece pieces[] = {{p_arguments, 5}, {p_packet_call, 3}};
THEME(gen_globals, pieces);
