/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_TRACE_EVENT_H
#define USERBPF_LINK_TRACE_EVENT_H
/*
 * trace_event.h - the tracepoints of processes: what /sys/kernel/tracing/events shows, and which probe
 * each one is. Also the functions of system calls. Tables, nothing else.
 */
#include <stdio.h>
#include "link/probe.h"

struct trace_event {
	const char *system, *name; /* "syscalls", "sys_enter_openat" */
	enum probe_kind kind;
	s32 nr;		  /* SYS_*: number, -1: all */
	const char *args; /* SYS_ENTER of one: "int dfd, const char *filename ..." */
};

const struct trace_event *trace_event_at(u32 i); /* NULL at the end */
u32 trace_event_next_id(void); /* after the last */
u32 trace_event_id(const struct trace_event *ev); /* its number for perf_event_open(2) */
const struct trace_event *trace_event_by_id(u64 id);
const struct trace_event *trace_event_by_name(const char *system, const char *name);
/* As a raw tracepoint programs get at (sys_enter, sched_process_exec ...): the event of all, or NULL. */
const struct trace_event *trace_event_raw(const char *name);
/* The text of its format file. */
void trace_event_format(const struct trace_event *ev, FILE *f);

/* The number of the system call whose function @func is ("__x64_sys_openat"), or -1. */
s32 syscall_by_func(const char *func);
/* Names of those functions, by index, and their numbers; NULL at the end. */
const char *syscall_func_at(u32 i, s32 *nr);
/* Addresses as /proc/kallsyms shows them, where nothing is: 0, -1 for what is none. */
u64 syscall_func_addr(s32 nr);
s32 syscall_by_addr(u64 addr);

#endif
