/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bloom_filter.c - BPF_MAP_TYPE_BLOOM_FILTER: was this value ever pushed? "No" is certain.
 *
 * Shared memory: [header page][bits]. map_extra says how many bits a value sets (5 when it says
 * nothing); how many there are follows from that and max_entries, as in the kernel. Bits are set
 * one by one and never cleared: nothing to lock, nothing a dying writer could break.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "map/map_kind.h"

#define FLAGS	      (BPF_F_NUMA_NODE | BPF_F_ZERO_SEED | MAP_ACCESS_FLAGS)
#define HASHES_MAX    15u
#define HASHES_UNSAID 5u

struct bloom_geom {
	u64 *bits;
	u32 mask, hashes, seed;
};
_Static_assert(sizeof(struct bloom_geom) <= sizeof_field(struct bpf_map, geom), "geom too small");

static struct bloom_geom *geom_of(const struct bpf_map *map)
{
	return (struct bloom_geom *)map->geom;
}

static int check(const struct map_attr *attr)
{
	if (attr->value_size > MAP_KMALLOC_MAX)
		return -E2BIG;
	if (attr->key_size || !attr->value_size || !attr->max_entries || attr->map_flags & ~FLAGS ||
	    !map_access_ok(attr->map_flags) || attr->map_extra & ~(u64)HASHES_MAX)
		return -EINVAL;
	return 0;
}

static u32 hashes_of(const struct map_attr *attr)
{
	return attr->map_extra ? (u32)attr->map_extra : HASHES_UNSAID;
}

/* entries * hashes / ln 2, in 32 bits, to a power of two. */
static u32 mask_of(const struct map_attr *attr)
{
	u32 bits;

	if (__builtin_mul_overflow(attr->max_entries, hashes_of(attr), &bits) ||
	    __builtin_mul_overflow(bits / 5, 7u, &bits) || bits > 1u << 31)
		return UINT32_MAX;
	return bits <= 64 ? 63 : map_index_mask(bits);
}

static u64 shm_size(const struct map_attr *attr)
{
	return MAP_PAGE + map_page_up(((u64)mask_of(attr) + 1) / 8);
}

static int bind(struct bpf_map *map)
{
	map->value_off = MAP_PAGE;
	*geom_of(map) = (struct bloom_geom){.bits = (u64 *)((char *)map->shm + MAP_PAGE),
					    .mask = mask_of(&map->attr),
					    .hashes = hashes_of(&map->attr),
					    .seed = map->attr.seed};
	return 0;
}

static u32 bit_of(const struct bpf_map *map, const void *value, u32 i)
{
	const struct bloom_geom *g = geom_of(map);

	return XXH3_64bits_withSeed(value, map->value_size, (u64)g->seed + i) & g->mask;
}

static int push(struct bpf_map *map, const void *value, u64 flags)
{
	const struct bloom_geom *g = geom_of(map);

	if (flags != BPF_ANY)
		return -EINVAL;
	if (map->rdonly)
		return -EPERM;
	for (u32 i = 0; i < g->hashes; i++) {
		u32 bit = bit_of(map, value, i);

		__atomic_fetch_or(&g->bits[bit / 64], 1ull << bit % 64, __ATOMIC_RELAXED);
	}
	return 0;
}

static int peek(struct bpf_map *map, void *value)
{
	const struct bloom_geom *g = geom_of(map);

	for (u32 i = 0; i < g->hashes; i++) {
		u32 bit = bit_of(map, value, i);

		if (!(__atomic_load_n(&g->bits[bit / 64], __ATOMIC_RELAXED) & 1ull << bit % 64))
			return -ENOENT;
	}
	return 0;
}

static int pop(struct bpf_map *map, void *value)
{
	return -EOPNOTSUPP;
}

static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	return peek(map, value);
}

static int sys_update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return push(map, value, flags);
}

static void *lookup(struct bpf_map *map, const void *key)
{
	return NULL;
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return -EINVAL;
}

static int delete (struct bpf_map *map, const void *key)
{
	return -EOPNOTSUPP;
}

static int next_key(struct bpf_map *map, const void *key, void *next)
{
	return -EOPNOTSUPP;
}

const struct bpf_map_ops map_bloom_filter_ops = {
	.name = "bloom_filter",
	.alloc_check = check,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.update = update,
	.delete = delete,
	.push = push,
	.pop = pop,
	.peek = peek,
	.sys_lookup = sys_lookup,
	.sys_update = sys_update,
	.get_next_key = next_key,
	.asks_value = true,
};
