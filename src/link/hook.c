/* SPDX-License-Identifier: BSD-2-Clause */
#include <signal.h>
#include <stdlib.h>
#include <asm/ptrace.h>
#include <time.h>
#include "link/func_types.h"
#include "link/link_kind.h"

#define STACK_SIZE (512u << 10)

#define HOOK_POINT(name, args) void hook_##name(struct hook *h);
#define HOOK_PASSIVE(name, args)
#include "link/hook_points.def"
#undef HOOK_POINT
#undef HOOK_PASSIVE

/* A function called with what registers hold: one case per number of arguments. */
#define A1(t)				     (t) a[0]
#define A2(t, u)			     A1(t), (u)a[1]
#define A3(t, u, v)			     A2(t, u), (v)a[2]
#define A4(t, u, v, w)			     A3(t, u, v), (w)a[3]
#define A5(t, u, v, w, x)		     A4(t, u, v, w), (x)a[4]
#define A6(t, u, v, w, x, y)		     A5(t, u, v, w, x), (y)a[5]
#define PICK(_1, _2, _3, _4, _5, _6, n, ...) n
#define NR_ARGS(...)			     PICK(__VA_ARGS__, 6, 5, 4, 3, 2, 1)
#define ARGS(...)			     PICK(__VA_ARGS__, A6, A5, A4, A3, A2, A1)(__VA_ARGS__)

#define FUNC_POINT(name, flags, ret, ...)            \
	static u64 call_##name(const u64 *a)         \
	{                                            \
		return (u32)name(ARGS(__VA_ARGS__)); \
	}
#include "link/func_points.def"
#undef FUNC_POINT

#define HOOK_POINT(point, args)	  {.name = #point, .nr_args = args, .source = hook_##point},
#define HOOK_PASSIVE(point, args) {.name = #point, .nr_args = args},
#define FUNC_POINT(func, how, ret, ...) \
	{.name = #func, .nr_args = NR_ARGS(__VA_ARGS__), .call = call_##func, .flags = how},
static const struct hook_point points[] = {
#include "link/hook_points.def"
#include "link/func_points.def"
};
#undef HOOK_POINT
#undef HOOK_PASSIVE
#undef FUNC_POINT

struct hook {
	const struct hook_point *point;
	const struct exec_host *host;
	pthread_mutex_t life; /* attaching and detaching */
	pthread_mutex_t lock; /* users, stop; held while programs run */
	pthread_cond_t change;
	struct list users;
	u32 waiting; /* atomic: who wants to attach or detach */
	bool stop;
	pthread_t thread;
};

struct hooks {
	struct hook h[ARRAY_SIZE(points)];
};

const struct hook_point *hook_point_at(u32 i)
{
	return i < ARRAY_SIZE(points) ? &points[i] : NULL;
}

#define FUNC_BASE 0xffffffff81200000ull

u64 hook_point_addr(const struct hook_point *p)
{
	return p->call ? FUNC_BASE + 16 * (u64)(p - points) : 0;
}

const struct hook_point *hook_point_of(const struct hook *h)
{
	return h->point;
}

static struct hook *find(struct hooks *hs, const char *name, bool func)
{
	for (u32 i = 0; hs && i < ARRAY_SIZE(points); i++)
		if (!points[i].call != func && !strcmp(points[i].name, name))
			return &hs->h[i];
	return NULL;
}

struct hook *hook_tracepoint(struct hooks *hooks, const char *name)
{
	return find(hooks, name, false);
}

struct hook *hook_function(struct hooks *hooks, const char *name)
{
	return find(hooks, name, true);
}

struct hook *hook_function_at(struct hooks *hooks, u64 addr)
{
	for (u32 i = 0; hooks && i < ARRAY_SIZE(points); i++)
		if (points[i].call && hook_point_addr(&points[i]) == addr)
			return &hooks->h[i];
	return NULL;
}

struct hooks *hooks_new(const struct exec_host *host)
{
	struct hooks *hs = calloc(1, sizeof(*hs));
	pthread_condattr_t attr;

	if (!hs)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (u32 i = 0; i < ARRAY_SIZE(points); i++) {
		struct hook *h = &hs->h[i];

		h->point = &points[i];
		h->host = host;
		list_init(&h->users);
		pthread_mutex_init(&h->life, NULL);
		pthread_mutex_init(&h->lock, NULL);
		pthread_cond_init(&h->change, &attr);
	}
	pthread_condattr_destroy(&attr);
	return hs;
}

void hooks_free(struct hooks *hs)
{
	for (u32 i = 0; hs && i < ARRAY_SIZE(points); i++) {
		pthread_mutex_destroy(&hs->h[i].life);
		pthread_mutex_destroy(&hs->h[i].lock);
		pthread_cond_destroy(&hs->h[i].change);
	}
	free(hs);
}

/* --- the source's side --- */

bool hook_wait(struct hook *h, u32 ms)
{
	struct timespec until;
	bool on;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&h->lock);
	while (!h->stop && !pthread_cond_timedwait(&h->change, &h->lock, &until))
		;
	on = !h->stop;
	pthread_mutex_unlock(&h->lock);
	return on;
}

