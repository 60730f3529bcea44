/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_VIEW_LINK_H
#define USERBPF_LINK_VIEW_LINK_H
/* view_link.h - the link kind "view" as its readers (view.c) see it; private to src/link. */
#include "link/view.h"

struct view_link {
	struct bpf_link link;
	const struct view_target *target;
	void *subject;
	struct view_link *writer; /* of a view: not referenced, goes by itself; under link.lock */
};

extern const struct bpf_link_ops view_link_ops;
static inline struct view_link *view_link_of(struct bpf_link *l) { return container_of(l, struct view_link, link); }
/* What is written arrives in a buffer of one size. */
int view_check_access(const struct bpf_prog *prog);
const struct view_target *view_target_by_func(u32 attach_type, const char *func);

#endif
