/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_KIND_H
#define USERBPF_LINK_KIND_H
/* link_kind.h - what link.c needs from the files of the kinds; private to src/link. */
#include "link/link.h"

struct bpf_link *iter_link_create(const struct link_create_env *env, const union bpf_attr *attr, struct bpf_prog *prog,
				  const union bpf_iter_link_info *iter_info);

struct bpf_link *view_link_create(const struct link_create_env *env, const union bpf_attr *attr, struct bpf_prog *prog);

/* LINK_UPDATE of kinds whose programs attach to a BTF function */
int link_replace_prog(struct bpf_link *link, struct bpf_prog *new_prog, struct bpf_prog *old_prog);
/* A name for bpf_link_info: *len is the room at @ubuf and becomes what the name needs. */
int link_put_name(const char *name, u64 ubuf, u32 *len, int (*str_out)(void *, u64, const char *, u32), void *arg);


/* call.c */
struct bpf_prog *link_prog(struct bpf_link *link); /* the program it has now, referenced */
u64 link_call(struct bpf_prog *prog, void *ctx, const struct exec_host *host);

#endif