/* A program's context: what comes before the arguments is for the helpers. */
#define CTX_ARGS 12 /* as many as a program may ask for, the result included */
struct frame {
	u64 nr_args;
	u64 ctx[CTX_ARGS];
};

/* Who did not end in time once would hold up the point for ever. */
static u64 run(struct hook *h, struct hook_user *u, void *ctx, struct exec_run *r)
{
	struct limit l;
	u64 ret;
	int err;

	if (u->over)
		return 0;
	r->host = h->host;
	r->cookie = u->cookie;
	r->ip = hook_point_addr(h->point);
	limit_begin(limits_of(h->host), &l, &r->head);
	ret = link_run(u->prog, ctx, r);
	err = limit_end(limits_of(h->host), &l);
	u->over = err == -ETIME;
	r->override &= !err;
	return err ? 0 : ret;
}

/* For who calls programs: those who attach and detach come first, or they might never come. */
static void lock_for_call(struct hook *h)
{
	pthread_mutex_lock(&h->lock);
	while (__atomic_load_n(&h->waiting, __ATOMIC_RELAXED))
		pthread_cond_wait(&h->change, &h->lock);
}

static void lock_for_change(struct hook *h)
{
	__atomic_add_fetch(&h->waiting, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&h->lock);
	__atomic_sub_fetch(&h->waiting, 1, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&h->change); /* when the lock is free again */
}

void hook_fire(struct hook *h, const u64 *args, const struct exec_task *task)
{
	struct hook_user *u;

	lock_for_call(h);
	list_for_each(u, &h->users, node) {
		struct frame f = {.nr_args = h->point->nr_args};
		struct exec_run r = {.task = task};

		memcpy(f.ctx, args, f.nr_args * sizeof(args[0]));
		run(h, u, f.ctx, &r);
	}
	pthread_mutex_unlock(&h->lock);
}

/* --- calls of functions --- */

struct call {
	struct hook *h;
	const struct exec_task *task;
	struct frame f;
	struct pt_regs regs;
	bool skip; /* somebody has decided on the result */
};

#if defined(__x86_64__)
#define REG_ARGS(r)                                                            \
	{                                                                      \
		&(r)->rdi, &(r)->rsi, &(r)->rdx, &(r)->rcx, &(r)->r8, &(r)->r9 \
	}
#define REG_RESULT(r) ((r)->rax)
#define REG_IP(r)     ((r)->rip)
#else
#error "which registers arguments are in"
#endif

static void set_regs(struct call *c)
{
	unsigned long *in[] = REG_ARGS(&c->regs);

	memset(&c->regs, 0, sizeof(c->regs));
	for (u32 i = 0; i < c->f.nr_args && i < ARRAY_SIZE(in); i++)
		*in[i] = c->f.ctx[i];
	REG_IP(&c->regs) = hook_point_addr(c->h->point);
}

static void call_kprobe(struct call *c, struct hook_user *u)
{
	struct exec_run r = {.task = c->task};

	set_regs(c);
	if (u->how == HOOK_KRETPROBE)
		REG_RESULT(&c->regs) = c->f.ctx[c->f.nr_args];
	run(c->h, u, &c->regs, &r);
	if (!r.override || u->how != HOOK_KPROBE)
		return;
	c->f.ctx[c->f.nr_args] = r.override_rc;
	c->skip = true;
}

static void call_around(struct call *c, struct hook_user *u)
{
	struct exec_run r = {.task = c->task};
	u64 ret = run(c->h, u, c->f.ctx, &r);

	if (u->how != HOOK_FMOD_RET || c->skip)
		return;
	c->f.ctx[c->f.nr_args] = (u32)ret;
	c->skip = (u32)ret;
}

static void call_users(struct call *c, enum hook_how how)
{
	bool kprobe = how == HOOK_KPROBE || how == HOOK_KRETPROBE;
	struct hook_user *u;

	list_for_each(u, &c->h->users, node) {
		if (u->how != how)
			continue;
		if (kprobe)
			call_kprobe(c, u);
		else
			call_around(c, u);
		/* the first that wants another result has it */
		if (c->skip && (how == HOOK_KPROBE || how == HOOK_FMOD_RET))
			return;
	}
}

