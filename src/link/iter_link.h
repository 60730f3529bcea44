/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_ITER_LINK_H
#define USERBPF_ITER_LINK_H
/* iter_link.h - the link kind "iter" as its readers (iter.c) see it; private to src/link. */
#include "link/iter.h"

struct iter_link {
	struct bpf_link link;
	const struct iter_target *target;
	struct iter_aux *aux;
};

extern const struct bpf_link_ops iter_link_ops;
static inline struct iter_link *iter_link_of(struct bpf_link *l) { return container_of(l, struct iter_link, link); }

#endif
