/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions iterator programs attach to: types for BTF, never called. */
#include "link/iter_types.h"

int bpf_iter_bpf_map(struct bpf_iter_meta *meta, struct bpf_map *map)
{
	return 0;
}

int bpf_iter_bpf_prog(struct bpf_iter_meta *meta, struct bpf_prog *prog)
{
	return 0;
}

int bpf_iter_bpf_link(struct bpf_iter_meta *meta, struct bpf_link *link)
{
	return 0;
}

int bpf_iter_bpf_map_elem(struct bpf_iter_meta *meta, struct bpf_map *map, void *key, void *value)
{
	return 0;
}

int bpf_iter_task(struct bpf_iter_meta *meta, struct task_struct *task)
{
	return 0;
}

int bpf_iter_cgroup(struct bpf_iter_meta *meta, struct cgroup *cgroup)
{
	return 0;
}

int bpf_iter_task_file(struct bpf_iter_meta *meta, struct task_struct *task, u32 fd,
		       struct file *file)
{
	return 0;
}

int bpf_iter_task_vma(struct bpf_iter_meta *meta, struct task_struct *task,
		      struct vm_area_struct *vma)
{
	return 0;
}
