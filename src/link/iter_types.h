/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_ITER_TYPES_H
#define USERBPF_ITER_TYPES_H
/*
 * iter_types.h - what iterator programs see: their contexts and the functions they attach to.
 * BTF-visible.
 *
 * A target "x" is the pair { struct bpf_iter__x, FUNC bpf_iter_x }: the program attaches to the
 * FUNC, whose parameters are the members of the context, in order, one 8-byte slot each. Names and
 * layout are the kernel's; the functions themselves are never called, they exist so that BTF
 * describes them.
 */
#include "link/iter.h"

struct task_struct;
struct file;
struct vm_area_struct;
struct cgroup;

/* A pointer in an 8-byte slot, whatever the size of a pointer here. */
#define ITER_PTR(type, name) \
	union {              \
		type name;   \
		u64 : 64;    \
	} __attribute__((aligned(8)))

struct bpf_iter__bpf_map {
	ITER_PTR(struct bpf_iter_meta *, meta);
	ITER_PTR(struct bpf_map *, map);
};

struct bpf_iter__bpf_prog {
	ITER_PTR(struct bpf_iter_meta *, meta);
	ITER_PTR(struct bpf_prog *, prog);
};

struct bpf_iter__bpf_link {
	ITER_PTR(struct bpf_iter_meta *, meta);
	ITER_PTR(struct bpf_link *, link);
};

struct bpf_iter__bpf_map_elem {
	ITER_PTR(struct bpf_iter_meta *, meta);
	ITER_PTR(struct bpf_map *, map);
	ITER_PTR(void *, key);
	ITER_PTR(void *, value);
};

struct bpf_iter__task {
	ITER_PTR(struct bpf_iter_meta *, meta);
	ITER_PTR(struct task_struct *, task);
};

struct bpf_iter__task_file {
	ITER_PTR(struct bpf_iter_meta *, meta);
	ITER_PTR(struct task_struct *, task);
	u32 fd __attribute__((aligned(8)));
	ITER_PTR(struct file *, file);
};

struct bpf_iter__task_vma {
	ITER_PTR(struct bpf_iter_meta *, meta);
	ITER_PTR(struct task_struct *, task);
	ITER_PTR(struct vm_area_struct *, vma);
};

struct bpf_iter__cgroup {
	ITER_PTR(struct bpf_iter_meta *, meta);
	ITER_PTR(struct cgroup *, cgroup);
};

int bpf_iter_task(struct bpf_iter_meta *meta, struct task_struct *task);
int bpf_iter_task_file(struct bpf_iter_meta *meta, struct task_struct *task, u32 fd, struct file *file);
int bpf_iter_task_vma(struct bpf_iter_meta *meta, struct task_struct *task, struct vm_area_struct *vma);
int bpf_iter_cgroup(struct bpf_iter_meta *meta, struct cgroup *cgroup);
int bpf_iter_bpf_map(struct bpf_iter_meta *meta, struct bpf_map *map);
int bpf_iter_bpf_prog(struct bpf_iter_meta *meta, struct bpf_prog *prog);
int bpf_iter_bpf_link(struct bpf_iter_meta *meta, struct bpf_link *link);
int bpf_iter_bpf_map_elem(struct bpf_iter_meta *meta, struct bpf_map *map, void *key, void *value);

#endif
