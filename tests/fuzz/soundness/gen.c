/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gen.c - random programs that have a chance: the generator keeps a rough idea of what is in each
 * register, and most of what it emits (bounds checks before variable offsets, NULL checks, packet
 * checks) is right or nearly so.
 *
 * R6 keeps the context. Blocks are made of pieces (pieces[]): one idea each.
 */
#include <string.h>

#include "isa/insn.h"
#include "soundness.h"

enum kind { K_NONE, K_NUM, K_CTX, K_VALUE, K_PKT, K_STACK };

struct gen {
	struct rng *r;
	struct sprog *p;
	enum kind kind[VFY_REGS];
	u32 value_map[VFY_REGS];
	u32 fixups[128], nr_fixups;	 /* jumps to the end of the function */
	u32 func, depth, nr_calls, last; /* last: highest function called */
	struct {
		u32 at, func;
		bool pointer;
	} calls[32];
	bool has_ctx, in_loop;
	u64 written; /* stack slots with data */
};

static bool full(const struct gen *g)
{
	return g->p->len > SP_MAX_INSNS - 60;
}

static void emit(struct gen *g, struct bpf_insn in)
{
	if (g->p->len < SP_MAX_INSNS)
		g->p->insns[g->p->len++] = in;
}

static u32 any_of(struct gen *g, enum kind k)
{
	u32 n = 0, found = VFY_REGS;

	for (u32 i = 0; i < REG_FP; i++)
		if (g->kind[i] == k && !below(g->r, ++n))
			found = i;
	return found;
}

static u32 some_dst(struct gen *g)
{
	u32 d = below(g->r, 10);

	return d == 6 && g->has_ctx ? 7 + below(g->r, 3) : d;
}

static u32 number(struct gen *g)
{
	u32 n = any_of(g, K_NUM);

	if (n != VFY_REGS)
		return n;
	n = some_dst(g);
	emit(g, BPF_MOV64_IMM(n, (s32)rnd_interesting(g->r)));
	g->kind[n] = K_NUM;
	return n;
}

static u8 random_size(struct gen *g)
{
	static const u8 sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};

	return sizes[below(g->r, 4)];
}

static void to_end(struct gen *g, struct bpf_insn jump)
{
	if (g->nr_fixups < ARRAY_SIZE(g->fixups)) {
		g->fixups[g->nr_fixups++] = g->p->len;
		emit(g, jump);
	}
}

static u8 random_cond(struct gen *g)
{
	static const u8 ops[] = {BPF_JEQ,  BPF_JNE,  BPF_JGT,  BPF_JGE,	 BPF_JLT, BPF_JLE,
				 BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET};

	return ops[below(g->r, ARRAY_SIZE(ops))];
}

/* A conditional jump on numbers; its offset is filled in later. */
static struct bpf_insn random_jump(struct gen *g)
{
	u8 cls = chance(g->r, 35) ? BPF_JMP32 : BPF_JMP, op = random_cond(g);
	u32 d = number(g);

	if (chance(g->r, 35))
		return BPF_INSN(cls | op | BPF_X, d, number(g), 0, 0);
	return BPF_INSN(cls | op | BPF_K, d, 0, 0, (s32)rnd_interesting(g->r));
}

static void save(struct gen *g, enum kind *k)
{
	memcpy(k, g->kind, sizeof(g->kind));
}

static void join(struct gen *g, const enum kind *k)
{
	for (u32 i = 0; i < VFY_REGS; i++)
		if (g->kind[i] != k[i])
			g->kind[i] = K_NONE;
}

static void clobbered(struct gen *g, enum kind r0)
{
	for (u32 i = 1; i <= 5; i++)
		g->kind[i] = K_NONE;
	g->kind[0] = r0;
}

static void block(struct gen *g, u32 pieces);

/* --- pieces --- */

static void p_alu(struct gen *g)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR,   BPF_AND,
				 BPF_LSH, BPF_RSH, BPF_MOD, BPF_XOR, BPF_ARSH, BPF_ADD,
				 BPF_AND, BPF_RSH, BPF_SUB, BPF_ARSH};
	u8 op = ops[below(g->r, ARRAY_SIZE(ops))], cls = chance(g->r, 40) ? BPF_ALU : BPF_ALU64;
	bool shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH,
	     div = op == BPF_DIV || op == BPF_MOD;
	s32 imm = (s32)rnd_interesting(g->r);
	u32 d = number(g);
	s16 off = div && chance(g->r, 40);

	if (chance(g->r, 40)) {
		emit(g, BPF_INSN(cls | op | BPF_X, d, number(g), off, 0));
		return;
	}
	if (shift)
		imm &= cls == BPF_ALU ? 31 : 63;
	if (div && !imm)
		imm = 3;
	emit(g, BPF_INSN(cls | op | BPF_K, d, 0, off, imm));
}

