/* SPDX-License-Identifier: BSD-2-Clause */
/* hash_chains.c - hash maps as a JIT sees them (chains.h). */
#include "map/chains.h"
#include "map/hash.h"

_Static_assert(offsetof(struct elem, hash) == CHAIN_HASH &&
		       offsetof(struct elem, gen) == CHAIN_GEN &&
		       offsetof(struct elem, key) == CHAIN_KEY && !offsetof(struct elem, next),
	       "chains.h has them");

/* Words of XXH3's secret, from its specification. */
#define SECRET_8  0x1cad21f72c81017cull
#define SECRET_16 0xdb979083e96dd4deull
#define SECRET_24 0x1f67b3b7a4a44072ull
#define SECRET_32 0x78e5c0cc4ee679cbull
#define SECRET_40 0x2172ffcc7dd05a82ull
#define SECRET_48 0x8e2443f7744608b8ull

static u64 rol(u64 v, u32 n)
{
	return v << n | v >> (64 - n);
}

static u32 mix(u64 h, u32 size)
{
	h ^= rol(h, 49) ^ rol(h, 24);
	h *= CHAIN_PRIME_MIX;
	h ^= (h >> 35) + size;
	h *= CHAIN_PRIME_MIX;
	return (u32)(h ^ h >> 28);
}

static u32 mix_long(const u64 *key, const u64 *flip)
{
	u64 lo = key[0] ^ flip[0], hi = key[1] ^ flip[1], h;
	unsigned __int128 product = (unsigned __int128)lo * hi;

	h = 16 + __builtin_bswap64(lo) + hi + ((u64)product ^ (u64)(product >> 64));
	h ^= h >> 37;
	h *= CHAIN_PRIME_LONG;
	return (u32)(h ^ h >> 32);
}

static u32 hash_of(const u64 *key, u32 size, const u64 *flip)
{
	if (size == 16)
		return mix_long(key, flip);
	return mix(rol(size == 4 ? (key[0] << 32 | (u32)key[0]) : key[0], 32) ^ flip[0], size);
}

/* Does the library hash as we say? */
static bool agrees(const struct bpf_map *map, const struct map_chains *c)
{
	static const u64 keys[][2] = {
		{0}, {0x0123456789abcdefull, 0xfedcba9876543210ull}, {~0ull, 1}};
	bool same = true;

	for (u32 i = 0; i < ARRAY_SIZE(keys); i++)
		same &= hash_of(keys[i], map->key_size, c->flip) == hash_key(map, keys[i]);
	return same;
}

static bool is_hash(const struct bpf_map *map)
{
	return map->ops == map_ops_of(map->map_type) &&
	       (map->map_type == BPF_MAP_TYPE_HASH || map->map_type == BPF_MAP_TYPE_PERCPU_HASH) &&
	       geom_of(map)->homes <= 2 &&
	       (map->key_size == 4 || map->key_size == 8 || map->key_size == 16);
}

bool map_chains(const struct bpf_map *map, struct map_chains *c)
{
	const struct hash_geom *g = geom_of(map);
	u64 seed = g->seed;

	if (!is_hash(map) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return false;
	*c = (struct map_chains){.buckets = g->buckets,
				 .bucket_mask = g->bucket_mask,
				 .bucket_shift = g->bucket_shift,
				 .homes = g->homes,
				 .elems = g->elems,
				 .nr_elems = g->nr_elems,
				 .elem_size = g->elem_size,
				 .value_off = g->value_off,
				 .pcpu = g->pcpu,
				 .pcpu_stride = g->pcpu_stride};
	if (map->key_size == 16) {
		c->flip[0] = (SECRET_24 ^ SECRET_32) + seed;
		c->flip[1] = (SECRET_40 ^ SECRET_48) - seed;
	} else {
		seed ^= (u64)__builtin_bswap32((u32)seed) << 32;
		c->flip[0] = (SECRET_8 ^ SECRET_16) - seed;
	}
	return agrees(map, c);
}

u32 map_chains_hash(const struct bpf_map *map, const void *key)
{
	return hash_key(map, key);
}
