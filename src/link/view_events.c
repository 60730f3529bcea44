/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include "link/view_events.h"

#define BUCKETS 256u

struct view_events {
	pthread_mutex_t lock;
	struct list watches[BUCKETS]; /* by group */
};

static struct list *bucket(struct view_events *e, u64 group)
{
	return &e->watches[(group ^ group >> 8) % BUCKETS];
}

struct view_events *view_events_new(void)
{
	struct view_events *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	pthread_mutex_init(&e->lock, NULL);
	for (u32 i = 0; i < BUCKETS; i++)
		list_init(&e->watches[i]);
	return e;
}

void view_events_free(struct view_events *e)
{
	if (!e)
		return;
	pthread_mutex_destroy(&e->lock);
	free(e);
}

void view_events_changed(struct view_events *e, u64 group)
{
	struct view_watch *w;

	pthread_mutex_lock(&e->lock);
	list_for_each(w, bucket(e, group), node) {
		if (w->group != group)
			continue;
		w->changed = true;
		if (w->wake)
			w->wake(w->arg);
		w->wake = NULL;
	}
	pthread_mutex_unlock(&e->lock);
}

void view_watch(struct view_events *e, struct view_watch *w, u64 group)
{
	*w = (struct view_watch){.events = e, .group = group, .changed = true};
	pthread_mutex_lock(&e->lock);
	list_add(bucket(e, group), &w->node);
	pthread_mutex_unlock(&e->lock);
}

void view_unwatch(struct view_watch *w)
{
	if (!w->events)
		return;
	pthread_mutex_lock(&w->events->lock);
	list_del(&w->node);
	pthread_mutex_unlock(&w->events->lock);
}

void view_watch_read(struct view_watch *w)
{
	if (!w->events)
		return;
	pthread_mutex_lock(&w->events->lock);
	w->changed = false;
	pthread_mutex_unlock(&w->events->lock);
}

bool view_watch_poll(struct view_watch *w, void (*wake)(void *arg), void *arg)
{
	bool changed;

	if (!w->events)
		return false;
	pthread_mutex_lock(&w->events->lock);
	changed = w->changed;
	w->wake = wake;
	w->arg = arg;
	pthread_mutex_unlock(&w->events->lock);
	return changed;
}
