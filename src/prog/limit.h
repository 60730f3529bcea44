/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LIMIT_H
#define USERBPF_LIMIT_H
/*
 * limit.h - how long runs of the service may take. Control side.
 *
 * Programs that practically never end are programs, too: every kernel accepts nested bpf_loop(). Who waits for a run of
 * the service (a reader, a writer, who detaches a program) does so for a bounded time: whatever runs does it under a
 * struct limit, for one program or for one read(2) of an iterator, and when its time is over or the service is to
 * end, run_stop() makes it end (base/current.h says how, and what is left then).
 *
 * A limit lives on the stack of who runs. One thread, started with the first limit, sleeps until the oldest is over; it is
 * woken at most once in that time, so limits that are kept cost a lock twice and nothing else.
 */
#include <pthread.h>
#include "base/list.h"
#include "exec/exec.h"

struct limits;

struct limit {
	struct list node;
	u64 until; /* ns, CLOCK_MONOTONIC */
	pthread_t thread;
	struct run_head *run;
};

/* @ms: 0: only limits_stop() ends runs. NULL: no memory. */
struct limits *limits_new(u32 ms);
/* Ends all runs, those that begin later too. */
void limits_stop(struct limits *ls);
void limits_free(struct limits *ls); /* nobody is left */

/* @ls NULL: there is no limit. */
void limit_begin(struct limits *ls, struct limit *l, struct run_head *run);
/* 0, or -errno of a run that did not end by itself: -ETIME: took too long, -ENOTCONN: the service ends, -EINTR: who
 * waited has gone. What the program returned then means nothing. */
int limit_end(struct limits *ls, struct limit *l);
/* Nobody waits any more for what @thread runs, if it runs anything. */
void limits_interrupt(struct limits *ls, pthread_t thread);

static inline struct limits *limits_of(const struct exec_host *host)
{
	return host ? host->limits : NULL;
}

u32 limits_ms(const struct limits *ls);
u64 limits_over(struct limits *ls); /* runs that took too long so far */

#endif
