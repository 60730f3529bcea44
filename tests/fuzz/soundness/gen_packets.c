/* SPDX-License-Identifier: BSD-2-Clause */
/* gen_packets.c - packet data: checked lengths, moved packets, LD_ABS. */
#include "gen.h"

static void p_packet(struct gen *g)
{
	bool xdp = g->p->type == BPF_PROG_TYPE_XDP;
	u32 data = 7, end = 8, cur = 9, n = 1 + below(g->r, 24), s;
	static const u8 ops[] = {BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE};
	enum kind before[VFY_REGS];
	u8 op = ops[below(g->r, 4)];
	bool swap = op == BPF_JLT || op == BPF_JLE;
	s32 k;

	if (!g->has_ctx || g->p->type == BPF_PROG_TYPE_SOCKET_FILTER)
		return;
	if (chance(g->r, 10)) { /* meta against data */
		emit(g, BPF_LDX_MEM(BPF_W, data, 6, xdp ? 8 : 140));
		emit(g, BPF_LDX_MEM(BPF_W, end, 6, xdp ? 0 : 76));
	} else {
		emit(g, BPF_LDX_MEM(BPF_W, data, 6, xdp ? 0 : 76));
		emit(g, BPF_LDX_MEM(BPF_W, end, 6, xdp ? 4 : 80));
	}
	g->kind[data] = g->kind[end] = g->kind[cur] = K_NONE;
	emit(g, BPF_MOV64_REG(cur, data));
	if (chance(g->r, 40)) {
		s = any_of(g, K_NUM);
		if (s == VFY_REGS) {
			s = below(g->r, 6);
			emit(g, BPF_LDX_MEM(BPF_W, s, 6, xdp ? 12 : 8));
			g->kind[s] = K_NUM;
		}
		bound(g, s);
		if (g->kind[cur] != K_NONE || g->kind[data] != K_NONE || g->kind[end] != K_NONE)
			return;
		emit(g, BPF_ALU64_REG(BPF_ADD, cur, s));
		if (chance(g->r, 50))
			emit(g, BPF_MOV64_REG(data, cur));
	}
	emit(g, BPF_ALU64_IMM(BPF_ADD, cur, n));
	k = below(g->r, n + 1) - (chance(g->r, 95) ? 1 : 0);
	if (chance(g->r, 50)) {
		to_end(g, swap ? BPF_JMP_REG(op, end, cur, 0) : BPF_JMP_REG(op, cur, end, 0));
		if (chance(g->r, 15)) { /* further by what nobody checked */
			emit(g, BPF_LDX_MEM(BPF_W, 5, 6, 8));
			if (xdp)
				g->p->insns[g->p->len - 1].off = 12;
			emit(g, BPF_ALU64_IMM(BPF_AND, 5, below(g->r, 16)));
			emit(g, BPF_ALU64_REG(chance(g->r, 70) ? BPF_ADD : BPF_SUB, data, 5));
			g->kind[5] = K_NUM;
		}
		access_at(g, chance(g->r, 70) ? data : cur, chance(g->r, 70) ? k : -(s32)k,
			  random_size(g));
	} else {
		u32 at = g->p->len;

		save(g, before);
		emit(g, swap ? BPF_JMP_REG(op, cur, end, 0) : BPF_JMP_REG(op, end, cur, 0));
		emit(g, BPF_JMP_A(1));
		access_at(g, chance(g->r, 70) ? data : cur, chance(g->r, 70) ? k : -(s32)k,
			  random_size(g));
		g->p->insns[at].off = 1;
		if (g->p->insns[at + 1].code == (BPF_JMP | BPF_JA))
			g->p->insns[at + 1].off = g->p->len - at - 2;
		join(g, before);
	}
	g->kind[data] = g->kind[end] = g->kind[cur] = K_NONE;
	if (chance(g->r, 20)) {
		emit(g, BPF_ALU64_REG(BPF_SUB, end, data));
		g->kind[end] = K_NUM;
	}
}

static void p_ld_abs(struct gen *g)
{
	static const u8 sizes[] = {BPF_B, BPF_H, BPF_W};

	if (!g->has_ctx || g->p->type == BPF_PROG_TYPE_XDP)
		return;
	if (chance(g->r, 50))
		emit(g, BPF_LD_ABS(sizes[below(g->r, 3)], below(g->r, 40)));
	else
		emit(g, BPF_LD_IND(sizes[below(g->r, 3)], number(g), below(g->r, 40)));
	clobbered(g, K_NUM);
}

void move_packet(struct gen *g)
{
	if (!g->has_ctx || g->p->type == BPF_PROG_TYPE_SOCKET_FILTER)
		return;
	emit(g, BPF_MOV64_REG(1, 6));
	emit(g, BPF_MOV64_IMM(2, below(g->r, 20)));
	emit(g, BPF_EMIT_CALL(g->p->type == BPF_PROG_TYPE_XDP ? BPF_FUNC_xdp_adjust_head
							      : BPF_FUNC_skb_pull_data));
	clobbered(g, K_NUM);
}

