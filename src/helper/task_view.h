/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TASK_VIEW_H
#define USERBPF_TASK_VIEW_H
/*
 * task_view.h - tasks by number, as they were when they were asked for. Counted; memory as
 * helper/objpool.h has it. Run side.
 */
#include "base/base.h"

struct task_struct; /* helper/task.h */

struct task_struct *task_get_pid(u32 tid); /* NULL: no such task, no memory */
/* One more reference; of a task in somebody else's view (the current one, a parent) a new look at it.
 * Any address; NULL when there is none. */
struct task_struct *task_get(const struct task_struct *task);
void task_put(struct task_struct *task); /* NULL: nothing */

u32 task_number(const struct task_struct *task);	/* its pid */
/* What no other task ever was or will be: pid and when it was started. Of any address; 0: no task. */
u64 task_identity(const struct task_struct *task);
u64 task_identity_of(u32 tid); /* 0: there is none with this pid */
bool task_is_leader(const struct task_struct *task); /* of its process */

/* The process behind a pidfd: its pid, -ESRCH when it ended, -EINVAL when @fd is another kind of file. */
int pidfd_pid(int fd);

#endif
