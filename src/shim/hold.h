/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HOLD_H
#define USERBPF_HOLD_H
/*
 * hold.h - a thread says which record it is looking at, instead of counting: a count is a word that
 * all threads write, and costs each of them more than the rest of a lookup.
 *
 * hold_set() is a plain store into the thread's own word; the caller then looks again whether the
 * record is still in the table. Who takes a record out of the table asks hold_wait() before it goes
 * away: that makes every thread of the process see the change (membarrier(2)), and then waits while a
 * word names the record. Elements are worked on for a moment only; a thread that was thrown out in
 * the middle (a jump from a signal handler) would hold for ever, so there is an end to patience.
 *
 * One record per thread at a time. Words live in memory that never goes away; one whose thread
 * ended is used again.
 */
#include "base/base.h"

struct hold {
	const void *what; /* atomic */
	u32 tid;	  /* 0: nobody's; atomic */
	struct hold *next;
	char pad[40]; /* a cache line each */
};

extern __thread __attribute__((tls_model("initial-exec"))) struct hold *hold_mine;
extern bool hold_fenced; /* no membarrier(2): readers order their stores themselves */

void hold_init(void);
bool hold_register(void); /* this thread gets a word; false: no memory */
void hold_after_fork(void);
/* false: somebody holds @what, and will not let go. */
bool hold_wait(const void *what);

static inline bool hold_ready(void)
{
	return likely(hold_mine) || hold_register();
}

static inline void hold_set(const void *what)
{
	__atomic_store_n(&hold_mine->what, what, __ATOMIC_RELAXED);
	if (unlikely(hold_fenced))
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	else
		__asm__ volatile("" ::: "memory");
}

static inline void hold_clear(void)
{
	__atomic_store_n(&hold_mine->what, NULL, __ATOMIC_RELEASE);
}

#endif