/* Different lengths of packet known on two paths. */
static void p_packet_diamond(struct gen *g)
{
	bool xdp = g->p->type == BPF_PROG_TYPE_XDP;
	u32 a = 1 + below(g->r, 16), b = 1 + below(g->r, 16),
	    use = chance(g->r, 60) ? min(a, b) : max(a, b), at, over = 0;

	if (!g->has_ctx || g->p->type == BPF_PROG_TYPE_SOCKET_FILTER ||
	    g->p->len > SP_MAX_INSNS - 100)
		return;
	unknown_in(g, 9);
	emit(g, BPF_LDX_MEM(BPF_W, 7, 6, xdp ? 0 : 76));
	emit(g, BPF_LDX_MEM(BPF_W, 8, 6, xdp ? 4 : 80));
	g->kind[7] = g->kind[8] = g->kind[9] = g->kind[0] = K_NONE;
	if (chance(g->r, 30)) {
		emit(g, BPF_ALU64_IMM(BPF_AND, 9, below(g->r, 64)));
		emit(g, BPF_ALU64_REG(BPF_ADD, 7, 9));
		unknown_in(g, 9);
		g->kind[9] = g->kind[0] = K_NONE;
	}
	at = g->p->len;
	emit(g, BPF_JMP_IMM(random_cond(g), 9, below(g->r, 20), 0));
	for (u32 i = 0; i < 2; i++) {
		emit(g, BPF_MOV64_REG(0, 7));
		emit(g, BPF_ALU64_IMM(BPF_ADD, 0, i ? b : a));
		to_end(g, BPF_JMP_REG(BPF_JGT, 0, 8, 0));
		if (i)
			break;
		over = g->p->len;
		emit(g, BPF_JMP_A(0));
		g->p->insns[at].off = g->p->len - at - 1;
	}
	g->p->insns[over].off = g->p->len - over - 1;
	if (chance(g->r, 30)) {
		g->kind[7] = g->kind[8] = g->kind[9] = g->kind[0] = K_CTX;
		g->depth += 3;
		block(g, 1);
		g->depth -= 3;
	}
	g->kind[7] = g->kind[8] = g->kind[9] = g->kind[0] = K_NONE;
	emit(g, BPF_LDX_MEM(BPF_B, 9, 7, use - 1));
	g->kind[9] = K_NUM;
}

/*
 * R7 is at an unknown place of the packet. R0 is a copy of it on one path; on the other it was made anew,
 * of the same number or of another. After they met one is compared with the end, one is read through.
 */
static void p_packet_copies(struct gen *g)
{
	bool xdp = g->p->type == BPF_PROG_TYPE_XDP;
	u32 n = 1 + below(g->r, 16), tested = chance(g->r, 50) ? 7 : 0,
	    read = chance(g->r, 75) ? 7 - tested : tested, at, over = 0;
	u32 mask = (2u << below(g->r, 6)) - 1;
	bool copy_first = chance(g->r, 70), in_slot = chance(g->r, 30);

	if (!g->has_ctx || g->p->type == BPF_PROG_TYPE_SOCKET_FILTER ||
	    g->p->len > SP_MAX_INSNS - 100)
		return;
	unknown_in(g, 9);
	emit(g, BPF_ALU64_IMM(BPF_AND, 9, mask));
	emit(g, BPF_LDX_MEM(BPF_W, 7, 6, xdp ? 0 : 76));
	emit(g, BPF_LDX_MEM(BPF_W, 8, 6, xdp ? 4 : 80));
	emit(g, BPF_ALU64_REG(BPF_ADD, 7, 9));
	g->kind[7] = g->kind[8] = g->kind[9] = g->kind[0] = g->kind[5] = K_NONE;
	at = g->p->len;
	emit(g, BPF_JMP_IMM(random_cond(g), 9, below(g->r, 20), 0));
	for (u32 i = 0; i < 2; i++) {
		if (copy_first == !i) {
			emit(g, BPF_MOV64_REG(0, 7));
		} else {
			emit(g, BPF_LDX_MEM(BPF_W, 0, 6, xdp ? 0 : 76));
			if (chance(g->r, 70)) /* another number, of the same range */
				emit(g, BPF_ALU64_IMM(BPF_XOR, 9, below(g->r, mask + 1)));
			emit(g, BPF_ALU64_REG(BPF_ADD, 0, 9));
		}
		if (in_slot)
			emit(g, BPF_STX_MEM(BPF_DW, REG_FP, 0, -112));
		if (i)
			break;
		over = g->p->len;
		emit(g, BPF_JMP_A(0));
		g->p->insns[at].off = g->p->len - at - 1;
	}
	g->p->insns[over].off = g->p->len - over - 1;
	emit(g, BPF_JMP_A(0)); /* a place to be pruned at */
	if (in_slot)
		emit(g, BPF_LDX_MEM(BPF_DW, 0, REG_FP, -112));
	emit(g, BPF_MOV64_REG(5, tested));
	emit(g, BPF_ALU64_IMM(BPF_ADD, 5, n));
	to_end(g, BPF_JMP_REG(BPF_JGT, 5, 8, 0));
	emit(g, BPF_LDX_MEM(BPF_B, 9, read, below(g->r, n)));
	g->kind[9] = K_NUM;
}

static const struct piece pieces[] = {{p_packet, 4},
				      {p_ld_abs, 1},
				      {move_packet, 1},
				      {p_packet_diamond, 3},
				      {p_packet_copies, 3}};
THEME(gen_packets, pieces);
