/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HASH_H
#define USERBPF_HASH_H
/*
 * hash.h - BPF_MAP_TYPE_HASH, PERCPU_HASH and their LRU kinds in shared memory; private to hash*.c.
 *
 *   page 0     struct map_shm, struct hash_shm (the pool)
 *   locks      a cache line each, for every so many'th bucket
 *   buckets    head of a chain each, 2^n of them, n as in the kernel; or a cache line each (below)
 *   elems      { next, hash, gen, free_next, key, value } per element
 *   values     per-CPU maps: slot after slot, one value per element
 *   marks      LRU kinds: a byte per element, set when it is used
 *
 * A chain is a list of references. A reference is an element's index + 1, or an end mark END |
 * bucket. Elements are reused at once, so a reader may find itself on one that is somewhere else by
 * now. It notices: an element's gen changes before it is taken off a chain and again before it is
 * reused, and a reader goes from an element to the next only while the first is still where it was
 * (hash_find()), else it starts again. So a key that is there is always found. Memory of zeroes is an
 * empty map.
 *
 * Readers take no lock. Writers hold their bucket's lock over everything they do: taking an element
 * from the pool, linking or unlinking it (one store each; replacing a value is one store too) and
 * giving an element back. So a writer killed at any instruction leaves a correct chain and its lock
 * taken; whoever holds all locks sees no element in flight and can rebuild the pool exactly.
 *
 * The pool has max_entries elements: it is empty when the map is full. Each lock has one element
 * more, its spare: a new value is written there, and what it replaces is the spare from then on.
 *
 * Homes. Where elements are small and a value is a word, which is replaced by one store, so that an element
 * stays where it is until it is deleted, a bucket is a cache line with room for one or two elements: its homes.
 * A look-up then mostly ends where it begins. A home is taken while its gen is odd, and keeps (in free_next) the
 * element of the pool that it was paid with and that goes back when it is deleted: so the pool still
 * says how full the map is. What finds no home goes to the chain, whose head is the first home's next.
 *
 * LRU kinds never are full: who finds no room throws out an element first. A hand goes round over the
 * elements; one that was used since the hand came by loses its mark, the first without goes. That
 * is done before the writer takes its own lock, with the lock of the bucket that loses.
 *
 * Nothing read from shared memory is trusted: references are bounds-checked, walks are bounded by
 * the number of elements.
 *
 *   hash_ops.c     updates and look-ups    hash_layout.c  creation, where things are
 *   hash_pool.c    free elements           hash_chain.c   what leaves a chain
 *   hash_lru.c     room for one more       hash_walk.c    one after the other
 *   hash_dead.c    what dead owners left
 */
#include "map/bucket_lock.h"
#include "map/map_kind.h"

#define END 0x80000000u
#define RETRIES	    1024u
#define HASH_LINE   64u
#define HASH_SHARDS 16u

/* Free elements, used and given back by whoever runs on one of these CPUs. */
struct hash_shard {
	u64 head;  /* change count << 32 | reference; 0 = empty */
	u64 fresh; /* elements that were never used: end << 32 | next */
	char pad[HASH_LINE - 16];
};

struct hash_shm {
	struct map_shm common;
	char pad[HASH_LINE - sizeof(struct map_shm)];
	u32 fresh;  /* elements of the pool from here on are no shard's yet */
	u32 stolen; /* somebody died inside: the pool wants rebuilding */
	u32 hand;   /* LRU kinds: the element that is looked at next */
	char pad2[HASH_LINE - 12];
	struct hash_shard shard[HASH_SHARDS];
};
_Static_assert(sizeof(struct map_shm) < HASH_LINE && sizeof(struct hash_shm) <= MAP_PAGE, "header must fit its page");

struct hash_lock {
	u32 word;
	u32 spare; /* reference of its element; 0: the first it had, END: none */
	char pad[HASH_LINE - 8];
};

struct elem {
	u32 next;
	u32 hash; /* free elements: how many there are in the list from here on */
	u32 gen; /* changes when the element is taken off its chain, and when it is used again */
	u32 free_next; /* reference in the pool's list */
	u8 key[];      /* round_up(key_size, 8), then the value */
};

/* Private geometry; addresses of this process. */
struct hash_geom {
	char *buckets; /* each begins with a reference, or 0 = END | this bucket */
	char *elems;
	char *pcpu;	 /* per-CPU values, NULL for the plain kind */
	u64 pcpu_stride; /* one slot's values to the next's */
	u32 elem_size, nr_elems;
	u32 bucket_mask;
	u8 lock_mask, shard_mask;
	u8 bucket_shift; /* its bytes */
	u8 homes;	 /* elements in a bucket */
	u32 value_off;	 /* of the value in the element */
	u32 seed;
	u8 *marks; /* LRU kinds, else NULL */
};
_Static_assert(sizeof(struct hash_geom) <= sizeof_field(struct bpf_map, geom), "geom too small");

static inline struct hash_geom *geom_of(const struct bpf_map *map)
{
	return (struct hash_geom *)map->geom;
}
static inline struct hash_shm *shm_of(const struct bpf_map *map)
{
	return (struct hash_shm *)map->shm;
}
static inline struct hash_lock *lock_at(const struct bpf_map *map, u32 bucket)
{
	return (struct hash_lock *)((char *)map->shm + MAP_PAGE) + (bucket & geom_of(map)->lock_mask);
}

