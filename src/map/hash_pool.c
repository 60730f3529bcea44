/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash_pool.c - elements that no chain has.
 *
 * Per CPU (shard), so that writers do not meet: a list of elements given back, and a range of those
 * never used. Who finds neither takes from the others' lists. Every element of a list says how many
 * there are from it on, so that the number of elements in use costs writers nothing.
 */
#include <sched.h>
#include "map/hash.h"

#define RANGE 32u /* never used elements that a shard takes at a time */

static struct hash_shard *my_shard(const struct bpf_map *map)
{
	int cpu = sched_getcpu();

	return &shm_of(map)->shard[max(cpu, 0) & geom_of(map)->shard_mask];
}

static u32 pop_free(const struct bpf_map *map, struct hash_shard *s)
{
	u64 old = __atomic_load_n(&s->head, __ATOMIC_ACQUIRE);

	for (;;) {
		struct elem *e = elem_at(geom_of(map), (u32)old);
		u64 new;

		if (!e)
			return 0;
		new = ((old >> 32) + 1) << 32 | ref_load(&e->free_next);
		if (__atomic_compare_exchange_n(&s->head, &old, new, false, __ATOMIC_ACQUIRE,
						__ATOMIC_ACQUIRE))
			return (u32)old;
	}
}

/* Elements of the range that are left: *@next and so many more. */
static u32 range_left(const struct bpf_map *map, u64 range, u32 *next)
{
	u32 end = min((u32)(range >> 32), map->max_entries);

	*next = (u32)range;
	return *next < end ? end - *next : 0;
}

