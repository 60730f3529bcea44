/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_CODE_H
#define USERBPF_JIT_CODE_H
/*
 * jit_code.h - what a compiled image has: machine code, where its functions are, which of its loads may fault. How it
 * comes about is jit.h's. On a CPU without a compiler there is none.
 *
 * One mapping per image, guard pages on both sides:
 *
 *	| no access | struct jit_code, functions, loads that may fault: R | code: RX | no access |
 *
 * It is written as RW memory and then changed for good, so that no page is ever writable and
 * executable at once.
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

#define JIT_MAX_FUSIONS 24

struct jit_code {
	size_t size; /* of the mapping, guards included */
	const u8 *code;
	u32 code_len;
	u32 nr_functions, nr_faults;
	bool vectors; /* it may change vector registers: functions in C do, and wide copies */
	u32 fusions[JIT_MAX_FUSIONS]; /* how many of each kind (fuse.h): what tests look at */
	const struct jit_function *functions; /* by start */
	const struct jit_fault *faults;	      /* by address */
};

#define JIT_PAGE 4096ul

/* How C calls code: it begins with this function, @entry is the one to run. */
typedef u64 (*jit_enter_fn)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct exec_run *run,
			    const void *entry);

/* False: it touches no vector register. */
static inline bool jit_uses_vectors(const struct jit_code *jit)
{
	return jit->vectors;
}
void jit_free(struct jit_code *jit);
/* Code of the function that begins at instruction @start; NULL: none does. */
const void *jit_entry(const struct jit_code *jit, u32 start);
static inline jit_enter_fn jit_enter(const struct jit_code *jit)
{
	return (jit_enter_fn)(uintptr_t)jit->code;
}
/* The whole of it; false: none begins there. */
bool jit_function(const struct jit_code *jit, u32 start, struct exec_function *f);
/* From a signal handler: true when @ucontext was a load of @jit and is behind it now. */
bool jit_fault(const struct jit_code *jit, void *ucontext);

#else

static inline bool jit_uses_vectors(const struct jit_code *jit) { return true; }
static inline void jit_free(struct jit_code *jit) {}
static inline const void *jit_entry(const struct jit_code *jit, u32 start) { return NULL; }
typedef u64 (*jit_enter_fn)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct exec_run *run, const void *entry);
static inline jit_enter_fn jit_enter(const struct jit_code *jit) { return NULL; }
static inline bool jit_function(const struct jit_code *jit, u32 start, struct exec_function *f) { return false; }
static inline bool jit_fault(const struct jit_code *jit, void *ucontext) { return false; }

#endif

#endif
