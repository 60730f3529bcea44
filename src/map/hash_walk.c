/* SPDX-License-Identifier: BSD-2-Clause */
/* hash_walk.c - the elements of a hash map one after the other. */
#include "map/hash.h"

static u32 first_from(const struct hash_geom *g, u32 bucket)
{
	for (; bucket <= g->bucket_mask; bucket++) {
		u32 ref = ref_load(&g->heads[bucket]);

		if (elem_at(g, ref))
			return ref;
	}
	return 0;
}

/* The reference behind the element with @key, an end mark behind the last of a chain; 0 when there
 * is no such key. */
static u32 find_next(const struct bpf_map *map, const void *key, u32 hash)
{
	for (u32 i = 0; i < RETRIES; i++) {
		u32 gen, ref = hash_find(map, key, hash, &gen), next;
		const struct elem *e = elem_at(geom_of(map), ref);

		if (!e)
			return 0;
		next = ref_load(&e->next);
		if (likely(gen_of(e) == gen))
			return next;
	}
	return 0;
}

/* A key that was written while it was copied is none: false. */
static bool copy_key(const struct bpf_map *map, const struct elem *e, void *key)
{
	u32 gen = gen_of(e);

	race_copy(key, e->key, map->key_size);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return word(&e->gen) == gen;
}

int hash_next_key(struct bpf_map *map, const void *key, void *next_key)
{
	const struct hash_geom *g = geom_of(map);
	u32 hash = key ? hash_key(map, key) : 0;

	for (u32 i = 0; i < RETRIES; i++) {
		u32 next = key ? find_next(map, key, hash) : 0;

		if (!next)
			next = first_from(g, 0);
		else if (!elem_at(g, next))
			next = first_from(g, (hash & g->bucket_mask) + 1);
		if (!next)
			return -ENOENT;
		if (likely(copy_key(map, elem_at(g, next), next_key)))
			break;
	}
	return 0;
}

long hash_for_each(struct bpf_map *map, long (*cb)(struct bpf_map *, void *, void *, void *),
		   void *arg)
{
	const struct hash_geom *g = geom_of(map);
	u64 left = 2 * (u64)g->nr_elems + RETRIES; /* over all chains, whatever their shape */
	u32 cpu = slot_current();
	long seen = 0;

	if (g->pcpu && cpu >= map->attr.nr_cpus)
		return 0;
	for (u64 bucket = 0; bucket <= g->bucket_mask; bucket++) {
		u32 ref = ref_load(&g->heads[bucket]), next;
		struct elem *e;

		for (; (e = elem_at(g, ref)); ref = next) {
			void *value =
				g->pcpu ? pcpu_value(map, ref, cpu) : (char *)e + g->value_off;

			if (!left--)
				return seen;
			next = ref_load(&e->next);
			seen++;
			if (cb(map, e->key, value, arg))
				return seen;
		}
	}
	return seen;
}

#define CHAIN_MAX 4096u /* no honest chain is longer; a ring has no end */

/* Position: bucket << 32 | how many elements of the chain come before. */
int hash_walk(struct bpf_map *map, u64 *pos, void *key, void **value)
{
	const struct hash_geom *g = geom_of(map);
	u32 skip = *pos;

	for (u64 bucket = *pos >> 32; bucket <= g->bucket_mask; bucket++, skip = 0) {
		u32 ref = ref_load(&g->heads[bucket]);
		struct elem *e;

		for (u32 n = 0; n < CHAIN_MAX && (e = elem_at(g, ref));
		     n++, ref = ref_load(&e->next)) {
			if (n < skip)
				continue;
			if (!copy_key(map, e, key)) /* it goes */
				continue;
			*value = g->pcpu ? NULL : (char *)e + g->value_off;
			*pos = bucket << 32 | n;
			return 0;
		}
	}
	return -ENOENT;
}

int hash_in_bucket(struct bpf_map *map, u64 bucket, u32 n, void *key)
{
	u64 pos = bucket << 32 | n;
	void *value;

	if (bucket > geom_of(map)->bucket_mask)
		return -ERANGE;
	return hash_walk(map, &pos, key, &value) || pos >> 32 != bucket ? -ENOENT : 0;
}

const void *hash_key_of(struct bpf_map *map, const void *value, u32 *index)
{
	const struct hash_geom *g = geom_of(map);
	const char *first = g->elems + g->value_off;
	u64 off = (u64)((const char *)value - first);

	if ((const char *)value < first || off % g->elem_size || off / g->elem_size >= g->nr_elems)
		return NULL;
	return ((const struct elem *)((const char *)value - g->value_off))->key;
}

/* All elements, also those that no chain has: a program may have put something into one that was deleted
 * under its hands. Memory that was never used holds nothing. */
void hash_free_fields(struct bpf_map *map)
{
	for (u32 ref = 1; ref <= geom_of(map)->nr_elems; ref++)
		hash_free_value(map, ref);
}
