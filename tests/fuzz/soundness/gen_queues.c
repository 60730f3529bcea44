/* SPDX-License-Identifier: BSD-2-Clause */
/* gen_queues.c - maps without keys: queues, stacks, filters. */
#include "gen.h"

static const u32 maps[] = {MAP_FIFO, MAP_LIFO, MAP_BLOOM};

/* The bytes at @off of the stack hold something known. */
static void write_value(struct gen *g, s32 off, u32 size)
{
	for (u32 i = 0; i < size; i += 8) {
		emit(g, BPF_ST_MEM(BPF_DW, REG_FP, off + (s32)i, below(g->r, 12)));
		g->written |= 1ull << (-(off + (s32)i) / 8 - 1);
	}
}

/* What came out is an offset. */
static void use_value(struct gen *g, s32 off)
{
	u32 d = free_reg(g, 0);

	emit(g, BPF_LDX_MEM(BPF_DW, d, REG_FP, off));
	if (chance(g->r, 70))
		to_end(g, BPF_JMP_IMM(BPF_JGT, d, below(g->r, 15), 0));
	emit_value(g, 1, MAP_ONE, 0);
	emit(g, BPF_ALU64_REG(BPF_ADD, 1, d));
	access_at(g, 1, 0, BPF_B);
	g->kind[d] = K_NUM;
	g->kind[1] = K_NONE;
}

static void p_queue(struct gen *g)
{
	static const s32 calls[] = {BPF_FUNC_map_push_elem, BPF_FUNC_map_pop_elem,
				    BPF_FUNC_map_peek_elem};
	u32 map = maps[below(g->r, 3)], size = sp_maps[map].value;
	s32 off = -8 * (s32)(1 + below(g->r, 4)) - (s32)size + 8, call = calls[below(g->r, 3)];
	u32 v = any_of(g, K_VALUE);

	if (call == BPF_FUNC_map_pop_elem && map == MAP_BLOOM && !chance(g->r, 5))
		call = BPF_FUNC_map_peek_elem;
	if (chance(g->r, 80) || (call != BPF_FUNC_map_pop_elem && !chance(g->r, 5)))
		write_value(g, off, size);
	if (v > 5 && v != VFY_REGS && chance(g->r, 20)) {
		emit(g, BPF_MOV64_REG(2, v)); /* in another map */
	} else {
		emit(g, BPF_MOV64_REG(2, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, 2, chance(g->r, 97) ? off : off + 8));
	}
	emit(g, BPF_MOV64_IMM(3, 0));
	emit_map(g, 1, map);
	emit(g, BPF_EMIT_CALL(call));
	clobbered(g, K_NUM);
	if (chance(g->r, 50))
		use_value(g, off + 8 * (s32)below(g->r, size / 8));
}

static const struct piece pieces[] = {{p_queue, 3}};
THEME(gen_queues, pieces);
