/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_MAP_TYPE_HASH, PERCPU_HASH and their LRU kinds in shared memory.
 *
 *   page 0     struct map_shm, struct hash_shm (the pool)
 *   page 1     locks, each for every so many'th bucket
 *   buckets    head of a chain each, 2^n of them, n as in the kernel
 *   elems      { next, hash, gen, free_next, key, value } per element of the pool
 *   values     per-CPU maps: slot after slot, one value per element
 *   marks      LRU kinds: a byte per element, set when it is used
 *
 * A chain is a list of references. A reference is an element's index + 1, or an end mark END |
 * bucket. Elements are reused at once, so a reader may find itself on one that is somewhere else by
 * now. It notices: an element's gen changes before it is taken off a chain and again before it is
 * reused, and a reader goes from an element to the next only while the first is still where it was
 * (find()), else it starts again. So a key that is there is always found. Memory of zeroes is an
 * empty map.
 *
 * Readers take no lock. Writers hold their bucket's lock over everything they do: taking an element
 * from the pool, linking or unlinking it (one store each; replacing a value is one store too) and
 * giving an element back. So a writer killed at any instruction leaves a correct chain and its lock
 * taken; whoever holds all locks sees no element in flight and can rebuild the pool exactly.
 *
 * LRU kinds never are full: who finds no room throws out an element first. A hand goes round over the
 * elements; one that was used since the hand came by loses its mark, the first without goes. That
 * is done before the writer takes its own lock, with the lock of the bucket that loses.
 *
 * Nothing read from shared memory is trusted: references are bounds-checked, walks are bounded by
 * the size of the pool.
 */
#include <sched.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "map/bucket_lock.h"
#include "map/map_kind.h"

#define END 0x80000000u
/* Writers replace values by swapping elements, so more are in use than the map holds: one per
 * writer at work. */
#define SPARE_ELEMS 16u
#define RETRIES	    1024u

struct hash_shm {
	struct map_shm common;
	u64 pad[6];
	u64 free_head; /* change count << 32 | reference; 0 = empty */
	u64 pad2[7];
	u32 fresh;  /* elements from here on were never used */
	u32 stolen; /* somebody died inside: the pool wants rebuilding */
	u32 hand;   /* LRU kinds: the element that is looked at next */
};
_Static_assert(sizeof(struct hash_shm) <= MAP_PAGE, "header must fit its page");

#define NR_LOCKS (MAP_PAGE / sizeof(u32))

struct elem {
	u32 next;
	u32 hash;
	u32 gen; /* changes when the element is taken off its chain, and when it is used again */
	u32 free_next; /* reference in the pool's list */
	u8 key[];      /* round_up(key_size, 8), then the value */
};

