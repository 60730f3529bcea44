/* SPDX-License-Identifier: BSD-2-Clause */
/* hash_walk.c - the elements of a hash map one after the other. */
#include "map/hash.h"

static struct elem *taken_home(const struct hash_geom *g, u32 bucket, u32 i)
{
	for (; i < g->homes; i++)
		if (home_taken(gen_of(home_at(g, bucket, i))))
			return home_at(g, bucket, i);
	return NULL;
}

static u32 home_index(const struct hash_geom *g, u32 bucket, const struct elem *e)
{
	return ((const char *)e - (const char *)home_at(g, bucket, 0)) / g->elem_size;
}

/* The element of @bucket behind @e, the first one behind NULL; NULL: there is none. */
static struct elem *behind(const struct hash_geom *g, u32 bucket, const struct elem *e)
{
	struct elem *home;

	if (e && !is_home(g, e))
		return elem_at(g, ref_load(&e->next));
	home = taken_home(g, bucket, e ? home_index(g, bucket, e) + 1 : 0);
	return home ? home : elem_at(g, ref_load(head_at(g, bucket)));
}

static struct elem *first_from(const struct hash_geom *g, u64 bucket)
{
	for (; bucket <= g->bucket_mask; bucket++) {
		struct elem *e = behind(g, bucket, NULL);

		if (e)
			return e;
	}
	return NULL;
}

/* *e becomes the element of the bucket behind the one with @key, or NULL. false: there is no such key. */
static bool find_next(const struct bpf_map *map, const void *key, u32 hash, struct elem **e)
{
	const struct hash_geom *g = geom_of(map);

	for (u32 i = 0; i < RETRIES; i++) {
		u32 gen;
		const struct elem *at = hash_find(map, key, &gen);

		if (!at)
			return false;
		*e = behind(g, hash & g->bucket_mask, at);
		if (likely(gen_of(at) == gen))
			return true;
	}
	return false;
}

/* A key that was written while it was copied is none: false. */
static bool copy_key(const struct bpf_map *map, const struct elem *e, void *key)
{
	u32 gen = gen_of(e);

	race_copy(key, e->key, map->key_size);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return word(&e->gen) == gen && (!is_home(geom_of(map), e) || home_taken(gen));
}

int hash_next_key(struct bpf_map *map, const void *key, void *next_key)
{
	const struct hash_geom *g = geom_of(map);
	u32 hash = key ? hash_key(map, key) : 0;

	for (u32 i = 0; i < RETRIES; i++) {
		struct elem *next = NULL;

		if (!key || !find_next(map, key, hash, &next))
			next = first_from(g, 0);
		else if (!next)
			next = first_from(g, (u64)(hash & g->bucket_mask) + 1);
		if (!next)
			return -ENOENT;
		if (likely(copy_key(map, next, next_key)))
			break;
	}
	return 0;
}

static void *value_of(const struct bpf_map *map, struct elem *e, u32 cpu)
{
	const struct hash_geom *g = geom_of(map);

	return g->pcpu ? pcpu_value(map, ref_of(g, e), cpu) : (char *)e + g->value_off;
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
	left += g->homes * ((u64)g->bucket_mask + 1);
	for (u64 bucket = 0; bucket <= g->bucket_mask; bucket++) {
		struct elem *e = behind(g, bucket, NULL), *next;

		for (; e; e = next) {
			if (!left--)
				return seen;
			/* the callback may delete it */
			next = is_home(g, e) ? NULL : behind(g, bucket, e);
			seen++;
			if (cb(map, e->key, value_of(map, e, cpu), arg))
				return seen;
			if (is_home(g, e))
				next = behind(g, bucket, e);
		}
	}
	return seen;
}

#define CHAIN_MAX 4096u /* no honest chain is longer; a ring has no end */

/* Position: bucket << 32 | how many elements of the bucket come before. */
int hash_walk(struct bpf_map *map, u64 *pos, void *key, void **value)
{
	const struct hash_geom *g = geom_of(map);
	u32 skip = *pos;

	for (u64 bucket = *pos >> 32; bucket <= g->bucket_mask; bucket++, skip = 0) {
		struct elem *e = behind(g, bucket, NULL);

		for (u32 n = 0; n < CHAIN_MAX && e; n++, e = behind(g, bucket, e)) {
			if (n < skip)
				continue;
			if (!copy_key(map, e, key)) /* it goes */
				continue;
			*value = g->pcpu ? NULL : value_of(map, e, 0);
			*pos = bucket << 32 | n;
			return 0;
		}
	}
	return -ENOENT;
}

/* Buckets as a kernel has them, whose number a batch tells its caller: as many as its table's size says. */
int hash_in_bucket(struct bpf_map *map, u64 bucket, u32 n, void *key)
{
	const struct hash_geom *g = geom_of(map);
	u32 mask = map_index_mask(map->max_entries), here = bucket & g->bucket_mask;
	struct elem *e;

	if (bucket > mask)
		return -ERANGE;
	e = behind(g, here, NULL);
	for (u32 left = CHAIN_MAX; left-- && e; e = behind(g, here, e)) {
		if ((word(&e->hash) & mask) != bucket)
			continue;
		if (n && n--)
			continue;
		if (copy_key(map, e, key))
			return 0;
	}
	return -ENOENT;
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
