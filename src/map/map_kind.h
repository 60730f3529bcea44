/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_MAP_KIND_H
#define USERBPF_MAP_KIND_H
/*
 * map_kind.h - what the files of the kinds share; private to src/map.
 */
#include <limits.h>
#include "base/slot.h"
#include "map/heap.h"
#include "map/map.h"
#include "map/perf_ring.h"
#include "map/race.h"

#define MAP_KIND(type, ops) extern const struct bpf_map_ops ops;
#include "map/kinds.def"
#undef MAP_KIND

#define MAP_PAGE	 4096u
#define MAP_OWN_PART	 64u /* of the first page: what writers change is on another line than what all look at */
#define MAP_ACCESS_FLAGS (BPF_F_RDONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY | BPF_F_WRONLY_PROG)
/* Limits of kernel allocators that decide what MAP_CREATE refuses (x86-64, 4 KiB pages). */
#define MAP_PERCPU_MAX	(32u << 10) /* PCPU_MIN_UNIT_SIZE */
#define MAP_KMALLOC_MAX (4u << 20)  /* KMALLOC_MAX_SIZE */
#define MAP_NR_CPUS	8192u	    /* NR_CPUS of distributions */
#define MAP_STORAGE_MAX (65535u - 128u) /* BPF_LOCAL_STORAGE_MAX_VALUE_SIZE */

static inline u32 map_load_u32(const void *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Smallest 2^n - 1 that covers indices 0..max-1. */
static inline u32 map_index_mask(u32 max)
{
	return max <= 1 ? 0 : ~0u >> __builtin_clz(max - 1);
}

static inline u64 map_page_up(u64 n)
{
	return (n + MAP_PAGE - 1) & ~(u64)(MAP_PAGE - 1);
}

/* Both program access flags at once make no sense (kernel: bpf_map_flags_access_ok). */
static inline bool map_access_ok(u32 flags)
{
	return (flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)) !=
	       (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG);
}

/* Is @flags a value BPF_MAP_UPDATE_ELEM knows, F_LOCK aside? */
static inline bool map_update_flags_ok(u64 flags)
{
	return (flags & ~(u64)BPF_F_LOCK) <= BPF_EXIST;
}

/*
 * Values with a lock, a timer or pointers inside: no copy carries these bytes, neither in nor out (value.c).
 * @flags with BPF_F_LOCK: the copy is made with the value's lock held.
 */
void map_value_write_special(const struct bpf_map *map, void *at, const void *value, u64 flags);
void map_value_read_special(const struct bpf_map *map, void *value, void *at, u64 flags);
void map_value_init_special(const struct bpf_map *map, void *at);
/* What the value holds is given back: it was overwritten, or its element goes. */
void map_value_free_fields(const struct bpf_map *map, void *at);

static inline bool map_value_special(const struct bpf_map *map)
{
	return unlikely(map->attr.lock_at | map->attr.timer_at | map->attr.nr_kptrs | map->attr.nr_roots);
}

static inline void map_value_write(const struct bpf_map *map, void *at, const void *value, u64 flags)
{
	if (map_value_special(map))
		map_value_write_special(map, at, value, flags);
	else
		race_copy(at, value, map->value_size);
}

/* What all array kinds share (array.c). */
int array_alloc_check(const struct map_attr *attr, u32 allowed_flags);
int array_next_key(struct bpf_map *map, const void *key, void *next_key);
int array_delete(struct bpf_map *map, const void *key);
int array_check_update(const struct bpf_map *map, u32 index, u64 flags);

#endif
