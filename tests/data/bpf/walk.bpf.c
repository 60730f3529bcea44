// SPDX-License-Identifier: BSD-2-Clause
/* Iterators over tasks and groups. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

SEC("iter/task")
int tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;

	if (t)
		BPF_SEQ_PRINTF(ctx->meta->seq, "%d %d %s\n", t->pid, t->tgid, t->comm);
	return 0;
}

SEC("iter/cgroup")
int groups(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *c = ctx->cgroup;

	if (!c)
		BPF_SEQ_PRINTF(ctx->meta->seq, "end\n");
	else
		BPF_SEQ_PRINTF(ctx->meta->seq, "%llu %s\n", c->kn->id, c->kn->name);
	return 0;
}
