/* SPDX-License-Identifier: BSD-2-Clause */
/* current.c - what a thread runs; read by signal handlers. */
#include "exec/interp.h"

static __thread __attribute__((tls_model("initial-exec"))) struct exec_run *current_run;

struct exec_run *exec_current(void)
{
	return current_run;
}

void exec_current_set(struct exec_run *run)
{
	current_run = run;
}
