/* SPDX-License-Identifier: BSD-2-Clause */
/* gen_memory.c - map values, the stack, atomics, memory given to helpers. */
#include "gen.h"

/* Looks an element up and leaves a checked pointer. */
void piece_lookup(struct gen *g)
{
	u32 map = below(g->r, 5), d = 7 + below(g->r, 3), off = -8 * (1 + below(g->r, 4));
	enum kind before[VFY_REGS];

	if (map == MAP_ONE && chance(g->r, 70)) {
		d = some_dst(g);
		emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_VALUE, 0,
				 chance(g->r, 80) ? MAP_ONE : MAP_CONST));
		emit(g, BPF_INSN(0, 0, 0, 0, below(g->r, 16)));
		g->kind[d] = K_VALUE;
		g->value_map[d] = g->p->insns[g->p->len - 2].imm;
		return;
	}
	if (map == MAP_CONST)
		map = MAP_PERCPU;
	else if (map > MAP_CONST)
		map = chance(g->r, 50) ? MAP_LRU : MAP_LPM;
	if (chance(g->r, 50))
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, off, below(g->r, 6)));
	else
		emit(g, BPF_STX_MEM(BPF_DW, REG_FP, number(g), off));
	g->written |= 1ull << (-(s32)off / 8 - 1);
	emit(g, BPF_MOV64_REG(2, REG_FP));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 2, off));
	emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map));
	emit(g, BPF_INSN(0, 0, 0, 0, 0));
	emit(g, BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem));
	clobbered(g, K_NONE);
	save(g, before);
	if (chance(g->r, 40)) {
		emit(g, BPF_MOV64_REG(d, 0));
		to_end(g, BPF_JMP_IMM(BPF_JEQ, chance(g->r, 50) ? 0 : d, 0, 0));
	} else {
		to_end(g, BPF_JMP_IMM(BPF_JEQ, 0, 0, 0));
		emit(g, BPF_MOV64_REG(d, 0));
	}
	g->kind[0] = g->kind[d] = K_VALUE;
	g->value_map[0] = g->value_map[d] = map;
}

void access_at(struct gen *g, u32 ptr, s32 off, u8 size)
{
	u32 d = some_dst(g);

	switch (below(g->r, 6)) {
	case 0:
		emit(g, BPF_INSN(BPF_ST | size | BPF_MEM, ptr, 0, off, (s32)rnd_interesting(g->r)));
		break;
	case 1: emit(g, BPF_INSN(BPF_STX | size | BPF_MEM, ptr, number(g), off, 0)); break;
	case 2:
		if (size != BPF_DW && chance(g->r, 60)) {
			emit(g, BPF_INSN(BPF_LDX | size | BPF_MEMSX, d, ptr, off, 0));
			g->kind[d] = K_NUM;
			break;
		}
		fallthrough;
	default: emit(g, BPF_INSN(BPF_LDX | size | BPF_MEM, d, ptr, off, 0)); g->kind[d] = K_NUM;
	}
}

static void p_value_access(struct gen *g)
{
	u32 v = any_of(g, K_VALUE), s, d, n, size;
	u8 sz = random_size(g);

	if (v == VFY_REGS) {
		piece_lookup(g);
		return;
	}
	size = sp_maps[g->value_map[v]].value;
	if (chance(g->r, 35)) {
		access_at(g, v,
			  chance(g->r, 95) ? below(g->r, size - 7) & ~(isa_size_bytes(sz) - 1)
					   : below(g->r, size + 2),
			  sz);
		return;
	}
	s = number(g);
	n = bound(g, s);
	d = some_dst(g);
	if (d == v || d == s)
		d = v == 9 ? 8 : 9;
	if (d == s || d == v)
		return;
	emit(g, BPF_MOV64_REG(d, v));
	if (chance(g->r, 15))
		emit(g, BPF_ALU64_IMM(BPF_ADD, d, below(g->r, 16)));
	if (chance(g->r, 20)) {
		emit(g, BPF_ALU64_IMM(BPF_ADD, d, n));
		emit(g, BPF_ALU64_REG(BPF_SUB, d, s));
	} else {
		emit(g, BPF_ALU64_REG(BPF_ADD, d, s));
	}
	g->kind[d] = K_NONE;
	access_at(g, d,
		  n < size ? below(g->r, size - n + 1) - (chance(g->r, 50) ? min(8u, size - n) : 0)
			   : 0,
		  sz);
}

