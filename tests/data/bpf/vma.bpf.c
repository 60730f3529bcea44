/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf_find_vma: says of each map in which mapping of the service it is. tests/e2e/vma.sh reads it. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct found {
	__u64 addr, start, end, flags;
	int calls;
};

static long look(struct task_struct *task, struct vm_area_struct *vma, struct found *f)
{
	f->calls++;
	f->start = vma->vm_start;
	f->end = vma->vm_end;
	f->flags = vma->vm_flags;
	return 0;
}

SEC("iter/bpf_map") int maps(struct bpf_iter__bpf_map *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct found f = {.addr = (__u64)ctx->map}, none = {};

	if (!ctx->map || !task)
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "find %d", bpf_find_vma(task, f.addr, look, &f, 0));
	BPF_SEQ_PRINTF(ctx->meta->seq, " calls %d inside %d flags %x", f.calls,
		       f.start <= f.addr && f.addr < f.end, (int)(f.flags & 3));
	BPF_SEQ_PRINTF(ctx->meta->seq, " nowhere %d", bpf_find_vma(task, 1, look, &none, 0));
	BPF_SEQ_PRINTF(ctx->meta->seq, " flags %d calls %d\n",
		       bpf_find_vma(task, f.addr, look, &none, 1), none.calls);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
