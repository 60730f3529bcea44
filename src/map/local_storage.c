/* SPDX-License-Identifier: BSD-2-Clause */
/* local_storage.c - values of tasks and groups; local_storage.h has the idea. */
#include <stdlib.h>
#include <sys/mman.h>
#include "map/hash.h"
#include "map/local_storage.h"

#define STORAGE_FLAGS (BPF_F_NO_PREALLOC | BPF_F_CLONE)

static int check(const struct map_attr *attr)
{
	if (attr->map_flags & ~STORAGE_FLAGS || !(attr->map_flags & BPF_F_NO_PREALLOC) ||
	    attr->max_entries || attr->key_size != sizeof(int) || !attr->value_size)
		return -EINVAL;
	return attr->value_size > MAP_STORAGE_MAX ? -E2BIG : 0;
}

/* The table behind it: as many elements as may be, each only memory once it is used. */
static struct map_attr table_attr(const struct map_attr *attr)
{
	struct map_attr a = *attr;

	a.map_type = BPF_MAP_TYPE_HASH;
	a.map_flags = BPF_F_NO_PREALLOC;
	a.key_size = sizeof(u64);
	a.value_size = max(a.value_size,
			   2 * (u32)sizeof(u64)); /* none at home in its bucket: those are large */
	a.max_entries =
		(u32)min((u64)STORAGE_ELEMS_MAX, STORAGE_BYTES_MAX / round_up(a.value_size, 8u));
	return a;
}

static u64 shm_size(const struct map_attr *attr)
{
	const struct map_attr a = table_attr(attr);

	return hash_shm_size(&a);
}

static int bind(struct bpf_map *map)
{
	const struct map_attr a = table_attr(&map->attr);

	return map_table_bind(map, &a);
}

static struct bpf_map *table(const struct bpf_map *map)
{
	return map->extra;
}

static const struct storage_world *world_of(const struct bpf_map *map)
{
	return map->map_type == BPF_MAP_TYPE_TASK_STORAGE ? &storage_tasks : &storage_groups;
}

static int owner_of(const struct bpf_map *map, const void *key, u64 *number)
{
	return world_of(map)->owner((int)map_load_u32(key), number);
}

/* --- bpf(2) --- */

static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	u64 number;
	int err = owner_of(map, key, &number);

	return err ?: map_hash_ops.sys_lookup(table(map), &number, value, flags);
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	u64 number;
	int err = owner_of(map, key, &number);

	if (!err)
		err = map_hash_ops.update(table(map), &number, value, flags);
	if (err == -E2BIG && map_storage_sweep(map) < table(map)->max_entries)
		err = map_hash_ops.update(table(map), &number, value, flags);
	return err == -E2BIG ? -ENOMEM : err;
}

static int delete (struct bpf_map *map, const void *key)
{
	u64 number;
	int err = owner_of(map, key, &number);

	return err ?: map_storage_delete(map, number);
}

static int next_key(struct bpf_map *map, const void *key, void *next)
{
	return -ENOTSUPP;
}

static void *no_lookup(struct bpf_map *map, const void *key)
{
	return NULL; /* not for programs: map_storage_get() */
}

static u64 used(struct bpf_map *map)
{
	return hash_used(table(map));
}

static void free_fields(struct bpf_map *map)
{
	hash_free_fields(table(map));
}

static bool release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	return hash_release_dead(table(map), tid_dead, arg);
}

/* --- programs --- */

void *map_storage_get(struct bpf_map *map, u64 number, const void *init, bool create)
{
	struct bpf_map *t = table(map);
	void *value = number ? map_hash_ops.lookup(t, &number) : NULL;
	int err;

	if (value || !create || !number)
		return value;
	err = map_hash_ops.update(t, &number, init, BPF_NOEXIST);
	/* somebody else may have been faster */
	return err && err != -EEXIST ? NULL : map_hash_ops.lookup(t, &number);
}

int map_storage_delete(struct bpf_map *map, u64 number)
{
	return number ? map_hash_ops.delete(table(map), &number) : -ENOENT;
}

/* --- owners that are gone --- */

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

/* Whose values there are, in order. */
static u32 collect(struct bpf_map *map, u64 *numbers, u32 room)
{
	u64 pos = 0;
	void *value;
	u32 n = 0;

	for (; n < room && !map_hash_ops.walk(table(map), &pos, &numbers[n], &value); pos++)
		n++;
	qsort(numbers, n, sizeof(numbers[0]), compare);
	return n;
}

u32 map_storage_sweep(struct bpf_map *map)
{
	u32 room = table(map)->max_entries, n, left;
	u64 *numbers;

	if (!used(map))
		return 0;
	numbers = mmap(NULL, room * sizeof(u64), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (numbers == MAP_FAILED)
		return room;
	n = left = collect(map, numbers, room);
	if (n)
		world_of(map)->find(numbers, n);
	for (u32 i = 0; i < n; i++)
		if (numbers[i] && !map_storage_delete(map, numbers[i]))
			left--;
	munmap(numbers, room * sizeof(u64));
	return left;
}

#define STORAGE_OPS(lower)                             \
	const struct bpf_map_ops map_##lower##_ops = { \
		.name = #lower,                        \
		.alloc_check = check,                  \
		.shm_size = shm_size,                  \
		.bind = bind,                          \
		.lookup = no_lookup,                   \
		.update = update,                      \
		.delete = delete,                      \
		.sys_lookup = sys_lookup,              \
		.get_next_key = next_key,              \
		.used = used,                          \
		.free_fields = free_fields,            \
		.release_dead = release_dead,          \
		.owner_keys = true,                    \
	}

STORAGE_OPS(task_storage);
STORAGE_OPS(cgrp_storage);
