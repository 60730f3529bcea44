/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit [--seed N|time] [--count M] [--seconds S] - random programs, interpreted and compiled, must
 * leave the same registers, memory and stack.
 *
 * Not what a verifier would accept, only what cannot leave its memory: every register but one holds
 * any number, the one (any of R1..R9) points to memory, jumps go forwards or round a counted loop,
 * calls go to helpers that mix their arguments, look up in maps, to subprograms and, through a helper, back into the
 * program. tests/fuzz/soundness has programs as the verifier leaves them; here every opcode meets
 * every pair of registers and any constant. Loads that may fault read addresses of all kinds.
 * Without --seconds and --count: JIT_SECONDS (30 when unset).
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "isa/disasm.h"
#include "maps.h"

u64 number(struct rng *r)
{
	static const u64 edges[] = {0,
				    1,
				    2,
				    3,
				    7,
				    8,
				    10,
				    31,
				    32,
				    33,
				    63,
				    64,
				    127,
				    128,
				    255,
				    256,
				    0x7fff,
				    0x8000,
				    0xffff,
				    0x7fffffff,
				    0x80000000,
				    0xffffffff,
				    0x100000000ull,
				    0x7fffffffffffffffull,
				    0x8000000000000000ull,
				    ~0ull,
				    ~1ull,
				    ~127ull,
				    ~128ull,
				    0xffffffff80000000ull,
				    0xffffffff7fffffffull};

	switch (below(r, 4)) {
	case 0: return edges[below(r, ARRAY_SIZE(edges))];
	case 1: return 1ull << below(r, 64);
	case 2: return (u64)(s64)(s32)rnd(r);
	}
	return rnd(r);
}

/* --- helpers: alike for both, and they leave nothing in the caller-saved registers --- */

static u64 mix(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct exec_run *run)
{
	return r1 + 3 * r2 + 5 * r3 + 7 * r4 + 11 * r5 + run->cookie;
}

static u64 call_back(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct exec_run *run)
{
	u64 ret = exec_callback(run, r1, r2, r3, r4, r5, 1);

	return ret * 3 + exec_callback(run, r1, r2 + 1, r3, r4, r5, 2);
}

static helper_fn helpers[EXEC_NR_HELPERS] = {[MIX] = mix, [2] = call_back};

/* --- programs --- */

/* The one of the rewrite, too. */
static u32 alu_reg(struct rng *r, const struct prog *p)
{
	return !p->r11 || below(r, 16) ? free_reg(r, p) : 11;
}

static void put_imm64(struct prog *p, u32 reg, u64 v)
{
	const struct bpf_insn two[] = {BPF_LD_IMM64(reg, v)};

	put(p, two[0]);
	put(p, two[1]);
}

static void put_alu(struct rng *r, struct prog *p)
{
	static const u8 ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR,   BPF_AND, BPF_LSH,
				 BPF_RSH, BPF_MOD, BPF_XOR, BPF_MOV, BPF_ARSH, BPF_NEG, BPF_END};
	static const u8 widths[] = {16, 32, 64}, sx[] = {0, 8, 16, 32};
	u8 op = ops[below(r, ARRAY_SIZE(ops))], class = below(r, 2) ? BPF_ALU64 : BPF_ALU;
	u8 x = below(r, 2) ? BPF_X : BPF_K;
	struct bpf_insn in = {.dst_reg = alu_reg(r, p)};

	if (op == BPF_NEG)
		x = BPF_K;
	if (op == BPF_END && class == BPF_ALU64)
		x = BPF_TO_LE;
	in.code = class | op | x;
	if (op == BPF_END) {
		in.imm = widths[below(r, 3)];
	} else if (x == BPF_X) {
		in.src_reg = alu_reg(r, p);
		if (op == BPF_MOV)
			in.off = sx[below(r, class == BPF_ALU64 ? 4 : 3)];
	} else if (op != BPF_NEG) {
		in.imm = (s32)number(r);
	}
	if (op == BPF_DIV || op == BPF_MOD)
		in.off = below(r, 2);
	put(p, in);
}

