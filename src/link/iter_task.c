/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Iterator target task: every thread of the machine that we see, by number; or one (tid), or those of
 * a process (pid, pid_fd).
 */
#include <stdlib.h>
#include "helper/proc_text.h"
#include "helper/task_view.h"
#include "link/iter_target.h"

struct iter_aux {
	u32 tid, pid; /* at most one; both 0: all */
};

struct session {
	bool one; /* tid */
	u32 *tids, nr, room, at;
	struct task_struct *task;
};

static int attach(const struct link_create_env *env, const union bpf_iter_link_info *info,
		  struct bpf_prog *prog, struct iter_aux **aux)
{
	u32 tid = info->task.tid, pid = info->task.pid;
	int fd, from_fd;

	if (!!tid + !!pid + !!info->task.pid_fd > 1)
		return -EINVAL;
	if (info->task.pid_fd) {
		fd = env->fd ? env->fd(env->arg, (int)info->task.pid_fd) : -EBADF;
		from_fd = fd < 0 ? -EBADF : pidfd_pid(fd);
		if (from_fd < 0)
			return from_fd == -EINVAL ? -EBADF : from_fd; /* as pidfd_get_pid() */
		pid = (u32)from_fd;
	}
	*aux = calloc(1, sizeof(**aux));
	if (!*aux)
		return -ENOMEM;
	**aux = (struct iter_aux){tid, pid};
	return 0;
}

static void detach(struct iter_aux *aux)
{
	free(aux);
}

static int fill_info(const struct iter_aux *aux, struct bpf_link_info *info)
{
	info->iter.task.tid = aux->tid;
	info->iter.task.pid = aux->pid;
	return 0;
}

/* --- the walk --- */

static int add(struct session *s, u32 tid)
{
	u32 room = s->room ? 2 * s->room : 256;
	u32 *more;

	if (s->nr == s->room) {
		more = realloc(s->tids, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->tids = more;
		s->room = room;
	}
	s->tids[s->nr++] = tid;
	return 0;
}

static int each_number(struct session *s, const char *path, int (*cb)(struct session *s, u32 nr))
{
	struct proc_dir dir;
	const char *name;
	int err = 0;

	if (proc_opendir(&dir, path))
		return 0; /* gone meanwhile */
	while (!err && (name = proc_nextdir(&dir, NULL)))
		if (*name >= '1' && *name <= '9')
			err = cb(s, (u32)proc_u64(name));
	proc_closedir(&dir);
	return err;
}

static int add_threads(struct session *s, u32 pid)
{
	char path[64];

	proc_path(path, pid, "task");
	return each_number(s, path, add);
}

static int by_number(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static void stop(void *session)
{
	struct session *s = session;

	task_put(s->task);
	free(s->tids);
	free(s);
}

static void *start(struct obj_table *objs, const struct iter_aux *aux)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return ERR_PTR(-ENOMEM);
	s->one = aux->tid;
	err = aux->tid	 ? add(s, aux->tid)
	      : aux->pid ? add_threads(s, aux->pid)
			 : each_number(s, "/proc", add_threads);
	if (!err) {
		if (s->nr)
			qsort(s->tids, s->nr, sizeof(*s->tids), by_number);
		return s;
	}
	stop(s);
	return ERR_PTR(err);
}

static bool show(void *session, void *ctx)
{
	struct bpf_iter__task *c = ctx;
	struct session *s = session;

	while (!s->task && s->at < s->nr) {
		s->task = task_get_pid(s->tids[s->at]);
		s->at += !s->task;
	}
	c->task = s->task;
	return s->task;
}

bool iter_task_is_one(const void *session)
{
	return ((const struct session *)session)->one;
}

static void pause_(void *session)
{
	struct session *s = session;

	task_put(s->task);
	s->task = NULL;
}

static void next(void *session)
{
	((struct session *)session)->at++;
	pause_(session);
}

static struct vfy_ctx_arg args[] = {
	{.offset = offsetof(struct bpf_iter__task, task),
	 .reg_type = PTR_TO_BTF_ID | PTR_MAYBE_NULL},
};

const struct iter_target iter_target_task = {
	.name = "task",
	.ctx_size = sizeof(struct bpf_iter__task),
	.ctx_args = args,
	.nr_ctx_args = ARRAY_SIZE(args),
	.ctx_types = {"task_struct"},
	.features = ITER_RESCHED,
	.attach = attach,
	.detach = detach,
	.fill_info = fill_info,
	.start = start,
	.show = show,
	.next = next,
	.pause = pause_,
	.stop = stop,
};
