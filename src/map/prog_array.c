/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_MAP_TYPE_PROG_ARRAY: the shared memory holds only program ids, a hint for readers; the
 * programs themselves are references the service keeps (bpf_map.targets), and updates go there.
 */
#include "map/map_kind.h"

static int check(const struct map_attr *attr)
{
	if (attr->value_size != sizeof(u32) ||
	    attr->map_flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))
		return -EINVAL;
	return array_alloc_check(attr, BPF_F_NUMA_NODE);
}

static u64 shm_size(const struct map_attr *attr)
{
	return MAP_PAGE + map_page_up((u64)attr->max_entries * sizeof(u32));
}

static int bind(struct bpf_map *map)
{
	map->value_off = MAP_PAGE;
	map->elem_stride = sizeof(u32);
	map->index_mask = map_index_mask(map->max_entries);
	return 0;
}

static u32 *slot(const struct bpf_map *map, u32 index)
{
	return (u32 *)((char *)map->shm + map->value_off) + (index & map->index_mask);
}

u32 map_prog_array_id(const struct bpf_map *map, u32 index)
{
	if (index >= map->max_entries)
		return 0;
	return __atomic_load_n(slot(map, index), __ATOMIC_ACQUIRE);
}

void map_prog_array_publish(struct bpf_map *map, u32 index, u32 prog_id)
{
	if (index < map->max_entries && !map->rdonly)
		__atomic_store_n(slot(map, index), prog_id, __ATOMIC_RELEASE);
}

static void *lookup(struct bpf_map *map, const void *key)
{
	return NULL; /* the verifier lets no program ask */
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return -EINVAL;
}

static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	u32 id = map_prog_array_id(map, map_load_u32(key));

	if (!id)
		return -ENOENT;
	memcpy(value, &id, sizeof(id));
	return 0;
}

const struct bpf_map_ops map_prog_array_ops = {
	.name = "prog_array",
	.alloc_check = check,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.update = update,
	.delete = array_delete,
	.sys_lookup = sys_lookup,
	.get_next_key = array_next_key,
	.fd_values = true,
};