static u8 any_size(struct rng *r)
{
	static const u8 sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};

	return sizes[below(r, 4)];
}

/* Memory behind the base, or the top of the stack. */
static u32 any_place(struct rng *r, const struct prog *p, s16 *off)
{
	if (p->base != BPF_REG_10 && below(r, 3)) {
		*off = (s16)below(r, MEM - 7) - MEM / 2;
		return p->base;
	}
	*off = (s16)(-8 - (s32)below(r, 8 * (AT_STACK - 1)));
	return BPF_REG_10;
}

static u32 value_reg(struct rng *r, const struct prog *p)
{
	return free_reg(r, p);
}

static void put_mem(struct rng *r, struct prog *p)
{
	s16 off;
	u32 at = any_place(r, p, &off), reg = value_reg(r, p);
	u8 size = any_size(r);

	switch (below(r, 4)) {
	case 0: put(p, BPF_STX_MEM(size, at, reg, off)); break;
	case 1: put(p, BPF_ST_MEM(size, at, off, (s32)number(r))); break;
	case 2: put(p, BPF_LDX_MEM(size, reg, at, off)); break;
	case 3:
		if (size == BPF_DW)
			size = BPF_W;
		put(p, BPF_LDX_MEMSX(size, reg, at, off));
	}
}

static void put_probe(struct rng *r, struct prog *p)
{
	u8 size = any_size(r), mode = BPF_PROBE_MEM;
	u32 dst = free_reg(r, p), src = any_reg(r);
	s16 off = (s16)below(r, 100);

	if (size != BPF_DW && below(r, 2))
		mode = BPF_PROBE_MEMSX;
	if (p->base == BPF_REG_10 || (src != p->base && below(r, 2)))
		put_imm64(p, src, below(r, 2) ? 1 : 0xdead000000000000ull);
	else
		src = p->base;
	put(p, BPF_INSN(BPF_LDX | size | mode, dst, src, off, 0));
}

static void put_atomic(struct rng *r, struct prog *p)
{
	static const s32 ops[] = {BPF_ADD,
				  BPF_AND,
				  BPF_OR,
				  BPF_XOR,
				  BPF_ADD | BPF_FETCH,
				  BPF_AND | BPF_FETCH,
				  BPF_OR | BPF_FETCH,
				  BPF_XOR | BPF_FETCH,
				  BPF_XCHG,
				  BPF_CMPXCHG};
	s32 op = ops[below(r, ARRAY_SIZE(ops))];
	u8 size = below(r, 2) ? BPF_W : BPF_DW;
	s16 off;
	u32 at = any_place(r, p, &off), reg = value_reg(r, p);

	if (op == BPF_CMPXCHG && at == 0)
		return;
	if (op == BPF_CMPXCHG && below(r, 2)) /* so that it succeeds */
		put(p, BPF_LDX_MEM(size, 0, at, off & ~7));
	if (op == BPF_CMPXCHG && p->base == 0)
		return;
	put(p, BPF_ATOMIC_OP(size, op, at, reg, off & ~7));
}

struct bpf_insn any_branch(struct rng *r, const struct prog *p, s16 off)
{
	static const u8 ops[] = {BPF_JEQ,  BPF_JGT, BPF_JGE, BPF_JSET, BPF_JNE, BPF_JSGT,
				 BPF_JSGE, BPF_JLT, BPF_JLE, BPF_JSLT, BPF_JSLE};
	u8 op = ops[below(r, ARRAY_SIZE(ops))], class = below(r, 2) ? BPF_JMP : BPF_JMP32;
	u32 a = alu_reg(r, p), b = alu_reg(r, p);

	return below(r, 2) ? BPF_INSN(class | op | BPF_X, a, b, off, 0)
			   : BPF_INSN(class | op | BPF_K, a, 0, off, (s32)number(r));
}

