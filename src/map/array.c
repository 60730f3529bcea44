/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_MAP_TYPE_ARRAY: the header page, then max_entries values of round_up(value_size, 8) bytes. */
#include "map/map_kind.h"

/* Private geometry: where the values are in this process. */
struct array_geom {
	char *values;
};
_Static_assert(sizeof(struct array_geom) <= sizeof_field(struct bpf_map, geom), "geom too small");

static inline struct array_geom *geom_of(const struct bpf_map *map)
{
	return (struct array_geom *)map->geom;
}

int array_alloc_check(const struct map_attr *attr, u32 allowed_flags)
{
	if (!attr->max_entries || attr->key_size != 4 || !attr->value_size ||
	    attr->map_flags & ~(allowed_flags | MAP_ACCESS_FLAGS) ||
	    !map_access_ok(attr->map_flags))
		return -EINVAL;
	if (attr->value_size > INT_MAX)
		return -E2BIG;
	return 0;
}

int array_next_key(struct bpf_map *map, const void *key, void *next_key)
{
	u32 index = key ? map_load_u32(key) : UINT32_MAX;
	u32 next = index < map->max_entries ? index + 1 : 0;

	if (next == map->max_entries)
		return -ENOENT;
	memcpy(next_key, &next, sizeof(next));
	return 0;
}

int array_delete(struct bpf_map *map, const void *key)
{
	return -EINVAL;
}

int array_check_update(const struct bpf_map *map, u32 index, u64 flags)
{
	if (unlikely(!map_update_flags_ok(flags)))
		return -EINVAL;
	if (unlikely(index >= map->max_entries))
		return -E2BIG;
	if (unlikely(flags & BPF_NOEXIST))
		return -EEXIST;
	if (unlikely(flags & BPF_F_LOCK && !map->attr.lock_at))
		return -EINVAL;
	return 0;
}

static int check(const struct map_attr *attr)
{
	return array_alloc_check(attr, BPF_F_NUMA_NODE | BPF_F_MMAPABLE | BPF_F_INNER_MAP);
}

static u64 shm_size(const struct map_attr *attr)
{
	return MAP_PAGE + map_page_up((u64)attr->max_entries * round_up((u64)attr->value_size, 8));
}

static int bind(struct bpf_map *map)
{
	map->value_off = MAP_PAGE;
	map->elem_stride = round_up(map->value_size, 8);
	map->index_mask = map_index_mask(map->max_entries);
	geom_of(map)->values = (char *)map->shm + MAP_PAGE;
	return 0;
}

static inline char *value_at(const struct bpf_map *map, u32 index)
{
	return geom_of(map)->values + (u64)map->elem_stride * (index & map->index_mask);
}

static void *lookup(struct bpf_map *map, const void *key)
{
	u32 index = map_load_u32(key);

	if (unlikely(index >= map->max_entries))
		return NULL;
	return value_at(map, index);
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	u32 index = map_load_u32(key);
	int err = array_check_update(map, index, flags);

	if (unlikely(err))
		return err;
	if (unlikely(map->rdonly))
		return -EPERM;
	map_value_write(map, value_at(map, index), value, flags);
	return 0;
}

static void *direct_value(struct bpf_map *map, u32 off)
{
	if (map->max_entries != 1 || off >= map->value_size)
		return NULL;
	return geom_of(map)->values + off;
}

static long for_each(struct bpf_map *map, long (*cb)(struct bpf_map *, void *, void *, void *),
		     void *arg)
{
	for (u32 i = 0; i < map->max_entries; i++) {
		u32 key = i;

		if (cb(map, &key, value_at(map, i), arg))
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
	*value = value_at(map, index);
	return 0;
}

static const void *key_of(struct bpf_map *map, const void *value, u32 *index)
{
	u64 off = (u64)((const char *)value - geom_of(map)->values);

	if ((const char *)value < geom_of(map)->values || off % map->elem_stride ||
	    off / map->elem_stride >= map->max_entries)
		return NULL;
	*index = off / map->elem_stride;
	return index;
}

static void free_fields(struct bpf_map *map)
{
	for (u32 i = 0; i < map->max_entries; i++)
		map_value_free_fields(map, value_at(map, i));
}

static void window(const struct bpf_map *map, struct map_window *w)
{
	u64 len = map_page_up((u64)map->max_entries * map->elem_stride);

	if (!(map->map_flags & BPF_F_MMAPABLE))
		len = 0;
	*w = (struct map_window){.len = len, .write_to = len, .outside = -EINVAL};
}

const struct bpf_map_ops map_array_ops = {
	.name = "array",
	.alloc_check = check,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.indexed = true,
	.update = update,
	.delete = array_delete,
	.get_next_key = array_next_key,
	.direct_value = direct_value,
	.for_each = for_each,
	.walk = walk,
	.free_fields = free_fields,
	.key_of = key_of,
	.window = window,
};