static void p_stack(struct gen *g)
{
	u32 slot = below(g->r, 6), d = some_dst(g);
	u8 sz = chance(g->r, 50) ? BPF_DW : random_size(g);
	s32 off = -8 * (s32)(slot + 1) +
		  (chance(g->r, 70) ? 0 : below(g->r, 8) & ~(isa_size_bytes(sz) - 1));

	if (!(g->written >> slot & 1) || chance(g->r, 50)) {
		if (chance(g->r, 25))
			emit(g, BPF_INSN(BPF_ST | sz | BPF_MEM, REG_FP, 0, off,
					 chance(g->r, 50) ? 0 : (s32)rnd_interesting(g->r)));
		else
			emit(g, BPF_INSN(BPF_STX | sz | BPF_MEM, REG_FP, number(g), off, 0));
		if (sz == BPF_DW)
			g->written |= 1ull << slot;
		return;
	}
	emit(g, BPF_INSN(BPF_LDX | sz | (sz != BPF_DW && chance(g->r, 15) ? BPF_MEMSX : BPF_MEM), d,
			 REG_FP, off, 0));
	g->kind[d] = K_NUM;
}

/* A pointer goes to the stack and comes back. */
static void p_spill(struct gen *g)
{
	u32 v = any_of(g, chance(g->r, 70) ? K_VALUE : K_CTX), d = 7 + below(g->r, 3),
	    slot = 7 + below(g->r, 2);

	if (v == VFY_REGS)
		return;
	emit(g, BPF_STX_MEM(BPF_DW, REG_FP, v, -8 * (s32)(slot + 1)));
	if (chance(g->r, 50))
		block(g, 1);
	emit(g, BPF_LDX_MEM(BPF_DW, d, REG_FP, -8 * (s32)(slot + 1)));
	g->kind[d] = g->kind[v] == K_NONE ? K_NONE : g->kind[v];
	g->value_map[d] = g->value_map[v];
}

static void p_var_stack(struct gen *g)
{
	u32 s = number(g), d = some_dst(g), n = bound(g, s);

	if (d == s)
		return;
	emit(g, BPF_MOV64_REG(d, REG_FP));
	if (chance(g->r, 50)) {
		emit(g, BPF_ALU64_IMM(BPF_ADD, d, -(s32)(n + 8)));
		emit(g, BPF_ALU64_REG(BPF_ADD, d, s));
		g->kind[d] = K_NONE;
		access_at(g, d, chance(g->r, 50) ? 0 : -(s32)below(g->r, 16), random_size(g));
	} else {
		emit(g, BPF_ALU64_REG(BPF_ADD, d, s));
		g->kind[d] = K_NONE;
		access_at(g, d, -(s32)(n + 8 + below(g->r, 8)), random_size(g));
	}
}

static void p_atomic(struct gen *g)
{
	static const s32 ops[] = {
		BPF_ADD, BPF_ADD | BPF_FETCH, BPF_AND,	BPF_AND | BPF_FETCH, BPF_OR | BPF_FETCH,
		BPF_XOR, BPF_XOR | BPF_FETCH, BPF_XCHG, BPF_CMPXCHG};
	s32 op = ops[below(g->r, ARRAY_SIZE(ops))];
	u8 size = chance(g->r, 50) ? BPF_W : BPF_DW;
	u32 v = any_of(g, K_VALUE), s = number(g), slot;

	if (op == BPF_CMPXCHG && g->kind[0] != K_NUM) {
		emit(g, BPF_MOV64_IMM(0, below(g->r, 3)));
		g->kind[0] = K_NUM;
		s = number(g);
	}
	if (v != VFY_REGS && g->kind[v] == K_VALUE && chance(g->r, 60)) {
		emit(g, BPF_ATOMIC_OP(size, op, v, s, 8 * below(g->r, 2)));
		return;
	}
	slot = below(g->r, 6);
	if (!(g->written >> slot & 1))
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, -8 * (s32)(slot + 1), below(g->r, 4)));
	g->written |= 1ull << slot;
	emit(g, BPF_ATOMIC_OP(size, op, REG_FP, s, -8 * (s32)(slot + 1)));
}

