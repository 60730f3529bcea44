/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PROBE_KIND_H
#define USERBPF_PROBE_KIND_H
/* probe_kind.h - what a program can be attached to in a process; link/probe.h has the list of them. */

enum probe_kind {
	PROBE_UPROBE,	     /* the instruction at offset of the file */
	PROBE_URETPROBE,     /* the function there returns */
	PROBE_SYS_ENTER,     /* tracepoints of system calls: syscalls:sys_enter_X, raw_syscalls:sys_enter */
	PROBE_SYS_EXIT,
	PROBE_SYS_KPROBE,    /* the function of a system call: __x64_sys_X */
	PROBE_SYS_KRETPROBE,
	PROBE_PROC_EXEC,     /* sched:sched_process_exec, _fork, _exit */
	PROBE_PROC_FORK,
	PROBE_PROC_EXIT,
	PROBE_SAMPLE,	     /* time used, by the clock */
	PROBE_KINDS
};

#endif
