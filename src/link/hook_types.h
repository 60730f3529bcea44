/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_HOOK_TYPES_H
#define USERBPF_LINK_HOOK_TYPES_H
/* hook_types.h - prototypes of the rows of hook_points.def, and of tracepoints of processes, for BTF. */
#include "base/base.h"

struct task_struct;
struct pt_regs;

/* Of sched_process_exec; NULL where nobody can tell. */
struct linux_binprm {
	const char *filename, *interp;
};

typedef void (*btf_trace_sched_stat_wait)(void *data, struct task_struct *tsk, u64 delta);
typedef void (*btf_trace_bpf_test_finish)(void *data, int *err);

/* Those of processes (trace_event.h) */
typedef void (*btf_trace_sys_enter)(void *data, struct pt_regs *regs, long id);
typedef void (*btf_trace_sys_exit)(void *data, struct pt_regs *regs, long ret);
typedef void (*btf_trace_sched_process_exec)(void *data, struct task_struct *p, int old_pid, struct linux_binprm *bprm);
typedef void (*btf_trace_sched_process_fork)(void *data, struct task_struct *parent, struct task_struct *child);
typedef void (*btf_trace_sched_process_exit)(void *data, struct task_struct *p);

#endif