static u64 next_range(const struct bpf_map *map)
{
	u32 *fresh = &shm_of(map)->fresh, max = map->max_entries;
	u32 from = __atomic_load_n(fresh, __ATOMIC_RELAXED), to;

	do {
		if (from >= max)
			return 0;
		to = from + min(RANGE, max - from);
	} while (!__atomic_compare_exchange_n(fresh, &from, to, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return (u64)to << 32 | from;
}

/* What a range that was got for nothing has goes to the list. */
static void give_back(const struct bpf_map *map, u64 range)
{
	u32 next, left = range_left(map, range, &next);

	while (left--)
		hash_pool_push(map, ++next);
}

static u32 pop_fresh(const struct bpf_map *map, struct hash_shard *s)
{
	u64 old = __atomic_load_n(&s->fresh, __ATOMIC_RELAXED), new = 0;
	u32 next;

	for (;;) {
		u64 range = old;

		if (!range_left(map, range, &next)) {
			range = new = new ?: next_range(map);
			if (!range_left(map, range, &next))
				return 0;
		}
		if (__atomic_compare_exchange_n(&s->fresh, &old, range + 1, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED)) {
			if (new &&range != new)
				give_back(map, new);
			return next + 1;
		}
	}
}

/* The others' lists and ranges, when there is no more anywhere. */
static u32 pop_others(const struct bpf_map *map)
{
	struct hash_shm *shm = shm_of(map);
	u32 ref = 0;

	for (u32 i = 0; i <= geom_of(map)->shard_mask && !ref; i++)
		ref = pop_free(map, &shm->shard[i]) ?: pop_fresh(map, &shm->shard[i]);
	return ref;
}

u32 hash_pool_pop(const struct bpf_map *map)
{
	struct hash_shard *s = my_shard(map);
	u32 ref = pop_free(map, s);

	if (likely(ref))
		return ref;
	ref = pop_fresh(map, s);
	return ref ? ref : pop_others(map);
}

static void push_to(const struct bpf_map *map, struct hash_shard *s, u32 ref)
{
	struct elem *e = elem_at(geom_of(map), ref), *below;
	u64 old = __atomic_load_n(&s->head, __ATOMIC_RELAXED), new;

	do {
		below = elem_at(geom_of(map), (u32)old);
		set_word(&e->hash, below ? word(&below->hash) + 1 : 1);
		ref_store(&e->free_next, (u32)old);
		new = ((old >> 32) + 1) << 32 | ref;
	} while (!__atomic_compare_exchange_n(&s->head, &old, new, false, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
}

void hash_pool_push(const struct bpf_map *map, u32 ref)
{
	push_to(map, my_shard(map), ref);
}

/* --- spares --- */

static u32 first_spare(const struct bpf_map *map, u32 bucket)
{
	return map->max_entries + (bucket & geom_of(map)->lock_mask) + 1;
}

static u32 spare_of(const struct bpf_map *map, u32 bucket)
{
	u32 ref = word(&lock_at(map, bucket)->spare);

	return ref ? ref : first_spare(map, bucket);
}

u32 hash_spare_take(const struct bpf_map *map, u32 bucket)
{
	u32 ref = spare_of(map, bucket);

	set_word(&lock_at(map, bucket)->spare, END);
	return elem_at(geom_of(map), ref) ? ref : 0;
}

void hash_spare_give(const struct bpf_map *map, u32 bucket, u32 ref)
{
	set_word(&lock_at(map, bucket)->spare, ref);
}

/* --- after a death --- */

/* Elements that buckets and locks have are marked in the pool's links, which nobody else reads now.
 * One met twice ends the walk: such a chain was tampered with. */
static void mark_chain(const struct hash_geom *g, u32 bucket)
{
	u32 ref = ref_load(head_at(g, bucket));
	struct elem *e;

	for (; (e = elem_at(g, ref)) && ref_load(&e->free_next) != END; ref = ref_load(&e->next))
		ref_store(&e->free_next, END);
}

/* What homes were paid with; what was paid twice (by a hostile peer) is the first one's. */
static void mark_homes(const struct hash_geom *g, u32 bucket)
{
	for (u32 i = 0; i < g->homes; i++) {
		struct elem *home = home_at(g, bucket, i), *paid;

		if (!home_taken(word(&home->gen)))
			continue;
		paid = elem_at(g, ref_load(&home->free_next));
		if (paid && ref_load(&paid->free_next) != END)
			ref_store(&paid->free_next, END);
		else
			ref_store(&home->free_next, END);
	}
}

static void mark_buckets(const struct bpf_map *map)
{
	const struct hash_geom *g = geom_of(map);

	for (u64 b = 0; b <= g->bucket_mask; b++)
		mark_chain(g, b);
	for (u64 b = 0; g->homes && b <= g->bucket_mask; b++)
		mark_homes(g, b);
}

/* The first element at or after @ref that was ever used; elements no shard took are not touched. */
static u32 used_from(const struct bpf_map *map, u32 ref)
{
	u32 fresh = __atomic_load_n(&shm_of(map)->fresh, __ATOMIC_RELAXED);

	if (ref > fresh && ref <= map->max_entries)
		ref = map->max_entries + 1;
	return elem_at(geom_of(map), ref) ? ref : 0;
}

/* The next of these at or after @ref that is not marked; 0: none. */
static u32 unmarked(const struct bpf_map *map, u32 ref)
{
	while ((ref = used_from(map, ref)) &&
	       ref_load(&elem_at(geom_of(map), ref)->free_next) == END)
		ref++;
	return ref;
}

static void mark_spares(const struct bpf_map *map)
{
	const struct hash_geom *g = geom_of(map);

	for (u32 l = 0; l <= g->lock_mask; l++) {
		struct elem *e = elem_at(g, spare_of(map, l));

		if (e && ref_load(&e->free_next) != END)
			ref_store(&e->free_next, END);
		else
			hash_spare_give(map, l, END);
	}
	for (u32 l = 0, from = 1; l <= g->lock_mask; l++) {
		if (spare_of(map, l) != END)
			continue;
		from = unmarked(map, from);
		if (!from)
			return;
		ref_store(&elem_at(g, from)->free_next, END);
		hash_spare_give(map, l, from);
	}
}

void hash_pool_rebuild(const struct bpf_map *map)
{
	const struct hash_geom *g = geom_of(map);
	struct hash_shm *shm = shm_of(map);

	for (u32 ref = 1; (ref = used_from(map, ref)); ref++)
		ref_store(&elem_at(g, ref)->free_next, 0);
	mark_buckets(map);
	mark_spares(map);
	for (u32 i = 0; i <= g->shard_mask; i++) {
		struct hash_shard *s = &shm->shard[i];
		u64 changes = (__atomic_load_n(&s->head, __ATOMIC_RELAXED) >> 32) + 1;

		__atomic_store_n(&s->fresh, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&s->head, changes << 32, __ATOMIC_RELEASE);
	}
	for (u32 ref = unmarked(map, 1); ref; ref = unmarked(map, ref + 1))
		push_to(map, &shm->shard[ref & g->shard_mask], ref);
}

u64 hash_used(struct bpf_map *map)
{
	struct hash_shm *shm = shm_of(map);
	u64 used = min(__atomic_load_n(&shm->fresh, __ATOMIC_RELAXED), map->max_entries), free = 0;
	u32 next;

	for (u32 i = 0; i <= geom_of(map)->shard_mask; i++) {
		struct hash_shard *s = &shm->shard[i];
		u64 head = __atomic_load_n(&s->head, __ATOMIC_ACQUIRE);
		struct elem *e = elem_at(geom_of(map), (u32)head);

		free += e ? word(&e->hash) : 0;
		free += range_left(map, __atomic_load_n(&s->fresh, __ATOMIC_RELAXED), &next);
	}
	return free < used ? used - free : 0;
}
