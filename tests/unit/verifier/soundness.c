/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * soundness.c - what the check accepts may not go wrong: random programs over a map value, the
 * stack and random numbers. The accepted ones run in a little machine of our own that knows where
 * memory is; an access outside, or a load of bytes the unprivileged never wrote, fails the test.
 * Usage: soundness [first seed] [count]
 */
#include <stdio.h>
#include <stdlib.h>

#include "isa/disasm.h"
#include "prog/prog.h"

#define VALUE_SIZE 64
#define MAX_LEN	   96
#define RUNS	   24
#define STACK_BASE 0x100000000000ull
#define VALUE_BASE 0x200000000000ull
#define CTX_BASE   0x300000000000ull
#define INSN(c, d, s, o, i) \
	((struct bpf_insn){.code = c, .dst_reg = d, .src_reg = s, .off = o, .imm = i})

/* --- random programs --- */

struct gen {
	u64 seed;
	struct bpf_insn insns[MAX_LEN];
	int len, end;
};

static u32 pick(struct gen *g, u32 n)
{
	g->seed = g->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(g->seed >> 33) % n;
}

static void emit(struct gen *g, struct bpf_insn i)
{
	g->insns[g->len++] = i;
}

static s32 number(struct gen *g)
{
	static const s32 n[] = {0,  1,	2,  3,	 4,   7,     8,		15,	   16,	   31,
				32, 48, 56, 60,	 63,  64,    255,	256,	   4095,   65535,
				-1, -2, -8, -16, -64, -4096, INT32_MAX, INT32_MIN, 0x10000};

	return n[pick(g, ARRAY_SIZE(n))];
}

static u32 scalar_reg(struct gen *g)
{
	static const u8 r[] = {0, 1, 4, 5, 8, 9};

	return pick(g, 16) ? r[pick(g, ARRAY_SIZE(r))] : 2 + pick(g, 2);
}

static void gen_alu(struct gen *g)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB,  BPF_MUL, BPF_OR,  BPF_AND,
				 BPF_AND, BPF_LSH,  BPF_RSH, BPF_XOR, BPF_MOV,
				 BPF_MOV, BPF_ARSH, BPF_NEG, BPF_DIV, BPF_MOD};
	u8 op = ops[pick(g, ARRAY_SIZE(ops))], class = pick(g, 3) ? BPF_ALU64 : BPF_ALU;
	bool x = pick(g, 2) && op != BPF_NEG;
	s32 imm = number(g);

	if (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH)
		imm = (u32)imm % (class == BPF_ALU64 ? 64 : 32);
	if ((op == BPF_DIV || op == BPF_MOD) && !imm)
		imm = 3;
	if (op == BPF_NEG)
		imm = 0;
	emit(g, INSN(class | op | (x ? BPF_X : BPF_K), scalar_reg(g), x ? scalar_reg(g) : 0, 0,
		     x ? 0 : imm));
}

static void gen_jump(struct gen *g)
{
	static const u8 ops[] = {BPF_JEQ,  BPF_JGT, BPF_JGE, BPF_JSET, BPF_JNE, BPF_JSGT,
				 BPF_JSGE, BPF_JLT, BPF_JLE, BPF_JSLT, BPF_JSLE};
	u8 class = pick(g, 3) ? BPF_JMP : BPF_JMP32;
	bool x = !pick(g, 3);

	emit(g,
	     INSN(class | ops[pick(g, ARRAY_SIZE(ops))] | (x ? BPF_X : BPF_K), scalar_reg(g),
		  x ? scalar_reg(g) : 0, pick(g, min(7, g->end - g->len + 1)), x ? 0 : number(g)));
}

