/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_H
#define USERBPF_JIT_H
/*
 * jit.h - machine code for a bound image. Run side.
 *
 * The interpreter is the reference; code does the same, or there is none: jit_compile() answers NULL
 * for what it does not know, when the process may not have executable memory, when USERBPF_JIT=0 is
 * in the environment and on a CPU without a jit_<cpu>.c. Nobody needs to know why.
 *
 * One mapping per image, guard pages on both sides:
 *
 *	| no access | struct jit_code, functions, loads that may fault: R | code: RX | no access |
 *
 * It is written as RW memory and then changed for good, so that no page is ever writable and
 * executable at once.
 *
 * A function of the program is a C function: R1..R5 are its first five arguments, R0 its result.
 * Bounded by the verifier's 8 frames of 512 bytes, so calls are native calls; run->depth counts callbacks
 * only. Calls of subprograms that go round or too deep make the image one for the interpreter.
 * A tail call is a call whose result is returned: at most 33 in a run.
 *
 * Compiling takes time in proportion to the program's length. Three passes write the same code: sizes with every jump
 * long, then places, then code. Before, liveness (jit_live.c) tells which registers are read again; during the first, groups of instructions that are
 * fewer for the CPU are found (jit_fuse.h), and what registers certainly are (jit_known) makes calls of helpers lookups, loops or
 * direct calls. Jumps to BPF_EXIT go to one way out behind the function, jumps to gotos where these lead.
 *
 * Loads that may fault: a row each. fault_handle() (fault.h) knows by exec_current() whose rows to
 * search; the load's register becomes zero.
 */
#include "exec/exec.h"

#if defined(__x86_64__)

struct jit_function {
	u32 start; /* first instruction */
	u32 entry; /* from the code's beginning */
};

struct jit_fault {
	u32 at;	      /* from the code's beginning */
	u8 len, reg; /* of the load, in bytes; what it loads, as the CPU numbers it */
};

#define JIT_MAX_FUSIONS 16

struct jit_code {
	size_t size; /* of the mapping, guards included */
	const u8 *code;
	u32 code_len;
	u32 nr_functions, nr_faults;
	bool calls_c; /* else it uses general registers only, and so it does as a whole */
	u32 fusions[JIT_MAX_FUSIONS]; /* how many of each kind (jit_fuse.h): what tests look at */
	const struct jit_function *functions; /* by start */
	const struct jit_fault *faults;	      /* by address */
};

/* How C calls code: it begins with this function, @entry is the one to run. */
typedef u64 (*jit_enter_fn)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct exec_run *run,
			    const void *entry);

/* False: it touches no vector register. */
static inline bool jit_calls_c(const struct jit_code *jit)
{
	return jit->calls_c;
}
struct jit_code *jit_compile(const struct exec_image *img);
void jit_free(struct jit_code *jit);
/* Code of the function that begins at instruction @start; NULL: none does. */
const void *jit_entry(const struct jit_code *jit, u32 start);
static inline jit_enter_fn jit_enter(const struct jit_code *jit)
{
	return (jit_enter_fn)(uintptr_t)jit->code;
}
/* The whole of it; false: none begins there. */
bool jit_function(const struct jit_code *jit, u32 start, struct exec_function *f);
/* Tells profilers, if the environment asks for it; @jit may be NULL. */
void jit_perf(const struct exec_image *img, const struct jit_code *jit);
/* From a signal handler: true when @ucontext was a load of @jit and is behind it now. */
bool jit_fault(const struct jit_code *jit, void *ucontext);

/* --- between jit.c and the CPU's file --- */

/* bytes of code one instruction becomes at most, a function's beginning and what is fused with it included */
#define JIT_MAX_INSN 1536

/* About instructions: something jumps there; begins a function; is the other half of a constant; its
 * jump is a short one; something behind it jumps there, and on a condition, so that a loop begins there; was
 * compared away by a table (a switch). */
enum {
	JIT_LEADER = 1,
	JIT_FUNCTION = 2,
	JIT_SECOND = 4,
	JIT_SHORT = 8,
	JIT_LOOP = 16,
	JIT_NODE = 32,
	JIT_ROUNDS = 64,
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
	u8 *flags;  /* by instruction */
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
	bool calls_c; /* functions in C: vector registers, perhaps */
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
void jit_add_fault(struct jit *j, u32 at, u32 len, u32 reg);

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

static inline s64 jit_target(const struct bpf_insn *in, u32 i)
{
	return (s64)i + 1 + (in->code == (BPF_JMP32 | BPF_JA) ? in->imm : in->off);
}

/* Fills live[] for the function from @start to func_end. */
void jit_find_live(struct jit *j, u32 start);
/* The registers that are read behind instruction @i. */
u32 jit_live_behind(const struct jit *j, u32 i);

/* What a tail call is to the code that makes it. */
struct jit_tail {
	u64 ret, taken;
};
struct jit_tail jit_tail(u64 ctx, u64 map, u64 index, struct exec_run *run);

/* The CPU's part: what it can do; how many instructions from @i on are one for it, and which (fused[]), 1: just
 * that; @bytes that do nothing; the function that C calls; a function's beginning and its way out; one instruction, or those fused with
 * it, -ENOTSUP when that is the interpreter's. */
void jit_features(struct jit *j);
u32 jit_fuse(struct jit *j, u32 i);
#define JIT_ONE_NOP 9u /* bytes one instruction of them has at most */
void jit_emit_padding(struct jit *j, u32 bytes);
void jit_emit_enter(struct jit *j);
void jit_emit_prologue(struct jit *j);
void jit_emit_exit(struct jit *j);
int jit_emit_insn(struct jit *j, u32 i);

#else

static inline struct jit_code *jit_compile(const struct exec_image *img) { return NULL; }
static inline bool jit_calls_c(const struct jit_code *jit) { return true; }
static inline void jit_free(struct jit_code *jit) {}
static inline const void *jit_entry(const struct jit_code *jit, u32 start) { return NULL; }
typedef u64 (*jit_enter_fn)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct exec_run *run, const void *entry);
static inline jit_enter_fn jit_enter(const struct jit_code *jit) { return NULL; }
static inline bool jit_function(const struct jit_code *jit, u32 start, struct exec_function *f) { return false; }
static inline void jit_perf(const struct exec_image *img, const struct jit_code *jit) {}
static inline bool jit_fault(const struct jit_code *jit, void *ucontext) { return false; }

#endif

#endif