static void put_straight(struct rng *r, struct prog *p)
{
	switch (below(r, 12)) {
	case 0:
	case 1: put_mem(r, p); break;
	case 10:
	case 11: put_idiom(r, p); break;
	case 2: put_atomic(r, p); break;
	case 3: put_imm64(p, free_reg(r, p), number(r)); break;
	case 4:
		if (!below(r, 8))
			put_probe(r, p);
		break;
	default: put_alu(r, p);
	}
}

/* Over some instructions; sometimes over many, so that it is no short jump. */
static void put_branch(struct rng *r, struct prog *p)
{
	u32 at = p->len, n = 1 + below(r, below(r, 8) ? 6 : 60);

	put(p, any_branch(r, p, 0));
	while (n--)
		put_straight(r, p);
	if (at < MAX_LEN)
		p->insns[at].off = p->len - at - 1;
}

static void put_goto(struct rng *r, struct prog *p)
{
	u32 at = p->len;

	put(p, below(r, 2) ? BPF_JMP_A(0) : BPF_JMP32_A(0));
	put_straight(r, p);
	put_straight(r, p);
	if (p->insns[at].code == (BPF_JMP | BPF_JA))
		p->insns[at].off = p->len - at - 1;
	else
		p->insns[at].imm = p->len - at - 1;
}

/* A few rounds, counted in the last word of the stack. */
static void put_loop(struct rng *r, struct prog *p)
{
	u32 counter = free_reg(r, p), top, n = 1 + below(r, 8);

	put(p, BPF_ST_MEM(BPF_DW, 10, -200, (s32)(1 + below(r, 5))));
	top = p->len;
	while (n--)
		put_straight(r, p);
	put(p, BPF_LDX_MEM(BPF_DW, counter, 10, -200));
	put(p, BPF_ALU64_IMM(BPF_SUB, counter, 1));
	put(p, BPF_STX_MEM(BPF_DW, 10, counter, -200));
	put(p, BPF_JMP_IMM(BPF_JSGT, counter, 0, (s16)(top - p->len - 1)));
}

/* A call leaves R1..R5 undefined. */
static void put_after_call(struct rng *r, struct prog *p)
{
	for (u32 reg = 1; reg <= 5; reg++)
		put_imm64(p, reg, number(r));
	if (p->r11)
		put_imm64(p, 11, number(r));
}

static void put_call(struct rng *r, struct prog *p, u32 *calls, u32 *nr_calls)
{
	if (p->base <= 5)
		return;
	if (below(r, 2)) {
		put_lookup(r, p);
	} else if (p->depth && *nr_calls < 4 && below(r, 2)) {
		bool by_helper = below(r, 2);

		if (by_helper) {
			bool loop = below(r, 2);

			put(p, BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, loop ? 2 : 1, BPF_PSEUDO_FUNC, 0,
					0));
			put(p, BPF_INSN(0, 0, 0, 0, 0));
			calls[(*nr_calls)++] = p->len - 2;
			if (loop) { /* of few rounds, and sometimes of too many, or with flags */
				put(p, BPF_MOV64_IMM(1, below(r, 8) ? (s32)below(r, 5) : -1));
				put(p, BPF_MOV64_IMM(4, !below(r, 8)));
			}
			put(p, BPF_EMIT_CALL(loop ? BPF_FUNC_loop : 2));
		} else {
			calls[(*nr_calls)++] = p->len;
			put(p, BPF_CALL_REL(0));
		}
	} else {
		put(p, BPF_EMIT_CALL(MIX));
	}
	put_after_call(r, p);
}

/* Sets all registers but those of the caller's arguments. */
static void put_begin(struct rng *r, struct prog *p, bool sub)
{
	if (p->base != 1 && !sub)
		put(p, BPF_MOV64_REG(p->base, 1));
	for (u32 reg = 0; reg < REGS; reg++)
		if (reg != p->base && (!sub || reg == 0 || reg > 5))
			put_imm64(p, reg, number(r));
	p->r11 = below(r, 2);
	if (p->r11)
		put_imm64(p, 11, number(r));
	for (s32 i = 1; i <= AT_STACK; i++)
		put(p, BPF_ST_MEM(BPF_DW, 10, -8 * i, (s32)number(r)));
}