static void p_unary(struct gen *g)
{
	static const s16 widths[] = {0, 8, 16, 32};
	static const s32 bits[] = {16, 32, 64};
	u32 s = number(g), d = some_dst(g);

	switch (below(g->r, 5)) {
	case 0:
		emit(g, BPF_INSN((chance(g->r, 50) ? BPF_ALU : BPF_ALU64) | BPF_NEG, s, 0, 0, 0));
		break;
	case 1:
		emit(g,
		     BPF_ENDIAN(chance(g->r, 50) ? BPF_TO_LE : BPF_TO_BE, s, bits[below(g->r, 3)]));
		break;
	case 2: emit(g, BPF_BSWAP(s, bits[below(g->r, 3)])); break;
	case 3:
		emit(g, BPF_INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, widths[below(g->r, 4)], 0));
		g->kind[d] = K_NUM;
		break;
	case 4:
		emit(g, BPF_INSN(BPF_ALU | BPF_MOV | BPF_X, d, s, widths[below(g->r, 3)], 0));
		g->kind[d] = K_NUM;
		break;
	}
}

static void p_const(struct gen *g)
{
	u32 d = some_dst(g);
	u64 v = rnd_interesting(g->r);

	g->kind[d] = K_NUM;
	if (chance(g->r, 30)) {
		emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, d, 0, 0, (u32)v));
		emit(g, BPF_INSN(0, 0, 0, 0, v >> 32));
	} else {
		emit(g, BPF_INSN((chance(g->r, 50) ? BPF_ALU : BPF_ALU64) | BPF_MOV | BPF_K, d, 0,
				 0, (s32)v));
	}
}

/* A register equal to another: what is learned of one holds for the other. */
static void p_copy(struct gen *g)
{
	u32 s = number(g), d = some_dst(g);

	emit(g, BPF_MOV64_REG(d, s));
	g->kind[d] = K_NUM;
}

static void p_unknown(struct gen *g)
{
	static const s32 calls[] = {BPF_FUNC_get_prandom_u32, BPF_FUNC_ktime_get_ns,
				    BPF_FUNC_get_smp_processor_id};
	u32 d = some_dst(g);

	if (g->has_ctx && chance(g->r, 60)) {
		if (g->p->type == BPF_PROG_TYPE_XDP)
			emit(g, BPF_LDX_MEM(BPF_W, d, 6, chance(g->r, 50) ? 12 : 16));
		else if (chance(g->r, 40))
			emit(g, BPF_LDX_MEM(BPF_B, d, 6, 48 + below(g->r, 20)));
		else
			emit(g, BPF_LDX_MEM(BPF_W, d, 6, 4 * below(g->r, 4)));
		g->kind[d] = K_NUM;
		return;
	}
	if (g->kind[0] == K_CTX)
		return;
	emit(g, BPF_EMIT_CALL(calls[below(g->r, 3)]));
	clobbered(g, K_NUM);
	if (chance(g->r, 70)) {
		d = 7 + below(g->r, 3);
		emit(g, BPF_MOV64_REG(d, 0));
		g->kind[d] = K_NUM;
	}
}

/* Makes @d small: mask, compare, both. Returns roughly the bound. */
static u32 bound(struct gen *g, u32 d)
{
	u32 n = 1u << below(g->r, 6);
	u8 cls = chance(g->r, 30) ? BPF_JMP32 : BPF_JMP;
	u32 k;

	n += chance(g->r, 40) ? below(g->r, 8) : 0;
	switch (below(g->r, 6)) {
	case 0:
		emit(g, BPF_INSN((chance(g->r, 40) ? BPF_ALU : BPF_ALU64) | BPF_AND | BPF_K, d, 0,
				 0, n - 1));
		break;
	case 1: to_end(g, BPF_INSN(cls | BPF_JGT | BPF_K, d, 0, 0, n)); break;
	case 2: to_end(g, BPF_INSN(cls | BPF_JGE | BPF_K, d, 0, 0, n)); break;
	case 3:
		to_end(g, BPF_INSN(cls | (chance(g->r, 50) ? BPF_JSGT : BPF_JSGE) | BPF_K, d, 0, 0,
				   n));
		to_end(g, BPF_INSN(cls | (chance(g->r, 50) ? BPF_JSLT : BPF_JSLE) | BPF_K, d, 0, 0,
				   chance(g->r, 70) ? 0 : -(s32)below(g->r, 8)));
		break;
	case 4:
		emit(g, BPF_INSN((chance(g->r, 40) ? BPF_ALU : BPF_ALU64) | BPF_RSH | BPF_K, d, 0,
				 0, 20 + below(g->r, 12)));
		to_end(g, BPF_INSN(cls | BPF_JGT | BPF_K, d, 0, 0, n));
		break;
	case 5:
		k = some_dst(g);
		if (k == d)
			break;
		emit(g, BPF_MOV64_IMM(k, n));
		g->kind[k] = K_NUM;
		to_end(g, BPF_INSN(cls | BPF_JLT | BPF_X, k, d, 0, 0));
		break;
	}
	return n;
}

