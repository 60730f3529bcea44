/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_MAP_TYPE_CGROUP_ARRAY: groups that a program may ask whether somebody is in them. An element is the group's id,
 * which is never used again, so nothing has to be held; 0: there is none. The service alone writes, since it
 * knows which group an fd is.
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
	return MAP_PAGE + map_page_up((u64)attr->max_entries * sizeof(u64));
}

static int bind(struct bpf_map *map)
{
	map->value_off = MAP_PAGE;
	map->elem_stride = sizeof(u64);
	map->index_mask = map_index_mask(map->max_entries);
	return 0;
}

static u64 *slot(const struct bpf_map *map, u32 index)
{
	return (u64 *)((char *)map->shm + map->value_off) + (index & map->index_mask);
}

u64 map_cgroup_array_id(const struct bpf_map *map, u32 index)
{
	return index < map->max_entries ? __atomic_load_n(slot(map, index), __ATOMIC_ACQUIRE) : 0;
}

int map_cgroup_array_store(struct bpf_map *map, u32 index, u64 id)
{
	if (index >= map->max_entries)
		return -E2BIG;
	if (map->rdonly)
		return -EPERM;
	return __atomic_exchange_n(slot(map, index), id, __ATOMIC_ACQ_REL) || id ? 0 : -ENOENT;
}

static void *lookup(struct bpf_map *map, const void *key)
{
	return NULL; /* the verifier lets no program ask */
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return -EINVAL;
}

static int delete (struct bpf_map *map, const void *key)
{
	return map_cgroup_array_store(map, map_load_u32(key), 0);
}

static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	return -ENOTSUPP;
}

const struct bpf_map_ops map_cgroup_array_ops = {
	.name = "cgroup_array",
	.alloc_check = check,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.update = update,
	.delete = delete,
	.sys_lookup = sys_lookup,
	.get_next_key = array_next_key,
	.fd_values = true,
};