/* Private geometry; addresses of this process. */
struct hash_geom {
	u32 *heads; /* reference, or 0 = END | this bucket */
	char *elems;
	char *pcpu;	 /* per-CPU values, NULL for the plain kind */
	u64 pcpu_stride; /* one slot's values to the next's */
	u32 elem_size, nr_elems;
	u32 bucket_mask, lock_mask;
	u32 value_off; /* of the value in the element */
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

/* --- layout --- */

struct hash_layout {
	u64 buckets_off, elems_off, pcpu_off, pcpu_stride, marks_off, end;
	u32 nr_buckets, nr_elems, elem_size;
};

static bool is_percpu(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_PERCPU_HASH || map_type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_lru(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_LRU_HASH || map_type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static void layout(const struct map_attr *attr, struct hash_layout *l)
{
	bool percpu = is_percpu(attr->map_type);
	u64 value = round_up((u64)attr->value_size, 8);

	l->nr_buckets = map_index_mask(attr->max_entries) + 1;
	l->nr_elems = attr->max_entries + SPARE_ELEMS + 2 * attr->nr_cpus;
	l->elem_size = round_up(
		sizeof(struct elem) + round_up((u64)attr->key_size, 8) + (percpu ? 0 : value), 8);
	l->buckets_off = 2 * MAP_PAGE;
	l->elems_off = l->buckets_off + map_page_up((u64)l->nr_buckets * sizeof(u32));
	l->pcpu_off = l->elems_off + map_page_up((u64)l->nr_elems * l->elem_size);
	l->pcpu_stride = percpu ? round_up(l->nr_elems * value, 64) : 0;
	l->marks_off = l->pcpu_off + map_page_up(l->pcpu_stride * attr->nr_cpus);
	l->end = l->marks_off + (is_lru(attr->map_type) ? map_page_up(l->nr_elems) : 0);
}

/* Bytes of the kernel's own bucket and element header: they decide what is too big (E2BIG). */
#define KERNEL_BUCKET 16u
#define KERNEL_ELEM   48u
#define HASH_FLAGS                                                                      \
	(BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS | \
	 BPF_F_ZERO_SEED)

static int alloc_check(const struct map_attr *attr)
{
	bool percpu = is_percpu(attr->map_type), lru = is_lru(attr->map_type);
	bool own_lists = attr->map_flags & BPF_F_NO_COMMON_LRU;

	if (attr->map_flags & ~HASH_FLAGS || !map_access_ok(attr->map_flags) || (own_lists && !lru))
		return -EINVAL;
	if (lru && attr->map_flags & BPF_F_NO_PREALLOC)
		return -ENOTSUPP;
	if ((percpu || own_lists) && attr->map_flags & BPF_F_NUMA_NODE)
		return -EINVAL;
	if (!attr->max_entries || !attr->key_size || !attr->value_size)
		return -EINVAL;
	if (attr->map_type == BPF_MAP_TYPE_HASH_OF_MAPS &&
	    (attr->value_size != sizeof(u32) ||
	     attr->map_flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)))
		return -EINVAL;
	if ((u64)attr->key_size + attr->value_size >= MAP_KMALLOC_MAX - KERNEL_ELEM)
		return -E2BIG;
	if (percpu && round_up(attr->value_size, 8) > MAP_PERCPU_MAX)
		return -E2BIG;
	if (attr->max_entries > 1u << 31 ||
	    map_index_mask(attr->max_entries) >= UINT32_MAX / KERNEL_BUCKET)
		return -E2BIG;
	return 0;
}

static u64 shm_size(const struct map_attr *attr)
{
	struct hash_layout l;

	layout(attr, &l);
	return l.end;
}

static int bind(struct bpf_map *map)
{
	struct hash_geom *g = geom_of(map);
	struct hash_layout l;

	layout(&map->attr, &l);
	g->heads = (u32 *)((char *)map->shm + l.buckets_off);
	g->elems = (char *)map->shm + l.elems_off;
	g->pcpu = is_percpu(map->map_type) ? (char *)map->shm + l.pcpu_off : NULL;
	g->pcpu_stride = l.pcpu_stride;
	g->marks = is_lru(map->map_type) ? (u8 *)map->shm + l.marks_off : NULL;
	g->elem_size = l.elem_size;
	g->nr_elems = l.nr_elems;
	g->bucket_mask = l.nr_buckets - 1;
	g->lock_mask = min(l.nr_buckets, (u32)NR_LOCKS) - 1;
	g->value_off = sizeof(struct elem) + round_up(map->key_size, 8);
	g->seed = map->attr.seed;
	map->value_off = l.elems_off + g->value_off;
	map->elem_stride = round_up(map->value_size, 8);
	return 0;
}

/* --- elements and chains --- */

static inline u32 ref_load(const u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
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

/* The element was used. */
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

static inline u32 hash_key(const struct bpf_map *map, const void *key)
{
	u32 seed = geom_of(map)->seed;

	switch (map->key_size) { /* constant lengths let the compiler drop everything but the few
				    instructions they need */
	case 4: return XXH3_64bits_withSeed(key, 4, seed);
	case 8: return XXH3_64bits_withSeed(key, 8, seed);
	case 16: return XXH3_64bits_withSeed(key, 16, seed);
	default: return XXH3_64bits_withSeed(key, map->key_size, seed);
	}
}

static inline bool same_key(const void *a, const void *b, u32 size)
{
	u64 x, y;

	if (size == 4)
		return map_load_u32(a) == map_load_u32(b);
	if (size == 8) {
		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		return x == y;
	}
	return !memcmp(a, b, size);
}

static inline bool elem_is(const struct elem *e, u32 hash, const void *key, u32 key_size)
{
	return READ_ONCE(e->hash) == hash && same_key(e->key, key, key_size);
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

/*
 * Without lock: the reference of the element with @key, or 0; *gen is the element's when it was
 * found.
 *
 * Standing on @prev, known to be in the chain when its gen was @prev_gen, we read @link, then the
 * gen of the element it leads to, then see that @link and
 * @prev's gen have not changed: then that element was in the chain too, with that gen.
 */
static inline u32 find(const struct bpf_map *map, const void *key, u32 hash, u32 *gen)
{
	const struct hash_geom *g = geom_of(map);
	const u32 *head = &g->heads[hash & g->bucket_mask], *link = head;
	const struct elem *prev = NULL, *e;
	u32 left = g->nr_elems + RETRIES; /* a hostile peer may have tied the chain into a ring */
	u32 prev_gen = 0, ref;

	while (left--) {
		ref = ref_load(link);
		e = elem_at(g, ref);
		*gen = e ? gen_of(e) : 0;
		if (unlikely(ref_load(link) != ref || (prev && gen_of(prev) != prev_gen)))
			goto again;
		if (!e)
			return 0;
		if (likely(elem_is(e, hash, key, map->key_size))) {
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			if (likely(__atomic_load_n(&e->gen, __ATOMIC_RELAXED) == *gen))
				return ref;
			goto again;
		}
		prev = e;
		prev_gen = *gen;
		link = &e->next;
		continue;
	again:
		prev = NULL;
		link = head;
	}
	return 0;
}

/* With the bucket locked: the place that refers to the element with @key, and its reference (0 when
 * absent). */
static u32 *find_locked(const struct bpf_map *map, u32 bucket, const void *key, u32 hash, u32 *ref)
{
	const struct hash_geom *g = geom_of(map);
	u32 *link = &g->heads[bucket];
	u32 left = g->nr_elems;

	while (left--) {
		struct elem *e = elem_at(g, *ref = ref_load(link));

		if (!e)
			break;
		if (elem_is(e, hash, key, map->key_size))
			return link;
		link = &e->next;
	}
	*ref = 0;
	return NULL;
}

/* --- the pool --- */

static u32 pool_pop_free(const struct bpf_map *map)
{
	const struct hash_geom *g = geom_of(map);
	u64 *head = &shm_of(map)->free_head;
	u64 old = __atomic_load_n(head, __ATOMIC_ACQUIRE);

	for (;;) {
		struct elem *e = elem_at(g, (u32)old);
		u64 new;

		if (!e)
			return 0;
		new = ((old >> 32) + 1) << 32 | ref_load(&e->free_next);
		if (__atomic_compare_exchange_n(head, &old, new, false, __ATOMIC_ACQUIRE,
						__ATOMIC_ACQUIRE))
			return (u32)old;
	}
}

static u32 pool_pop_fresh(const struct bpf_map *map)
{
	u32 *fresh = &shm_of(map)->fresh, old = __atomic_load_n(fresh, __ATOMIC_RELAXED);

	while (old < geom_of(map)->nr_elems)
		if (__atomic_compare_exchange_n(fresh, &old, old + 1, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return old + 1;
	return 0;
}

static u32 pool_pop(const struct bpf_map *map)
{
	u32 ref = pool_pop_free(map);

	return ref ? ref : pool_pop_fresh(map);
}

static void pool_push(const struct bpf_map *map, u32 ref)
{
	struct elem *e = elem_at(geom_of(map), ref);
	u64 *head = &shm_of(map)->free_head;
	u64 old = __atomic_load_n(head, __ATOMIC_RELAXED), new;

	do {
		ref_store(&e->free_next, (u32)old);
		new = ((old >> 32) + 1) << 32 | ref;
	} while (!__atomic_compare_exchange_n(head, &old, new, false, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
}

/* Room for one more element? The count is only this: who scribbles on it makes his map full or
 * overfull, within the pool. */
static bool count_inc(const struct bpf_map *map)
{
	u64 *used = &map->shm->used;

	if (__atomic_fetch_add(used, 1, __ATOMIC_RELAXED) < map->max_entries)
		return true;
	__atomic_fetch_sub(used, 1, __ATOMIC_RELAXED);
	return false;
}

static void count_dec(const struct bpf_map *map)
{
	__atomic_fetch_sub(&map->shm->used, 1, __ATOMIC_RELAXED);
}

/* --- values --- */

/* How an update writes values: a program writes its slot's, bpf(2) all of them. */
enum who { BY_PROGRAM, BY_SYSCALL };

static void write_value(const struct bpf_map *map, u32 ref, const void *value, enum who who,
			bool fresh)
{
	const struct hash_geom *g = geom_of(map);
	char *at = (char *)elem_at(g, ref) + g->value_off;
	u32 mine;

	if (!g->pcpu) {
		map_value_write(map, at, value, 0);
		if (fresh && map_value_special(map))
			map_value_init_special(map, at);
		return;
	}
	if (who == BY_SYSCALL) {
		for (u32 cpu = 0; cpu < map->attr.nr_cpus; cpu++)
			memcpy(pcpu_value(map, ref, cpu),
			       (const char *)value + (u64)cpu * map->elem_stride, map->elem_stride);
		return;
	}
	mine = slot_current();
	/* a new element must not show other slots what its memory held before */
	for (u32 cpu = 0; fresh && cpu < map->attr.nr_cpus; cpu++)
		if (cpu != mine)
			memset(pcpu_value(map, ref, cpu), 0, map->elem_stride);
	if (mine < map->attr.nr_cpus)
		memcpy(pcpu_value(map, ref, mine), value, map->value_size);
}

static void free_value(const struct bpf_map *map, u32 ref)
{
	const struct hash_geom *g = geom_of(map);

	if (map_value_special(map))
		map_value_free_fields(map, (char *)elem_at(g, ref) + g->value_off);
}

static void fill(const struct bpf_map *map, u32 ref, const void *key, u32 hash, const void *value,
		 enum who who)
{
	struct elem *e = elem_at(geom_of(map), ref);

	gen_bump(e);
	memcpy(e->key, key, map->key_size);
	write_value(map, ref, value, who, true);
	WRITE_ONCE(e->hash, hash);
	if (geom_of(map)->marks)
		__atomic_store_n(&geom_of(map)->marks[ref - 1], 0, __ATOMIC_RELAXED);
}

/* --- updates; the bucket is locked --- */

/* Takes the element off its chain and gives it back to the pool. */
static void drop(const struct bpf_map *map, u32 *link, u32 ref)
{
	struct elem *e = elem_at(geom_of(map), ref);

	gen_bump(e);
	ref_store(link, ref_load(&e->next));
	count_dec(map);
	free_value(map, ref);
	pool_push(map, ref);
}

static int replace(const struct bpf_map *map, u32 *link, u32 ref, const void *key, u32 hash,
		   const void *value, enum who who)
{
	const struct hash_geom *g = geom_of(map);
	struct elem *old = elem_at(g, ref), *e;
	u32 new;

	mark(map, ref);

	if (g->pcpu) { /* in place, as the kernel */
		write_value(map, ref, value, who, false);
		return 0;
	}
	new = pool_pop(map);
	if (!new) { /* every spare is in some writer's hands */
		write_value(map, ref, value, who, false);
		return 0;
	}
	fill(map, new, key, hash, value, who);
	mark(map, new);
	e = elem_at(g, new);
	ref_store(&e->next, ref_load(&old->next));
	gen_bump(old);
	ref_store(link, new);
	free_value(map, ref);
	pool_push(map, ref);
	return 0;
}

static int insert(const struct bpf_map *map, u32 bucket, const void *key, u32 hash,
		  const void *value, enum who who)
{
	const struct hash_geom *g = geom_of(map);
	u32 *head = &g->heads[bucket], new, first;

	if (!count_inc(map))
		return -E2BIG;
	new = pool_pop(map);
	if (!new) {
		count_dec(map);
		return -E2BIG;
	}
	fill(map, new, key, hash, value, who);
	first = ref_load(head);
	ref_store(&elem_at(g, new)->next, first ? first : END | bucket);
	ref_store(head, new);
	return 0;
}

static inline u32 *lock_word(const struct bpf_map *map, u32 bucket)
{
	return (u32 *)((char *)map->shm + MAP_PAGE) + (bucket & geom_of(map)->lock_mask);
}

static int lock(const struct bpf_map *map, u32 bucket)
{
	bool stolen = false;
	int err = bucket_lock(lock_word(map, bucket), &stolen);

	if (unlikely(stolen))
		__atomic_store_n(&shm_of(map)->stolen, 1, __ATOMIC_RELAXED);
	return err;
}

static void unlock(const struct bpf_map *map, u32 bucket)
{
	bucket_unlock(lock_word(map, bucket));
}

static int update_once(struct bpf_map *map, const void *key, const void *value, u64 flags,
		       enum who who)
{
	u32 hash, bucket, ref, *link;
	int err;

	if (unlikely((flags & ~(u64)BPF_F_LOCK) > BPF_EXIST ||
		     (flags & BPF_F_LOCK && !map->attr.lock_at)))
		return -EINVAL;
	if (unlikely(map->rdonly))
		return -EPERM;
	hash = hash_key(map, key);
	bucket = hash & geom_of(map)->bucket_mask;
	err = lock(map, bucket);
	if (unlikely(err))
		return err;
	link = find_locked(map, bucket, key, hash, &ref);
	if (link && flags & BPF_F_LOCK && !(flags & BPF_NOEXIST)) /* in place: its lock is there */
		map_value_write(map, (char *)elem_at(geom_of(map), ref) + geom_of(map)->value_off,
				value, flags);
	else if (link)
		err = flags & BPF_NOEXIST ? -EEXIST
					  : replace(map, link, ref, key, hash, value, who);
	else
		err = flags & BPF_EXIST ? -ENOENT : insert(map, bucket, key, hash, value, who);
	unlock(map, bucket);
	return err;
}

/* --- LRU: room for one more --- */

/* The element in chain @bucket that is @ref, if it still is. The bucket is locked. */
static u32 *find_ref(const struct bpf_map *map, u32 bucket, u32 ref)
{
	const struct hash_geom *g = geom_of(map);
	u32 *link = &g->heads[bucket], at;

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
	u32 bucket = READ_ONCE(elem_at(geom_of(map), ref)->hash) & geom_of(map)->bucket_mask;
	u32 *link;

	if (lock(map, bucket))
		return false;
	link = find_ref(map, bucket, ref);
	if (link)
		drop(map, link, ref);
	unlock(map, bucket);
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
static bool make_room(const struct bpf_map *map)
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

#define ROOM_TRIES 64 /* others may be faster to take the room that was made */

static int update_as(struct bpf_map *map, const void *key, const void *value, u64 flags,
		     enum who who)
{
	int err = update_once(map, key, value, flags, who);

	if (likely(err != -E2BIG) || !geom_of(map)->marks)
		return err;
	for (u32 i = 0; err == -E2BIG && i < ROOM_TRIES && make_room(map); i++)
		err = update_once(map, key, value, flags, who);
	return err == -E2BIG ? -ENOMEM : err;
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return update_as(map, key, value, flags, BY_PROGRAM);
}

static int sys_update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return update_as(map, key, value, flags, BY_SYSCALL);
}

static int delete (struct bpf_map *map, const void *key)
{
	const struct hash_geom *g = geom_of(map);
	u32 hash, bucket, ref, *link;
	int err;

	if (unlikely(map->rdonly))
		return -EPERM;
	hash = hash_key(map, key);
	bucket = hash & g->bucket_mask;
	err = lock(map, bucket);
	if (unlikely(err))
		return err;
	link = find_locked(map, bucket, key, hash, &ref);
	if (link)
		drop(map, link, ref);
	unlock(map, bucket);
	return link ? 0 : -ENOENT;
}

/* --- reading --- */

static void *lookup(struct bpf_map *map, const void *key)
{
	const struct hash_geom *g = geom_of(map);
	u32 gen, ref = find(map, key, hash_key(map, key), &gen);

	if (unlikely(!ref))
		return NULL;
	mark(map, ref);
	return (char *)elem_at(g, ref) + g->value_off;
}

static void *lookup_percpu(struct bpf_map *map, const void *key, u32 cpu)
{
	u32 ref, gen;

	if (unlikely(cpu >= map->attr.nr_cpus))
		return NULL;
	ref = find(map, key, hash_key(map, key), &gen);
	if (!ref)
		return NULL;
	mark(map, ref);
	return pcpu_value(map, ref, cpu);
}

static void *lookup_this_cpu(struct bpf_map *map, const void *key)
{
	return lookup_percpu(map, key, slot_current());
}

static void copy_value(const struct bpf_map *map, u32 ref, void *value, u64 flags)
{
	const struct hash_geom *g = geom_of(map);

	if (!g->pcpu) {
		void *at = (char *)elem_at(g, ref) + g->value_off;

		if (map_value_special(map))
			map_value_read_special(map, value, at, flags);
		else
			memcpy(value, at, map->value_size);
		return;
	}
	for (u32 cpu = 0; cpu < map->attr.nr_cpus; cpu++)
		memcpy((char *)value + (u64)cpu * map->elem_stride, pcpu_value(map, ref, cpu),
		       map->elem_stride);
}

/* A copy that belongs to @key: done again when the element went to another key meanwhile. */
static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	const struct hash_geom *g = geom_of(map);
	u32 hash = hash_key(map, key);

	for (u32 i = 0; i < RETRIES; i++) {
		u32 gen, ref = find(map, key, hash, &gen);

		if (!ref)
			return -ENOENT;
		copy_value(map, ref, value, flags);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (likely(__atomic_load_n(&elem_at(g, ref)->gen, __ATOMIC_RELAXED) == gen))
			return 0;
	}
	return 0; /* written to faster than we can read: torn, as any concurrent copy may be */
}

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
		u32 gen, ref = find(map, key, hash, &gen), next;
		const struct elem *e = elem_at(geom_of(map), ref);

		if (!e)
			return 0;
		next = ref_load(&e->next);
		if (likely(gen_of(e) == gen))
			return next;
	}
	return 0;
}

static int get_next_key(struct bpf_map *map, const void *key, void *next_key)
{
	const struct hash_geom *g = geom_of(map);
	u32 hash = key ? hash_key(map, key) : 0;
	u32 next = key ? find_next(map, key, hash) : 0;

	if (!next)
		next = first_from(g, 0);
	else if (!elem_at(g, next))
		next = first_from(g, (hash & g->bucket_mask) + 1);
	if (!next)
		return -ENOENT;
	memcpy(next_key, elem_at(g, next)->key, map->key_size);
	return 0;
}

static long for_each(struct bpf_map *map, long (*cb)(struct bpf_map *, void *, void *, void *),
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
static int walk(struct bpf_map *map, u64 *pos, void *key, void **value)
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
			memcpy(key, e->key, map->key_size);
			*value = g->pcpu ? NULL : (char *)e + g->value_off;
			*pos = bucket << 32 | n;
			return 0;
		}
	}
	return -ENOENT;
}

/* --- dead owners --- */

static void unlock_first(const struct bpf_map *map, u32 nr)
{
	while (nr)
		unlock(map, --nr);
}

static bool lock_all(const struct bpf_map *map)
{
	for (u32 l = 0; l <= geom_of(map)->lock_mask; l++)
		if (lock(map, l)) {
			unlock_first(map, l);
			return false;
		}
	return true;
}

/* All locks are ours: what no chain holds is free. Marks are made in the pool links, which nobody
 * else reads now. */
static void pool_rebuild(const struct bpf_map *map)
{
	const struct hash_geom *g = geom_of(map);
	struct hash_shm *shm = shm_of(map);
	u32 fresh = min(__atomic_load_n(&shm->fresh, __ATOMIC_RELAXED), g->nr_elems);
	u64 old = __atomic_load_n(&shm->free_head, __ATOMIC_RELAXED), used = 0;
	u32 head = 0;

	for (u32 ref = 1; ref <= fresh; ref++)
		ref_store(&elem_at(g, ref)->free_next, 0);
	for (u64 b = 0; b <= g->bucket_mask; b++) {
		u32 ref = ref_load(&g->heads[b]);
		struct elem *e;

		/* an element met twice ends the walk: such a chain was tampered with */
		for (; (e = elem_at(g, ref)) && ref_load(&e->free_next) != END;
		     ref = ref_load(&e->next)) {
			ref_store(&e->free_next, END);
			used++;
		}
	}
	for (u32 ref = fresh; ref; ref--) {
		struct elem *e = elem_at(g, ref);

		if (ref_load(&e->free_next) == END)
			continue;
		ref_store(&e->free_next, head);
		head = ref;
	}
	__atomic_store_n(&shm->free_head, ((old >> 32) + 1) << 32 | head, __ATOMIC_RELEASE);
	__atomic_store_n(&shm->common.used, used, __ATOMIC_RELAXED);
}

/*
 * Whoever takes a dead owner's lock finds a correct chain; what is lost is the element the dead had
 * in hands, and the count. Where a lock is kept by somebody alive for too long (or for ever, by a
 * hostile peer) the pool stays as it is until the next time.
 */
static void release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	const struct hash_geom *g = geom_of(map);
	bool any = __atomic_exchange_n(&shm_of(map)->stolen, 0, __ATOMIC_RELAXED);

	for (u32 l = 0; l <= g->lock_mask; l++)
		if (unlikely(READ_ONCE(*lock_word(map, l))))
			any |= bucket_lock_break(lock_word(map, l), tid_dead, arg);
	if (!any)
		return;
	if (!lock_all(map)) {
		__atomic_store_n(&shm_of(map)->stolen, 1, __ATOMIC_RELAXED);
		return;
	}
	pool_rebuild(map);
	unlock_first(map, g->lock_mask + 1);
}

static const void *key_of(struct bpf_map *map, const void *value, u32 *index)
{
	const struct hash_geom *g = geom_of(map);
	const char *first = g->elems + g->value_off;
	u64 off = (u64)((const char *)value - first);

	if ((const char *)value < first || off % g->elem_size || off / g->elem_size >= g->nr_elems)
		return NULL;
	return ((const struct elem *)((const char *)value - g->value_off))->key;
}

/* All elements, also those of the pool: a program may have put something into one that was deleted
 * under its hands. */
static void free_fields(struct bpf_map *map)
{
	u32 fresh = __atomic_load_n(&shm_of(map)->fresh, __ATOMIC_RELAXED);

	for (u32 ref = 1; ref <= min(fresh, geom_of(map)->nr_elems); ref++)
		free_value(map, ref);
}

#define HASH_OPS                                                                          \
	.alloc_check = alloc_check, .shm_size = shm_size, .bind = bind, .update = update, \
	.delete = delete, .sys_lookup = sys_lookup, .get_next_key = get_next_key,         \
	.for_each = for_each, .walk = walk, .release_dead = release_dead

#define PERCPU_OPS                                                                           \
	.lookup = lookup_this_cpu, .lookup_percpu = lookup_percpu, .sys_update = sys_update, \
	.percpu = true

const struct bpf_map_ops map_hash_ops = {
	.name = "hash",
	HASH_OPS,
	.lookup = lookup,
	.free_fields = free_fields,
	.key_of = key_of,
};

const struct bpf_map_ops map_lru_hash_ops = {
	.name = "lru_hash",
	HASH_OPS,
	.lookup = lookup,
	.free_fields = free_fields,
	.key_of = key_of,
};

const struct bpf_map_ops map_percpu_hash_ops = {
	.name = "percpu_hash",
	HASH_OPS,
	PERCPU_OPS,
};

const struct bpf_map_ops map_lru_percpu_hash_ops = {
	.name = "lru_percpu_hash",
	HASH_OPS,
	PERCPU_OPS,
};

/* Values are ids of maps, which the service writes (map_in_map.c). */
const struct bpf_map_ops map_hash_of_maps_ops = {
	.name = "hash_of_maps",
	.alloc_check = alloc_check,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.update = update,
	.delete = delete,
	.sys_lookup = sys_lookup,
	.get_next_key = get_next_key,
	.release_dead = release_dead,
	.fd_values = true,
	.map_values = true,
};