/* Looks an element up and leaves a checked pointer. */
static void p_lookup(struct gen *g)
{
	u32 map = below(g->r, 4), d = 7 + below(g->r, 3), off = -8 * (1 + below(g->r, 4));
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

static void access_at(struct gen *g, u32 ptr, s32 off, u8 size)
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
		p_lookup(g);
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
	u32 map = chance(g->r, 50) ? MAP_ARRAY : MAP_HASH, v = any_of(g, K_VALUE);
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

static void p_call(struct gen *g)
{
	u32 callee, n = number(g), m = number(g);
	u32 v = any_of(g, K_VALUE);
	bool ptr = chance(g->r, 40), loop = !g->p->unpriv && chance(g->r, 25);

	if (g->p->unpriv || g->nr_calls == ARRAY_SIZE(g->calls) || g->func + 1 >= SP_MAX_FUNCS ||
	    g->p->len + 10 > SP_MAX_INSNS)
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
		g->calls[g->nr_calls++].at = g->p->len;
		g->calls[g->nr_calls - 1].func = callee;
		g->calls[g->nr_calls - 1].pointer = true;
		emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, 2, BPF_PSEUDO_FUNC, 0, 0));
		emit(g, BPF_INSN(0, 0, 0, 0, 0));
		emit(g, BPF_EMIT_CALL(map ? BPF_FUNC_for_each_map_elem : BPF_FUNC_loop));
		clobbered(g, K_NUM);
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
	g->calls[g->nr_calls++].at = g->p->len;
	g->calls[g->nr_calls - 1].func = callee;
	g->calls[g->nr_calls - 1].pointer = false;
	emit(g, BPF_CALL_REL(0));
	clobbered(g, K_NUM);
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

static void p_move_packet(struct gen *g)
{
	if (!g->has_ctx || g->p->type == BPF_PROG_TYPE_SOCKET_FILTER)
		return;
	emit(g, BPF_MOV64_REG(1, 6));
	emit(g, BPF_MOV64_IMM(2, below(g->r, 20)));
	emit(g, BPF_EMIT_CALL(g->p->type == BPF_PROG_TYPE_XDP ? BPF_FUNC_xdp_adjust_head
							      : BPF_FUNC_skb_pull_data));
	clobbered(g, K_NUM);
}

/* --- two paths that meet with different knowledge: what pruning must not confuse --- */

static u32 free_reg(struct gen *g, u32 mask)
{
	u32 d = 7 + below(g->r, 3);

	while (mask >> d & 1)
		d = d == 9 ? 7 : d + 1;
	return d;
}

static void unknown_in(struct gen *g, u32 d)
{
	if (g->has_ctx) {
		emit(g, BPF_LDX_MEM(BPF_W, d, 6, g->p->type == BPF_PROG_TYPE_XDP ? 12 : 8));
	} else {
		emit(g, BPF_EMIT_CALL(BPF_FUNC_get_prandom_u32));
		clobbered(g, K_NUM);
		emit(g, BPF_MOV64_REG(d, 0));
	}
	g->kind[d] = K_NUM;
}

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
		if (g->nr_calls == ARRAY_SIZE(g->calls) || g->func + 1 >= SP_MAX_FUNCS)
			break;
		emit(g, BPF_MOV64_REG(1, d));
		emit(g, BPF_MOV64_REG(2, d));
		emit(g, BPF_MOV64_REG(3, REG_FP));
		emit(g, BPF_ALU64_IMM(BPF_ADD, 3, slot));
		if (chance(g->r, 50))
			emit(g, BPF_STX_MEM(BPF_DW, REG_FP, d, slot));
		else
			emit(g, BPF_ST_MEM(BPF_DW, REG_FP, slot, below(g->r, 4)));
		g->calls[g->nr_calls].at = g->p->len;
		g->calls[g->nr_calls].pointer = false;
		g->calls[g->nr_calls++].func = g->func + 1;
		g->last = max(g->last, g->func + 1);
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

