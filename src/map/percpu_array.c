/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_MAP_TYPE_PERCPU_ARRAY: one array per slot, slot after slot, so that the values one slot
 * writes are neighbours. */
#include "map/map_kind.h"

struct percpu_array_geom {
	char *values;
};
_Static_assert(sizeof(struct percpu_array_geom) <= sizeof_field(struct bpf_map, geom),
	       "geom too small");

static inline struct percpu_array_geom *geom_of(const struct bpf_map *map)
{
	return (struct percpu_array_geom *)map->geom;
}

static u64 slot_bytes(const struct map_attr *attr)
{
	return round_up((u64)attr->max_entries * round_up((u64)attr->value_size, 8), 64);
}

static int check(const struct map_attr *attr)
{
	int err = array_alloc_check(attr, 0);

	if (err)
		return err;
	return round_up((u64)attr->value_size, 8) > MAP_PERCPU_MAX ? -E2BIG : 0;
}

static u64 shm_size(const struct map_attr *attr)
{
	return MAP_PAGE + map_page_up(slot_bytes(attr) * attr->nr_cpus);
}

static int bind(struct bpf_map *map)
{
	map->value_off = MAP_PAGE;
	map->elem_stride = round_up(map->value_size, 8);
	map->index_mask = map_index_mask(map->max_entries);
	geom_of(map)->values = (char *)map->shm + MAP_PAGE;
	map->slot_stride = slot_bytes(&map->attr);
	return 0;
}

static inline char *value_at(const struct bpf_map *map, u32 index, u32 cpu)
{
	return geom_of(map)->values + map->slot_stride * cpu +
	       (u64)map->elem_stride * (index & map->index_mask);
}

static void *lookup_percpu(struct bpf_map *map, const void *key, u32 cpu)
{
	u32 index = map_load_u32(key);

	if (unlikely(cpu >= map->attr.nr_cpus || index >= map->max_entries))
		return NULL;
	return value_at(map, index, cpu);
}

static void *lookup(struct bpf_map *map, const void *key)
{
	return lookup_percpu(map, key, slot_current());
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	int err = array_check_update(map, map_load_u32(key), flags);
	char *at;

	if (unlikely(err))
		return err;
	if (unlikely(map->rdonly))
		return -EPERM;
	at = lookup(map, key);
	if (unlikely(!at))
		return -EINVAL;
	map_value_write(map, at, value, 0);
	return 0;
}

static void copy_out(const struct bpf_map *map, char *value, void *at)
{
	if (!map_value_special(map)) {
		race_copy(value, at, map->elem_stride);
		return;
	}
	memset(value, 0, map->elem_stride);
	map_value_read_special(map, value, at, 0);
}

static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	u32 index = map_load_u32(key);

	if (index >= map->max_entries)
		return -ENOENT;
	for (u32 cpu = 0; cpu < map->attr.nr_cpus; cpu++)
		copy_out(map, (char *)value + (u64)cpu * map->elem_stride,
			 value_at(map, index, cpu));
	return 0;
}

static int sys_update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	u32 index = map_load_u32(key);

	if (flags > BPF_EXIST)
		return -EINVAL;
	if (index >= map->max_entries)
		return -E2BIG;
	if (flags == BPF_NOEXIST)
		return -EEXIST;
	for (u32 cpu = 0; cpu < map->attr.nr_cpus; cpu++)
		map_value_write(map, value_at(map, index, cpu),
				(const char *)value + (u64)cpu * map->elem_stride, 0);
	return 0;
}

static long for_each(struct bpf_map *map, long (*cb)(struct bpf_map *, void *, void *, void *),
		     void *arg)
{
	u32 cpu = slot_current();

	if (cpu >= map->attr.nr_cpus)
		return 0;
	for (u32 i = 0; i < map->max_entries; i++) {
		u32 key = i;

		if (cb(map, &key, value_at(map, i, cpu), arg))
			return (long)i + 1;
	}
	return map->max_entries;
}

static int walk(struct bpf_map *map, u64 *pos, void *key, void **value)
{
	u32 index = *pos;

	if (*pos >= map->max_entries)
		return -ENOENT;
	memcpy(key, &index, sizeof(index));
	*value = NULL;
	return 0;
}

static void free_fields(struct bpf_map *map)
{
	for (u32 cpu = 0; cpu < map->attr.nr_cpus; cpu++)
		for (u32 i = 0; i < map->max_entries; i++)
			map_value_free_fields(map, value_at(map, i, cpu));
}

const struct bpf_map_ops map_percpu_array_ops = {
	.name = "percpu_array",
	.alloc_check = check,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.update = update,
	.delete = array_delete,
	.lookup_percpu = lookup_percpu,
	.sys_lookup = sys_lookup,
	.sys_update = sys_update,
	.get_next_key = array_next_key,
	.for_each = for_each,
	.walk = walk,
	.free_fields = free_fields,
	.percpu = true,
	.indexed = true,
};
