/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_PERF_EVENT_H
#define USERBPF_LINK_PERF_EVENT_H
/*
 * perf_event.h - perf events as objects: what perf_event_open(2) of a tracing client makes, a program
 * can be put on (PERF_EVENT_IOC_SET_BPF, or a link), and that stands for one place:
 *
 *   a function of the service (kprobe, kretprobe)          hook.h
 *   user code, system calls, lives of processes            probe.h
 *   time used by processes (software clocks, sampling)     probe.h, while the event is enabled
 *
 * As in the kernel, one event has one program, a place any number of events; only clocks mind whether
 * the event is enabled. A program is in place when setting it returns. An event lives while an fd or a
 * link of it does. What else perf events can do (counting, buffers) these cannot.
 *
 * Locking: an event's lock covers its program and state, and is held while a probe is put in place; the
 * lock of struct perf_events, taken inside it, covers the list of all events and who has which program.
 */
#include <linux/perf_event.h>
#include "link/hook.h"
#include "link/perf_types.h"
#include "link/probe.h"
#include "link/trace_event.h"

/* The numbers under /sys/bus/event_source/devices/NAME/type, as the first dynamic ones of a kernel. */
#define PERF_TYPE_KPROBE 6
#define PERF_TYPE_UPROBE 7
#define PERF_UPROBE_REF_SHIFT 32 /* config: retprobe is bit 0, ref_ctr_offset the upper half */
#define PERF_MAX_PROGS 64u	 /* on one tracepoint */

struct perf_events; /* all of a service */
struct dyn_events;
struct perf_events *perf_events_new(struct hooks *hooks, struct probes *probes); /* NULL: no memory */
struct dyn_events *perf_events_dyn(struct perf_events *all); /* dyn_event.h: tracepoints that clients define */
void perf_events_free(struct perf_events *all); /* none is left */

/* perf_event_open(2), its pointers followed. */
struct perf_open {
	struct perf_event_attr attr;
	const struct cred *cred;
	pid_t pid;	  /* argument, of our pid namespace; 0: @caller; -1: all */
	pid_t caller;	  /* thread that calls */
	s32 cpu;
	const char *name; /* kprobe: function; NULL: attr.kprobe_addr. uprobe: path as given */
	int file;	  /* uprobe: what is there, borrowed */
};

struct perf_event_obj;
/* With one reference, never published; or ERR_PTR. */
struct perf_event_obj *perf_event_open(struct perf_events *all, const struct perf_open *o);
struct obj *perf_event_to_obj(struct perf_event_obj *e);
struct perf_event_obj *obj_to_perf_event(struct obj *o);
struct perf_event *perf_event_public(struct perf_event_obj *e);

/* Takes a reference of @prog. */
int perf_event_set_prog(struct perf_event_obj *e, struct bpf_prog *prog, u64 cookie);
void perf_event_unset_prog(struct perf_event_obj *e);
int perf_event_enable(struct perf_event_obj *e, bool on);
int perf_event_set_period(struct perf_event_obj *e, u64 value);
u64 perf_event_id(const struct perf_event_obj *e);
/* Ids of the programs at the event's tracepoint: how many there are, at most @room of them in @ids; -EINVAL: no tracepoint */
int perf_event_progs(struct perf_event_obj *e, u32 *ids, u32 room);

/* What TASK_FD_QUERY and links tell. Strings live as long as the event. */
struct perf_event_info {
	u32 prog_id;
	u32 fd_type;	  /* enum bpf_task_fd_type */
	u32 link_type;	  /* PERF_EVENT_INFO_* */
	const char *name; /* function, file or tracepoint; NULL: at addr */
	u64 offset, addr, ref_ctr_offset, cookie, config;
	u32 type;
};
/* -ENOENT: no program; -EOPNOTSUPP: nothing to tell about such */
int perf_event_info(struct perf_event_obj *e, struct perf_event_info *info);

/* Link kind perf_event. */
struct bpf_link *perf_link_create(const struct link_create_env *env, const union bpf_attr *attr, struct bpf_prog *prog);

#endif