/* A callback may change what the caller keeps in its stack, in some rounds. */
static void p_callback(struct gen *g)
{
	u32 kind = below(g->r, 4), d = 7 + below(g->r, 3), v = d == 9 ? 7 : d + 1;
	s32 slot = -8 * (s32)(1 + below(g->r, 4)),
	    arg = chance(g->r, 75) ? slot : -8 * (s32)(1 + below(g->r, 4));

	if (g->p->unpriv || g->nr_calls == ARRAY_SIZE(g->calls) || g->func + 1 >= SP_MAX_FUNCS ||
	    g->p->len > SP_MAX_INSNS - 120 || g->in_loop)
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
	g->calls[g->nr_calls].at = g->p->len;
	g->calls[g->nr_calls].pointer = true;
	g->calls[g->nr_calls++].func = g->func + 1;
	g->last = max(g->last, g->func + 1);
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
static void callback_body(struct gen *g)
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
	}
	emit(g, BPF_EXIT_INSN());
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

static const struct {
	void (*make)(struct gen *g);
	u32 weight;
} pieces[] = {
	{p_alu, 22},	       {p_unary, 6},	 {p_const, 6},	      {p_copy, 6},
	{p_unknown, 9},	       {p_lookup, 4},	 {p_value_access, 9}, {p_stack, 12},
	{p_spill, 2},	       {p_var_stack, 4}, {p_packet, 4},	      {p_branch, 16},
	{p_loop, 4},	       {p_atomic, 3},	 {p_helper_mem, 3},   {p_update, 1},
	{p_call, 4},	       {p_ld_abs, 1},	 {p_move_packet, 1},  {p_diamond, 10},
	{p_packet_diamond, 3}, {p_callback, 3},
};

static void piece(struct gen *g)
{
	u32 total = 0, n;

	for (u32 i = 0; i < ARRAY_SIZE(pieces); i++)
		total += pieces[i].weight;
	n = below(g->r, total);
	for (u32 i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (n < pieces[i].weight) {
			pieces[i].make(g);
			return;
		}
		n -= pieces[i].weight;
	}
}

static void block(struct gen *g, u32 n)
{
	while (n-- && !full(g))
		piece(g);
}

static void function(struct gen *g, u32 func, u32 size)
{
	g->func = func;
	g->nr_fixups = 0;
	g->depth = 0;
	g->in_loop = false;
	g->written = 0;
	memset(g->kind, 0, sizeof(g->kind));
	g->has_ctx = !func;
	if (!func) {
		emit(g, BPF_MOV64_REG(6, 1));
		g->kind[6] = K_CTX;
		g->kind[1] = K_CTX;
	} else {
		g->kind[1] = g->kind[2] = K_NUM;
		if (chance(g->r, 50))
			g->kind[2] = K_NONE;
	}
	for (u32 i = 0; i < g->nr_calls; i++)
		if (func && g->calls[i].func == func && g->calls[i].pointer && chance(g->r, 80)) {
			callback_body(g);
			return;
		}
	if (func && chance(g->r, 40)) {
		to_end(g, BPF_JMP_IMM(BPF_JEQ, 3, 0, 0));
		access_at(g, 3, 0, random_size(g));
	} else if (func && chance(g->r, 15)) { /* a callback's argument */
		access_at(g, 2, 0, random_size(g));
	} else if (func && chance(g->r, 30)) { /* an offset */
		emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, 4, BPF_PSEUDO_MAP_VALUE, 0, MAP_ONE));
		emit(g, BPF_INSN(0, 0, 0, 0, 0));
		if (chance(g->r, 40)) {
			emit(g, BPF_LDX_MEM(BPF_DW, 1, 3, 0));
			emit(g, BPF_ALU64_REG(BPF_ADD, 4, 1));
		} else {
			emit(g, BPF_ALU64_REG(BPF_ADD, 4, chance(g->r, 50) ? 1 : 2));
		}
		access_at(g, 4, below(g->r, 8), BPF_B);
		if (chance(g->r, 60)) {
			emit(g, BPF_MOV64_REG(0, 1));
			emit(g, BPF_EXIT_INSN());
			for (u32 i = 0; i < g->nr_fixups; i++)
				g->p->insns[g->fixups[i]].off = g->p->len - g->fixups[i] - 1;
			return;
		}
	} else if (func && chance(g->r, 30)) { /* changes the caller's stack */
		emit(g, chance(g->r, 50) ? BPF_STX_MEM(BPF_DW, 3, 1, 0)
					 : BPF_ST_MEM(BPF_DW, 3, 0, below(g->r, 16)));
	}
	block(g, size);
	if (g->kind[0] == K_NUM && chance(g->r, 50)) {
		if (func && chance(g->r, 50))
			emit(g, BPF_ALU64_IMM(BPF_AND, 0, 1));
		emit(g, BPF_EXIT_INSN());
	}
	for (u32 i = 0; i < g->nr_fixups; i++)
		g->p->insns[g->fixups[i]].off = g->p->len - g->fixups[i] - 1;
	emit(g, BPF_MOV64_IMM(0, below(g->r, 2)));
	emit(g, BPF_EXIT_INSN());
}

