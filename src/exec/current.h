/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_EXEC_CURRENT_H
#define USERBPF_EXEC_CURRENT_H
/* current.h - sets what exec_current() answers. */
#include "exec/exec.h"

static inline void exec_current_set(struct exec_run *run)
{
	run_current_set((struct run_head *)run);
}

#endif
