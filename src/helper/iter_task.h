/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_ITER_TASK_H
#define USERBPF_ITER_TASK_H
/* iter_task.h - the iterator over tasks (Linux 6.7), by the kernel's names and prototypes. Run side. */
#include "base/base.h"

struct task_struct;

/* On the program's stack, which cannot look inside. */
struct bpf_iter_task {
	u64 __opaque[3];
} __attribute__((aligned(8)));

enum {
	BPF_TASK_ITER_ALL_PROCS,    /* leaders of processes */
	BPF_TASK_ITER_ALL_THREADS,
	BPF_TASK_ITER_PROC_THREADS, /* those of the process of a task */
};

/* -EINVAL: no such flags, no task. Tasks are those that there are when their turn comes. */
int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task__nullable, unsigned int flags);
/* Good until the next call, or the end: NULL. */
struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it);
void bpf_iter_task_destroy(struct bpf_iter_task *it);

#endif