void gen_program(struct rng *r, struct sprog *p)
{
	static const u32 types[] = {BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_SCHED_CLS,
				    BPF_PROG_TYPE_XDP};
	struct gen g = {.r = r, .p = p};
	u32 last = 0;

	memset(p, 0, sizeof(*p));
	p->unpriv = chance(r, 20);
	p->type = p->unpriv ? BPF_PROG_TYPE_SOCKET_FILTER : types[below(r, 3)];
	p->flags = chance(r, 50) ? BPF_F_TEST_STATE_FREQ : 0;
	p->global = chance(r, 20) && !p->unpriv ? (u32)rnd(r) & 0x3e : 0;
	function(&g, 0, 2 + below(r, chance(r, 80) ? 12 : 30));
	/* functions that are called, and those these call */
	for (u32 i = 0; i < g.nr_calls; i++)
		last = max(last, g.calls[i].func);
	p->nr_funcs = 1;
	for (u32 f = 1; f <= last; f++) {
		p->func[f] = p->len;
		p->nr_funcs++;
		function(&g, f, 1 + below(r, 6));
		for (u32 i = 0; i < g.nr_calls; i++)
			last = max(last, g.calls[i].func);
	}
	for (u32 i = 0; i < g.nr_calls; i++) {
		p->insns[g.calls[i].at].imm =
			(s32)p->func[g.calls[i].func] - (s32)g.calls[i].at - 1;
		if (g.calls[i].pointer)
			p->global &= ~(1u << g.calls[i].func); /* callbacks are static */
	}
}

/* --- mutation --- */

static void mutate_one(struct rng *r, struct sprog *p)
{
	struct bpf_insn *in = &p->insns[below(r, p->len)];
	u8 cls = BPF_CLASS(in->code);
	bool jump = (cls == BPF_JMP || cls == BPF_JMP32) && BPF_OP(in->code) != BPF_CALL &&
		    BPF_OP(in->code) != BPF_EXIT;
	bool alu = cls == BPF_ALU || cls == BPF_ALU64;
	static const s16 steps[] = {1, -1, 2, -2, 4, -4, 8, -8};

	if (!in->code || cls == BPF_LD)
		return;
	switch (below(r, 9)) {
	case 0:
		if (in->imm || chance(r, 30))
			in->imm = (s32)rnd_interesting(r);
		break;
	case 1: in->imm = (u32)in->imm + steps[below(r, 8)]; break;
	case 2: in->off += steps[below(r, 8)]; break;
	case 3: in->dst_reg = below(r, 11); break;
	case 4: in->src_reg = below(r, 11); break;
	case 5:
		if (jump)
			in->code = (in->code & 0x0f) | (below(r, 14) << 4);
		else if (alu)
			in->code = (in->code & 0x0f) | (below(r, 14) << 4);
		else if (cls == BPF_LDX || cls == BPF_STX || cls == BPF_ST)
			in->code = (in->code & ~0x18) | below(r, 4) << 3;
		break;
	case 6: /* 32 <-> 64 bits */
		if (jump || alu)
			in->code ^= jump ? BPF_JMP ^ BPF_JMP32 : BPF_ALU ^ BPF_ALU64;
		break;
	case 7:
		if (jump || (alu && chance(r, 50)))
			*in = BPF_JMP_A(0); /* a check is gone */
		break;
	case 8:
		if (in > p->insns && in[-1].code && BPF_CLASS(in[-1].code) != BPF_LD && !jump &&
		    cls != BPF_JMP && BPF_CLASS(in[-1].code) != BPF_JMP &&
		    BPF_CLASS(in[-1].code) != BPF_JMP32) {
			struct bpf_insn t = in[-1];

			in[-1] = *in;
			*in = t;
		}
		break;
	}
}

void gen_mutate(struct rng *r, struct sprog *p)
{
	u32 n = 1 + below(r, 4);

	while (n--)
		mutate_one(r, p);
	if (chance(r, 10))
		p->flags ^= BPF_F_TEST_STATE_FREQ;
}
