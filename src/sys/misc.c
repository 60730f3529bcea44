/* SPDX-License-Identifier: BSD-2-Clause */
/* misc.c - ids, TASK_FD_QUERY, ENABLE_STATS. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

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

/* Raw tracepoint links and perf events: neither exists here yet, so any open fd is "not
 * supported". */
long sys_task_fd_query(struct sys_req *r)
{
	pid_t pid = r->attr.task_fd_query.pid;
	char path[64];

	if (!cred_sys_admin(r->cred))
		return -EPERM;
	if (r->attr.task_fd_query.flags)
		return -EINVAL;
	if (pid <= 0 || (kill(pid, 0) && errno == ESRCH))
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/fd/%u", pid, r->attr.task_fd_query.fd);
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) && errno == ENOENT)
		return -EBADF;
	return -ENOTSUPP;
}

/* --- ENABLE_STATS: an object without id whose only handle keeps run statistics on --- */

struct stats_obj {
	struct obj obj;
	u32 *count;
};

static void stats_release(struct obj *o)
{
	__atomic_sub_fetch(container_of(o, struct stats_obj, obj)->count, 1, __ATOMIC_RELAXED);
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
	ret = req_install(r, &s->obj, HANDLE_RW);
	obj_put(&s->obj);
	return ret;
}
