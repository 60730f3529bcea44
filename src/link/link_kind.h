/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_KIND_H
#define USERBPF_LINK_KIND_H
/* link_kind.h - what create.c needs from the files of the kinds, and what these share; private to src/link. */
#include "prog/limit.h"
#include "link/hook.h"
#include "link/link.h"
#include "link/probe.h"

struct bpf_link *iter_link_create(const struct link_create_env *env, const union bpf_attr *attr, struct bpf_prog *prog,
				  const union bpf_iter_link_info *iter_info);

struct bpf_link *view_link_create(const struct link_create_env *env, const union bpf_attr *attr, struct bpf_prog *prog);

struct bpf_link *raw_tp_link_create(const struct link_create_env *env, const char *name, struct bpf_prog *prog, u64 cookie);
struct bpf_link *tracing_link_create(const struct link_create_env *env, struct bpf_prog *prog, u64 cookie);
struct bpf_link *kprobe_multi_link_create(const struct link_create_env *env, const union bpf_attr *attr, struct bpf_prog *prog);
struct bpf_link *uprobe_multi_link_create(const struct link_create_env *env, const union bpf_attr *attr, struct bpf_prog *prog);

/* A link that nobody saw: gives back what link_init() took, not the kind's memory. */
void link_discard(struct bpf_link *l);

/* LINK_UPDATE of kinds whose programs attach to a BTF function */
int link_replace_prog(struct bpf_link *link, struct bpf_prog *new_prog, struct bpf_prog *old_prog);
/* A name for bpf_link_info: *len is the room at @ubuf and becomes what the name needs. */
int link_put_name(const char *name, u64 ubuf, u32 *len, int (*str_out)(void *, u64, const char *, u32), void *arg);
/* Anything else. */
static inline int link_put_bytes(const void *from, u32 len, u64 ubuf, int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	return str_out(arg, ubuf, from, len);
}

/* call.c */
struct bpf_prog *link_prog(struct bpf_link *link); /* the program it has now, referenced */
/* One run under a limit of its own: 0, or why it was ended (limit_end()). */
int link_call(struct bpf_prog *prog, void *ctx, const struct exec_host *host, u64 *ret);
u64 link_run(struct bpf_prog *prog, void *ctx, struct exec_run *r); /* @r: as exec_run() wants it */

#endif
