/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_INTERP_H
#define USERBPF_INTERP_H
/*
 * interp.h - what the ways to execute a program share: run.c begins, invoke.c chooses, interp.c and
 * the JIT (jit.h) execute.
 */
#include "exec/exec.h"

/* Callbacks of callbacks: the verifier allows MAX_CALL_FRAMES frames in all; this is the belt to
 * its braces. */
#define EXEC_MAX_DEPTH (2 * MAX_CALL_FRAMES)
#define EXEC_MAX_LOOPS (8u << 20) /* of may_goto in one call of a function, and of bpf_loop(); the kernel's number */

/* Runs run->image from @insn on to the end of that function, R0 is returned. */
u64 interp(struct exec_run *run, const struct bpf_insn *insn, u64 r1, u64 r2, u64 r3, u64 r4,
	   u64 r5);

/* The image a tail call goes to, with a reference, or NULL: the program then goes on behind the
 * call. */
const struct exec_image *exec_tail_target(struct exec_run *run, struct bpf_map *map, u32 index);

/* Runs run->image from instruction @start on, by its code when it has any. */
u64 exec_invoke(struct exec_run *run, u32 start, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);

static inline void exec_current_set(struct exec_run *run)
{
	run_current_set((struct run_head *)run);
}

#endif
