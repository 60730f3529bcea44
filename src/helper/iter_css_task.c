/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiled into the run side, and once more into vmlinux.btf. */
#include <fcntl.h>
#include <unistd.h>
#include "exec/exec.h"
#include "helper/cgroup_view.h"
#include "helper/iter_css_task.h"
#include "helper/objpool.h"
#include "helper/task_view.h"

/* The group's list is read piece by piece, as the machine tells it. */
struct css_task_iter {
	int fd;
	bool leaders;
	struct task_struct *task; /* what was returned last, referenced */
	u32 at, len;
	char buf[512];
};

static void css_task_release(void *object)
{
	struct css_task_iter *s = object;

	task_put(s->task);
	close(s->fd);
}

static struct objpool css_task_pool = {.size = sizeof(struct css_task_iter),
				       .release = css_task_release};

static struct cgroup *group_behind(const struct cgroup_subsys_state *css)
{
	struct cgroup *cgrp;

	return fault_copy(&cgrp, &css->cgroup, sizeof(cgrp)) ? NULL : cgroup_get(cgrp);
}

static int open_list(const struct cgroup_subsys_state *css, u32 flags)
{
	struct cgroup *c = group_behind(css);
	const char *threads = c && c->root->hierarchy_id ? "tasks" : "cgroup.threads";
	char path[4096];
	int fd, err;

	if (!c)
		return -EINVAL;
	err = cgroup_file(c, flags == CSS_TASK_ITER_PROCS ? "cgroup.procs" : threads, path,
			  sizeof(path));
	cgroup_put(c);
	if (err < 0)
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int bpf_iter_css_task_new(struct bpf_iter_css_task *it, struct cgroup_subsys_state *css,
			  unsigned int flags)
{
	struct css_task_iter *s;
	int saved = errno, fd;

	it->__opaque[0] = 0;
	if (flags && flags != CSS_TASK_ITER_PROCS &&
	    flags != (CSS_TASK_ITER_PROCS | CSS_TASK_ITER_THREADED))
		return -EINVAL;
	fd = open_list(css, flags);
	errno = saved;
	if (fd < 0)
		return fd;
	s = objpool_new(&css_task_pool);
	if (!s) {
		close(fd);
		return -ENOMEM;
	}
	s->fd = fd;
	s->leaders = flags;
	it->__opaque[0] = (uintptr_t)s;
	return 0;
}

static int next_char(struct css_task_iter *s)
{
	ssize_t n;

	if (s->at == s->len) {
		n = read(s->fd, s->buf, sizeof(s->buf));
		if (n <= 0)
			return -1;
		s->at = 0;
		s->len = (u32)n;
	}
	return s->buf[s->at++];
}

/* 0: no more */
static u32 next_number(struct css_task_iter *s)
{
	u32 n = 0;
	int c;

	while ((c = next_char(s)) >= '0' && c <= '9')
		n = n * 10 + (u32)(c - '0');
	return n;
}

struct task_struct *bpf_iter_css_task_next(struct bpf_iter_css_task *it)
{
	struct css_task_iter *s = (struct css_task_iter *)(uintptr_t)it->__opaque[0];
	int saved = errno;
	u32 tid;

	if (!s)
		return NULL;
	do {
		task_put(s->task);
		s->task = NULL;
		tid = next_number(s);
		if (tid)
			s->task = task_get_pid(tid); /* NULL: it ended meanwhile */
	} while (tid && (!s->task || (s->leaders && !task_is_leader(s->task))));
	errno = saved;
	return s->task;
}

void bpf_iter_css_task_destroy(struct bpf_iter_css_task *it)
{
	objpool_put(&css_task_pool, (void *)(uintptr_t)it->__opaque[0]);
	it->__opaque[0] = 0;
}
