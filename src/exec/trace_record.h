/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TRACE_RECORD_H
#define USERBPF_TRACE_RECORD_H
/*
 * trace_record.h - what R1 of a TRACEPOINT program points to: the records of events/SYSTEM/NAME/format
 * (link/trace_event.c prints those from the same layouts). Layouts are ABI; the first 8 bytes are not
 * for programs. Run side.
 */
#include "base/base.h"

struct trace_entry {
	u16 type; /* id of the event */
	u8 flags, preempt_count;
	s32 pid;
};

/* raw_syscalls:sys_enter; syscalls:sys_enter_X has an int of the same name, and as many args as X */
struct trace_event_raw_sys_enter {
	struct trace_entry ent;
	long id;
	unsigned long args[6];
};

struct trace_event_raw_sys_exit {
	struct trace_entry ent;
	long id;
	long ret;
};

struct trace_event_raw_sched_process_exec {
	struct trace_entry ent;
	u32 __data_loc_filename; /* length << 16 | offset from the record's start; the text follows */
	s32 pid, old_pid;
	char __data[];
};

struct trace_event_raw_sched_process_fork {
	struct trace_entry ent;
	char parent_comm[16];
	s32 parent_pid;
	char child_comm[16];
	s32 child_pid;
};

struct trace_event_raw_sched_process_template {
	struct trace_entry ent;
	char comm[16];
	s32 pid, prio;
};

_Static_assert(offsetof(struct trace_event_raw_sys_enter, args) == 16 && offsetof(struct trace_event_raw_sched_process_exec, __data) == 20, "ABI");
_Static_assert(offsetof(struct trace_event_raw_sched_process_fork, child_pid) == 44 && offsetof(struct trace_event_raw_sched_process_template, pid) == 24, "ABI");

#endif
