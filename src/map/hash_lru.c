/* SPDX-License-Identifier: BSD-2-Clause */
/* hash_lru.c - LRU kinds: room for one more. */
#include "map/hash.h"

/* The element in chain @bucket that is @ref, if it still is. The bucket is locked. */
static u32 *find_ref(const struct bpf_map *map, u32 bucket, u32 ref)
{
	const struct hash_geom *g = geom_of(map);
	u32 *link = head_at(g, bucket), at;

	for (u32 left = g->nr_elems; left--; link = &elem_at(g, at)->next) {
		at = ref_load(link);
		if (at == ref)
			return link;
		if (!elem_at(g, at))
			break;
	}
	return NULL;
}

static bool throw_out(const struct bpf_map *map, u32 ref)
{
	u32 bucket = word(&elem_at(geom_of(map), ref)->hash) & geom_of(map)->bucket_mask;
	u32 *link;

	if (hash_lock(map, bucket))
		return false;
	link = find_ref(map, bucket, ref);
	if (link)
		hash_drop(map, link, ref);
	hash_unlock(map, bucket);
	return link;
}

static bool spare(u8 *mark)
{
	if (!__atomic_load_n(mark, __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(mark, 0, __ATOMIC_RELAXED);
	return true;
}

/* At most twice round: after once no marks are left, but for those set meanwhile. */
bool hash_make_room(const struct bpf_map *map)
{
	const struct hash_geom *g = geom_of(map);
	u32 *hand = &shm_of(map)->hand;

	for (u64 left = 2 * (u64)g->nr_elems; left; left--) {
		u32 i = __atomic_fetch_add(hand, 1, __ATOMIC_RELAXED) % g->nr_elems;

		if (!spare(&g->marks[i]) && throw_out(map, i + 1))
			return true;
	}
	return false;
}
