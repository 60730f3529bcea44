/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Iterator target bpf_map_elem: the elements of one map. The program gets a copy of the key, and
 * the value itself, which it may write; of per-CPU maps a copy of all slots' values, and of maps
 * programs may not write a copy too.
 */
#include <stdlib.h>
#include "link/iter_target.h"

struct iter_aux {
	struct bpf_map *map; /* referenced */
};

struct session {
	struct bpf_map *map; /* referenced */
	u64 pos;
	u64 left; /* elements a walk may show: a hostile peer can tie the map's lists into rings */
	bool loaded; /* key and value are those of the element at pos */
	void *value;
	char *copy; /* value_size (all slots') bytes, or NULL when programs get the value itself */
	char key[];
};

static int attach(const struct link_create_env *env, const union bpf_iter_link_info *info,
		  struct bpf_prog *prog, struct iter_aux **aux)
{
	struct bpf_map *map;
	int err = -EINVAL;

	if (!info->map.map_fd)
		return -EBADF;
	map = env->map_by_fd(env->arg, info->map.map_fd);
	if (IS_ERR(map))
		return PTR_ERR(map);
	if (!map->ops->walk)
		goto fail_put;
	err = -EACCES;
	if (prog->aux->max_rdonly_access > map->key_size ||
	    prog->aux->max_rdwr_access > map_sys_value_size(map))
		goto fail_put;
	*aux = malloc(sizeof(**aux));
	err = -ENOMEM;
	if (!*aux)
		goto fail_put;
	(*aux)->map = map;
	return 0;

fail_put:
	obj_put(&map_obj_of(map)->obj);
	return err;
}

static void detach(struct iter_aux *aux)
{
	obj_put(&map_obj_of(aux->map)->obj);
	free(aux);
}

static int fill_info(const struct iter_aux *aux, struct bpf_link_info *info)
{
	info->iter.map.map_id = aux->map->id;
	return 0;
}

static void *start(struct obj_table *objs, const struct iter_aux *aux)
{
	struct bpf_map *map = aux->map;
	struct session *s = calloc(1, sizeof(*s) + map->key_size);

	if (!s)
		return ERR_PTR(-ENOMEM);
	if (map->ops->percpu || map->rdonly) {
		s->copy = calloc(1, map_sys_value_size(map));
		if (!s->copy) {
			free(s);
			return ERR_PTR(-ENOMEM);
		}
	}
	obj_get(&map_obj_of(map)->obj);
	s->map = map;
	s->left = 2 * (u64)map->max_entries + 1024;
	return s;
}

/* Finds the element at the position; false at the end. */
static bool load(struct session *s)
{
	if (s->loaded)
		return true;
	if (!s->left || s->map->ops->walk(s->map, &s->pos, s->key, &s->value))
		return false;
	if (s->copy) {
		if (!s->map->ops->percpu)
			memcpy(s->copy, s->value, s->map->value_size);
		else if (s->map->ops->sys_lookup(s->map, s->key, s->copy, 0))
			memset(s->copy, 0, map_sys_value_size(s->map)); /* deleted just now */
		s->value = s->copy;
	}
	s->left--;
	return s->loaded = true;
}

static bool show(void *session, void *ctx)
{
	struct bpf_iter__bpf_map_elem *c = ctx;
	struct session *s = session;
	bool have = load(s);

	c->map = s->map;
	c->key = have ? s->key : NULL;
	c->value = have ? s->value : NULL;
	return have;
}

static void next(void *session)
{
	struct session *s = session;

	s->pos++;
	s->loaded = false;
}

static void pause(void *session)
{
	struct session *s = session;

	if (s->loaded)
		s->left++;
	s->loaded = false;
}

static void stop(void *session)
{
	struct session *s = session;

	obj_put(&map_obj_of(s->map)->obj);
	free(s->copy);
	free(s);
}

static struct vfy_ctx_arg args[] = {
	{.offset = offsetof(struct bpf_iter__bpf_map_elem, key),
	 .reg_type = PTR_TO_BUF | PTR_MAYBE_NULL | MEM_RDONLY},
	{.offset = offsetof(struct bpf_iter__bpf_map_elem, value),
	 .reg_type = PTR_TO_BUF | PTR_MAYBE_NULL},
};

const struct iter_target iter_target_bpf_map_elem = {
	.name = "bpf_map_elem",
	.ctx_size = sizeof(struct bpf_iter__bpf_map_elem),
	.ctx_args = args,
	.nr_ctx_args = ARRAY_SIZE(args),
	.attach = attach,
	.detach = detach,
	.fill_info = fill_info,
	.start = start,
	.show = show,
	.next = next,
	.pause = pause,
	.stop = stop,
};
