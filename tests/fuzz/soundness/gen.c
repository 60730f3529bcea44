/* SPDX-License-Identifier: BSD-2-Clause */
/* gen.c - functions out of pieces. */
#include "gen.h"

bool full(const struct gen *g)
{
	return g->p->len > SP_MAX_INSNS - 60;
}

void emit(struct gen *g, struct bpf_insn in)
{
	if (g->p->len < SP_MAX_INSNS)
		g->p->insns[g->p->len++] = in;
}

void emit_imm64(struct gen *g, u32 dst, u8 pseudo, u64 v)
{
	emit(g, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, dst, pseudo, 0, (s32)v));
	emit(g, BPF_INSN(0, 0, 0, 0, (s32)(v >> 32)));
}

void emit_map(struct gen *g, u32 dst, u32 map)
{
	emit_imm64(g, dst, BPF_PSEUDO_MAP_FD, map);
}

void emit_value(struct gen *g, u32 dst, u32 map, u32 off)
{
	emit_imm64(g, dst, BPF_PSEUDO_MAP_VALUE, (u64)off << 32 | map);
}

void emit_kfunc(struct gen *g, u32 which)
{
	emit(g, BPF_INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, sp_kfunc_id[which]));
}

u32 any_of(struct gen *g, enum kind k)
{
	u32 n = 0, found = VFY_REGS;

	for (u32 i = 0; i < REG_FP; i++)
		if (g->kind[i] == k && !below(g->r, ++n))
			found = i;
	return found;
}

u32 some_dst(struct gen *g)
{
	u32 d = below(g->r, 10);

	return d == 6 && g->has_ctx ? 7 + below(g->r, 3) : d;
}

u32 free_reg(struct gen *g, u32 mask)
{
	u32 d = 7 + below(g->r, 3);

	while (mask >> d & 1)
		d = d == 9 ? 7 : d + 1;
	return d;
}

u32 number(struct gen *g)
{
	u32 n = any_of(g, K_NUM);

	if (n != VFY_REGS)
		return n;
	n = some_dst(g);
	emit(g, BPF_MOV64_IMM(n, (s32)rnd_interesting(g->r)));
	g->kind[n] = K_NUM;
	return n;
}

u8 random_size(struct gen *g)
{
	static const u8 sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};

	return sizes[below(g->r, 4)];
}

void to_end(struct gen *g, struct bpf_insn jump)
{
	if (g->nr_fixups < ARRAY_SIZE(g->fixups)) {
		g->fixups[g->nr_fixups++] = g->p->len;
		emit(g, jump);
	}
}

u8 random_cond(struct gen *g)
{
	static const u8 ops[] = {BPF_JEQ,  BPF_JNE,  BPF_JGT,  BPF_JGE,	 BPF_JLT, BPF_JLE,
				 BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET};

	return ops[below(g->r, ARRAY_SIZE(ops))];
}

/* A conditional jump on numbers; its offset is filled in later. */
struct bpf_insn random_jump(struct gen *g)
{
	u8 cls = chance(g->r, 35) ? BPF_JMP32 : BPF_JMP, op = random_cond(g);
	u32 d = number(g);

	if (chance(g->r, 35))
		return BPF_INSN(cls | op | BPF_X, d, number(g), 0, 0);
	return BPF_INSN(cls | op | BPF_K, d, 0, 0, (s32)rnd_interesting(g->r));
}

void save(struct gen *g, enum kind *k)
{
	memcpy(k, g->kind, sizeof(g->kind));
}

void join(struct gen *g, const enum kind *k)
{
	for (u32 i = 0; i < VFY_REGS; i++)
		if (g->kind[i] != k[i])
			g->kind[i] = K_NONE;
}

void clobbered(struct gen *g, enum kind r0)
{
	for (u32 i = 1; i <= 5; i++)
		g->kind[i] = K_NONE;
	g->kind[0] = r0;
}

bool can_call(const struct gen *g)
{
	return g->nr_calls < ARRAY_SIZE(g->calls) && g->func + 1 < SP_MAX_FUNCS;
}

void note_call(struct gen *g, u32 callee, bool pointer)
{
	g->last = max(g->last, callee);
	g->calls[g->nr_calls].at = g->p->len;
	g->calls[g->nr_calls].pointer = pointer;
	g->calls[g->nr_calls++].func = callee;
}

/* --- blocks --- */

static const struct theme *const themes[] = {
	&gen_numbers, &gen_memory,  &gen_packets, &gen_flow,   &gen_merges, &gen_objects,
	&gen_newer,   &gen_globals, &gen_kptrs,	  &gen_queues, &gen_paths,
};

static void piece(struct gen *g)
{
	static u32 total;
	u32 n;

	if (!total)
		for (u32 t = 0; t < ARRAY_SIZE(themes); t++)
			for (u32 i = 0; i < themes[t]->nr; i++)
				total += themes[t]->pieces[i].weight;
	n = below(g->r, total);
	for (u32 t = 0; t < ARRAY_SIZE(themes); t++)
		for (u32 i = 0; i < themes[t]->nr; i++) {
			if (n < themes[t]->pieces[i].weight) {
				themes[t]->pieces[i].make(g);
				return;
			}
			n -= themes[t]->pieces[i].weight;
		}
}

