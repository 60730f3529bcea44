/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_HOOK_TYPES_H
#define USERBPF_LINK_HOOK_TYPES_H
/* hook_types.h - prototypes of the rows of hook_points.def, for BTF. */
#include "base/base.h"

struct task_struct;

typedef void (*btf_trace_sched_stat_wait)(void *data, struct task_struct *tsk, u64 delta);

#endif
