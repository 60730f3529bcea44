/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_ITER_CSS_H
#define USERBPF_ITER_CSS_H
/* iter_css.h - the iterator over groups (Linux 6.7), by the kernel's names and prototypes. Run side. */
#include "base/base.h"

struct cgroup_subsys_state;

/* On the program's stack, which cannot look inside. */
struct bpf_iter_css {
	u64 __opaque[3];
} __attribute__((aligned(8)));

/* @start and what is below or above it, where its controller is on; flags: BPF_CGROUP_ITER_DESCENDANTS_PRE, _POST,
 * _ANCESTORS_UP. -EINVAL: no such flags, no group */
int bpf_iter_css_new(struct bpf_iter_css *it, struct cgroup_subsys_state *start, unsigned int flags);
/* Good until the next call, or the end: NULL. */
struct cgroup_subsys_state *bpf_iter_css_next(struct bpf_iter_css *it);
void bpf_iter_css_destroy(struct bpf_iter_css *it);

#endif
