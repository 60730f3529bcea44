/* SPDX-License-Identifier: BSD-2-Clause */
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include "link/hook.h"
#include "link/link_kind.h"

#define STACK_SIZE (512u << 10)

#define HOOK_POINT(name, args) void hook_##name(struct hook *h);
#include "link/hook_points.def"
#undef HOOK_POINT

#define HOOK_POINT(point, args) {.name = #point, .nr_args = args, .source = hook_##point},
static const struct hook_point points[] = {
#include "link/hook_points.def"
};
#undef HOOK_POINT

struct hook {
	const struct hook_point *point;
	const struct exec_host *host;
	pthread_mutex_t life; /* attaching and detaching */
	pthread_mutex_t lock; /* links, stop; held while programs run */
	pthread_cond_t change;
	struct list links;
	bool stop;
	pthread_t thread;
};

struct hooks {
	struct hook h[ARRAY_SIZE(points)];
};

struct hook_link {
	struct bpf_link link;
	struct list node;
	struct hook *hook;
};

static struct hook_link *hook_link_of(const struct bpf_link *l)
{
	return container_of(l, struct hook_link, link);
}

const struct hook_point *hook_point_at(u32 i)
{
	return i < ARRAY_SIZE(points) ? &points[i] : NULL;
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
		list_init(&h->links);
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

static void call(struct hook *h, struct bpf_prog *prog, const u64 *args)
{
	u64 ctx[12] = {}; /* as many as a program may ask for */

	memcpy(ctx, args, h->point->nr_args * sizeof(ctx[0]));
	link_call(prog, ctx, h->host);
}

void hook_fire(struct hook *h, const u64 *args)
{
	struct hook_link *l;

	pthread_mutex_lock(&h->lock);
	list_for_each(l, &h->links, node)
		call(h, l->link.prog, args);
	pthread_mutex_unlock(&h->lock);
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

/* --- links --- */

static int attach(struct hook *h, struct hook_link *l)
{
	bool first;
	int err = 0;

	pthread_mutex_lock(&h->life);
	pthread_mutex_lock(&h->lock);
	first = list_empty(&h->links);
	pthread_mutex_unlock(&h->lock);
	if (first)
		err = start_source(h);
	if (!err) {
		pthread_mutex_lock(&h->lock);
		list_add_tail(&h->links, &l->node);
		pthread_mutex_unlock(&h->lock);
	}
	pthread_mutex_unlock(&h->life);
	return err;
}

static void release(struct bpf_link *link)
{
	struct hook_link *l = hook_link_of(link);
	struct hook *h = l->hook;
	bool last;

	pthread_mutex_lock(&h->life);
	pthread_mutex_lock(&h->lock);
	list_del(&l->node);
	last = list_empty(&h->links);
	h->stop = last;
	pthread_cond_broadcast(&h->change);
	pthread_mutex_unlock(&h->lock);
	if (last)
		pthread_join(h->thread, NULL);
	pthread_mutex_unlock(&h->life);
}

static void dealloc(struct bpf_link *link)
{
	free(hook_link_of(link));
}

static int fill_info(const struct bpf_link *link, struct bpf_link_info *info,
		     int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	return link_put_name(hook_link_of(link)->hook->point->name, info->raw_tracepoint.tp_name,
			     &info->raw_tracepoint.tp_name_len, str_out, arg);
}

static const struct bpf_link_ops hook_link_ops = {
	.name = "raw_tracepoint", .release = release, .dealloc = dealloc, .fill_info = fill_info};

struct bpf_link *hook_link_create(struct hooks *hooks, const char *name, struct bpf_prog *prog)
{
	struct hook_link *l;
	struct hook *h = NULL;
	int err;

	for (u32 i = 0; hooks && i < ARRAY_SIZE(points); i++)
		if (!strcmp(points[i].name, name))
			h = &hooks->h[i];
	if (!h)
		return ERR_PTR(-ENOENT);
	if (prog->type == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE)
		return ERR_PTR(-EINVAL); /* no point has anything to write to */
	l = calloc(1, sizeof(*l));
	if (!l)
		return ERR_PTR(-ENOMEM);
	l->hook = h;
	obj_get(&prog->obj);
	link_init(&l->link, BPF_LINK_TYPE_RAW_TRACEPOINT, &hook_link_ops, prog);
	err = attach(h, l);
	if (!err)
		return &l->link;
	obj_put(&prog->obj);
	pthread_mutex_destroy(&l->link.lock);
	free(l);
	return ERR_PTR(err);
}
