/* SPDX-License-Identifier: BSD-2-Clause */
/* view_targets.c - what views are about: how each target finds its object. */
#include <fcntl.h>
#include <unistd.h>
#include "helper/cgroup_view.h"
#include "helper/task_view.h"
#include "link/view_link.h"

#define FUNC_PREFIX "bpf_view_"

/* --- view/cgroup: the group of the place --- */

static void *fresh_group(void *group)
{
	cgroup_refresh(group);
	return group;
}

static const struct view_target view_target_cgroup = {.name = "cgroup",
						      .type = "cgroup",
						      .attach_type = BPF_TRACE_VIEW,
						      .by_place = true,
						      .get = fresh_group};

/* --- view_write/cgroup: of a view, or by itself --- */

static int attach_view(const struct link_create_env *env, int fd, void **subject)
{
	struct bpf_link *link = env->link_by_fd ? env->link_by_fd(env->arg, fd) : ERR_PTR(-EBADF);

	if (IS_ERR(link))
		return PTR_ERR(link);
	if (view_link_target(link) != &view_target_cgroup) {
		obj_put(&link->obj);
		return -EINVAL;
	}
	*subject = link;
	return 0;
}

static int tie_writer(void *subject, struct view_link *l)
{
	struct view_link *view = view_link_of(subject);
	int err = 0;

	pthread_mutex_lock(&view->link.lock);
	if (view->writer)
		err = -EBUSY;
	else
		view->writer = l;
	pthread_mutex_unlock(&view->link.lock);
	return err;
}

static void untie_writer(void *subject, struct view_link *l)
{
	struct view_link *view = view_link_of(subject);

	pthread_mutex_lock(&view->link.lock);
	if (view->writer == l)
		view->writer = NULL;
	pthread_mutex_unlock(&view->link.lock);
}

static void detach_link(void *subject)
{
	obj_put(&((struct bpf_link *)subject)->obj);
}

static const struct view_target view_target_write_cgroup = {.name = "write_cgroup",
							    .type = "cgroup",
							    .attach_type = BPF_TRACE_VIEW_WRITE,
							    .by_place = true,
							    .attach = attach_view,
							    .detach = detach_link,
							    .tie = tie_writer,
							    .untie = untie_writer,
							    .get = fresh_group};

/* --- view/map, view/link: the link keeps what it shows --- */

static int attach_map(const struct link_create_env *env, int fd, void **subject)
{
	struct bpf_map *map = env->map_by_fd ? env->map_by_fd(env->arg, fd) : ERR_PTR(-EBADF);

	*subject = map;
	return IS_ERR(map) ? PTR_ERR(map) : 0;
}

static void detach_map(void *subject)
{
	obj_put(&map_obj_of(subject)->obj);
}

static void map_info(const void *subject, struct bpf_link_info *info)
{
	info->iter.map.map_id = ((const struct bpf_map *)subject)->id;
}

static const struct view_target view_target_map = {.name = "map",
						   .type = "bpf_map",
						   .attach_type = BPF_TRACE_VIEW,
						   .attach = attach_map,
						   .detach = detach_map,
						   .fill_info = map_info};

static int attach_link(const struct link_create_env *env, int fd, void **subject)
{
	struct bpf_link *link = env->link_by_fd ? env->link_by_fd(env->arg, fd) : ERR_PTR(-EBADF);

	*subject = link;
	return IS_ERR(link) ? PTR_ERR(link) : 0;
}

static const struct view_target view_target_link = {.name = "link",
						    .type = "bpf_link",
						    .attach_type = BPF_TRACE_VIEW,
						    .attach = attach_link,
						    .detach = detach_link};

/* --- view/task: a pidfd is kept, so that another process with its number never takes its place --- */