/* --- elements and chains --- */

static inline u32 ref_load(const u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}
static inline u32 word(const u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}
static inline void set_word(u32 *p, u32 v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}
static inline void ref_store(u32 *p, u32 ref)
{
	__atomic_store_n(p, ref, __ATOMIC_RELEASE);
}

/* Element behind a reference; NULL for end marks and for anything that is no element. */
static inline struct elem *elem_at(const struct hash_geom *g, u32 ref)
{
	return likely(ref - 1 < g->nr_elems)
		       ? (struct elem *)(g->elems + (u64)(ref - 1) * g->elem_size)
		       : NULL;
}

/* Where the chain of @bucket begins. */
static inline u32 *head_at(const struct hash_geom *g, u32 bucket)
{
	return (u32 *)(g->buckets + ((u64)bucket << g->bucket_shift));
}

static inline struct elem *home_at(const struct hash_geom *g, u32 bucket, u32 i)
{
	return (struct elem *)((char *)head_at(g, bucket) + (u64)i * g->elem_size);
}

static inline bool home_taken(u32 gen)
{
	return gen & 1;
}

static inline bool is_home(const struct hash_geom *g, const struct elem *e)
{
	return (const char *)e < g->elems;
}

/* The reference of an element that is no home. */
static inline u32 ref_of(const struct hash_geom *g, const struct elem *e)
{
	return (u32)((u64)((const char *)e - g->elems) / g->elem_size) + 1;
}

/* The element was used; LRU kinds have no homes. */
static inline void mark(const struct bpf_map *map, u32 ref)
{
	u8 *marks = geom_of(map)->marks;

	if (marks && !map->rdonly && !__atomic_load_n(&marks[ref - 1], __ATOMIC_RELAXED))
		__atomic_store_n(&marks[ref - 1], 1, __ATOMIC_RELAXED);
}

static inline char *pcpu_value(const struct bpf_map *map, u32 ref, u32 cpu)
{
	const struct hash_geom *g = geom_of(map);

	return g->pcpu + g->pcpu_stride * cpu + (u64)(ref - 1) * map->elem_stride;
}

static inline u32 gen_of(const struct elem *e)
{
	return __atomic_load_n(&e->gen, __ATOMIC_ACQUIRE);
}

/* Before what is read of the element may mislead. The bucket is locked. */
static inline void gen_bump(struct elem *e)
{
	__atomic_store_n(&e->gen, e->gen + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline int hash_lock(const struct bpf_map *map, u32 bucket)
{
	bool stolen = false;
	int err = bucket_lock(&lock_at(map, bucket)->word, &stolen);

	if (unlikely(stolen))
		__atomic_store_n(&shm_of(map)->stolen, 1, __ATOMIC_RELAXED);
	return err;
}

static inline void hash_unlock(const struct bpf_map *map, u32 bucket)
{
	bucket_unlock(&lock_at(map, bucket)->word);
}

/* hash_ops.c */
u32 hash_key(const struct bpf_map *map, const void *key);
/* Without lock: the element with @key, or NULL; *gen is the element's when it was found. */
const struct elem *hash_find(const struct bpf_map *map, const void *key, u32 *gen);

/* hash_chain.c */
void hash_free_value(const struct bpf_map *map, u32 ref);
/* Takes the element that @link refers to off its chain and gives it back to the pool; its bucket is locked. */
void hash_drop(const struct bpf_map *map, u32 *link, u32 ref);

/* hash_layout.c */
int hash_alloc_check(const struct map_attr *attr);
u64 hash_shm_size(const struct map_attr *attr);
int hash_bind(struct bpf_map *map);

/*
 * For kinds whose elements are in a hash table that is not quite the map: a view of the same memory with @attr, in
 * map->extra. The kind's size is hash_shm_size(@attr).
 */
int map_table_bind(struct bpf_map *map, const struct map_attr *attr);

/* hash_pool.c; a lock is held. 0: there is none */
u32 hash_pool_pop(const struct bpf_map *map);
void hash_pool_push(const struct bpf_map *map, u32 ref);
u32 hash_spare_take(const struct bpf_map *map, u32 bucket);
void hash_spare_give(const struct bpf_map *map, u32 bucket, u32 ref);
/* All locks are held: what no chain has is free. */
void hash_pool_rebuild(const struct bpf_map *map);
u64 hash_used(struct bpf_map *map);

/* hash_lru.c */
bool hash_make_room(const struct bpf_map *map);

/* hash_walk.c */
int hash_next_key(struct bpf_map *map, const void *key, void *next_key);
long hash_for_each(struct bpf_map *map, long (*cb)(struct bpf_map *, void *, void *, void *), void *arg);
int hash_walk(struct bpf_map *map, u64 *pos, void *key, void **value);
int hash_in_bucket(struct bpf_map *map, u64 bucket, u32 n, void *key);
const void *hash_key_of(struct bpf_map *map, const void *value, u32 *index);
void hash_free_fields(struct bpf_map *map);

/* hash_dead.c */
bool hash_release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg);

#endif