/* All registers end up in R0, and so does the stack. */
static void put_end(struct prog *p, bool sub)
{
	for (u32 reg = 1; reg < REGS; reg++) {
		if (reg == p->base)
			continue;
		put(p, BPF_ALU64_IMM(BPF_MUL, 0, 31));
		put(p, BPF_ALU64_REG(BPF_XOR, 0, reg));
	}
	if (p->r11)
		put(p, BPF_ALU64_REG(BPF_XOR, 0, 11));
	for (s32 i = 1; i <= AT_STACK; i++) {
		u32 reg = p->base == 9 ? 8 : 9;

		put(p, BPF_LDX_MEM(BPF_DW, reg, 10, -8 * i));
		put(p, BPF_ALU64_IMM(BPF_MUL, 0, 33));
		put(p, BPF_ALU64_REG(BPF_XOR, 0, reg));
	}
	put(p, BPF_EXIT_INSN());
}

static void put_function(struct rng *r, struct prog *p, u32 room, bool sub)
{
	u32 calls[4], nr_calls = 0, end = p->len + room;
	bool with_calls = below(r, 2);

	/* a subprogram has no memory but its stack */
	p->base = sub ? BPF_REG_10 : 1 + below(r, 9);
	put_begin(r, p, sub);
	if (!below(r, 6)) {
		u32 at = p->len;

		put(p, BPF_MAY_GOTO_INSN(0));
		put_straight(r, p);
		p->insns[at].off = p->len - at - 1;
	}
	while (p->len < end)
		switch (below(r, 12)) {
		case 0:
		case 1: put_branch(r, p); break;
		case 2: put_goto(r, p); break;
		case 3: put_loop(r, p); break;
		case 4:
			if (with_calls)
				put_call(r, p, calls, &nr_calls);
			break;
		default: put_straight(r, p);
		}
	put_end(p, sub);
	p->depth -= !!p->depth;
	for (u32 i = 0; i < nr_calls; i++)
		p->insns[calls[i]].imm = p->len - calls[i] - 1;
	if (nr_calls)
		put_function(r, p, 5 + below(r, 15), true);
}

/* --- both ways --- */

struct fuzz {
	u64 seed, count, programs, insns, refused;
	u64 fusions[32];
	double seconds;
	struct bpf_map **maps;
};

struct outcome {
	u64 ret;
	u8 mem[MEM + 8];
};

#if defined(__x86_64__)
#include "exec/jit_fuse.h"

static void count_fusions(struct fuzz *f, const struct jit_code *jit)
{
	for (u32 i = 0; i < JIT_NR_FUSIONS; i++)
		f->fusions[i] += jit->fusions[i];
}

/* Each must have been met. */
static bool all_fused(const struct fuzz *f)
{
	bool all = true;

	printf("fused:");
	for (u32 i = 1; i < JIT_NR_FUSIONS; i++) {
		printf(" %s %llu", jit_fusion_names[i], f->fusions[i]);
		all &= f->fusions[i] || f->programs < 20000;
	}
	printf("\n");
	return all;
}
#else
static void count_fusions(struct fuzz *f, const struct jit_code *jit) {}
static bool all_fused(const struct fuzz *f)
{
	return true;
}
#endif

