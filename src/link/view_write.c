/* SPDX-License-Identifier: BSD-2-Clause */
/* view_write.c - one write(2) to a view's file: one run of the program, with all of what was written. */
#include <stdlib.h>
#include "link/link_kind.h"
#include "link/view_link.h"

#define ERRNO_MAX 4095

static bool is_writer(const struct view_link *l)
{
	return l->target->attach_type == BPF_TRACE_VIEW_WRITE;
}

struct bpf_prog *view_writer(struct bpf_link *link)
{
	struct view_link *l = view_link_of(link);
	struct bpf_prog *prog = NULL;

	if (link->ops != &view_link_ops)
		return NULL;
	if (is_writer(l))
		return link_prog(link);
	pthread_mutex_lock(&link->lock);
	/* one that goes leaves under this lock, and gives its program back only then */
	if (l->writer)
		prog = link_prog(&l->writer->link);
	pthread_mutex_unlock(&link->lock);
	return prog;
}

/* 0: all of it was taken */
static ssize_t outcome(s32 ret, size_t len)
{
	if (ret < -ERRNO_MAX)
		return -EINVAL;
	return ret < 0 ? ret : ret ? (ssize_t)min((size_t)ret, len) : (ssize_t)len;
}

static ssize_t run_on(struct bpf_prog *prog, void *object, const struct exec_host *host,
		      struct view_write *w, const void *data)
{
	struct {
		u64 write, object, data;
	} ctx = {(uintptr_t)w, (uintptr_t)object, (uintptr_t)data};

	u64 ret;
	int err = link_call(prog, &ctx, host, &ret);

	return err ? err : outcome((s32)ret, w->len);
}

ssize_t view_write(struct bpf_link *link, void *object, const struct exec_host *host,
		   const struct cred *by, const char *buf, size_t len)
{
	struct view_write w = {.len = (u32)len};
	const struct view_target *t;
	struct bpf_prog *prog;
	ssize_t ret = -ENOMEM;
	char *data;

	if (len > VIEW_WRITE_MAX)
		return -E2BIG;
	prog = view_writer(link);
	if (!prog)
		return -EINVAL;
	if (by) {
		w.uid = by->uid;
		w.gid = by->gid;
		w.pid = by->pid;
	}
	data = calloc(1, VIEW_WRITE_MAX);
	if (data) {
		memcpy(data, buf, len);
		t = view_link_of(link)->target;
		ret = run_on(prog, t->get ? t->get(object) : object, host, &w, data);
		free(data);
	}
	obj_put(&prog->obj);
	return ret;
}
