// SPDX-License-Identifier: BSD-2-Clause
/* stored.bpf.c - tasks and groups kept in a map: `remember` puts the group it shows and its first process there, `recall` shows them
 * in any group, `look` tells a client which process it is. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define __kptr	   __attribute__((btf_type_tag("kptr")))
#define __kptr_ref __attribute__((btf_type_tag("kptr_ref")))

char _license[] SEC("license") = "GPL";

extern int bpf_iter_css_task_new(struct bpf_iter_css_task *it, struct cgroup_subsys_state *css, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_css_task_next(struct bpf_iter_css_task *it) __ksym;
extern void bpf_iter_css_task_destroy(struct bpf_iter_css_task *it) __ksym;
extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
extern struct cgroup *bpf_cgroup_acquire(struct cgroup *cgrp) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgrp) __ksym;

struct kept {
	struct task_struct __kptr_ref *task;
	struct cgroup __kptr_ref *group;
	struct task_struct __kptr *seen;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kept);
} kept SEC(".maps");

static struct kept *slot(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&kept, &zero);
}

static int first_process(struct cgroup *cgrp)
{
	struct bpf_iter_css_task it;
	struct task_struct *t;
	int pid = 0;

	bpf_iter_css_task_new(&it, &cgrp->self, CSS_TASK_ITER_PROCS);
	t = bpf_iter_css_task_next(&it);
	if (t)
		pid = t->pid;
	bpf_iter_css_task_destroy(&it);
	return pid;
}

SEC("view/cgroup")
int BPF_PROG(remember, struct seq_file *seq, struct cgroup *cgrp)
{
	struct task_struct *t = bpf_task_from_pid(first_process(cgrp));
	struct cgroup *g = bpf_cgroup_acquire(cgrp);
	struct kept *k = slot();

	if (k) {
		if (t)
			k->seen = t;
		t = bpf_kptr_xchg(&k->task, t);
		g = bpf_kptr_xchg(&k->group, g);
	}
	/* asked once: a pointer that was found is not followed into the branch where it is none */
	BPF_SEQ_PRINTF(seq, "before:");
	if (t) {
		BPF_SEQ_PRINTF(seq, " %d", t->pid);
		bpf_task_release(t);
	}
	if (g) {
		BPF_SEQ_PRINTF(seq, " %s", g->kn->name);
		bpf_cgroup_release(g);
	}
	BPF_SEQ_PRINTF(seq, "\n");
	return 0;
}

SEC("view/cgroup")
int BPF_PROG(recall, struct seq_file *seq, struct cgroup *cgrp)
{
	struct task_struct *t, *seen;
	struct kept *k = slot();
	struct cgroup *g;

	if (!k)
		return 0;
	seen = k->seen;
	if (seen)
		BPF_SEQ_PRINTF(seq, "seen %d", seen->pid);
	t = bpf_kptr_xchg(&k->task, NULL);
	if (t) {
		BPF_SEQ_PRINTF(seq, " task %d %s", t->pid, t->comm);
		t = bpf_kptr_xchg(&k->task, t);
		if (t)
			bpf_task_release(t);
	}
	g = bpf_kptr_xchg(&k->group, NULL);
	if (g) {
		BPF_SEQ_PRINTF(seq, " group %s", g->kn->name);
		g = bpf_kptr_xchg(&k->group, g);
		if (g)
			bpf_cgroup_release(g);
	}
	BPF_SEQ_PRINTF(seq, "\n");
	return 0;
}

struct answer {
	__s32 pid;
};

SEC("syscall")
int look(struct answer *a)
{
	struct kept *k = slot();
	struct task_struct *t = k ? bpf_kptr_xchg(&k->task, NULL) : NULL;

	a->pid = 0;
	if (!t)
		return 1;
	a->pid = t->pid;
	t = bpf_kptr_xchg(&k->task, t);
	if (t)
		bpf_task_release(t);
	return 0;
}

/* Refused: a reference that is neither kept nor given back. */
SEC("?view/cgroup")
int BPF_PROG(leak, struct seq_file *seq, struct cgroup *cgrp)
{
	struct kept *k = slot();
	struct task_struct *t = k ? bpf_kptr_xchg(&k->task, NULL) : NULL;

	return t && t->pid == 1;
}

/* Refused: a group is no task. */
SEC("?view/cgroup")
int BPF_PROG(mixed, struct seq_file *seq, struct cgroup *cgrp)
{
	struct cgroup *g = bpf_cgroup_acquire(cgrp);
	struct kept *k = slot();

	if (k && g) {
		struct task_struct *t = bpf_kptr_xchg(&k->task, (struct task_struct *)g);

		if (t)
			bpf_task_release(t);
	} else if (g) {
		bpf_cgroup_release(g);
	}
	return 0;
}
