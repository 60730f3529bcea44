/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiled into the run side, and once more into vmlinux.btf. */
#include "exec/exec.h"
#include "helper/cgroup_view.h"
#include "helper/iter_css.h"
#include "helper/objpool.h"
#include "helper/proc_text.h"

#define CSS_ITER_SELF (-1) /* no controller: the group's own state */

/* A group on the way from the first one down, and how far its directory was read. */
struct css_level {
	struct proc_dir dir;  /* fd -1: not there any more */
	struct cgroup *group; /* referenced */
};

struct css_iter {
	u32 flags;
	int subsys;
	bool begun;
	u32 depth;
	struct css_level *level[CGROUP_LEVELS];
	struct cgroup *group; /* what was returned last, referenced; up: the lowest, too */
};

static void css_level_release(void *object)
{
	struct css_level *l = object;

	if (l->dir.fd >= 0)
		proc_closedir(&l->dir);
	cgroup_put(l->group);
}

static struct objpool css_level_pool = {.size = sizeof(struct css_level),
					.release = css_level_release};

static void css_iter_pop(struct css_iter *s)
{
	objpool_put(&css_level_pool, s->level[--s->depth]);
}

static void css_iter_release(void *object)
{
	struct css_iter *s = object;

	while (s->depth)
		css_iter_pop(s);
	cgroup_put(s->group);
}

static struct objpool css_iter_pool = {.size = sizeof(struct css_iter),
				       .release = css_iter_release};

/* Takes over @group. */
static bool css_iter_push(struct css_iter *s, struct cgroup *group)
{
	struct css_level *l = s->depth < ARRAY_SIZE(s->level) ? objpool_new(&css_level_pool) : NULL;
	char path[2048];

	if (!l) {
		cgroup_put(group);
		return false;
	}
	l->group = group;
	if (cgroup_file(group, "", path, sizeof(path)) < 0 || proc_opendir(&l->dir, path))
		l->dir.fd = -1;
	s->level[s->depth++] = l;
	return true;
}

/* The next group below the lowest level becomes a level. */
static bool css_iter_down(struct css_iter *s)
{
	struct css_level *l = s->level[s->depth - 1];
	const char *name;
	struct cgroup *child;

	while (l->dir.fd >= 0 && (name = proc_nextdir(&l->dir, NULL))) {
		child = cgroup_get_child(l->group, name);
		if (!IS_ERR(child)) /* gone meanwhile */
			return css_iter_push(s, child);
	}
	return false;
}

/* -> referenced; NULL: no more */
static struct cgroup *css_iter_pre(struct css_iter *s)
{
	if (!s->begun)
		return cgroup_get(s->level[0]->group);
	while (s->depth && !css_iter_down(s))
		css_iter_pop(s);
	return s->depth ? cgroup_get(s->level[s->depth - 1]->group) : NULL;
}

static struct cgroup *css_iter_post(struct css_iter *s)
{
	struct cgroup *group;

	if (!s->depth)
		return NULL;
	while (css_iter_down(s))
		;
	group = cgroup_get(s->level[s->depth - 1]->group);
	css_iter_pop(s);
	return group;
}

static struct cgroup *css_iter_up(struct css_iter *s)
{
	const struct cgroup *g = s->group;

	if (!s->begun)
		return cgroup_get(g);
	return g && g->level ? cgroup_get(g->ancestors[g->level - 1]) : NULL;
}

static struct cgroup_subsys_state *css_iter_css(const struct css_iter *s, struct cgroup *group)
{
	return s->subsys == CSS_ITER_SELF ? &group->self : group->subsys[s->subsys];
}

/* Which of its states a group is asked for. */
static int css_iter_subsys(const struct cgroup *group, const struct cgroup_subsys_state *css)
{
	for (int i = 0; i < CGROUP_SUBSYS_COUNT; i++)
		if (group->subsys[i] == css)
			return i;
	return CSS_ITER_SELF;
}

static int css_iter_begin(struct css_iter *s, struct cgroup *group,
			  const struct cgroup_subsys_state *start)
{
	s->subsys = css_iter_subsys(group, start);
	if (s->flags != BPF_CGROUP_ITER_ANCESTORS_UP)
		return css_iter_push(s, group) ? 0 : -ENOMEM;
	s->group = group;
	return 0;
}

int bpf_iter_css_new(struct bpf_iter_css *it, struct cgroup_subsys_state *start, unsigned int flags)
{
	struct cgroup *group;
	struct css_iter *s;
	int saved = errno, err;

	it->__opaque[0] = 0;
	if (flags < BPF_CGROUP_ITER_DESCENDANTS_PRE || flags > BPF_CGROUP_ITER_ANCESTORS_UP)
		return -EINVAL;
	group = fault_copy(&group, &start->cgroup, sizeof(group)) ? NULL : cgroup_get(group);
	if (!group)
		return -EINVAL;
	s = objpool_new(&css_iter_pool);
	if (!s) {
		cgroup_put(group);
		return -ENOMEM;
	}
	s->flags = flags;
	err = css_iter_begin(s, group, start);
	errno = saved;
	if (err) {
		objpool_put(&css_iter_pool, s);
		return err;
	}
	it->__opaque[0] = (uintptr_t)s;
	return 0;
}

struct cgroup_subsys_state *bpf_iter_css_next(struct bpf_iter_css *it)
{
	struct css_iter *s = (struct css_iter *)(uintptr_t)it->__opaque[0];
	struct cgroup *group;
	int saved = errno;

	if (!s)
		return NULL;
	do {
		group = s->flags == BPF_CGROUP_ITER_ANCESTORS_UP      ? css_iter_up(s)
			: s->flags == BPF_CGROUP_ITER_DESCENDANTS_PRE ? css_iter_pre(s)
								      : css_iter_post(s);
		s->begun = true;
		cgroup_put(s->group);
		s->group = group;
	} while (group && !css_iter_css(s, group));
	errno = saved;
	return group ? css_iter_css(s, group) : NULL;
}

void bpf_iter_css_destroy(struct bpf_iter_css *it)
{
	objpool_put(&css_iter_pool, (void *)(uintptr_t)it->__opaque[0]);
	it->__opaque[0] = 0;
}
