/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_MAP_TYPE_CGROUP_STORAGE and its per-CPU kind: the storage of one attachment of a program to a
 * cgroup, found by no key: bpf_get_local_storage() is the only way to it. No cgroup is attached to
 * here, so what a map holds is the storage of test runs, zeroed when one begins; bpf(2) finds no
 * element. Test runs that overlap share it.
 */
#include "map/map_kind.h"

struct storage_geom {
	char *values;
};

static u32 stride(const struct map_attr *attr)
{
	return round_up(attr->value_size, 8);
}

static int check(const struct map_attr *attr)
{
	bool percpu = attr->map_type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
	u32 max = percpu ? MAP_PERCPU_MAX : MAP_STORAGE_MAX;

	if (attr->key_size != sizeof(struct bpf_cgroup_storage_key) &&
	    attr->key_size != sizeof(u64))
		return -EINVAL;
	if (!attr->value_size)
		return -EINVAL;
	if (attr->value_size > max)
		return -E2BIG;
	if (attr->map_flags & ~(BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS) ||
	    !map_access_ok(attr->map_flags))
		return -EINVAL;
	return attr->max_entries ? -EINVAL : 0; /* as many as there are attachments */
}

static u64 shm_size(const struct map_attr *attr)
{
	u32 n = attr->map_type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE ? attr->nr_cpus : 1;

	return MAP_PAGE + map_page_up((u64)n * stride(attr));
}

static int bind(struct bpf_map *map)
{
	map->value_off = MAP_PAGE;
	map->elem_stride = stride(&map->attr);
	((struct storage_geom *)map->geom)->values = (char *)map->shm + MAP_PAGE;
	return 0;
}

static char *values(const struct bpf_map *map)
{
	return ((const struct storage_geom *)map->geom)->values;
}

void *map_cgroup_storage_value(struct bpf_map *map)
{
	u32 cpu = map->ops->percpu ? slot_current() : 0;

	return values(map) + (u64)map->elem_stride * (cpu < map->attr.nr_cpus ? cpu : 0);
}

static void test_begin(struct bpf_map *map)
{
	u32 n = map->ops->percpu ? map->attr.nr_cpus : 1;

	if (!map->rdonly)
		memset(values(map), 0, (size_t)n * map->elem_stride);
}

static void *lookup(struct bpf_map *map, const void *key)
{
	return NULL;
}

static void *lookup_percpu(struct bpf_map *map, const void *key, u32 cpu)
{
	return NULL;
}

static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	return -ENOENT;
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	/* storage comes and goes with attachments */
	return flags & ~(u64)(BPF_F_LOCK | BPF_EXIST) ? -EINVAL : -ENOENT;
}

static int delete (struct bpf_map *map, const void *key)
{
	return -EINVAL;
}

static int next_key(struct bpf_map *map, const void *key, void *next)
{
	return -ENOENT;
}

#define STORAGE(lower, each)                           \
	const struct bpf_map_ops map_##lower##_ops = { \
		.name = #lower,                        \
		.alloc_check = check,                  \
		.shm_size = shm_size,                  \
		.bind = bind,                          \
		.lookup = lookup,                      \
		.update = update,                      \
		.delete = delete,                      \
		.lookup_percpu = lookup_percpu,        \
		.sys_lookup = sys_lookup,              \
		.sys_update = update,                  \
		.get_next_key = next_key,              \
		.test_begin = test_begin,              \
		.percpu = each,                        \
	}

STORAGE(cgroup_storage, false);
STORAGE(percpu_cgroup_storage, true);
