/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_LINK_TYPE_RAW_TRACEPOINT: a program at a tracepoint of the service, or of processes. */
#include <stdlib.h>
#include "link/link_kind.h"
#include "link/trace_event.h"

struct raw_tp_link {
	struct bpf_link link;
	const char *name;
	struct hook_user user; /* user.hook: the service's; else: */
	struct probes *probes;
	u64 probe;
};

static struct raw_tp_link *raw_tp_link_of(const struct bpf_link *l)
{
	return container_of(l, struct raw_tp_link, link);
}

static void release(struct bpf_link *link)
{
	struct raw_tp_link *l = raw_tp_link_of(link);

	if (l->user.hook)
		hook_detach(&l->user);
	else
		probes_del(l->probes, l->probe, 1);
}

static void dealloc(struct bpf_link *link)
{
	free(raw_tp_link_of(link));
}

static int fill_info(const struct bpf_link *link, struct bpf_link_info *info,
		     int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	const struct raw_tp_link *l = raw_tp_link_of(link);

	link_info_long(info)->raw_tracepoint.cookie = l->user.cookie;
	return link_put_name(l->name, info->raw_tracepoint.tp_name,
			     &info->raw_tracepoint.tp_name_len, str_out, arg);
}

static const struct bpf_link_ops raw_tp_link_ops = {
	.name = "raw_tracepoint", .release = release, .dealloc = dealloc, .fill_info = fill_info};

const char *raw_tp_link_name(const struct bpf_link *link)
{
	return link->ops == &raw_tp_link_ops ? raw_tp_link_of(link)->name : NULL;
}

static int attach(struct raw_tp_link *l, struct hook *h, const struct trace_event *ev)
{
	struct probe_spec spec = {.point = {.file = -1, .cpu = -1, .nr = -1},
				  .cookie = l->user.cookie};

	if (h)
		return hook_attach(h, &l->user);
	spec.point.kind = ev->kind;
	return probes_add(l->probes, &spec, 1, l->link.prog, &l->probe);
}

struct bpf_link *raw_tp_link_create(const struct link_create_env *env, const char *name,
				    struct bpf_prog *prog, u64 cookie)
{
	struct hook *h = hook_tracepoint(env->hooks, name);
	const struct trace_event *ev = h ? NULL : trace_event_raw(name);
	struct raw_tp_link *l;
	int err;

	if (!h && (!ev || !env->probes))
		return ERR_PTR(-ENOENT);
	if (prog->type == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE)
		return ERR_PTR(-EINVAL); /* no point has anything to write to */
	l = calloc(1, sizeof(*l));
	if (!l)
		return ERR_PTR(-ENOMEM);
	l->name = h ? hook_point_of(h)->name : ev->name;
	l->probes = env->probes;
	l->user = (struct hook_user){.prog = prog, .cookie = cookie, .how = HOOK_RAW_TP};
	obj_get(&prog->obj);
	link_init(&l->link, BPF_LINK_TYPE_RAW_TRACEPOINT, &raw_tp_link_ops, prog);
	err = attach(l, h, ev);
	if (!err)
		return &l->link;
	link_discard(&l->link);
	free(l);
	return ERR_PTR(err);
}