static void gen_access(struct gen *g)
{
	static const u8 sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};
	u32 z = pick(g, 4), bytes = 1u << z,
	    base = pick(g, 4)	? 2 + pick(g, 2)
		   : pick(g, 2) ? 10
				: 7;
	s32 off = base == 10 || base == 2 ? -(s32)(bytes * (1 + pick(g, 64 / bytes)))
					  : (s32)(pick(g, 64 / bytes) * bytes);

	if (pick(g, 2))
		emit(g, INSN(BPF_LDX | BPF_MEM | sizes[z], scalar_reg(g), base, off, 0));
	else if (pick(g, 3))
		emit(g, INSN(BPF_STX | BPF_MEM | sizes[z], base, scalar_reg(g), off, 0));
	else
		emit(g, INSN(BPF_ST | BPF_MEM | sizes[z], base, 0, off, number(g)));
}

static void gen_pointer(struct gen *g)
{
	u32 p = 2 + pick(g, 2);

	switch (pick(g, 4)) {
	case 0: emit(g, INSN(BPF_ALU64 | BPF_MOV | BPF_X, p, pick(g, 2) ? 10 : 7, 0, 0)); break;
	case 1: emit(g, INSN(BPF_ALU64 | BPF_ADD | BPF_K, p, 0, 0, number(g))); break;
	case 2: emit(g, INSN(BPF_ALU64 | BPF_ADD | BPF_X, p, scalar_reg(g), 0, 0)); break;
	default: emit(g, INSN(BPF_ALU64 | BPF_SUB | BPF_X, p, scalar_reg(g), 0, 0));
	}
}

static void gen_spill(struct gen *g)
{
	s32 off = -8 * (s32)(1 + pick(g, 8));

	if (pick(g, 2))
		emit(g, INSN(BPF_STX | BPF_MEM | BPF_DW, 10, pick(g, 10), off, 0));
	else
		emit(g, INSN(BPF_LDX | BPF_MEM | BPF_DW, scalar_reg(g), 10, off, 0));
}

/* A check of a number, then its use as an offset: what real programs do, so that some are
 * accepted. */
static void gen_checked_use(struct gen *g)
{
	u32 r = scalar_reg(g), p = 2 + pick(g, 2), copy = scalar_reg(g);

	emit(g, INSN(BPF_ALU64 | BPF_MOV | BPF_X, copy, r, 0, 0));
	emit(g, INSN(BPF_JMP | (pick(g, 2) ? BPF_JGT : BPF_JGE) | BPF_K, pick(g, 2) ? r : copy, 0,
		     3, pick(g, 64)));
	emit(g, INSN(BPF_ALU64 | BPF_MOV | BPF_X, p, 7, 0, 0));
	emit(g, INSN(BPF_ALU64 | BPF_ADD | BPF_X, p, pick(g, 2) ? r : copy, 0, 0));
	emit(g, INSN(BPF_LDX | BPF_MEM | BPF_B, scalar_reg(g), p, 0, 0));
}

