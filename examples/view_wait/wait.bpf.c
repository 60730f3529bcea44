// SPDX-License-Identifier: BSD-2-Clause
/*
 * wait.bpf.c - the longest time a task of each group waited for a CPU: `wait_record` sees the waits, `wait_show` is the file
 * in the group's directory.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65532);
	__type(key, __u64);
	__type(value, __u64);
} wait_map SEC(".maps");

static __u64 cgroup_id(const struct cgroup *cgrp)
{
	return cgrp->kn->id;
}

SEC("tp_btf/sched_stat_wait")
int BPF_PROG(wait_record, struct task_struct *p, __u64 delta)
{
	struct cgroup *cgrp = p->sched_task_group->css.cgroup;
	__u64 *wait_ns, id;

	if (!cgrp)
		return 0;
	id = cgroup_id(cgrp);
	wait_ns = bpf_map_lookup_elem(&wait_map, &id);
	if (!wait_ns)
		bpf_map_update_elem(&wait_map, &id, &delta, BPF_NOEXIST);
	else if (*wait_ns < delta)
		*wait_ns = delta;
	return 0;
}

SEC("view/cgroup")
int BPF_PROG(wait_show, struct seq_file *seq, struct cgroup *cgrp)
{
	__u64 id = cgroup_id(cgrp), *value = bpf_map_lookup_elem(&wait_map, &id);

	BPF_SEQ_PRINTF(seq, "%llu %llu\n", id, value ? *value : 0);
	return 0;
}
