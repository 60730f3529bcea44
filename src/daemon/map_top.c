/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_top.c - MSG_MAP_TOP: what each map holds and how it is used. Operations are done on shared memory and
 * nobody counts them, until somebody asks: then a word in each map's first page says so. It is taken
 * back when the last connection that asked ends.
 */
#include <stdio.h>
#include <sys/stat.h>
#include "daemon/daemon.h"
#include "prog/map_obj.h"

static u64 memory_of(const struct bpf_map *map)
{
	struct stat st;

	return fstat(map->memfd, &st) ? 0 : (u64)st.st_blocks * 512;
}

/* Maps that programs may only read are mapped so; nobody counts there. */
static void set_counting(struct bpf_map *map, bool on)
{
	if (map->rdonly || __atomic_load_n(&map->shm->counting, __ATOMIC_RELAXED) == on)
		return;
	memset(map_counts(map), 0, sizeof(struct map_counts));
	__atomic_store_n(&map->shm->counting, on, __ATOMIC_RELEASE);
}

static void each_map(struct daemon *d, void (*fn)(struct bpf_map *map, void *arg), void *arg)
{
	struct obj_table *t = sys_objs(d->sys);
	u32 next = 1;
	struct obj *o;

	while (next && (o = obj_next(t, OBJ_MAP, next))) {
		next = o->id + 1;
		fn(&obj_to_map(o)->map, arg);
		obj_put(o);
	}
}

static void describe(struct bpf_map *map, void *arg)
{
	struct conn *c = arg;
	struct msg_map_top *m = reply_add(&c->reply, NULL, sizeof(*m));

	if (!m)
		return;
	set_counting(map, true);
	m->id = map->id;
	m->type = map->map_type;
	m->max_entries = map->max_entries;
	m->value_size = map->value_size;
	m->used = map_used(map);
	m->memory = memory_of(map);
	for (u32 i = 0; i < MAP_COUNTS; i++)
		m->count[i] = __atomic_load_n(&map_counts(map)->n[i], __ATOMIC_RELAXED);
	memcpy(m->name, map->name, sizeof(m->name));
	snprintf(m->kind, sizeof(m->kind), "%s", map->ops->name);
}

int map_top_handle(struct conn *c)
{
	if (!c->counts)
		__atomic_add_fetch(&c->d->map_watchers, 1, __ATOMIC_RELAXED);
	c->counts = true;
	each_map(c->d, describe, c);
	return 0;
}

static void stop_counting(struct bpf_map *map, void *arg)
{
	set_counting(map, false);
}

void map_top_end(struct conn *c)
{
	if (c->counts && !__atomic_sub_fetch(&c->d->map_watchers, 1, __ATOMIC_RELAXED))
		each_map(c->d, stop_counting, NULL);
}
