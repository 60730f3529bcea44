/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_KIND_H
#define USERBPF_LINK_KIND_H
/* link_kind.h - what link.c needs from the files of the kinds; private to src/link. */
#include "link/link.h"

struct bpf_link *iter_link_create(const struct link_create_env *env, const union bpf_attr *attr, struct bpf_prog *prog,
				  const union bpf_iter_link_info *iter_info);

#endif
