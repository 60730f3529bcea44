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
 * A function of the program is a C function: R1..R5 are its first five arguments, R0 its result.
 * Bounded by the verifier's 8 frames of 512 bytes, so calls are native calls; run->depth counts callbacks
 * only. Calls of subprograms that go round or too deep make the image one for the interpreter.
 * A tail call is a call whose result is returned: at most 33 in a run.
 *
 * Compiling takes time in proportion to the program's length. Three passes write the same code: sizes with every jump
 * long, then places, then code. Before, liveness (jit_live.c) tells which registers are read again; during the first, groups of instructions that are
 * fewer for the CPU are found (fuse.h), and what registers certainly are (jit_known.h) makes calls of helpers lookups, loops or
 * direct calls. Jumps to BPF_EXIT go to one way out behind the function, jumps to gotos where these lead.
 *
 *	jit.c                 what is where, passes, memory       jit_code.h            the result
 *	jit_state.h           a program while it is compiled      jit_live.h            registers that are read again
 *	fuse.h, fuse_*.c      groups of instructions              jit_known.h           what registers certainly are
 *	jit_x86_64.h          one instruction                     jit_parts_x86_64.h    what all are written with
 *	jit_inline_x86_64.h   helpers without a call              jit_maps_x86_64.h     lookups without a call
 */
#include "exec/jit_code.h"

#if defined(__x86_64__)
struct jit_code *jit_compile(const struct exec_image *img);
/* Where the code of each instruction is, @addr[len]: fused ones are where the first is. */
int jit_places(const struct exec_image *img, const struct jit_code *jit, u64 *addr);
/* Tells profilers, if the environment asks for it; @jit may be NULL. */
void jit_perf(const struct exec_image *img, const struct jit_code *jit);
#else
static inline struct jit_code *jit_compile(const struct exec_image *img) { return NULL; }
static inline int jit_places(const struct exec_image *img, const struct jit_code *jit, u64 *addr) { return -ENOTSUP; }
static inline void jit_perf(const struct exec_image *img, const struct jit_code *jit) {}
#endif

#endif
