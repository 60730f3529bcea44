// SPDX-License-Identifier: BSD-2-Clause
/*
 * stats.bpf.c - one file per container: `summary` (with its processes) for people, `prometheus` for scrapers. Numbers come from the group's own
 * files, whichever of cgroup v1's and v2's there are; what a group does not have is left out.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

extern __s64 bpf_cgroup_number(struct cgroup *cgrp, const char *key, __u32 key__sz) __ksym;

extern int bpf_iter_css_task_new(struct bpf_iter_css_task *it, struct cgroup_subsys_state *css, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_css_task_next(struct bpf_iter_css_task *it) __ksym;
extern void bpf_iter_css_task_destroy(struct bpf_iter_css_task *it) __ksym;

#define NUMBER(cgrp, name)                                     \
	({                                                     \
		char key[] = name;                             \
		bpf_cgroup_number(cgrp, key, sizeof(key));     \
	})

static __s64 memory_bytes(struct cgroup *cgrp)
{
	__s64 n = NUMBER(cgrp, "memory.current");

	return n >= 0 ? n : NUMBER(cgrp, "memory.usage_in_bytes");
}

static __s64 cpu_usec(struct cgroup *cgrp)
{
	__s64 n = NUMBER(cgrp, "cpu.stat:usage_usec");

	if (n < 0)
		n = NUMBER(cgrp, "cpuacct.usage");
	else
		return n;
	return n < 0 ? n : n / 1000;
}

/* Its processes, a line each. */
static void list(struct seq_file *seq, struct cgroup *cgrp)
{
	struct bpf_iter_css_task it;
	struct task_struct *t;

	bpf_iter_css_task_new(&it, &cgrp->self, CSS_TASK_ITER_PROCS);
	while ((t = bpf_iter_css_task_next(&it)))
		BPF_SEQ_PRINTF(seq, "  %d %s\n", t->pid, t->comm);
	bpf_iter_css_task_destroy(&it);
}

SEC("view/cgroup")
int BPF_PROG(summary, struct seq_file *seq, struct cgroup *cgrp)
{
	__s64 mem = memory_bytes(cgrp), cpu = cpu_usec(cgrp), pids = NUMBER(cgrp, "pids.current");

	BPF_SEQ_PRINTF(seq, "group %s level %d busy %d", cgrp->kn->name, cgrp->level,
		       cgrp->nr_populated_csets || cgrp->nr_populated_domain_children);
	if (mem >= 0)
		BPF_SEQ_PRINTF(seq, " memory %lld KiB", mem / 1024);
	if (cpu >= 0)
		BPF_SEQ_PRINTF(seq, " cpu %lld ms", cpu / 1000);
	if (pids >= 0)
		BPF_SEQ_PRINTF(seq, " pids %lld", pids);
	BPF_SEQ_PRINTF(seq, "\n");
	list(seq, cgrp);
	return 0;
}

SEC("view/cgroup")
int BPF_PROG(prometheus, struct seq_file *seq, struct cgroup *cgrp)
{
	__s64 mem = memory_bytes(cgrp), cpu = cpu_usec(cgrp), pids = NUMBER(cgrp, "pids.current");
	const char *name = cgrp->kn->name;

	BPF_SEQ_PRINTF(seq, "# TYPE cgroup_populated gauge\ncgroup_populated{group=\"%s\"} %d\n", name,
		       cgrp->nr_populated_csets || cgrp->nr_populated_domain_children);
	if (mem >= 0)
		BPF_SEQ_PRINTF(seq, "# TYPE cgroup_memory_bytes gauge\ncgroup_memory_bytes{group=\"%s\"} %lld\n", name, mem);
	if (cpu >= 0)
		BPF_SEQ_PRINTF(seq, "# TYPE cgroup_cpu_microseconds_total counter\ncgroup_cpu_microseconds_total{group=\"%s\"} %lld\n",
			       name, cpu);
	if (pids >= 0)
		BPF_SEQ_PRINTF(seq, "# TYPE cgroup_pids gauge\ncgroup_pids{group=\"%s\"} %lld\n", name, pids);
	return 0;
}