void block(struct gen *g, u32 n)
{
	while (n-- && !full(g))
		piece(g);
}

/* --- functions --- */

static void ends_here(struct gen *g)
{
	for (u32 i = 0; i < g->nr_fixups; i++)
		g->p->insns[g->fixups[i]].off = g->p->len - g->fixups[i] - 1;
}

/* R1 or R2 or *R3 is an offset in a value; the function may end with it. */
static bool uses_offset(struct gen *g)
{
	emit_value(g, 4, MAP_ONE, 0);
	if (chance(g->r, 40)) {
		emit(g, BPF_LDX_MEM(BPF_DW, 1, 3, 0));
		emit(g, BPF_ALU64_REG(BPF_ADD, 4, 1));
	} else {
		emit(g, BPF_ALU64_REG(BPF_ADD, 4, chance(g->r, 50) ? 1 : 2));
	}
	access_at(g, 4, below(g->r, 8), BPF_B);
	if (!chance(g->r, 60))
		return false;
	emit(g, BPF_MOV64_REG(0, 1));
	emit(g, BPF_EXIT_INSN());
	ends_here(g);
	return true;
}

/* What a function does with its arguments first; true: and nothing more. */
static bool uses_arguments(struct gen *g)
{
	if (chance(g->r, 40)) {
		to_end(g, BPF_JMP_IMM(BPF_JEQ, 3, 0, 0));
		access_at(g, 3, 0, random_size(g));
	} else if (chance(g->r, 15)) { /* a callback's argument */
		access_at(g, 2, 0, random_size(g));
	} else if (chance(g->r, 30)) {
		return uses_offset(g);
	} else if (chance(g->r, 30)) { /* changes the caller's stack */
		emit(g, chance(g->r, 50) ? BPF_STX_MEM(BPF_DW, 3, 1, 0)
					 : BPF_ST_MEM(BPF_DW, 3, 0, below(g->r, 16)));
	}
	return false;
}

static bool is_callback(const struct gen *g, u32 func)
{
	for (u32 i = 0; func && i < g->nr_calls; i++)
		if (g->calls[i].func == func && g->calls[i].pointer)
			return true;
	return false;
}

/* R1 context, R2 memory or NULL, R3 number */
static void context_function(struct gen *g)
{
	g->has_ctx = true;
	emit(g, BPF_MOV64_REG(6, 1));
	g->kind[6] = g->kind[1] = K_CTX;
	g->kind[3] = K_NUM;
	if (g->moves >> g->func & 1) {
		emit(g, BPF_MOV64_REG(7, 2));
		move_packet(g);
		emit(g, BPF_MOV64_REG(2, 7));
	}
	if (chance(g->r, 85))
		to_end(g, BPF_JMP_IMM(BPF_JEQ, 2, 0, 0));
	access_at(g, 2, chance(g->r, 90) ? 0 : below(g->r, 8), random_size(g));
}

static void begin(struct gen *g, u32 func)
{
	g->func = func;
	g->nr_fixups = 0;
	g->depth = 0;
	g->in_loop = false;
	g->written = 0;
	memset(g->kind, 0, sizeof(g->kind));
	g->has_ctx = !func && g->p->type != BPF_PROG_TYPE_TRACING; /* one as others know it */
	if (!func) {
		emit(g, BPF_MOV64_REG(6, 1));
		g->kind[6] = K_CTX;
		g->kind[1] = K_CTX;
		return;
	}
	g->kind[1] = g->kind[2] = K_NUM;
	if (chance(g->r, 50))
		g->kind[2] = K_NONE;
}

/* R0 on one of two paths. */
static void other_result(struct gen *g)
{
	bool iterator = g->p->type == BPF_PROG_TYPE_TRACING;

	emit(g, BPF_LDX_MEM(iterator ? BPF_DW : BPF_W, 1, 6, iterator ? 8 : 0));
	emit(g, BPF_JMP_IMM(iterator ? BPF_JEQ : random_cond(g), 1, 0, 1));
	emit(g, BPF_JMP_A(1));
	emit(g, BPF_MOV64_IMM(0, below(g->r, 3)));
	emit(g, BPF_JMP_A(0));
}

static void function(struct gen *g, u32 func, u32 size)
{
	begin(g, func);
	if (is_callback(g, func) && chance(g->r, 80)) {
		callback_body(g);
		return;
	}
	if (g->p->takes_ctx >> func & 1)
		context_function(g);
	else if (func && uses_arguments(g))
		return;
	block(g, size);
	if (g->kind[0] == K_NUM && chance(g->r, 50)) {
		if (func && chance(g->r, 50))
			emit(g, BPF_ALU64_IMM(BPF_AND, 0, 1));
		emit(g, BPF_EXIT_INSN());
	}
	ends_here(g);
	emit(g, BPF_MOV64_IMM(0, below(g->r, 2)));
	if (!func && chance(g->r, 15))
		other_result(g);
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
	if (!p->unpriv && sp_has_iterators && chance(r, 8))
		p->type = BPF_PROG_TYPE_TRACING;
	p->flags = chance(r, 50) ? BPF_F_TEST_STATE_FREQ : 0;
	p->global = chance(r, 30) && !p->unpriv ? (u32)(rnd(r) | rnd(r)) & 0x3e : 0;
	p->takes_ctx = p->global & (u32)rnd(r);
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
