/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_KFUNC_OBJS_H
#define USERBPF_KFUNC_OBJS_H
/*
 * kfunc_objs.h - functions about tasks and groups: the kernel's, by its names and prototypes, and two
 * of ours. What they get may be any address of the right type, NULL included. Run side.
 */
#include "base/base.h"

struct task_struct;
struct cgroup;

/* Linux 6.2 and later */
struct task_struct *bpf_task_from_pid(s32 pid);
struct task_struct *bpf_task_acquire(struct task_struct *p);
void bpf_task_release(struct task_struct *p);
struct cgroup *bpf_cgroup_from_id(u64 cgid);
struct cgroup *bpf_cgroup_acquire(struct cgroup *cgrp);
struct cgroup *bpf_cgroup_ancestor(struct cgroup *cgrp, int level);
void bpf_cgroup_release(struct cgroup *cgrp);
long bpf_task_under_cgroup(struct task_struct *task, struct cgroup *ancestor); /* v2 */

/*
 * Ours: a number from a file of the group. @key is "FILE" for the first number there ("max": S64_MAX), or
 * "FILE:FIELD" for the value behind FIELD, be it "FIELD N" or "FIELD=N" (all of them added up: devices of
 * io.stat), NUL-terminated
 * and, as all memory that functions get, writable (on the stack). Negative errno: -ENOENT no such file or field, -EINVAL no such key.
 */
s64 bpf_cgroup_number(struct cgroup *cgrp, const char *key, u32 key__sz);

/* Ours: what views of the group with this id show has changed; wakes who polls their files. */
void bpf_view_changed(u64 cgroup_id);

#endif
