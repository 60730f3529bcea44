/* SPDX-License-Identifier: BSD-2-Clause */
/* current.c - read by signal handlers, too. */
#include "base/current.h"

static __thread __attribute__((tls_model("initial-exec"))) struct run_head *current;

struct run_head *run_current(void)
{
	return current;
}

void run_current_set(struct run_head *run)
{
	current = run;
}
