/* SPDX-License-Identifier: BSD-2-Clause */
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include "prog/limit.h"

#define NSEC 1000000000ull

struct limits {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list active; /* the oldest first */
	u64 ns, over;
	u32 why;      /* of limits_stop(); 0: it was not called */
	bool started; /* the thread */
	bool idle;    /* it waits for the first limit */
	bool end;
	pthread_t thread;
};

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

static void wait_until(struct limits *ls, u64 ns)
{
	struct timespec at = {.tv_sec = ns / NSEC, .tv_nsec = ns % NSEC};

	pthread_cond_timedwait(&ls->changed, &ls->lock, &at);
}

static void wait_for_first(struct limits *ls)
{
	ls->idle = true;
	pthread_cond_wait(&ls->changed, &ls->lock);
	ls->idle = false;
}

/* Who is over stays in front until it has noticed: it has no limit any more. */
static struct limit *oldest(struct limits *ls)
{
	struct limit *l;

	list_for_each(l, &ls->active, node)
		if (!run_stopped(l->run))
			return l;
	return NULL;
}

static void *watch(void *arg)
{
	struct limits *ls = arg;
	struct limit *l;

	pthread_mutex_lock(&ls->lock);
	while (!ls->end) {
		l = oldest(ls);
		if (!l) {
			wait_for_first(ls);
		} else if (now_ns() < l->until) {
			wait_until(ls, l->until);
		} else {
			run_stop(l->run, ETIME);
			ls->over++;
		}
	}
	pthread_mutex_unlock(&ls->lock);
	return NULL;
}

/* Without a thread runs are not limited, until the next one begins. */
static void start(struct limits *ls)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ls->started = !pthread_create(&ls->thread, NULL, watch, ls);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct limits *limits_new(u32 ms)
{
	struct limits *ls = calloc(1, sizeof(*ls));
	pthread_condattr_t attr;

	if (!ls)
		return NULL;
	ls->ns = (u64)ms * 1000000;
	list_init(&ls->active);
	pthread_mutex_init(&ls->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ls->changed, &attr);
	pthread_condattr_destroy(&attr);
	return ls;
}

void limits_stop(struct limits *ls)
{
	struct limit *l;

	pthread_mutex_lock(&ls->lock);
	ls->why = ENOTCONN;
	list_for_each(l, &ls->active, node)
		run_stop(l->run, ls->why);
	pthread_mutex_unlock(&ls->lock);
}

void limits_free(struct limits *ls)
{
	pthread_mutex_lock(&ls->lock);
	ls->end = true;
	pthread_cond_signal(&ls->changed);
	pthread_mutex_unlock(&ls->lock);
	if (ls->started)
		pthread_join(ls->thread, NULL);
	pthread_cond_destroy(&ls->changed);
	pthread_mutex_destroy(&ls->lock);
	free(ls);
}

void limit_begin(struct limits *ls, struct limit *l, struct run_head *run)
{
	l->run = run;
	if (!ls)
		return;
	pthread_mutex_lock(&ls->lock);
	if (ls->why)
		run_stop(run, ls->why);
	l->thread = pthread_self();
	l->until = now_ns() + ls->ns;
	list_add_tail(&ls->active, &l->node);
	if (ls->ns && !ls->started)
		start(ls);
	else if (ls->idle)
		pthread_cond_signal(&ls->changed);
	pthread_mutex_unlock(&ls->lock);
}

int limit_end(struct limits *ls, struct limit *l)
{
	if (ls) {
		pthread_mutex_lock(&ls->lock);
		list_del(&l->node);
		pthread_mutex_unlock(&ls->lock);
	}
	return -(int)run_stopped(l->run);
}

void limits_interrupt(struct limits *ls, pthread_t thread)
{
	struct limit *l;

	pthread_mutex_lock(&ls->lock);
	list_for_each(l, &ls->active, node)
		if (pthread_equal(l->thread, thread))
			run_stop(l->run, EINTR);
	pthread_mutex_unlock(&ls->lock);
}

u32 limits_ms(const struct limits *ls)
{
	return ls->ns / 1000000;
}

u64 limits_over(struct limits *ls)
{
	u64 n;

	pthread_mutex_lock(&ls->lock);
	n = ls->over;
	pthread_mutex_unlock(&ls->lock);
	return n;
}
