/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Iterator target task_vma: the mappings of every process, or of one, as iter/task has it. Threads share
 * memory: it is the leader's, unless one thread was asked for.
 */
#include <stdlib.h>
#include "helper/proc_maps.h"
#include "helper/task_view.h"
#include "link/iter_target.h"

#define TASKS (&iter_target_task)

struct session {
	void *tasks; /* session of iter/task */
	struct bpf_iter__task task;
	bool open, shown;
	struct proc_maps maps; /* of that task, while open */
	struct proc_vma vma;
};

static void *start(struct obj_table *objs, const struct iter_aux *aux)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return ERR_PTR(-ENOMEM);
	s->tasks = TASKS->start(objs, aux);
	if (!IS_ERR(s->tasks))
		return s;
	err = PTR_ERR(s->tasks);
	free(s);
	return ERR_PTR(err);
}

static void close_maps(struct session *s)
{
	if (s->open)
		proc_maps_close(&s->maps);
	s->open = s->shown = false;
}

static void stop(void *session)
{
	struct session *s = session;

	close_maps(s);
	TASKS->stop(s->tasks);
	free(s);
}

/* False: it has none, or none that we may see. */
static bool open_maps(struct session *s)
{
	const struct task_struct *t = s->task.task;

	if (s->open)
		return true;
	if (!task_is_leader(t) && !iter_task_is_one(s->tasks))
		return false;
	s->open = !proc_maps_open(&s->maps, task_number(t));
	return s->open;
}

static bool find(struct session *s)
{
	while (TASKS->show(s->tasks, &s->task)) {
		if (open_maps(s) && (s->shown || proc_maps_next(&s->maps, &s->vma)))
			return s->shown = true;
		close_maps(s);
		TASKS->next(s->tasks);
	}
	return false;
}

static bool show(void *session, void *ctx)
{
	struct bpf_iter__task_vma *c = ctx;
	struct session *s = session;
	bool found = find(s);

	c->task = found ? s->task.task : NULL;
	c->vma = found ? &s->vma.vma : NULL;
	return found;
}

static void next(void *session)
{
	((struct session *)session)->shown = false;
}

/* Where the maps file stands is kept, and so is the mapping that was not taken yet. */
static void pause_(void *session)
{
	TASKS->pause(((struct session *)session)->tasks);
}

static int attach(const struct link_create_env *env, const union bpf_iter_link_info *info,
		  struct bpf_prog *prog, struct iter_aux **aux)
{
	return TASKS->attach(env, info, prog, aux);
}

static void detach(struct iter_aux *aux)
{
	TASKS->detach(aux);
}

static int fill_info(const struct iter_aux *aux, struct bpf_link_info *info)
{
	return TASKS->fill_info(aux, info);
}

static struct vfy_ctx_arg args[] = {
	{.offset = offsetof(struct bpf_iter__task_vma, task),
	 .reg_type = PTR_TO_BTF_ID | PTR_MAYBE_NULL},
	{.offset = offsetof(struct bpf_iter__task_vma, vma),
	 .reg_type = PTR_TO_BTF_ID | PTR_MAYBE_NULL},
};

const struct iter_target iter_target_task_vma = {
	.name = "task_vma",
	.ctx_size = sizeof(struct bpf_iter__task_vma),
	.ctx_args = args,
	.nr_ctx_args = ARRAY_SIZE(args),
	.ctx_types = {"task_struct", "vm_area_struct"},
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
