/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_VIEW_EVENTS_H
#define USERBPF_LINK_VIEW_EVENTS_H
/*
 * view_events.h - "what the views of this group show has changed": from programs that say so
 * (bpf_view_changed()) to those who poll the open files of that group.
 *
 * Groups are known by id. Two hierarchies may have groups of one id: then both hear.
 *
 * An open file hears of it from view_watch() on, and has changed until view_watch_read(), which its
 * reader calls before the program runs: what changes meanwhile is news. Wakers are called with the lock
 * held; they must not come back here.
 */
#include <pthread.h>
#include "base/list.h"
#include "base/base.h"

struct view_events; /* one per service */
struct view_events *view_events_new(void); /* NULL: no memory */
void view_events_free(struct view_events *e);
void view_events_changed(struct view_events *e, u64 group);

struct view_watch {
	struct list node;
	struct view_events *events; /* NULL: of no group */
	u64 group; /* id */
	bool changed;
	void (*wake)(void *arg); /* NULL: nobody waits */
	void *arg;
};
void view_watch(struct view_events *e, struct view_watch *w, u64 group);
void view_unwatch(struct view_watch *w);
void view_watch_read(struct view_watch *w);
/* Changed? If not, wake(arg) says when. */
bool view_watch_poll(struct view_watch *w, void (*wake)(void *arg), void *arg);

#endif
