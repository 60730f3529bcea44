/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FUZZ_JIT_PROG_H
#define FUZZ_JIT_PROG_H
/* prog.h - a random program while it grows. Any register but one may hold any number. */
#include "exec/exec.h"
#include "isa/insn.h"

#define MAX_LEN	 600
#define MEM	 256
#define REGS	 10 /* R0..R9 */
#define MIX	 40 /* a helper that mixes its arguments */
#define AT_STACK 10 /* words of the stack that are looked at */

struct rng {
	u64 s;
};

struct prog {
	struct bpf_insn insns[MAX_LEN + 1];
	u32 len;
	u32 base;  /* the register that points to memory; R10 in subprograms: the stack only */
	bool r11;  /* the function has it */
	u32 depth; /* of subprograms still allowed */
};

static inline u64 rnd(struct rng *r)
{
	u64 z = r->s += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline u32 below(struct rng *r, u32 n)
{
	return (u32)(rnd(r) >> 32) % n;
}

static inline void put(struct prog *p, struct bpf_insn in)
{
	if (p->len < MAX_LEN)
		p->insns[p->len++] = in;
}

static inline u32 any_reg(struct rng *r)
{
	return below(r, REGS);
}

/* One that may be written. */
static inline u32 free_reg(struct rng *r, const struct prog *p)
{
	u32 reg = any_reg(r);

	return reg == p->base ? (reg + 1) % REGS : reg;
}

/* Numbers that are at some edge, and others. */
u64 number(struct rng *r);
/* A lookup, in a function whose memory is not behind R0..R5, and what follows; the number of maps there are. */
#define LOOKUP_MAPS 8
void put_lookup(struct rng *r, struct prog *p);
/* Instructions as compilers and the verifier put them next to each other: what the JIT fuses, and what
 * almost is. */
void put_idiom(struct rng *r, struct prog *p);
struct bpf_insn any_branch(struct rng *r, const struct prog *p, s16 off);

#endif
