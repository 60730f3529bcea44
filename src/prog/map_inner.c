/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_inner.c - maps of maps in the service: what their elements may be, and the references.
 *
 * The shared memory says which id is behind a key; m->inner, private to the service, says which ids
 * are in the map at all, how often, and holds them. So who scribbles over the shared memory
 * exchanges elements of this one map for others of it, all alike, or loses them, and that is all.
 */
#include <stdlib.h>
#include "prog/map_obj.h"

/* Kinds whose maps are alike when their attributes are (6.1: map_meta_equal). */
static bool may_be_inner(u32 map_type)
{
	switch (map_type) {
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
	case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_SOCKHASH:
	case BPF_MAP_TYPE_CPUMAP:
	case BPF_MAP_TYPE_XSKMAP:
	case BPF_MAP_TYPE_CGROUP_ARRAY: return false;
	}
	return true;
}

int map_obj_set_inner(struct map_obj *m, const struct bpf_map *inner)
{
	struct bpf_map *meta;

	if (inner->inner_map_meta)
		return -EINVAL;
	if (!may_be_inner(inner->map_type) || inner->attr.lock_at)
		return -ENOTSUPP;
	meta = calloc(1, sizeof(*meta));
	if (!meta)
		return -ENOMEM;
	/* no memory and not frozen: nobody can take its contents for constants */
	meta->ops = inner->ops;
	meta->map_type = inner->map_type;
	meta->key_size = inner->key_size;
	meta->value_size = inner->value_size;
	meta->max_entries = inner->max_entries;
	meta->map_flags = inner->map_flags;
	meta->bypass_spec_v1 = inner->bypass_spec_v1;
	meta->attr = inner->attr;
	meta->memfd = -1;
	meta->btf = inner->btf ? btf_get(inner->btf) : NULL;
	meta->btf_key_type_id = inner->btf_key_type_id;
	meta->btf_value_type_id = inner->btf_value_type_id;
	m->map.inner_map_meta = meta;
	return 0;
}

static bool same_kptrs(const struct map_attr *a, const struct map_attr *b)
{
	return a->nr_kptrs == b->nr_kptrs &&
	       !memcmp(a->kptr, b->kptr, a->nr_kptrs * sizeof(a->kptr[0]));
}

/* Whatever the verifier concludes from the pattern must hold of the map. The kernel lets a map with
 * a lock stand in for one without. */
bool map_inner_alike(const struct bpf_map *meta, const struct bpf_map *map)
{
	if (meta->map_type != map->map_type || meta->key_size != map->key_size ||
	    meta->value_size != map->value_size || meta->map_flags != map->map_flags ||
	    meta->attr.timer_at != map->attr.timer_at || !same_kptrs(&meta->attr, &map->attr))
		return false;
	return meta->map_type != BPF_MAP_TYPE_ARRAY || meta->map_flags & BPF_F_INNER_MAP ||
	       meta->max_entries == map->max_entries;
}

struct inner {
	struct map_obj *m;
	u32 count;
};

/* One element more with @inner; the map is locked. */
static int inner_add(struct map_obj *m, struct map_obj *inner)
{
	struct inner *in = idr_find(&m->inner, inner->map.id);
	int id;

	if (in) {
		in->count++;
		return 0;
	}
	in = malloc(sizeof(*in));
	if (!in)
		return -ENOMEM;
	*in = (struct inner){.m = inner, .count = 1};
	id = idr_alloc_cyclic(&m->inner, in, inner->map.id, inner->map.id + 1);
	if (id < 0) {
		free(in);
		return id;
	}
	obj_get(&inner->obj);
	return 0;
}

/* One less. -> the map whose reference the caller drops, without lock, or NULL */
static struct map_obj *inner_del(struct map_obj *m, u32 id)
{
	struct inner *in = id ? idr_find(&m->inner, id) : NULL;
	struct map_obj *gone;

	if (!in || --in->count)
		return NULL;
	gone = in->m;
	idr_remove(&m->inner, id);
	free(in);
	return gone;
}

static int put_inner(struct map_obj *m, const void *key, struct map_obj *inner, u64 flags)
{
	struct map_obj *gone;
	u32 id = inner->map.id, old;
	int err;

	pthread_mutex_lock(&m->lock);
	old = map_inner_id(&m->map, key);
	err = inner_add(m, inner);
	if (!err) {
		err = map_sys_update(&m->map, key, &id, flags);
		gone = inner_del(m, err ? id : old);
	} else {
		gone = NULL;
	}
	pthread_mutex_unlock(&m->lock);
	if (gone)
		obj_put(&gone->obj);
	return err;
}

int map_obj_put_inner(struct map_obj *m, const void *key, struct map_obj *inner, u64 flags)
{
	if (!map_inner_alike(m->map.inner_map_meta, &inner->map))
		return -EINVAL;
	return put_inner(m, key, inner, flags);
}

int map_obj_put_ring(struct map_obj *m, const void *key, struct map_obj *ring)
{
	return put_inner(m, key, ring, BPF_ANY);
}

int map_obj_del_inner(struct map_obj *m, const void *key)
{
	struct map_obj *gone = NULL;
	u32 old;
	int err;

	pthread_mutex_lock(&m->lock);
	old = map_inner_id(&m->map, key);
	err = map_sys_delete(&m->map, key);
	if (!err)
		gone = inner_del(m, old);
	pthread_mutex_unlock(&m->lock);
	if (gone)
		obj_put(&gone->obj);
	return err;
}

u32 map_obj_inner_id(struct map_obj *m, const void *key)
{
	u32 id;

	pthread_mutex_lock(&m->lock);
	id = map_inner_id(&m->map, key);
	if (id && !idr_find(&m->inner, id))
		id = 0;
	pthread_mutex_unlock(&m->lock);
	return id;
}

struct map_obj *map_obj_inner(struct map_obj *m, u32 id)
{
	struct inner *in;
	struct map_obj *inner;

	pthread_mutex_lock(&m->lock);
	in = idr_find(&m->inner, id);
	inner = in ? in->m : NULL;
	if (inner)
		obj_get(&inner->obj);
	pthread_mutex_unlock(&m->lock);
	return inner;
}

/* Nobody can reach the map any more. */
void map_obj_clear_inner(struct map_obj *m)
{
	for (u32 i = 0; i < m->inner.nr; i++) {
		struct inner *in = m->inner.entries[i].ptr;

		obj_put(&in->m->obj);
		free(in);
	}
	idr_free(&m->inner);
}
