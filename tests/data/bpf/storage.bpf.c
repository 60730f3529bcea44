// SPDX-License-Identifier: BSD-2-Clause
/* storage.bpf.c - values of tasks and groups, from programs that run in a client, in other processes and in the service. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define BPF_MAP_TYPE_CGRP_STORAGE_NR 32 /* headers before Linux 6.2 have no name for it */

char _license[] SEC("license") = "GPL";

static void *(*const cgrp_storage_get)(void *map, struct cgroup *cgrp, void *value, __u64 flags) = (void *)210;
static long (*const cgrp_storage_delete)(void *map, struct cgroup *cgrp) = (void *)211;

struct mark {
	__u64 value;
	__u32 pid;
	__u32 hits;
};

struct guarded {
	struct bpf_spin_lock lock;
	__u32 value;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct mark);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct guarded);
} guarded SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGRP_STORAGE_NR);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct mark);
} groups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} array SEC(".maps");

struct {
	int watched; /* the process whose system calls count */
	long answer[8];
} state;

SEC("raw_tp/sys_enter")
int in_client(void *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct mark init = {.value = 77, .hits = 1}, *m;

	state.answer[0] = !bpf_task_storage_get(&tasks, t, 0, 0);		     /* nothing there */
	m = bpf_task_storage_get(&tasks, t, &init, BPF_LOCAL_STORAGE_GET_F_CREATE);
	state.answer[1] = m ? (long)m->value : -1;
	if (m) {
		m->pid = t->pid;
		m->hits++;
	}
	m = bpf_task_storage_get(&tasks, t, 0, 2);			     /* no such flag */
	state.answer[2] = m ? 1 : 0;
	return 0;
}

SEC("raw_tp/sys_enter")
int forget(void *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct mark *m;

	state.answer[0] = bpf_task_storage_delete(&tasks, t);
	state.answer[1] = bpf_task_storage_delete(&tasks, t);
	m = bpf_task_storage_get(&tasks, t, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	state.answer[2] = m ? (long)(m->value | m->hits | m->pid) : -1; /* zeroes */
	state.answer[3] = bpf_task_storage_delete(&tasks, t->real_parent);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(count, struct pt_regs *regs, long id)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct mark *m;

	if (t->tgid != state.watched)
		return 0;
	m = bpf_task_storage_get(&tasks, t, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (m) {
		m->pid = t->pid;
		__sync_fetch_and_add(&m->hits, 1);
	}
	return 0;
}

SEC("iter/task")
int BPF_PROG(show, struct bpf_iter_meta *meta, struct task_struct *task)
{
	struct mark *m = task ? bpf_task_storage_get(&tasks, task, 0, 0) : 0;

	if (m)
		BPF_SEQ_PRINTF(meta->seq, "%d %llu\n", task->pid, m->value);
	return 0;
}

SEC("iter/cgroup")
int BPF_PROG(show_groups, struct bpf_iter_meta *meta, struct cgroup *cgrp)
{
	struct mark *m = cgrp ? cgrp_storage_get(&groups, cgrp, 0, 0) : 0;

	if (m)
		BPF_SEQ_PRINTF(meta->seq, "%llu\n", m->value);
	return 0;
}

/* One value for each group that it sees. */
SEC("iter/cgroup")
int BPF_PROG(fill_groups, struct bpf_iter_meta *meta, struct cgroup *cgrp)
{
	struct mark *m = cgrp ? cgrp_storage_get(&groups, cgrp, 0, BPF_LOCAL_STORAGE_GET_F_CREATE) : 0;

	if (m)
		m->value = cgrp->kn->id;
	return 0;
}

SEC("iter/cgroup")
int BPF_PROG(clear_groups, struct bpf_iter_meta *meta, struct cgroup *cgrp)
{
	if (cgrp)
		BPF_SEQ_PRINTF(meta->seq, "%ld\n", cgrp_storage_delete(&groups, cgrp));
	return 0;
}

SEC("raw_tp/sys_enter")
int own_group(void *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct mark *m = cgrp_storage_get(&groups, t->cgroups->dfl_cgrp, 0, 0);

	state.answer[0] = m ? (long)m->value : -1;
	return 0;
}

SEC("raw_tp/sys_enter")
int under(void *ctx)
{
	for (__u32 i = 0; i < 5; i++)
		state.answer[i] = bpf_current_task_under_cgroup(&array, i);
	return 0;
}

SEC("tc")
int packet_under(struct __sk_buff *skb)
{
	for (__u32 i = 0; i < 5; i++)
		state.answer[i] = bpf_skb_under_cgroup(skb, &array, i);
	return 0;
}