static bool run(struct fuzz *f, const struct prog *p, const u8 *mem, bool jit, struct outcome *o)
{
	static struct bpf_insn insns[MAX_LEN];
	struct exec_image img = {.refs = 1,
				 .insns = insns,
				 .len = p->len,
				 .helpers = helpers,
				 .jit_tried = !jit,
				 .maps = f->maps,
				 .nr_maps = LOOKUP_MAPS};
	struct exec_run run = {.cookie = 77};
	bool ok;

	helpers[BPF_FUNC_loop] = exec_helpers[BPF_FUNC_loop];
	helpers[BPF_FUNC_map_lookup_elem] = exec_helpers[BPF_FUNC_map_lookup_elem];
	memcpy(insns, p->insns, p->len * sizeof(*insns));
	memcpy(o->mem, mem, sizeof(o->mem));
	if (exec_image_bind(&img))
		return false;
	exec_image_compile(&img);
	ok = !jit || img.jit;
	if (ok)
		o->ret = exec_run(&img, o->mem + MEM / 2, &run);
	if (jit && ok)
		count_fusions(f, img.jit);
	exec_image_put(&img);
	return ok;
}

static void show(const struct prog *p)
{
	char text[200];

	for (u32 i = 0; i < p->len; i++) {
		disasm_str(text, sizeof(text), &p->insns[i]);
		printf("%4u: %02x %s\n", i, p->insns[i].code, text);
		i += insn_is_ld_imm64(&p->insns[i]);
	}
}

static bool one(struct fuzz *f, u64 nr)
{
	struct rng r = {f->seed * 0x100000001ull + nr};
	static struct prog p;
	static struct outcome a, b;
	u8 mem[MEM + 8];

	p.len = 0;
	p.depth = 3;
	put_function(&r, &p, 5 + below(&r, 60), false);
	if (p.len >= MAX_LEN)
		return true;
	for (u32 i = 0; i < sizeof(mem); i += 8) {
		u64 v = number(&r);

		memcpy(mem + i, &v, 8);
	}
	if (!run(f, &p, mem, false, &a) || !run(f, &p, mem, true, &b)) {
		f->refused++;
		printf("seed %llu, program %llu is not compiled\n", f->seed, nr);
		show(&p);
		return false;
	}
	f->programs++;
	f->insns += p.len;
	if (a.ret == b.ret && !memcmp(a.mem, b.mem, sizeof(a.mem)))
		return true;
	printf("seed %llu, program %llu: interpreted %#llx, compiled %#llx, memory %s\n", f->seed,
	       nr, a.ret, b.ret, memcmp(a.mem, b.mem, sizeof(a.mem)) ? "differs" : "is the same");
	show(&p);
	return false;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static bool parse(struct fuzz *f, int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", 1, NULL, 's'}, {"count", 1, NULL, 'c'}, {"seconds", 1, NULL, 't'}, {0}};
	const char *e = getenv("JIT_SECONDS");
	int c;

	*f = (struct fuzz){.seed = 1};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 's':
			f->seed = strcmp(optarg, "time") ? strtoull(optarg, NULL, 0)
							 : (u64)time(NULL);
			break;
		case 'c': f->count = strtoull(optarg, NULL, 0); break;
		case 't': f->seconds = atof(optarg); break;
		default: return false;
		}
	if (!f->seconds && !f->count)
		f->seconds = e ? atof(e) : 30;
	return true;
}

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	stopped = 1;
}

int main(int argc, char **argv)
{
	double start = now();
	struct fuzz f;
	bool ok = true;

	if (!parse(&f, argc, argv))
		return 2;
#if !defined(__x86_64__)
	printf("no JIT for this CPU\n");
	return 77;
#endif
	f.maps = open_maps();
	if (!f.maps) {
		printf("no maps\n");
		return 2;
	}
	signal(SIGINT, stop); /* the figures are printed all the same */
	signal(SIGTERM, stop);
	for (u64 i = 0; ok && !stopped && (!f.count || i < f.count); i++) {
		if (f.seconds && !(i % 256) && now() - start > f.seconds)
			break;
		ok = one(&f, i);
	}
	printf("seed %llu: %llu programs, %llu instructions in %.1f s (%.0f/s)\n", f.seed,
	       f.programs, f.insns, now() - start, f.programs / (now() - start));
	return !ok || !all_fused(&f);
}
