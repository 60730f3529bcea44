/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_AGENT_HIT_H
#define USERBPF_AGENT_HIT_H
/*
 * hit.h - running a program where a process hit a probe. Run side: any thread, signal handlers too,
 * nothing is allocated, errno stays.
 *
 * A thread that runs a program, or our own code (@hit_inside), hits nothing: as in the kernel, where
 * one program does not interrupt another of its kind on the same CPU.
 *
 * Ending: hit_quiesce() returns when every hit that may have seen a struct hit alive is over. A hit
 * holds a CPU slot, and slots are exclusive; so a counter per slot, odd while a hit runs, is written
 * without a locked instruction.
 */
#include "exec/exec.h"

/* This thread is in our own code: nothing counts as a hit. */
extern __thread int hit_inside __attribute__((tls_model("initial-exec")));

struct hit {
	const struct exec_image *img;	/* referenced by the owner */
	const struct exec_host *host;
	u64 cookie;
	u32 dead;			/* atomic: does nothing any more */
	u64 runs, ns;			/* atomic; while somebody wants statistics (slot_stats()) */
	u64 missed;			/* atomic: hits inside programs */
};

/* Runs the program with @ctx; its result. @ip: bpf_get_func_ip(). @user: where the thread is. */
u64 hit_run(struct hit *h, void *ctx, u64 ip, const struct exec_regs *user);

/* The same for several of one event: between begin and end, unless begin says no. */
bool hit_begin(u32 *slot);
u64 hit_exec(struct hit *h, void *ctx, u64 ip, const struct exec_regs *user);
/* Of a function that programs may leave out (bpf_override_return()): true if this one does, and *@ret is what it returns. */
bool hit_exec_call(struct hit *h, void *ctx, const struct exec_regs *user, u64 *ret);
/* Of a sample. */
u64 hit_exec_perf(struct hit *h, void *ctx, const struct exec_regs *user,
		  const struct bpf_perf_event_value *value);
void hit_end(u32 slot);

/* Called when something was counted, once until hit_counted_seen(). From hits. */
extern void (*hit_counted)(void);
void hit_counted_seen(void);

/* No hit is running that began before the call; false after @ms. The caller is not inside one. */
bool hit_quiesce(u32 ms);
/* The child of a fork has one thread, and that is not in a hit. */
void hit_after_fork(void);

#endif
