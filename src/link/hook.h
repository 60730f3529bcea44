/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_HOOK_H
#define USERBPF_LINK_HOOK_H
/*
 * hook.h - points where the service calls programs by itself, of two sorts:
 *
 *   tracepoints   rows of hook_points.def; tp_btf/NAME and raw_tp/NAME programs attach to them
 *   functions     rows of func_points.def, which are called through hook_call(): kprobes and programs
 *                 around them (fentry, fmod_ret, fexit) attach to them
 *
 * A tracepoint's source, if it has one, runs in a thread of its own only while programs are attached
 * there, and says what happened with hook_fire(); those without one are fired by the code they are of.
 * Programs of a point run one after the other, in the order they came; the point's lock is held
 * meanwhile, so what a detached program was part of is over when hook_detach() returns. A program that
 * does not end within its limit (prog/limit.h) is not called again.
 */
#include <pthread.h>
#include "base/list.h"
#include "link/link.h"

struct hook;
struct hooks;

/* What a program is to the point; a function's are called in this order. */
enum hook_how { HOOK_RAW_TP, HOOK_KPROBE, HOOK_FENTRY, HOOK_FMOD_RET, HOOK_FEXIT, HOOK_KRETPROBE };

struct hook_point {
	const char *name;
	u32 nr_args;
	/* Tracepoints: the body of the thread, until hook_wait() says that it is over; or NULL */
	void (*source)(struct hook *h);
	/* Functions */
	u64 (*call)(const u64 *args);
	u32 flags; /* FUNC_* */
};
#define FUNC_INJECT 1u /* bpf_override_return() may be used */

/* A program at a point; who attaches it keeps the program. */
struct hook_user {
	struct list node;
	struct hook *hook;
	struct bpf_prog *prog;
	u64 cookie;
	enum hook_how how;
	bool over; /* did not end in time, and is not called any more */
};

struct hooks *hooks_new(const struct exec_host *host); /* NULL: no memory */
void hooks_free(struct hooks *h);		       /* nobody is left */

/* For sources. False: no program is left, return. */
bool hook_wait(struct hook *h, u32 ms);
void hook_fire(struct hook *h, const u64 *args, const struct exec_task *task); /* @task: whose doing it is, NULL: the thread's */
u64 hook_call(struct hook *h, const u64 *args, const struct exec_task *task);

struct hook *hook_tracepoint(struct hooks *hooks, const char *name); /* NULL: there is none */
struct hook *hook_function(struct hooks *hooks, const char *name);
struct hook *hook_function_at(struct hooks *hooks, u64 addr);
const struct hook_point *hook_point_of(const struct hook *h);
/* Of a function, as /proc/kallsyms shows it: nothing is there; 0: a tracepoint */
u64 hook_point_addr(const struct hook_point *p);
/* @u: prog, cookie, how. -EBUSY: the program is there already (fentry and its like) */
int hook_attach(struct hook *h, struct hook_user *u);
void hook_detach(struct hook_user *u);

/* All points, functions after tracepoints; NULL at the end. */
const struct hook_point *hook_point_at(u32 i);

/*
 * What PROG_TEST_RUN of a program around a function does: calls the functions that are there to be
 * tried (@attach: of the program). 0 and *retval, or the errno.
 */
int hook_test_run(struct hooks *hooks, enum bpf_attach_type attach, const struct exec_task *task, u32 *retval);

#endif
