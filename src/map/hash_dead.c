/* SPDX-License-Identifier: BSD-2-Clause */
/* hash_dead.c - what owners left who died inside. */
#include "map/hash.h"

static void unlock_first(const struct bpf_map *map, u32 nr)
{
	while (nr)
		hash_unlock(map, --nr);
}

static bool lock_all(const struct bpf_map *map)
{
	for (u32 l = 0; l <= geom_of(map)->lock_mask; l++)
		if (hash_lock(map, l)) {
			unlock_first(map, l);
			return false;
		}
	return true;
}

/*
 * Whoever takes a dead owner's lock finds a correct chain; what is lost is the element the dead had
 * in hands, and the count. Where a lock is kept by somebody alive for too long (or for ever, by a
 * hostile peer) the pool stays as it is until the next time.
 */
bool hash_release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	const struct hash_geom *g = geom_of(map);
	bool any = __atomic_exchange_n(&shm_of(map)->stolen, 0, __ATOMIC_RELAXED);

	for (u32 l = 0; l <= g->lock_mask; l++)
		if (unlikely(word(&lock_at(map, l)->word)))
			any |= bucket_lock_break(&lock_at(map, l)->word, tid_dead, arg);
	if (!any)
		return false;
	if (!lock_all(map)) {
		__atomic_store_n(&shm_of(map)->stolen, 1, __ATOMIC_RELAXED);
		return false;
	}
	hash_pool_rebuild(map);
	unlock_first(map, g->lock_mask + 1);
	return false;
}
