/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_HOOK_H
#define USERBPF_LINK_HOOK_H
/*
 * hook.h - points where the service calls programs by itself: rows of hook_points.def. A program
 * of tp_btf/NAME or raw_tp/NAME attaches to the point of that name.
 *
 * A point's source runs in a thread of its own only while programs are attached there, and says what
 * happened with hook_fire(). Programs of a point run one after the other, in the order they came.
 */
#include <pthread.h>
#include "base/list.h"
#include "link/link.h"

struct hook;
struct hooks;

struct hook_point {
	const char *name;
	u32 nr_args;
	/* The body of the thread: until hook_wait() says that it is over. */
	void (*source)(struct hook *h);
};

struct hooks *hooks_new(const struct exec_host *host); /* NULL: no memory */
void hooks_free(struct hooks *h);		       /* no links are left */

/* For sources. False: no program is left, return. */
bool hook_wait(struct hook *h, u32 ms);
void hook_fire(struct hook *h, const u64 *args);

/* A link of kind raw_tracepoint of @prog and the point @name; ERR_PTR(-ENOENT) ... */
struct bpf_link *hook_link_create(struct hooks *hooks, const char *name, struct bpf_prog *prog);
const struct hook_point *hook_point_at(u32 i); /* NULL at the end */

#endif
