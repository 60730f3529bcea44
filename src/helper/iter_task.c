/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiled into the run side, and once more into vmlinux.btf. */
#include "exec/exec.h"
#include "helper/iter_task.h"
#include "helper/objpool.h"
#include "helper/proc_text.h"
#include "helper/task.h"
#include "helper/task_view.h"

/* Directories of the machine, read as the program goes on. */
struct task_iter {
	u32 flags;
	struct task_struct *task;	/* what was returned last, referenced */
	struct proc_dir procs, threads; /* fd -1: not open */
};

static void task_iter_close(struct proc_dir *d)
{
	if (d->fd >= 0)
		proc_closedir(d);
	d->fd = -1;
}

static void task_iter_release(void *object)
{
	struct task_iter *s = object;

	task_put(s->task);
	task_iter_close(&s->procs);
	task_iter_close(&s->threads);
}

static struct objpool task_iter_pool = {.size = sizeof(struct task_iter),
					.release = task_iter_release};

/* -1 stays in fd when the process is gone. */
static int task_iter_threads(struct task_iter *s, u32 pid)
{
	char path[64];
	int err;

	proc_path(path, pid, "task");
	err = proc_opendir(&s->threads, path);
	if (err)
		s->threads.fd = -1;
	return err;
}

static int task_iter_open(struct task_iter *s, const struct task_struct *task)
{
	int pid, err;

	if (s->flags != BPF_TASK_ITER_PROC_THREADS) {
		err = proc_opendir(&s->procs, "/proc");
		if (err)
			s->procs.fd = -1;
		return err;
	}
	if (fault_copy(&pid, &task->tgid, sizeof(pid)) || pid <= 0)
		return -EINVAL;
	task_iter_threads(s, (u32)pid); /* one that has ended has no threads */
	return 0;
}

int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task__nullable,
		      unsigned int flags)
{
	struct task_iter *s;
	int saved = errno, err;

	it->__opaque[0] = 0;
	if (flags > BPF_TASK_ITER_PROC_THREADS ||
	    (flags == BPF_TASK_ITER_PROC_THREADS && !task__nullable))
		return -EINVAL;
	s = objpool_new(&task_iter_pool);
	if (!s)
		return -ENOMEM;
	s->flags = flags;
	s->procs.fd = s->threads.fd = -1;
	err = task_iter_open(s, task__nullable);
	errno = saved;
	if (err) {
		objpool_put(&task_iter_pool, s);
		return err;
	}
	it->__opaque[0] = (uintptr_t)s;
	return 0;
}

/* 0: no more */
static u32 task_iter_process(struct task_iter *s)
{
	const char *name;

	if (s->procs.fd < 0)
		return 0;
	do
		name = proc_nextdir(&s->procs, NULL);
	while (name && (*name < '1' || *name > '9'));
	return name ? (u32)proc_u64(name) : 0;
}

static u32 task_iter_number(struct task_iter *s)
{
	const char *name;
	u32 pid;

	for (;;) {
		name = s->threads.fd < 0 ? NULL : proc_nextdir(&s->threads, NULL);
		if (name)
			return (u32)proc_u64(name);
		task_iter_close(&s->threads);
		pid = task_iter_process(s);
		if (!pid || s->flags == BPF_TASK_ITER_ALL_PROCS)
			return pid;
		task_iter_threads(s, pid);
	}
}

struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it)
{
	struct task_iter *s = (struct task_iter *)(uintptr_t)it->__opaque[0];
	int saved = errno;
	u32 tid;

	if (!s)
		return NULL;
	do {
		task_put(s->task);
		s->task = NULL;
		tid = task_iter_number(s);
		if (tid)
			s->task = task_get_pid(tid); /* NULL: it ended meanwhile */
	} while (tid && !s->task);
	errno = saved;
	return s->task;
}

void bpf_iter_task_destroy(struct bpf_iter_task *it)
{
	objpool_put(&task_iter_pool, (void *)(uintptr_t)it->__opaque[0]);
	it->__opaque[0] = 0;
}
