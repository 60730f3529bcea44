/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CURRENT_H
#define USERBPF_CURRENT_H
/*
 * current.h - what this thread runs, as far as those below exec/ have to know it. Run side.
 *
 * A run that takes too long is not taken away from its thread: it holds locks and references that only
 * its own code gives back. It is told to end (run_stop()), and then everything that can make it long comes to an end at once: loops
 * by helpers, iterators and may_goto, calls of functions that were verified by themselves, tail calls (exec/exec.h), and
 * waiting for others. What is left is what the verifier walked step by step, a million instructions at most.
 */
#include "base/base.h"

/* What struct exec_run begins with. */
struct run_head {
	u32 stop; /* atomic; 0, or the errno why the run is to end: it stays so */
};

struct run_head *run_current(void); /* innermost; NULL: nothing */
void run_current_set(struct run_head *run);

/* By any thread that knows that the run has not returned. The first reason counts. */
static inline void run_stop(struct run_head *run, u32 why)
{
	u32 goes_on = 0;

	__atomic_compare_exchange_n(&run->stop, &goes_on, why, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline u32 run_stopped(const struct run_head *run)
{
	return __atomic_load_n(&run->stop, __ATOMIC_RELAXED);
}

/* Of what this thread runs: for who is about to wait, or to take long. */
static inline bool run_hurries(void)
{
	const struct run_head *run = run_current();

	return run && run_stopped(run);
}

#endif