static int attach_task(const struct link_create_env *env, int fd, void **subject)
{
	int own = env->fd ? env->fd(env->arg, fd) : -EBADF;

	if (own >= 0 && pidfd_pid(own) < 0)
		return -EINVAL;
	own = own < 0 ? own : fcntl(own, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return -EBADF;
	*subject = (void *)(intptr_t)(own + 1);
	return 0;
}

static int pidfd_of(void *subject)
{
	return (int)(intptr_t)subject - 1;
}

static void detach_task(void *subject)
{
	close(pidfd_of(subject));
}

static void *get_task(void *subject)
{
	int pid = pidfd_pid(pidfd_of(subject));
	struct task_struct *t = pid > 0 ? task_get_pid(pid) : NULL;

	return t ? t : ERR_PTR(-ESRCH);
}

static void put_task(void *object)
{
	task_put(object);
}

static void task_info(const void *subject, struct bpf_link_info *info)
{
	int pid = pidfd_pid(pidfd_of((void *)subject));

	info->iter.task.pid = pid > 0 ? (u32)pid : 0;
}

static const struct view_target view_target_task = {.name = "task",
						    .type = "task_struct",
						    .attach_type = BPF_TRACE_VIEW,
						    .attach = attach_task,
						    .detach = detach_task,
						    .get = get_task,
						    .put = put_task,
						    .fill_info = task_info};

/* --- the table --- */

#define VIEW_TARGET(name, ...)	     &view_target_##name,
#define VIEW_WRITE_TARGET(name, ...) &view_target_write_##name,
static const struct view_target *const targets[] = {
#include "link/view_targets.def"
};
#undef VIEW_TARGET
#undef VIEW_WRITE_TARGET

#define ARG(n, type)                              \
	{                                         \
		.offset = (n)*8, .reg_type = type \
	}
#define VIEW_TARGET(name, ...) {ARG(0, PTR_TO_BTF_ID), ARG(1, PTR_TO_BTF_ID)},
#define VIEW_WRITE_TARGET(name, ...) \
	{ARG(0, PTR_TO_BTF_ID), ARG(1, PTR_TO_BTF_ID), ARG(2, PTR_TO_BUF | MEM_RDONLY)},
static struct vfy_ctx_arg args[][VIEW_ARGS_MAX] = {
#include "link/view_targets.def"
};
#undef VIEW_TARGET
#undef VIEW_WRITE_TARGET

static bool is_write(const struct view_target *t)
{
	return t->attach_type == BPF_TRACE_VIEW_WRITE;
}

const struct view_target *view_target_at(u32 i)
{
	return i < ARRAY_SIZE(targets) ? targets[i] : NULL;
}

static s32 index_of(u32 attach_type, const char *func)
{
	if (strncmp(func, FUNC_PREFIX, strlen(FUNC_PREFIX)))
		return -1;
	for (u32 i = 0; i < ARRAY_SIZE(targets); i++)
		if (targets[i]->attach_type == attach_type &&
		    !strcmp(func + strlen(FUNC_PREFIX), targets[i]->name))
			return i;
	return -1;
}

const struct view_target *view_target_by_func(u32 attach_type, const char *func)
{
	s32 i = index_of(attach_type, func);

	return i < 0 ? NULL : targets[i];
}

const struct vfy_ctx_arg *view_target_args(u32 attach_type, const char *func, u32 *nr)
{
	s32 i = index_of(attach_type, func);

	*nr = i < 0 ? 0 : is_write(targets[i]) ? 3 : 2;
	return i < 0 ? NULL : args[i];
}

void view_targets_init(struct btf *vmlinux)
{
	for (u32 i = 0; i < ARRAY_SIZE(targets); i++) {
		const char *first = is_write(targets[i]) ? "view_write" : "seq_file";
		s32 arg = btf_find_by_name_kind(vmlinux, first, BTF_KIND_STRUCT);
		s32 obj = btf_find_by_name_kind(vmlinux, targets[i]->type, BTF_KIND_STRUCT);

		args[i][0].btf_id = max(arg, 0);
		args[i][1].btf_id = max(obj, 0);
	}
}
