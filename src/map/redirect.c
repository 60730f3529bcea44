/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * redirect.c - where XDP programs send packets: BPF_MAP_TYPE_DEVMAP, DEVMAP_HASH and CPUMAP. Elements are the numbers of
 * devices of whoever put them there, and queue sizes of CPUs; a test run finds them, and its verdict is all that
 * comes of it. Programs of elements would run where packets arrive: they are refused.
 *
 * A DEVMAP_HASH is a hash table with other rules for updates, so a second view of its memory is one.
 */
#include <net/if.h>
#include <sys/mman.h>
#include "map/hash.h"

#define QUEUE_MAX 16384u

/* struct bpf_devmap_val, struct bpf_cpumap_val; @prog is not there when values have 4 bytes. */
struct target {
	u32 what; /* 0: no element */
	s32 prog;
};

static struct target target_of(const struct bpf_map *map, const void *value)
{
	struct target t = {};

	memcpy(&t, value, min(map->value_size, (u32)sizeof(t)));
	return t;
}

static int check(const struct map_attr *attr)
{
	/* programs only read; the creator of a DEVMAP need not say so (sys/map.c) */
	u32 flags = attr->map_type == BPF_MAP_TYPE_CPUMAP
			    ? BPF_F_NUMA_NODE
			    : BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY;

	if (!attr->max_entries || attr->key_size != sizeof(u32) ||
	    (attr->value_size != 4 && attr->value_size != 8) || attr->map_flags & ~flags)
		return -EINVAL;
	return attr->map_type == BPF_MAP_TYPE_CPUMAP && attr->max_entries > MAP_NR_CPUS ? -E2BIG
											: 0;
}

/* --- numbers of devices and CPUs by index --- */

static u64 shm_size(const struct map_attr *attr)
{
	return MAP_PAGE + map_page_up((u64)attr->max_entries * sizeof(struct target));
}

static int slots_bind(struct bpf_map *map)
{
	map->value_off = MAP_PAGE;
	map->elem_stride = sizeof(struct target);
	map->index_mask = map_index_mask(map->max_entries);
	return 0;
}

static u64 *slot(const struct bpf_map *map, u32 index)
{
	return (u64 *)((char *)map->shm + map->value_off) + (index & map->index_mask);
}

static void *lookup(struct bpf_map *map, const void *key)
{
	u32 index = map_load_u32(key);
	struct target *t = index < map->max_entries ? (void *)slot(map, index) : NULL;

	return t && __atomic_load_n(&t->what, __ATOMIC_ACQUIRE) ? t : NULL;
}

static int store(struct bpf_map *map, const void *key, struct target t)
{
	u64 v;

	if (map->rdonly)
		return -EPERM;
	memcpy(&v, &t, sizeof(v));
	__atomic_store_n(slot(map, map_load_u32(key)), v, __ATOMIC_RELEASE);
	return 0;
}

static int check_index(const struct bpf_map *map, const void *key, u64 flags)
{
	if (flags > BPF_EXIST)
		return -EINVAL;
	if (map_load_u32(key) >= map->max_entries)
		return -E2BIG;
	return flags == BPF_NOEXIST ? -EEXIST : 0;
}

static int check_device(const struct target *t)
{
	char name[IF_NAMESIZE];

	if (!if_indextoname(t->what, name))
		return -EINVAL;
	return t->prog > 0 ? -EOPNOTSUPP : 0;
}

static int dev_update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	struct target t = target_of(map, value);
	int err = check_index(map, key, flags);

	if (!err && t.what)
		err = check_device(&t);
	else if (!err && t.prog > 0)
		err = -EINVAL;
	return err ?: store(map, key, (struct target){.what = t.what});
}

static int cpu_update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	struct target t = target_of(map, value);
	int err = check_index(map, key, flags);

	if (err)
		return err;
	if (t.what > QUEUE_MAX)
		return -EOVERFLOW;
	if (map_load_u32(key) >= map->attr.nr_cpus)
		return -ENODEV;
	if (t.what && t.prog > 0)
		return -EOPNOTSUPP;
	return store(map, key, (struct target){.what = t.what});
}

static int delete (struct bpf_map *map, const void *key)
{
	if (map_load_u32(key) >= map->max_entries)
		return -EINVAL;
	return store(map, key, (struct target){});
}

#define BY_INDEX                                                                          \
	.alloc_check = check, .shm_size = shm_size, .bind = slots_bind, .lookup = lookup, \
	.delete = delete, .get_next_key = array_next_key, .caller_update = true

const struct bpf_map_ops map_devmap_ops = {.name = "devmap", .update = dev_update, BY_INDEX};
const struct bpf_map_ops map_cpumap_ops = {.name = "cpumap", .update = cpu_update, BY_INDEX};

/* --- devices by any number --- */

static struct map_attr table_attr(const struct map_attr *attr)
{
	struct map_attr a = *attr;

	a.map_type = BPF_MAP_TYPE_HASH;
	a.map_flags = 0;
	a.value_size = sizeof(struct target);
	return a;
}

static u64 hash_size(const struct map_attr *attr)
{
	const struct map_attr a = table_attr(attr);

	return hash_shm_size(&a);
}

static int table_bind(struct bpf_map *map)
{
	const struct map_attr a = table_attr(&map->attr);

	return map_table_bind(map, &a);
}

static struct bpf_map *table(const struct bpf_map *map)
{
	return map->extra;
}

static void *hash_find_value(struct bpf_map *map, const void *key)
{
	return map_hash_ops.lookup(table(map), key);
}

static int hash_update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	struct target t = target_of(map, value);
	int err;

	if (flags > BPF_EXIST || !t.what)
		return -EINVAL;
	if (flags == BPF_NOEXIST && hash_find_value(map, key))
		return -EEXIST;
	err = check_device(&t);
	t.prog = 0;
	/* whoever says EXIST need not be right, as in the kernel */
	return err ?: map_hash_ops.update(table(map), key, &t, flags & BPF_NOEXIST);
}

static int hash_delete(struct bpf_map *map, const void *key)
{
	return map_hash_ops.delete(table(map), key);
}

static int table_next_key(struct bpf_map *map, const void *key, void *next)
{
	return map_hash_ops.get_next_key(table(map), key, next);
}

static int hash_look(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	struct target t;
	int err = map_hash_ops.sys_lookup(table(map), key, &t, 0);

	if (!err)
		memcpy(value, &t, min(map->value_size, (u32)sizeof(t)));
	return err;
}

static u64 used(struct bpf_map *map)
{
	return hash_used(table(map));
}

static bool release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	return hash_release_dead(table(map), tid_dead, arg);
}

const struct bpf_map_ops map_devmap_hash_ops = {
	.name = "devmap_hash",
	.alloc_check = check,
	.shm_size = hash_size,
	.bind = table_bind,
	.lookup = hash_find_value,
	.update = hash_update,
	.delete = hash_delete,
	.sys_lookup = hash_look,
	.get_next_key = table_next_key,
	.used = used,
	.release_dead = release_dead,
	.caller_update = true,
};
