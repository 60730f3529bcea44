/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CHAINS_H
#define USERBPF_CHAINS_H
/*
 * chains.h - what a JIT must know of a hash map (hash.h) to look at one element of a bucket itself. It follows the same
 * rules as a reader; whatever is not as expected is a lookup of the map's own:
 *
 *	with homes      the second if it has the hash, else the first: reads its gen, which must be odd, hash and key,
 *	                then gen again
 *	without         the first of the chain: reads the head, the element's gen, the head again, then hash and key, then gen again
 *
 * Keys of 4, 8 and 16 bytes are hashed as XXH3 of the map's seed, cut to 32 bits:
 *
 *	4, 8    mix(rotate(key, 32) ^ flip[0])          of 4 bytes: key << 32 | key
 *	        mix(h): h ^= rol(h, 49) ^ rol(h, 24); h *= CHAIN_PRIME_MIX; h ^= (h >> 35) + size; h *= CHAIN_PRIME_MIX; h ^= h >> 28
 *	16      lo = key[0] ^ flip[0]; hi = key[1] ^ flip[1]
 *	        h = 16 + bswap(lo) + hi + (both halves of lo * hi, xor'ed)
 *	        h ^= h >> 37; h *= CHAIN_PRIME_LONG; h ^= h >> 32
 */
#include "map/map.h"

#define CHAIN_PRIME_MIX	 0x9fb21c651e98df25ull
#define CHAIN_PRIME_LONG 0x165667919e3779f9ull

/* In an element. */
#define CHAIN_HASH 4
#define CHAIN_GEN  8
#define CHAIN_KEY  16

struct map_chains {
	const char *buckets; /* each begins with a head: 1 + index of its first element, or no such number ... */
	u32 bucket_mask, bucket_shift;
	u32 homes; /* ... or so many elements */
	const char *elems;
	u32 nr_elems, elem_size;
	u32 value_off;	  /* in the element ... */
	const char *pcpu; /* ... or, not NULL: slot * pcpu_stride + index * elem_stride from here */
	u64 pcpu_stride;
	u64 flip[2];
};

/* False: this map's lookup does more. */
bool map_chains(const struct bpf_map *map, struct map_chains *c);
u32 map_chains_hash(const struct bpf_map *map, const void *key);

#endif
