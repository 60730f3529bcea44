/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_INTERP_H
#define USERBPF_INTERP_H
/* interp.h - the interpreter, for invoke.c, which chooses between it and code. */
#include "exec/exec.h"

/* Runs run->image from @insn on to the end of that function, R0 is returned. */
u64 interp(struct exec_run *run, const struct bpf_insn *insn, u64 r1, u64 r2, u64 r3, u64 r4,
	   u64 r5);

#endif
