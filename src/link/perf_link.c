/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_LINK_TYPE_PERF_EVENT: a program on a perf event, with a cookie. The link keeps the event. */
#include <stdlib.h>
#include "link/link_kind.h"
#include "link/perf_event.h"

struct perf_link {
	struct bpf_perf_link pub;
	struct file file; /* what programs that look for the event go through */
	struct perf_event_obj *event;
};

static struct perf_link *perf_link_of(const struct bpf_link *l)
{
	return container_of(l, struct perf_link, pub.link);
}

static void release(struct bpf_link *link)
{
	struct perf_link *l = perf_link_of(link);

	if (!l->event)
		return;
	perf_event_unset_prog(l->event);
	obj_put(perf_event_to_obj(l->event));
}

static void dealloc(struct bpf_link *link)
{
	free(perf_link_of(link));
}

static int put_name(const struct perf_event_info *from, struct bpf_link_info_long *to,
		    int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	u32 len = to->perf_event.name_len;
	int err;

	if (!to->perf_event.name != !len)
		return -EINVAL;
	err = link_put_name(from->name ? from->name : "", to->perf_event.name, &len, str_out, arg);
	to->perf_event.name_len = len;
	return err;
}

/* As Linux 6.6 began to tell. */
static int fill_info(const struct bpf_link *link, struct bpf_link_info *info,
		     int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	struct bpf_link_info_long *to = link_info_long(info);
	struct perf_event_info from;
	int err = perf_event_info(perf_link_of(link)->event, &from);

	if (err && err != -EOPNOTSUPP)
		return 0; /* being detached */
	to->perf_event.type = from.link_type;
	if (from.link_type == PERF_EVENT_INFO_EVENT) {
		to->perf_event.event.type = from.type;
		to->perf_event.event.config = from.config;
		to->perf_event.event.cookie = from.cookie;
		return 0;
	}
	err = put_name(&from, to, str_out, arg);
	if (err)
		return err;
	to->perf_event.offset = (u32)from.offset;
	if (from.link_type == PERF_EVENT_INFO_TRACEPOINT) {
		to->perf_event.tracepoint.cookie = from.cookie;
	} else if (from.fd_type == BPF_FD_TYPE_UPROBE || from.fd_type == BPF_FD_TYPE_URETPROBE) {
		to->perf_event.uprobe.cookie = from.cookie;
		to->perf_event.uprobe.ref_ctr_offset = from.ref_ctr_offset;
	} else {
		to->perf_event.kprobe.addr = from.addr;
		to->perf_event.kprobe.missed = 0;
		to->perf_event.kprobe.cookie = from.cookie;
	}
	return 0;
}

static const struct bpf_link_ops perf_link_ops = {
	.name = "perf_event", .release = release, .dealloc = dealloc, .fill_info = fill_info};

struct bpf_link *perf_link_create(const struct link_create_env *env, const union bpf_attr *attr,
				  struct bpf_prog *prog)
{
	struct perf_event_obj *e;
	struct perf_link *l;
	int err;

	if (attr->link_create.flags)
		return ERR_PTR(-EINVAL);
	e = env->event_by_fd ? env->event_by_fd(env->arg, attr->link_create.target_fd)
			     : ERR_PTR(-EBADF);
	if (IS_ERR(e))
		return ERR_CAST(e);
	l = calloc(1, sizeof(*l));
	err = l ? perf_event_set_prog(e, prog, attr->link_create.perf_event.bpf_cookie) : -ENOMEM;
	if (err) {
		free(l);
		obj_put(perf_event_to_obj(e));
		return ERR_PTR(err);
	}
	l->event = e;
	l->file.private_data = perf_event_public(e);
	l->pub.perf_file = &l->file;
	obj_get(&prog->obj);
	link_init(&l->pub.link, BPF_LINK_TYPE_PERF_EVENT, &perf_link_ops, prog);
	return &l->pub.link;
}
