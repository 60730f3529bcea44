/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_ITER_CSS_TASK_H
#define USERBPF_ITER_CSS_TASK_H
/* iter_css_task.h - the iterator over the tasks of a group (Linux 6.7), by the kernel's names and prototypes. Run side. */
#include "base/base.h"

struct cgroup_subsys_state;
struct task_struct;

/* On the program's stack, which cannot look inside. */
struct bpf_iter_css_task {
	u64 __opaque[1];
} __attribute__((aligned(8)));

/* Of <linux/cgroup.h> */
enum {
	CSS_TASK_ITER_PROCS = 1u << 0,	  /* leaders of processes only */
	CSS_TASK_ITER_THREADED = 1u << 1, /* those of threaded groups below, too: with PROCS */
};

/* -EINVAL: no such flags, no group */
int bpf_iter_css_task_new(struct bpf_iter_css_task *it, struct cgroup_subsys_state *css, unsigned int flags);
/* Good until the next call, or the end: NULL. */
struct task_struct *bpf_iter_css_task_next(struct bpf_iter_css_task *it);
void bpf_iter_css_task_destroy(struct bpf_iter_css_task *it);

#endif
