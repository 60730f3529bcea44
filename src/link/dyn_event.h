/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_DYN_EVENT_H
#define USERBPF_LINK_DYN_EVENT_H
/*
 * dyn_event.h - tracepoints that clients define: the lines of tracefs' kprobe_events and uprobe_events, the
 * older way to a perf event. One stands for a place and nothing else; fetch arguments are not known.
 *
 *   p[:[GROUP/]EVENT] PLACE    r[:[GROUP/]EVENT] PLACE    -:[GROUP/]EVENT
 *   PLACE: FUNCTION[+0], 0xADDRESS; of user code /PATH:OFFSET[(SEMAPHORE)]
 *
 * The lock of the list is held while ops are called.
 */
#include <stdio.h>
#include "base/base.h"
#include "base/list.h"

struct dyn_event {
	struct list node;
	u32 id;	    /* of the tracepoint */
	u32 users;  /* perf events of it */
	bool uprobe, ret;
	char group[64], name[64];
	char place[4096]; /* function or path */
	u64 addr, offset, ref_ctr_offset;
	int file;	/* uprobe: what the path led to, -1 */
};

struct dyn_events;
struct dyn_event_ops {
	int (*added)(void *arg, const struct dyn_event *ev);
	void (*removed)(void *arg, const struct dyn_event *ev);
	void (*changed)(void *arg); /* the list as a whole */
};

struct dyn_events *dyn_events_new(u32 first_id); /* NULL: no memory */
void dyn_events_free(struct dyn_events *d);
void dyn_events_set_ops(struct dyn_events *d, const struct dyn_event_ops *ops, void *arg);
/* Lines of kprobe_events or uprobe_events; 0 or the errno of the first that is wrong. */
int dyn_events_write(struct dyn_events *d, bool uprobe, const char *text);
/* What an open with O_TRUNC does: all of the file that nobody uses; -EBUSY: some were left. */
int dyn_events_clear(struct dyn_events *d, bool uprobe);
/* The file's content. */
void dyn_events_print(struct dyn_events *d, bool uprobe, FILE *f);
/* The event, in use until dyn_event_put(); NULL: no such number. */
struct dyn_event *dyn_event_get(struct dyn_events *d, u64 id);
void dyn_event_put(struct dyn_events *d, struct dyn_event *ev);

#endif