static void generate(struct gen *g, u64 seed)
{
	*g = (struct gen){.seed = seed * 0x9e3779b97f4a7c15ull + 12345};
	emit(g, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0));
	emit(g, INSN(BPF_LD | BPF_IMM | BPF_DW, 7, BPF_PSEUDO_MAP_VALUE, 0, 0));
	emit(g, INSN(0, 0, 0, 0, 0));
	emit(g, INSN(BPF_LDX | BPF_MEM | BPF_W, 8, 6, 0, 0));
	emit(g, INSN(BPF_LDX | BPF_MEM | BPF_DW, 9, 7, 0, 0));
	emit(g, INSN(BPF_LDX | BPF_MEM | BPF_B, 5, 7, 8, 0));
	emit(g, INSN(BPF_LDX | BPF_MEM | BPF_W, 4, 7, 16, 0));
	emit(g, INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0));
	emit(g, INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, number(g)));
	emit(g, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0));
	emit(g, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 7, 0, 0));
	emit(g, INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 0));
	emit(g, INSN(BPF_STX | BPF_MEM | BPF_DW, 10, 8, -16, 0));
	for (g->end = g->len + 6 + pick(g, 40); g->len < g->end;) {
		static void (*const kinds[])(struct gen * g) = {
			gen_alu,   gen_alu,	    gen_alu,	    gen_jump,
			gen_jump,  gen_access,	    gen_access,	    gen_pointer,
			gen_spill, gen_checked_use, gen_checked_use};

		kinds[pick(g, ARRAY_SIZE(kinds))](g);
	}
	for (int i = 0; i < 8; i++) /* jumps may go this far beyond */
		emit(g, INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0));
	emit(g, INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

/* --- the machine --- */

struct machine {
	u64 reg[11];
	u8 stack[512], value[VALUE_SIZE], ctx[256];
	bool written[512];
	bool unpriv;
};

static u8 *at(struct machine *m, u64 addr, u32 size, bool load)
{
	if (addr >= STACK_BASE - 512 && addr + size <= STACK_BASE) {
		u32 o = addr - (STACK_BASE - 512);

		for (u32 i = 0; i < size; i++) {
			if (load && m->unpriv && !m->written[o + i])
				return NULL;
			m->written[o + i] |= !load;
		}
		return &m->stack[o];
	}
	if (addr >= VALUE_BASE && addr + size <= VALUE_BASE + VALUE_SIZE)
		return &m->value[addr - VALUE_BASE];
	if (load && addr >= CTX_BASE && addr + size <= CTX_BASE + sizeof(m->ctx))
		return &m->ctx[addr - CTX_BASE];
	return NULL;
}

static u64 alu(u8 op, u64 a, u64 b, bool w)
{
	u32 bits = w ? 31 : 63;

	switch (op) {
	case BPF_ADD: return a + b;
	case BPF_SUB: return a - b;
	case BPF_MUL: return a * b;
	case BPF_OR: return a | b;
	case BPF_AND: return a & b;
	case BPF_XOR: return a ^ b;
	case BPF_MOV: return b;
	case BPF_NEG: return -a;
	case BPF_LSH: return a << (b & bits);
	case BPF_RSH: return (w ? (u32)a : a) >> (b & bits);
	case BPF_ARSH: return w ? (u64)((s32)a >> (b & bits)) : (u64)((s64)a >> (b & bits));
	case BPF_DIV: return w ? ((u32)b ? (u32)a / (u32)b : 0) : b ? a / b : 0;
	case BPF_MOD: return w ? ((u32)b ? (u32)a % (u32)b : (u32)a) : b ? a % b : a;
	}
	return 0;
}

static bool holds(u8 op, u64 a, u64 b, bool w)
{
	s64 x = w ? (s32)a : (s64)a, y = w ? (s32)b : (s64)b;

	if (w)
		a = (u32)a, b = (u32)b;
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JSET: return a & b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSGT: return x > y;
	case BPF_JSGE: return x >= y;
	case BPF_JSLT: return x < y;
	case BPF_JSLE: return x <= y;
	}
	return true; /* JA */
}

