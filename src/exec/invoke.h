/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_INVOKE_H
#define USERBPF_INVOKE_H
/* invoke.h - the one place that chooses how a program is executed. */
#include "exec/exec.h"

/* Runs run->image from instruction @start on, by its code when it has any. */
u64 exec_invoke(struct exec_run *run, u32 start, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);
/* What tail calls of code are (exec_run.tail_call). */
struct exec_tail exec_tail_call(u64 ctx, u64 map, u64 index, struct exec_run *run);

#endif
