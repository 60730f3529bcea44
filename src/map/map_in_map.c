/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps of maps. The shared memory holds ids only, a hint for whoever looks one up: which maps may
 * be reached through this one, and their memory, the service says (prog/map_inner.c), and only it
 * writes here. The array kind is here, the hash kind is a row of hash_ops.c.
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

static void *lookup(struct bpf_map *map, const void *key)
{
	u32 index = map_load_u32(key), *slot;

	if (index >= map->max_entries)
		return NULL;
	slot = (u32 *)((char *)map->shm + map->value_off) + (index & map->index_mask);
	return __atomic_load_n(slot, __ATOMIC_ACQUIRE) ? slot : NULL;
}

static int store(struct bpf_map *map, const void *key, u32 id)
{
	u32 index = map_load_u32(key), *slot;

	if (index >= map->max_entries)
		return -E2BIG;
	if (map->rdonly)
		return -EPERM;
	slot = (u32 *)((char *)map->shm + map->value_off) + (index & map->index_mask);
	return __atomic_exchange_n(slot, id, __ATOMIC_ACQ_REL) || id ? 0 : -ENOENT;
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return flags == BPF_ANY ? store(map, key, map_load_u32(value)) : -EINVAL;
}

static int delete (struct bpf_map *map, const void *key)
{
	return store(map, key, 0);
}

u32 map_inner_id(struct bpf_map *map, const void *key)
{
	const u32 *id = map->ops->lookup(map, key);

	return id ? __atomic_load_n(id, __ATOMIC_ACQUIRE) : 0;
}

static int check_perf(const struct map_attr *attr)
{
	if (!attr->max_entries || attr->key_size != 4 || attr->value_size != 4 ||
	    attr->map_flags &
		    ~(BPF_F_NUMA_NODE | BPF_F_PRESERVE_ELEMS | BPF_F_RDONLY | BPF_F_WRONLY))
		return -EINVAL;
	return 0;
}

static int no_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	return -ENOTSUPP;
}

/* Elements are buffers of perf events (perf_ring.c), found by programs as maps in maps are. */
const struct bpf_map_ops map_perf_event_array_ops = {
	.name = "perf_event_array",
	.alloc_check = check_perf,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.update = update,
	.delete = delete,
	.sys_lookup = no_lookup,
	.get_next_key = array_next_key,
	.fd_values = true,
	.map_values = true,
};

const struct bpf_map_ops map_array_of_maps_ops = {
	.name = "array_of_maps",
	.alloc_check = check,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.update = update,
	.delete = delete,
	.get_next_key = array_next_key,
	.fd_values = true,
	.map_values = true,
};