static bool access_mem(struct machine *m, const struct bpf_insn *in)
{
	static const u8 sizes[] = {
		[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8};
	u32 size = sizes[BPF_SIZE(in->code) >> 3];
	bool load = BPF_CLASS(in->code) == BPF_LDX;
	u8 *p = at(m, m->reg[load ? in->src_reg : in->dst_reg] + in->off, size, load);
	u64 v = BPF_CLASS(in->code) == BPF_ST ? (u64)(s64)in->imm : m->reg[in->src_reg];

	if (!p)
		return false;
	if (load)
		m->reg[in->dst_reg] = 0;
	memcpy(load ? (void *)&m->reg[in->dst_reg] : p, load ? p : (void *)&v, size);
	return true;
}

/* Index of the instruction that went wrong, or -1. */
static int run(struct machine *m, const struct gen *g)
{
	for (int i = 0; i < g->len; i++) {
		const struct bpf_insn *in = &g->insns[i];
		u8 class = BPF_CLASS(in->code);
		u64 b = BPF_SRC(in->code) == BPF_X ? m->reg[in->src_reg] : (u64)(s64)in->imm,
		    *d = &m->reg[in->dst_reg];

		if (class == BPF_ALU64) {
			*d = alu(BPF_OP(in->code), *d, b, false);
		} else if (class == BPF_ALU) {
			*d = (u32)alu(BPF_OP(in->code), *d, b, true);
		} else if (class == BPF_LD) {
			*d = VALUE_BASE;
			i++;
		} else if (class == BPF_JMP || class == BPF_JMP32) {
			if (BPF_OP(in->code) == BPF_EXIT)
				return -1;
			i += holds(BPF_OP(in->code), *d, b, class == BPF_JMP32) ? in->off : 0;
		} else if (!access_mem(m, in)) {
			return i;
		}
	}
	return -1;
}

/* --- both --- */

static struct bpf_map map;

static struct bpf_map *map_by_fd(void *arg, int fd)
{
	return &map;
}

static bool accepted(const struct gen *g, bool unpriv)
{
	static const struct vfy_env_ops env_ops = {.map_by_fd = map_by_fd};
	struct cred cred = {.caps = unpriv ? 0 : ~0ull};
	struct vfy_prog p = {.type = BPF_PROG_TYPE_SOCKET_FILTER,
			     .gpl_compatible = true,
			     .cred = &cred,
			     .env = &env_ops,
			     .ops = prog_type_of(BPF_PROG_TYPE_SOCKET_FILTER)->ops,
			     .len = g->len};
	bool ok;

	p.insns = malloc(sizeof(g->insns));
	memcpy(p.insns, g->insns, sizeof(g->insns));
	ok = !vfy_check(&p, NULL);
	vfy_prog_free(&p);
	return ok;
}

static void say(void *arg, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

static bool survives(struct gen *g, u64 seed, bool unpriv)
{
	struct disasm d = {.print = say};

	for (int r = 0; r < RUNS; r++) {
		struct machine m = {.unpriv = unpriv};
		int bad;

		m.reg[1] = CTX_BASE;
		m.reg[10] = STACK_BASE;
		for (u32 i = 0; i < sizeof(m.value); i++)
			m.value[i] = r == 0	  ? 0
				     : r == 1	  ? 255
				     : pick(g, 4) ? pick(g, 256)
						  : pick(g, 2) * 255;
		for (u32 i = 0; i < sizeof(m.ctx); i++)
			m.ctx[i] = r < 4 ? r : pick(g, 256);
		if (r > 12) /* small numbers reach more */
			for (u32 i = 0; i < sizeof(m.value); i++)
				m.value[i] = i % 8 ? 0 : m.value[i] & 63;
		for (u32 i = 0; i < sizeof(m.stack); i++)
			m.stack[i] = pick(g, 256);
		bad = run(&m, g);
		if (bad < 0)
			continue;
		printf("seed %llu%s: accepted, but instruction %d goes wrong\n",
		       (unsigned long long)seed, unpriv ? " unprivileged" : "", bad);
		for (int i = 0; i < g->len; i++) {
			printf("%d: ", i);
			disasm_insn(&d, &g->insns[i], true);
			i += g->insns[i].code == (BPF_LD | BPF_IMM | BPF_DW);
		}
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct map_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = VALUE_SIZE,
				.max_entries = 1,
				.nr_cpus = 1};
	u64 first = argc > 1 ? strtoull(argv[1], NULL, 0) : 0,
	    count = argc > 2 ? strtoull(argv[2], NULL, 0) : 30000;
	u32 ok[2] = {0, 0};
	struct gen g;

	if (map_open(&map, &attr))
		return 2;
	for (u64 seed = first; seed < first + count; seed++)
		for (int unpriv = 0; unpriv < 2; unpriv++) {
			generate(&g, seed);
			if (!accepted(&g, unpriv))
				continue;
			ok[unpriv]++;
			if (!survives(&g, seed, unpriv))
				return 1;
		}
	map_close(&map);
	printf("%llu programs, accepted %u, unprivileged %u\n", (unsigned long long)count, ok[0],
	       ok[1]);
	return count >= 10000 && (ok[0] < count / 100 || !ok[1]); /* or the test tests nothing */
}