u64 hook_call(struct hook *h, const u64 *args, const struct exec_task *task)
{
	struct call c = {.h = h, .task = task, .f = {.nr_args = h->point->nr_args}};

	memcpy(c.f.ctx, args, c.f.nr_args * sizeof(args[0]));
	lock_for_call(h);
	call_users(&c, HOOK_KPROBE);
	if (!c.skip) {
		call_users(&c, HOOK_FENTRY);
		call_users(&c, HOOK_FMOD_RET);
		if (!c.skip)
			c.f.ctx[c.f.nr_args] = h->point->call(args);
		call_users(&c, HOOK_FEXIT);
		call_users(&c, HOOK_KRETPROBE);
	}
	pthread_mutex_unlock(&h->lock);
	return c.f.ctx[c.f.nr_args];
}

static void *run_source(void *arg)
{
	struct hook *h = arg;

	h->point->source(h);
	return NULL;
}

/* Signals are the embedding process's business, but for those a faulting load raises. */
static int start_source(struct hook *h)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int err;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	h->stop = false;
	err = pthread_create(&h->thread, &attr, run_source, h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return err ? -ENOMEM : 0;
}

/* --- users --- */

static bool is_around(enum hook_how how)
{
	return how == HOOK_FENTRY || how == HOOK_FMOD_RET || how == HOOK_FEXIT;
}

/* A function has one place for each program around it, and not many. */
#define AROUND_MAX 38u

static int may_join(struct hook *h, const struct hook_user *new)
{
	struct hook_user *u;
	u32 n = 0;

	if (!is_around(new->how))
		return 0;
	list_for_each(u, &h->users, node) {
		if (is_around(u->how) && u->prog == new->prog)
			return -EBUSY;
		n += is_around(u->how);
	}
	return n >= AROUND_MAX ? -E2BIG : 0;
}

int hook_attach(struct hook *h, struct hook_user *u)
{
	bool first;
	int err;

	u->hook = h;
	pthread_mutex_lock(&h->life);
	lock_for_change(h);
	first = list_empty(&h->users);
	err = may_join(h, u);
	pthread_mutex_unlock(&h->lock);
	if (!err && first && h->point->source)
		err = start_source(h);
	if (!err) {
		lock_for_change(h);
		list_add_tail(&h->users, &u->node);
		pthread_mutex_unlock(&h->lock);
	}
	pthread_mutex_unlock(&h->life);
	return err;
}

void hook_detach(struct hook_user *u)
{
	struct hook *h = u->hook;
	bool last;

	pthread_mutex_lock(&h->life);
	lock_for_change(h);
	list_del(&u->node);
	last = list_empty(&h->users);
	h->stop = last;
	pthread_mutex_unlock(&h->lock);
	if (last && h->point->source)
		pthread_join(h->thread, NULL);
	pthread_mutex_unlock(&h->life);
}

/* --- test runs --- */

static const struct bpf_fentry_test_t test_arg;

/* Calls and what they give when nobody interferes. */
static const struct test_call {
	const char *func;
	u64 args[6];
	u32 result;
} test_calls[] = {
	{"bpf_fentry_test1", {1}, 2},
	{"bpf_fentry_test2", {2, 3}, 5},
	{"bpf_fentry_test3", {4, 5, 6}, 15},
	{"bpf_fentry_test4", {7, 8, 9, 10}, 34},
	{"bpf_fentry_test5", {11, 12, 13, 14, 15}, 65},
	{"bpf_fentry_test6", {16, 17, 18, 19, 20, 21}, 111},
	{"bpf_fentry_test7", {0}, 0},
	{"bpf_fentry_test8", {(uintptr_t)&test_arg}, 0},
};

static int call_tests(struct hooks *hs, const struct exec_task *task)
{
	for (u32 i = 0; i < ARRAY_SIZE(test_calls); i++) {
		const struct test_call *t = &test_calls[i];

		if ((u32)hook_call(hook_function(hs, t->func), t->args, task) != t->result)
			return -EFAULT;
	}
	return 0;
}

static int test_run(struct hooks *hs, enum bpf_attach_type attach, const struct exec_task *task,
		    u32 *retval)
{
	int b = 2;
	u64 args[] = {1, (uintptr_t)&b};
	u16 ret;

	*retval = 0;
	switch (attach) {
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT: return call_tests(hs, task);
	case BPF_MODIFY_RETURN:
		ret = (u16)hook_call(hook_function(hs, "bpf_modify_return_test"), args, task);
		*retval = (u32)(b != 2) << 16 | ret;
		return 0;
	default: return -EFAULT;
	}
}

int hook_test_run(struct hooks *hooks, enum bpf_attach_type attach, const struct exec_task *task,
		  u32 *retval)
{
	int err = test_run(hooks, attach, task, retval);
	u64 args[] = {(uintptr_t)&err};

	hook_fire(hook_tracepoint(hooks, "bpf_test_finish"), args, task);
	return err;
}
