// SPDX-License-Identifier: BSD-2-Clause
/* Views of every target. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 100);
	__type(key, __u64);
	__type(value, __u64);
} seen SEC(".maps");

struct number {
	__u64 magic, id;
};

SEC("view/cgroup")
int BPF_PROG(group, struct seq_file *seq, struct cgroup *cgrp)
{
	__u64 id = cgrp->kn->id, one = 1, *n;

	n = bpf_map_lookup_elem(&seen, &id);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&seen, &id, &one, BPF_ANY);
	BPF_SEQ_PRINTF(seq, "%llu %d %s\n", id, cgrp->level, cgrp->kn->name);
	return 0;
}

/* 512 KiB of numbers, as they are. */
SEC("view/cgroup")
int BPF_PROG(binary, struct seq_file *seq, struct cgroup *cgrp)
{
	struct number n[16];

	for (int i = 0; i < 2048; i++) {
		for (int k = 0; k < 16; k++)
			n[k] = (struct number){.magic = 0x7665697721ull, .id = i * 16 + k};
		bpf_seq_write(seq, n, sizeof(n));
	}
	return 0;
}

extern struct cgroup *bpf_cgroup_from_id(__u64 cgid) __ksym;
extern struct cgroup *bpf_cgroup_ancestor(struct cgroup *cgrp, int level) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgrp) __ksym;
extern __s64 bpf_cgroup_number(struct cgroup *cgrp, const char *key, __u32 key__sz) __ksym;

/* Numbers of the group's files, and who is above it. */
SEC("view/cgroup")
int BPF_PROG(numbers, struct seq_file *seq, struct cgroup *cgrp)
{
	char below[] = "cgroup.stat:nr_descendants", none[] = "none", bad[] = "../x";
	struct cgroup *up = bpf_cgroup_ancestor(cgrp, cgrp->level - 1);

	if (up) {
		BPF_SEQ_PRINTF(seq, "above %s\n", up->kn->name);
		bpf_cgroup_release(up);
	}
	up = bpf_cgroup_from_id(cgrp->kn->id);
	if (up) {
		BPF_SEQ_PRINTF(seq, "again %d\n", up == cgrp);
		bpf_cgroup_release(up);
	}
	BPF_SEQ_PRINTF(seq, "below %lld\n", bpf_cgroup_number(cgrp, below, sizeof(below)));
	BPF_SEQ_PRINTF(seq, "errors %lld %lld\n", bpf_cgroup_number(cgrp, none, sizeof(none)),
		       bpf_cgroup_number(cgrp, bad, sizeof(bad)));
	return 0;
}

extern int bpf_iter_css_task_new(struct bpf_iter_css_task *it, struct cgroup_subsys_state *css, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_css_task_next(struct bpf_iter_css_task *it) __ksym;
extern void bpf_iter_css_task_destroy(struct bpf_iter_css_task *it) __ksym;

static int list_tasks(struct seq_file *seq, struct cgroup *cgrp, unsigned int flags)
{
	struct bpf_iter_css_task it;
	struct task_struct *t;
	int n = 0, err = bpf_iter_css_task_new(&it, &cgrp->self, flags);

	while ((t = bpf_iter_css_task_next(&it))) {
		BPF_SEQ_PRINTF(seq, "%d %s\n", t->pid, t->comm);
		n++;
	}
	bpf_iter_css_task_destroy(&it);
	return err ? err : n;
}

/* Who is in the group: processes, and all threads. */
SEC("view/cgroup")
int BPF_PROG(members, struct seq_file *seq, struct cgroup *cgrp)
{
	int processes = list_tasks(seq, cgrp, 1), threads = list_tasks(seq, cgrp, 0), odd = list_tasks(seq, cgrp, 2);

	BPF_SEQ_PRINTF(seq, "%d %d %d %d\n", processes, threads, list_tasks(seq, cgrp, 3), odd);
	return 0;
}

extern int bpf_iter_css_new(struct bpf_iter_css *it, struct cgroup_subsys_state *start, unsigned int flags) __ksym;
extern struct cgroup_subsys_state *bpf_iter_css_next(struct bpf_iter_css *it) __ksym;
extern void bpf_iter_css_destroy(struct bpf_iter_css *it) __ksym;

static int list_groups(struct seq_file *seq, struct cgroup_subsys_state *start, unsigned int order)
{
	struct cgroup_subsys_state *css;
	struct bpf_iter_css it;
	int err = bpf_iter_css_new(&it, start, order);

	BPF_SEQ_PRINTF(seq, "%d", err);
	while ((css = bpf_iter_css_next(&it)))
		BPF_SEQ_PRINTF(seq, " %llu", css->cgroup->kn->id);
	bpf_iter_css_destroy(&it);
	BPF_SEQ_PRINTF(seq, "\n");
	return 0;
}

/* The groups below, the other way round, those above; of a controller. */
SEC("view/cgroup")
int BPF_PROG(tree, struct seq_file *seq, struct cgroup *cgrp)
{
	struct cgroup_subsys_state *pids = cgrp->subsys[11]; /* pids_cgrp_id */

	for (int order = 1; order <= 4; order++)
		list_groups(seq, &cgrp->self, order);
	if (pids)
		list_groups(seq, pids, 4);
	return 0;
}

extern int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task__nullable, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *it) __ksym;

static int count_tasks(struct task_struct *of, unsigned int flags, int pid)
{
	int seen = 0, err;
	struct bpf_iter_task it;
	struct task_struct *t;

	if (of)
		err = bpf_iter_task_new(&it, of, flags);
	else
		err = bpf_iter_task_new(&it, NULL, flags);
	while ((t = bpf_iter_task_next(&it))) {
		seen += t->tgid == pid;
		if (!flags && t->pid != t->tgid)
			seen += 1000; /* no leader */
	}
	bpf_iter_task_destroy(&it);
	return err ? err : seen;
}

/* How often a process is among all processes, threads, and its own threads. */
SEC("view/task")
int BPF_PROG(threads, struct seq_file *seq, struct task_struct *task)
{
	int pid = task->tgid;

	BPF_SEQ_PRINTF(seq, "%d %d %d", count_tasks(NULL, 0, pid), count_tasks(NULL, 1, pid), count_tasks(task, 2, pid));
	BPF_SEQ_PRINTF(seq, " %d %d\n", count_tasks(NULL, 2, pid), count_tasks(NULL, 3, pid));
	return 0;
}

SEC("view/map")
int BPF_PROG(of_map, struct seq_file *seq, struct bpf_map *map)
{
	BPF_SEQ_PRINTF(seq, "map %s: %u entries at most\n", map->name, map->max_entries);
	return 0;
}

SEC("view/link")
int BPF_PROG(of_link, struct seq_file *seq, struct bpf_link *link)
{
	BPF_SEQ_PRINTF(seq, "link %u of %s\n", link->id, link->prog->aux->name);
	return 0;
}

SEC("view/task")
int BPF_PROG(of_task, struct seq_file *seq, struct task_struct *task)
{
	BPF_SEQ_PRINTF(seq, "task %d %s of %d\n", task->pid, task->comm, task->real_parent->pid);
	return 0;
}

/* Refused: 2 is no answer. */
SEC("?view/cgroup")
int BPF_PROG(two, struct seq_file *seq, struct cgroup *cgrp)
{
	return 2;
}

SEC("?view/socket")
int BPF_PROG(unknown, struct seq_file *seq, struct cgroup *cgrp)
{
	return 0;
}