/* R1.. = stack memory of a bounded size: csum_diff, skb_load_bytes, probe_read_kernel, update */
static void p_helper_mem(struct gen *g)
{
	u32 s = number(g), n = bound(g, s), keep = 7 + below(g->r, 3);
	bool skb = g->p->type != BPF_PROG_TYPE_XDP, v;
	u32 val;

	if (g->kind[s] != K_NUM)
		return;
	emit(g, BPF_MOV64_REG(keep, s));
	g->kind[keep] = K_NUM;
	val = any_of(g, K_VALUE);
	v = val != VFY_REGS && val > 5 && chance(g->r, 40);
	if (!v)
		for (s32 o = -8; o >= -(s32)round_up(n, 8) - 8 && chance(g->r, 80); o -= 8)
			emit(g, BPF_ST_MEM(BPF_DW, REG_FP, o, 0));
#define MEM_ARG(R)                                                                                 \
	do {                                                                                       \
		emit(g, BPF_MOV64_REG(R, v ? val : REG_FP));                                       \
		if (!v)                                                                            \
			emit(g, BPF_ALU64_IMM(BPF_ADD, R,                                          \
					      -(s32)round_up(n, 8) - (chance(g->r, 60) ? 8 : 0))); \
	} while (0)
	switch (below(g->r, 3)) {
	case 0:
		if (g->p->type == BPF_PROG_TYPE_SOCKET_FILTER)
			return;
		MEM_ARG(1);
		emit(g, BPF_MOV64_REG(2, keep));
		if (chance(g->r, 50))
			emit(g, BPF_ALU64_IMM(BPF_AND, 2, ~3));
		emit(g, BPF_MOV64_IMM(3, 0));
		emit(g, BPF_MOV64_IMM(4, 0));
		emit(g, BPF_MOV64_IMM(5, 0));
		emit(g, BPF_EMIT_CALL(BPF_FUNC_csum_diff));
		break;
	case 1:
		if (!skb || !g->has_ctx)
			return;
		emit(g, BPF_MOV64_REG(4, keep));
		if (chance(g->r, 70))
			to_end(g, BPF_JMP_IMM(BPF_JEQ, 4, 0, 0));
		MEM_ARG(3);
		emit(g, BPF_MOV64_IMM(2, below(g->r, 20)));
		emit(g, BPF_MOV64_REG(1, 6));
		emit(g, BPF_EMIT_CALL(BPF_FUNC_skb_load_bytes));
		break;
	case 2:
		if (g->p->unpriv)
			return;
		MEM_ARG(1);
		emit(g, BPF_MOV64_REG(2, keep));
		emit(g, BPF_MOV64_IMM(3, 0));
		emit(g, BPF_EMIT_CALL(BPF_FUNC_probe_read_kernel));
		break;
	}
	clobbered(g, K_NUM);
}

static void p_update(struct gen *g)
{
	static const u32 maps[] = {MAP_ARRAY, MAP_HASH, MAP_LRU, MAP_LPM};
	u32 map = maps[below(g->r, 4)], v = any_of(g, K_VALUE);
	s32 top = -8 * (s32)((sp_maps[map].value + 7) / 8);

	emit(g, BPF_ST_MEM(BPF_DW, REG_FP, top - 8, below(g->r, 5)));
	if (v > 5 && v != VFY_REGS && chance(g->r, 40)) {
		emit(g, BPF_MOV64_REG(3, v));
	} else {
		for (s32 o = -8; o >= top; o -= 8)
			emit(g, BPF_ST_MEM(BPF_DW, REG_FP, o, o));
		g->written |= (1ull << (-top / 8 + 1)) - 1;
		emit(g, BPF_MOV64_REG(3, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, 3, top));
	}
	emit(g, BPF_MOV64_REG(2, REG_FP));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 2, top - 8));
	emit(g, BPF_MOV64_IMM(4, 0));
	emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map));
	emit(g, BPF_INSN(0, 0, 0, 0, 0));
	emit(g, BPF_EMIT_CALL(BPF_FUNC_map_update_elem));
	clobbered(g, K_NUM);
}

static const struct piece pieces[] = {{piece_lookup, 4}, {p_value_access, 9}, {p_stack, 12},
				      {p_spill, 2},	 {p_var_stack, 4},    {p_atomic, 3},
				      {p_helper_mem, 3}, {p_update, 1}};
THEME(gen_memory, pieces);
