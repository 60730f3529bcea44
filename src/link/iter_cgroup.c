/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Iterator target cgroup: the groups below one (itself first or last), its ancestors, or itself. As in
 * the kernel one session is one read's worth: it does not go on after an interrupted walk of
 * descendants saw groups come or go, it walks what was there when it began.
 */
#include <stdlib.h>
#include "helper/cgroup_view.h"
#include "helper/proc_text.h"
#include "link/iter_target.h"

struct iter_aux {
	struct cgroup *start; /* referenced */
	u32 order;
};

struct session {
	struct cgroup **groups; /* referenced */
	u32 nr, room, at;
};

static int attach(const struct link_create_env *env, const union bpf_iter_link_info *info,
		  struct bpf_prog *prog, struct iter_aux **aux)
{
	struct cgroup *c;
	int fd;

	if (info->cgroup.order < BPF_CGROUP_ITER_SELF_ONLY ||
	    info->cgroup.order > BPF_CGROUP_ITER_ANCESTORS_UP)
		return -EINVAL;
	if (info->cgroup.cgroup_fd && info->cgroup.cgroup_id)
		return -EINVAL;
	if (info->cgroup.cgroup_fd) {
		fd = env->fd ? env->fd(env->arg, (int)info->cgroup.cgroup_fd) : -EBADF;
		c = fd < 0 ? ERR_PTR(-EBADF) : cgroup_get_fd(fd);
	} else if (info->cgroup.cgroup_id) {
		c = cgroup_get_id(info->cgroup.cgroup_id) ?: ERR_PTR(-ENOENT);
	} else {
		c = cgroup_get_root() ?: ERR_PTR(-ENOENT);
	}
	if (IS_ERR(c))
		return PTR_ERR(c);
	*aux = calloc(1, sizeof(**aux));
	if (!*aux) {
		cgroup_put(c);
		return -ENOMEM;
	}
	**aux = (struct iter_aux){c, info->cgroup.order};
	return 0;
}

static void detach(struct iter_aux *aux)
{
	cgroup_put(aux->start);
	free(aux);
}

static int fill_info(const struct iter_aux *aux, struct bpf_link_info *info)
{
	info->iter.cgroup.order = aux->order;
	info->iter.cgroup.cgroup_id = aux->start->kn->id;
	return 0;
}

/* --- the walk --- */

/* Takes over @c. */
static int add(struct session *s, struct cgroup *c)
{
	u32 room = s->room ? 2 * s->room : 64;
	struct cgroup **more;

	if (s->nr == s->room) {
		more = realloc(s->groups, room * sizeof(*more));
		if (!more) {
			cgroup_put(c);
			return -ENOMEM;
		}
		s->groups = more;
		s->room = room;
	}
	s->groups[s->nr++] = c;
	return 0;
}

/* Takes over @c. */
static int add_below(struct session *s, struct cgroup *c, bool post)
{
	struct proc_dir dir;
	struct cgroup *child;
	const char *name;
	char path[2048];
	int err = 0;

	if (!post)
		err = add(s, cgroup_get(c));
	if (!err && cgroup_file(c, "", path, sizeof(path)) >= 0 && !proc_opendir(&dir, path)) {
		while (!err && (name = proc_nextdir(&dir, NULL))) {
			child = cgroup_get_child(c, name);
			if (!IS_ERR(child)) /* gone meanwhile */
				err = add_below(s, child, post);
		}
		proc_closedir(&dir);
	}
	if (!err && post)
		return add(s, c);
	cgroup_put(c);
	return err;
}

static int add_up(struct session *s, struct cgroup *c)
{
	int err = 0;

	for (s32 i = c->level; i >= 0 && !err; i--)
		err = add(s, cgroup_get(c->ancestors[i]));
	return err;
}

static void stop(void *session)
{
	struct session *s = session;

	for (u32 i = 0; i < s->nr; i++)
		cgroup_put(s->groups[i]);
	free(s->groups);
	free(s);
}

static void *start(struct obj_table *objs, const struct iter_aux *aux)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return ERR_PTR(-ENOMEM);
	if (aux->order == BPF_CGROUP_ITER_SELF_ONLY)
		err = add(s, cgroup_get(aux->start));
	else if (aux->order == BPF_CGROUP_ITER_ANCESTORS_UP)
		err = add_up(s, aux->start);
	else
		err = add_below(s, cgroup_get(aux->start),
				aux->order == BPF_CGROUP_ITER_DESCENDANTS_POST);
	if (!err)
		return s;
	stop(s);
	return ERR_PTR(err);
}

static bool show(void *session, void *ctx)
{
	struct bpf_iter__cgroup *c = ctx;
	struct session *s = session;

	c->cgroup = s->at < s->nr ? s->groups[s->at] : NULL;
	if (c->cgroup)
		cgroup_refresh(c->cgroup);
	return c->cgroup;
}

static void next(void *session)
{
	((struct session *)session)->at++;
}

static void pause_(void *session) {}

static struct vfy_ctx_arg args[] = {
	{.offset = offsetof(struct bpf_iter__cgroup, cgroup),
	 .reg_type = PTR_TO_BTF_ID | PTR_MAYBE_NULL},
};

const struct iter_target iter_target_cgroup = {
	.name = "cgroup",
	.ctx_size = sizeof(struct bpf_iter__cgroup),
	.ctx_args = args,
	.nr_ctx_args = ARRAY_SIZE(args),
	.ctx_types = {"cgroup"},
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
