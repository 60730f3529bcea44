/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_STATE_H
#define USERBPF_JIT_STATE_H
/* jit_state.h - a program while it is compiled: what all parts of the compiler look at. */
#include "exec/jit_code.h"

/* bytes of code one instruction becomes at most, a function's beginning and what is fused with it included */
#define JIT_MAX_INSN 1536

/* About instructions: something jumps there; begins a function; is the other half of a constant; its
 * jump is a short one; something behind it jumps there, and on a condition, so that a loop begins there; was
 * compared away by a table (a switch); several instructions jump there; a loop that fits into a line
 * of the cache begins there. */
enum {
	JIT_LEADER = 1,
	JIT_FUNCTION = 2,
	JIT_SECOND = 4,
	JIT_SHORT = 8,
	JIT_LOOP = 16,
	JIT_NODE = 32,
	JIT_ROUNDS = 64,
	JIT_SHARED = 128,
	JIT_LINE = 256,
};
/* The passes: sizes with every jump long; which jumps may be short, and all addresses; code. */
enum { JIT_SIZES, JIT_PLACES, JIT_CODE };

/* What a register certainly is; all 0: nobody knows. */
struct jit_known {
	const struct bpf_map *map;
	u32 func; /* a callback: its first instruction, from 1 */
};

/* A program while it is compiled. */
struct jit {
	const struct exec_image *img;
	const helper_fn *helpers;
	int pass;
	u16 *flags; /* by instruction */
	u16 *live;  /* mask of registers that it or something behind it reads (jit_live.c) */
	u8 *fused;  /* which fusion begins there (jit_fuse.h), 0: none ... */
	u8 *span;   /* ... and how many instructions it covers */
	u32 *at;    /* where an instruction's code begins, as the last pass had it; [len]: the end */
	/* the same of the function that begins there; by a function's last instruction: of its way out, where its
	 * jumps to BPF_EXIT go */
	u32 *entry;
	u8 *code;   /* where it will run; NULL: not known yet */
	u8 *p;	    /* the next byte goes here ... */
	u8 *begun;  /* ... after what began here ... */
	u32 jumped; /* where the last jump ended */
	u32 pos;    /* ... which is so far from the code's beginning */
	struct jit_fault *faults;
	struct jit_function *functions;
	u32 nr_faults, nr_functions;
	u32 fusions[JIT_MAX_FUSIONS];
	/* of the function at hand */
	u32 func_end;
	u32 uses; /* mask of registers it mentions */
	struct jit_known known[12]; /* R0..R11 */
	bool knows;		    /* anything of them */
	bool calls, patient, leaves; /* leaves: something jumps out of it */
	bool vectors; /* functions in C, wide copies: vector registers, perhaps */
	u32 features; /* the CPU file's */
};

/* Distance of the next byte from the code's beginning. */
static inline u32 jit_here(const struct jit *j)
{
	return j->pos + (u32)(j->p - j->begun);
}
/* Where a jump to instruction @target of this function goes. */
static inline u32 jit_place(const struct jit *j, u32 target)
{
	return j->img->insns[target].code == (BPF_JMP | BPF_EXIT) ? j->entry[j->func_end - 1]
								   : j->at[target];
}
static inline void jit_add_fault(struct jit *j, u32 at, u32 len, u32 reg)
{
	if (j->pass == JIT_CODE)
		j->faults[j->nr_faults] = (struct jit_fault){.at = at, .len = len, .reg = reg};
	j->nr_faults++;
}

static inline bool jit_is_jump(const struct bpf_insn *in)
{
	u8 class = BPF_CLASS(in->code), op = BPF_OP(in->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT &&
	       op != BPF_TAIL_CALL;
}

static inline bool jit_is_goto(const struct bpf_insn *in)
{
	return in->code == (BPF_JMP | BPF_JA) || in->code == (BPF_JMP32 | BPF_JA);
}

/* It compares. */
static inline bool jit_is_condition(const struct bpf_insn *in)
{
	return jit_is_jump(in) && !jit_is_goto(in) && BPF_OP(in->code) != BPF_JCOND;
}

static inline s64 jit_target(const struct bpf_insn *in, u32 i)
{
	return (s64)i + 1 + (in->code == (BPF_JMP32 | BPF_JA) ? in->imm : in->off);
}

/* Instruction @i when control can come there from the one in front only, else one that is none. */
static inline const struct bpf_insn *jit_ahead(const struct jit *j, u32 i)
{
	static const struct bpf_insn none = {.code = BPF_LD | BPF_ABS | BPF_DW};

	return i < j->func_end && !(j->flags[i] & (JIT_LEADER | JIT_FUNCTION | JIT_SECOND)) ? &j->img->insns[i] : &none;
}
/* The instruction in front of @i from where alone control comes; false: there is none. */
static inline bool jit_step_back(const struct jit *j, u32 *i)
{
	do {
		if (!*i || j->flags[*i] & (JIT_LEADER | JIT_FUNCTION))
			return false;
		--*i;
	} while (j->flags[*i] & JIT_SECOND);
	return true;
}
static inline bool jit_is_alu64(const struct bpf_insn *in, u32 op)
{
	return in->code == (BPF_ALU64 | op);
}

#endif
