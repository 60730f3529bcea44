/* SPDX-License-Identifier: BSD-2-Clause */
/* map.c - helpers on map elements. Kinds whose values are fds (prog array ...) have none a program
 * may see. */
#include "helper/fn.h"
#include "map/kptr.h"

static struct bpf_map *to_map(u64 r)
{
	return (struct bpf_map *)(uintptr_t)r;
}

/* A map of maps: the inner map as this process knows it. */
static u64 lookup_inner(struct bpf_map *map, const void *key, struct exec_run *run)
{
	const struct exec_host *host = run->host;
	u32 id = map->ops->map_values ? map_inner_id(map, key) : 0;

	return id && host && host->inner_map ? (u64)host->inner_map(run, map, id) : 0;
}

HELPER_FN(map_lookup_elem)
{
	struct bpf_map *map = to_map(r1);

	if (unlikely(map->ops->fd_values))
		return lookup_inner(map, (const void *)(uintptr_t)r2, run);
	map_count(map, MAP_LOOKUPS);
	return (u64)map->ops->lookup(map, (const void *)(uintptr_t)r2);
}

/* A view that cannot be written answers as bpf(2) does on a read-only handle. */
static long writable(const struct bpf_map *map)
{
	if (unlikely(map->ops->fd_values))
		return -EINVAL;
	return unlikely(map->rdonly) ? -EPERM : 0;
}

HELPER_FN(map_update_elem)
{
	struct bpf_map *map = to_map(r1);
	long err = writable(map);

	if (err)
		return (u64)err;
	map_count(map, MAP_UPDATES);
	return (u64)(long)map->ops->update(map, (const void *)(uintptr_t)r2,
					   (const void *)(uintptr_t)r3, r4);
}

HELPER_FN(map_delete_elem)
{
	struct bpf_map *map = to_map(r1);
	long err = writable(map);

	if (err)
		return (u64)err;
	map_count(map, MAP_DELETES);
	return (u64)(long)map->ops->delete (map, (const void *)(uintptr_t)r2);
}

/* Only kinds without keys get past the verifier. */
HELPER_FN(map_push_elem)
{
	map_count(to_map(r1), MAP_UPDATES);
	return (u64)(long)to_map(r1)->ops->push(to_map(r1), (const void *)(uintptr_t)r2, r3);
}

HELPER_FN(map_pop_elem)
{
	map_count(to_map(r1), MAP_DELETES);
	return (u64)(long)to_map(r1)->ops->pop(to_map(r1), (void *)(uintptr_t)r2);
}

HELPER_FN(map_peek_elem)
{
	map_count(to_map(r1), MAP_LOOKUPS);
	return (u64)(long)to_map(r1)->ops->peek(to_map(r1), (void *)(uintptr_t)r2);
}

HELPER_FN(map_lookup_percpu_elem)
{
	struct bpf_map *map = to_map(r1);

	if (!map->ops->lookup_percpu || (u32)r3 >= map->attr.nr_cpus)
		return 0;
	return (u64)map->ops->lookup_percpu(map, (const void *)(uintptr_t)r2, (u32)r3);
}

struct each {
	struct exec_run *run;
	u64 func, ctx;
};

static long each_elem(struct bpf_map *map, void *key, void *value, void *arg)
{
	const struct each *e = arg;

	return (long)exec_callback(e->run, e->func, (u64)map, (u64)key, (u64)value, e->ctx, 0);
}

HELPER_FN(for_each_map_elem)
{
	struct bpf_map *map = to_map(r1);
	struct each e = {.run = run, .func = r2, .ctx = r3};

	if (r4 || !map->ops->for_each)
		return (u64)-EINVAL;
	if (exec_stopped(run))
		return 0;
	return (u64)map->ops->for_each(map, each_elem, &e);
}

/* The rewrite adds the type of the field as third argument. */
HELPER_FN(kptr_xchg)
{
	return (u64)kptr_xchg((void *)(uintptr_t)r1, (u32)r3, (const void *)(uintptr_t)r2);
}

/* Per-CPU variables of the service: there are none, so no program gets past the verifier with one. */
HELPER_FN(per_cpu_ptr)
{
	return 0;
}

HELPER_FN(this_cpu_ptr)
{
	return r1;
}
