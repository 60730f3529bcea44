// SPDX-License-Identifier: BSD-2-Clause
/* Iterators over tasks and groups. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
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

extern const void bpf_prog_fops __ksym;
extern const void bpf_map_fops __ksym;

/* Who has which program and map open, as bpftool's pid_iter finds it. */
SEC("iter/task_file")
int files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct file *f = ctx->file;
	struct bpf_prog *prog;
	struct bpf_map *map;

	if (!t || !f)
		return 0;
	if (f->f_op == &bpf_prog_fops) {
		prog = f->private_data;
		BPF_SEQ_PRINTF(ctx->meta->seq, "%d %d prog %d\n", t->tgid, ctx->fd, BPF_CORE_READ(prog, aux, id));
	} else if (f->f_op == &bpf_map_fops) {
		map = f->private_data;
		BPF_SEQ_PRINTF(ctx->meta->seq, "%d %d map %d\n", t->tgid, ctx->fd, BPF_CORE_READ(map, id));
	} else {
		char path[200];
		long n = bpf_d_path(&f->f_path, path, sizeof(path));

		BPF_SEQ_PRINTF(ctx->meta->seq, "%d %d ino %lu %s\n", t->tgid, ctx->fd, f->f_inode->i_ino, n > 0 ? path : "?");
	}
	return 0;
}

/* Mappings, as /proc/PID/maps has them. */
SEC("iter/task_vma")
int mappings(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	struct task_struct *t = ctx->task;
	char path[256];
	struct file *f;
	__u32 dev;

	if (!t || !vma)
		return 0;
	f = vma->vm_file;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%08lx-%08lx %c%c%c%c %08lx", vma->vm_start, vma->vm_end, vma->vm_flags & 1 ? 'r' : '-',
		       vma->vm_flags & 2 ? 'w' : '-', vma->vm_flags & 4 ? 'x' : '-', vma->vm_flags & 8 ? 's' : 'p', vma->vm_pgoff << 12);
	if (f) {
		dev = f->f_inode->i_sb->s_dev;
		if (bpf_d_path(&f->f_path, path, sizeof(path)) < 0)
			path[0] = '\0';
		BPF_SEQ_PRINTF(ctx->meta->seq, " %02x:%02x %lu %s", dev >> 20, dev & 1048575, f->f_inode->i_ino, path);
	}
	BPF_SEQ_PRINTF(ctx->meta->seq, "\n");
	return 0;
}
