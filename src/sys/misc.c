/* SPDX-License-Identifier: BSD-2-Clause */
/* misc.c - ids, TASK_FD_QUERY, ENABLE_STATS. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/slot.h"
#include "sys/priv.h"

static enum obj_kind kind_of_cmd(int cmd)
{
	switch (cmd) {
	case BPF_MAP_GET_NEXT_ID:
	case BPF_MAP_GET_FD_BY_ID: return OBJ_MAP;
	case BPF_BTF_GET_NEXT_ID:
	case BPF_BTF_GET_FD_BY_ID: return OBJ_BTF;
	case BPF_LINK_GET_NEXT_ID:
	case BPF_LINK_GET_FD_BY_ID: return OBJ_LINK;
	default: return OBJ_PROG;
	}
}

long sys_get_next_id(struct sys_req *r)
{
	struct obj *o;
	u32 id;

	if (r->attr.start_id >= INT_MAX)
		return -EINVAL;
	if (!cred_sys_admin(r->cred))
		return -EPERM;
	o = obj_next(r->sys->objs, kind_of_cmd(r->cmd), r->attr.start_id + 1);
	if (!o)
		return -ENOENT;
	id = o->id;
	obj_put(o);
	return req_put_attr(r, next_id, id) ? -EFAULT : 0;
}

long sys_get_fd_by_id(struct sys_req *r)
{
	enum obj_kind kind = kind_of_cmd(r->cmd);
	int perm = HANDLE_RW;
	struct obj *o;
	long ret;

	if (kind == OBJ_MAP && r->attr.open_flags & ~(BPF_F_RDONLY | BPF_F_WRONLY))
		return -EINVAL;
	if (!cred_sys_admin(r->cred))
		return -EPERM;
	if (kind == OBJ_MAP)
		perm = req_file_perm(r->attr.open_flags);
	if (perm < 0)
		return perm;
	o = obj_by_id(r->sys->objs, kind, r->attr.start_id);
	if (!o)
		return -ENOENT;
	ret = req_install(r, o, perm);
	obj_put(o);
	return ret;
}

/* --- TASK_FD_QUERY: what a raw tracepoint link or a perf event of somebody is attached to --- */

struct fd_answer {
	const char *name; /* NULL: nothing to say */
	u32 prog_id, fd_type;
	u64 offset, addr;
};

/* Somebody's fd, to look at. */
static int open_fd_of(pid_t pid, u32 fd)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/fd/%u", pid, fd);
	ret = open(path, O_PATH | O_CLOEXEC);
	if (ret >= 0)
		return ret;
	return errno == ENOENT ? -EBADF : -ENOTSUPP;
}

static int describe_event(struct perf_event_obj *e, struct fd_answer *a)
{
	struct perf_event_info info;
	int err = perf_event_info(e, &info);

	*a = (struct fd_answer){.name = info.name,
				.prog_id = info.prog_id,
				.fd_type = info.fd_type,
				.offset = info.offset,
				.addr = info.addr};
	return err;
}

static int describe_link(struct bpf_link *l, struct fd_answer *a)
{
	const char *name = raw_tp_link_name(l);

	*a = (struct fd_answer){
		.name = name, .prog_id = l->prog->aux->id, .fd_type = BPF_FD_TYPE_RAW_TRACEPOINT};
	return name ? 0 : -ENOTSUPP;
}

/* The text, cut to its room. */
static long put_answer_name(struct sys_req *r, const char *name, u32 len)
{
	u32 room = r->attr.task_fd_query.buf_len;
	u64 ubuf = r->attr.task_fd_query.buf;

	if (!room || !ubuf)
		return 0;
	if (room > len)
		return req_copy_out(r, ubuf, name, len + 1) ? -EFAULT : 0;
	if (req_copy_out(r, ubuf, name, room - 1) || req_copy_out(r, ubuf + room - 1, "", 1))
		return -EFAULT;
	return -ENOSPC;
}

static int put_u64(struct sys_req *r, u32 off, u64 value)
{
	return req_copy_out(r, r->uattr + off, &value, sizeof(value));
}

static long put_answer(struct sys_req *r, const struct fd_answer *a)
{
	const char *name = a->name ? a->name : "";
	u32 len = (u32)strlen(name);
	long ret;

	if (req_put_attr(r, task_fd_query.buf_len, len))
		return -EFAULT;
	ret = put_answer_name(r, name, len);
	if (ret == -EFAULT || req_put_attr(r, task_fd_query.prog_id, a->prog_id) ||
	    req_put_attr(r, task_fd_query.fd_type, a->fd_type) ||
	    put_u64(r, offsetof(union bpf_attr, task_fd_query.probe_offset), a->offset) ||
	    put_u64(r, offsetof(union bpf_attr, task_fd_query.probe_addr), a->addr))
		return -EFAULT;
	return ret;
}

long sys_task_fd_query(struct sys_req *r)
{
	pid_t pid = r->attr.task_fd_query.pid;
	struct fd_answer a;
	struct obj *o;
	long ret;
	int fd;

	if (!cred_sys_admin(r->cred))
		return -EPERM;
	if (r->attr.task_fd_query.flags)
		return -EINVAL;
	if (pid <= 0 || (kill(pid, 0) && errno == ESRCH))
		return -ENOENT;
	fd = open_fd_of(pid, r->attr.task_fd_query.fd);
	if (fd < 0)
		return fd;
	/* the service has all files open, and none of them is attached to anything */
	o = r->sys->remote && pid == getpid() ? ERR_PTR(-ENOTSUPP)
					      : handle_lookup(r->sys->objs, fd, NULL);
	close(fd);
	if (IS_ERR(o))
		return -ENOTSUPP;
	if (o->class->kind == OBJ_PERF_EVENT)
		ret = describe_event(obj_to_perf_event(o), &a);
	else
		ret = o->class->kind == OBJ_LINK ? describe_link(obj_to_link(o), &a) : -ENOTSUPP;
	if (!ret)
		ret = put_answer(r, &a);
	obj_put(o);
	return ret;
}

/* --- ENABLE_STATS: an object without id whose only handle keeps run statistics on --- */

struct stats_obj {
	struct obj obj;
	u32 *count;
};

static void stats_release(struct obj *o)
{
	__atomic_sub_fetch(container_of(o, struct stats_obj, obj)->count, 1, __ATOMIC_RELAXED);
	slot_count_stats(-1);
}

static void stats_free(struct obj *o)
{
	free(container_of(o, struct stats_obj, obj));
}

static const struct obj_class stats_class = {
	.name = "stats",
	.kind = OBJ_KINDS,
	.release = stats_release,
	.free = stats_free,
};

long sys_enable_stats(struct sys_req *r)
{
	struct stats_obj *s;
	long ret;

	if (!cred_sys_admin(r->cred))
		return -EPERM;
	if (r->attr.enable_stats.type != BPF_STATS_RUN_TIME)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	obj_init(&s->obj, &stats_class);
	s->count = &r->sys->stats;
	__atomic_add_fetch(s->count, 1, __ATOMIC_RELAXED);
	slot_count_stats(1);
	ret = req_install(r, &s->obj, HANDLE_RW);
	obj_put(&s->obj);
	return ret;
}
