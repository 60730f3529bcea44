/* SPDX-License-Identifier: BSD-2-Clause */
/* hash_ops.c - updates and look-ups of hash maps; hash.h has the idea. */
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "map/hash.h"

/* --- keys --- */

/* What depends on a key's length is compiled for those that most have: of what it would be else few instructions
 * are left, and who looks up one key after the other has more of them under way. */
#define HOT static inline __attribute__((always_inline))

#define BY_KEY_SIZE(map, function, ...)                           \
	((map)->key_size == 8	 ? function(map, 8, __VA_ARGS__)  \
	 : (map)->key_size == 4	 ? function(map, 4, __VA_ARGS__)  \
	 : (map)->key_size == 16 ? function(map, 16, __VA_ARGS__) \
				 : function(map, (map)->key_size, __VA_ARGS__))

HOT u32 hash_sized(const struct bpf_map *map, u32 size, const void *key)
{
	return XXH3_64bits_withSeed(key, size, geom_of(map)->seed);
}

static u32 key_hash(const struct bpf_map *map, const void *key)
{
	return BY_KEY_SIZE(map, hash_sized, key);
}

/* The element's key may be written meanwhile: its gen tells. */
HOT bool same_key(const void *a, const void *b, u32 size)
{
	return race_equal(a, b, size);
}

HOT bool elem_is(const struct elem *e, u32 hash, const void *key, u32 key_size)
{
	return word(&e->hash) == hash && same_key(e->key, key, key_size);
}

u32 hash_key(const struct bpf_map *map, const void *key)
{
	return key_hash(map, key);
}

/* @e is the element that it was when its gen was read: what was read of it since is its. */
static inline bool unchanged(const struct elem *e, u32 gen)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return likely(word(&e->gen) == gen);
}

/*
 * Without lock: the element with @key of a chain, or NULL; *gen is the element's when it was found, *found its
 * reference.
 *
 * Standing on @prev, known to be in the chain when its gen was @prev_gen, we read @link, then the
 * gen of the element it leads to, then see that @link and
 * @prev's gen have not changed: then that element was in the chain too, with that gen.
 */
HOT struct elem *find_in_chain(const struct bpf_map *map, const u32 *head, u32 size,
			       const void *key, u32 hash, u32 *gen, u32 *found)
{
	const struct hash_geom *g = geom_of(map);
	const u32 *link = head;
	const struct elem *prev = NULL;
	struct elem *e;
	u32 left = g->nr_elems + RETRIES; /* a hostile peer may have tied the chain into a ring */
	u32 prev_gen = 0, ref;

	while (left--) {
		ref = ref_load(link);
		e = elem_at(g, ref);
		*gen = e ? gen_of(e) : 0;
		if (unlikely(ref_load(link) != ref || (prev && gen_of(prev) != prev_gen)))
			goto again;
		if (!e)
			return NULL;
		if (likely(elem_is(e, hash, key, size))) {
			*found = ref;
			if (unchanged(e, *gen))
				return e;
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
	return NULL;
}

/* Which home to look at first, without a branch that nobody can foretell. */
static inline u32 likely_home(const struct hash_geom *g, u32 bucket, u32 hash)
{
	return g->homes == 2 ? word(&home_at(g, bucket, 1)->hash) == hash : 0;
}

HOT bool lives_there(struct elem *home, u32 size, const void *key, u32 hash, u32 *gen)
{
	*gen = gen_of(home);
	return home_taken(*gen) && elem_is(home, hash, key, size) && unchanged(home, *gen);
}

/* Not in its likely home. Elements do not move between homes and chains: who is in neither is not there. */
static __attribute__((noinline)) struct elem *
find_behind_home(const struct bpf_map *map, const void *key, u32 hash, u32 *gen, u32 *ref)
{
	const struct hash_geom *g = geom_of(map);
	u32 bucket = hash & g->bucket_mask;

	for (u32 i = 0; i < g->homes; i++)
		if (lives_there(home_at(g, bucket, i), map->key_size, key, hash, gen))
			return home_at(g, bucket, i);
	return find_in_chain(map, head_at(g, bucket), map->key_size, key, hash, gen, ref);
}

HOT struct elem *find_sized(const struct bpf_map *map, u32 size, const void *key, u32 *gen,
			    u32 *ref)
{
	const struct hash_geom *g = geom_of(map);
	u32 hash = hash_sized(map, size, key), bucket = hash & g->bucket_mask;
	struct elem *home;

	if (!g->homes)
		return find_in_chain(map, head_at(g, bucket), size, key, hash, gen, ref);
	home = home_at(g, bucket, likely_home(g, bucket, hash));
	if (likely(lives_there(home, size, key, hash, gen)))
		return home;
	return find_behind_home(map, key, hash, gen, ref);
}

/* Without lock: the element with @key, or NULL; *gen is the element's when it was found, *ref its reference unless it
 * is a home. */
HOT struct elem *find(const struct bpf_map *map, const void *key, u32 *gen, u32 *ref)
{
	return BY_KEY_SIZE(map, find_sized, key, gen, ref);
}

const struct elem *hash_find(const struct bpf_map *map, const void *key, u32 *gen)
{
	u32 ref;

	return find(map, key, gen, &ref);
}

/* Where an element is: behind @link, or at home. */
struct place {
	struct elem *e;
	u32 *link, ref;
};

static bool find_home(const struct bpf_map *map, u32 bucket, const void *key, u32 hash,
		      struct place *at)
{
	const struct hash_geom *g = geom_of(map);
	u32 first = likely_home(g, bucket, hash);

	for (u32 i = 0; i < g->homes; i++) {
		struct elem *e = home_at(g, bucket, i ^ first);

		if (!home_taken(word(&e->gen)) || !elem_is(e, hash, key, map->key_size))
			continue;
		*at = (struct place){e};
		return true;
	}
	return false;
}

/* With the bucket locked: where the element with @key is. */
static bool find_locked(const struct bpf_map *map, u32 bucket, const void *key, u32 hash,
			struct place *at)
{
	const struct hash_geom *g = geom_of(map);
	u32 *link = head_at(g, bucket);
	u32 left = g->nr_elems;

	if (find_home(map, bucket, key, hash, at))
		return true;
	while (left--) {
		u32 ref = ref_load(link);
		struct elem *e = elem_at(g, ref);

		if (!e)
			break;
		if (elem_is(e, hash, key, map->key_size)) {
			*at = (struct place){e, link, ref};
			return true;
		}
		link = &e->next;
	}
	return false;
}

/* --- values --- */

/* How an update writes values: a program writes its slot's, bpf(2) all of them. */
enum who { BY_PROGRAM, BY_SYSCALL };

static void write_pcpu(const struct bpf_map *map, u32 ref, const void *value, enum who who,
		       bool fresh)
{
	u32 mine;

	if (who == BY_SYSCALL) {
		for (u32 cpu = 0; cpu < map->attr.nr_cpus; cpu++)
			race_copy(pcpu_value(map, ref, cpu),
				  (const char *)value + (u64)cpu * map->elem_stride,
				  map->elem_stride);
		return;
	}
	mine = slot_current();
	/* a new element must not show other slots what its memory held before */
	for (u32 cpu = 0; fresh && cpu < map->attr.nr_cpus; cpu++)
		if (cpu != mine)
			race_zero(pcpu_value(map, ref, cpu), map->elem_stride);
	if (mine < map->attr.nr_cpus)
		race_copy(pcpu_value(map, ref, mine), value, map->value_size);
}

/* @ref matters to per-CPU values only: they are kept by it. */
static void write_value(const struct bpf_map *map, struct elem *e, u32 ref, const void *value,
			enum who who, bool fresh)
{
	const struct hash_geom *g = geom_of(map);
	char *at = (char *)e + g->value_off;

	if (g->pcpu) {
		write_pcpu(map, ref, value, who, fresh);
		return;
	}
	if (likely(value != NULL))
		map_value_write(map, at, value, 0);
	else
		race_zero(at, map->value_size);
	if (fresh && map_value_special(map))
		map_value_init_special(map, at);
}

static void fill(const struct bpf_map *map, struct elem *e, u32 ref, const void *key, u32 hash,
		 const void *value, enum who who)
{
	race_copy(e->key, key, map->key_size);
	write_value(map, e, ref, value, who, true);
	set_word(&e->hash, hash);
}

/* One of the pool. */
static struct elem *fill_ref(const struct bpf_map *map, u32 ref, const void *key, u32 hash,
			     const void *value, enum who who)
{
	struct elem *e = elem_at(geom_of(map), ref);

	gen_bump(e);
	fill(map, e, ref, key, hash, value, who);
	if (geom_of(map)->marks)
		__atomic_store_n(&geom_of(map)->marks[ref - 1], 0, __ATOMIC_RELAXED);
	return e;
}

/* --- updates; the bucket is locked --- */

static void leave_home(const struct bpf_map *map, struct elem *e)
{
	u32 ref = ref_load(&e->free_next);

	set_word(&e->gen, word(&e->gen) + 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (likely(elem_at(geom_of(map), ref)))
		hash_pool_push(map, ref);
}

static void drop(const struct bpf_map *map, const struct place *at)
{
	if (at->link)
		hash_drop(map, at->link, at->ref);
	else
		leave_home(map, at->e);
}

/* One store is as good as another element, for who reads. */
static bool write_at_once(const struct bpf_map *map, const struct elem *e, const void *value)
{
	void *at = (char *)e + geom_of(map)->value_off;
	u64 v = 0;

	if (geom_of(map)->pcpu || map_value_special(map))
		return false;
	if (map->value_size == sizeof(u32)) {
		__atomic_store_n((u32 *)at, map_load_u32(value), __ATOMIC_RELEASE);
		return true;
	}
	if (map->value_size > sizeof(v))
		return false;
	memcpy(&v, value, map->value_size); /* there is room for a word */
	__atomic_store_n((u64 *)at, v, __ATOMIC_RELEASE);
	return true;
}

static void replace(const struct bpf_map *map, u32 bucket, const struct place *at, const void *key,
		    u32 hash, const void *value, enum who who)
{
	struct elem *e;
	u32 new;

	mark(map, at->ref);
	if (write_at_once(map, at->e, value))
		return;
	/* per-CPU values in place, as the kernel */
	new = geom_of(map)->pcpu ? 0 : hash_spare_take(map, bucket);
	if (!new) { /* or the spare went with a dead writer */
		write_value(map, at->e, at->ref, value, who, false);
		return;
	}
	e = fill_ref(map, new, key, hash, value, who);
	mark(map, new);
	ref_store(&e->next, ref_load(&at->e->next));
	gen_bump(at->e);
	ref_store(at->link, new);
	hash_free_value(map, at->ref);
	hash_spare_give(map, bucket, at->ref);
}

static struct elem *free_home(const struct hash_geom *g, u32 bucket)
{
	for (u32 i = 0; i < g->homes; i++)
		if (!home_taken(word(&home_at(g, bucket, i)->gen)))
			return home_at(g, bucket, i);
	return NULL;
}

static int insert(const struct bpf_map *map, u32 bucket, const void *key, u32 hash,
		  const void *value, enum who who)
{
	const struct hash_geom *g = geom_of(map);
	u32 *head = head_at(g, bucket), new = hash_pool_pop(map), first;
	struct elem *home, *e;

	if (unlikely(!new))
		return -E2BIG;
	home = free_home(g, bucket);
	if (home) {
		fill(map, home, 0, key, hash, value, who);
		ref_store(&home->free_next, new);
		__atomic_store_n(&home->gen, word(&home->gen) + 1, __ATOMIC_RELEASE);
		return 0;
	}
	e = fill_ref(map, new, key, hash, value, who);
	first = ref_load(head);
	ref_store(&e->next, first ? first : END | bucket);
	ref_store(head, new);
	return 0;
}

static int update_once(struct bpf_map *map, const void *key, const void *value, u64 flags,
		       enum who who)
{
	struct place at;
	u32 hash, bucket;
	bool there;
	int err;

	if (unlikely((flags & ~(u64)BPF_F_LOCK) > BPF_EXIST ||
		     (flags & BPF_F_LOCK && !map->attr.lock_at)))
		return -EINVAL;
	if (unlikely(map->rdonly))
		return -EPERM;
	hash = key_hash(map, key);
	bucket = hash & geom_of(map)->bucket_mask;
	err = hash_lock(map, bucket);
	if (unlikely(err))
		return err;
	there = find_locked(map, bucket, key, hash, &at);
	if (there && flags & BPF_F_LOCK && !(flags & BPF_NOEXIST)) /* in place: its lock is there */
		map_value_write(map, (char *)at.e + geom_of(map)->value_off, value, flags);
	else if (there && flags & BPF_NOEXIST)
		err = -EEXIST;
	else if (there)
		replace(map, bucket, &at, key, hash, value, who);
	else
		err = flags & BPF_EXIST ? -ENOENT : insert(map, bucket, key, hash, value, who);
	hash_unlock(map, bucket);
	return err;
}

#define ROOM_TRIES 64 /* others may be faster to take the room that was made */

static int update_as(struct bpf_map *map, const void *key, const void *value, u64 flags,
		     enum who who)
{
	int err = update_once(map, key, value, flags, who);

	if (likely(err != -E2BIG))
		return err;
	/* full, but for what writers took along when they died? */
	if (__atomic_load_n(&shm_of(map)->stolen, __ATOMIC_RELAXED)) {
		hash_release_dead(map, bucket_owner_dead, NULL);
		err = update_once(map, key, value, flags, who);
	}
	if (!geom_of(map)->marks)
		return err;
	for (u32 i = 0; err == -E2BIG && i < ROOM_TRIES && hash_make_room(map); i++)
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

HOT void copy_value(const struct bpf_map *map, const struct elem *e, u32 ref, void *value,
		    u64 flags)
{
	const struct hash_geom *g = geom_of(map);
	void *at = (char *)e + g->value_off;

	if (!g->pcpu) {
		if (map_value_special(map))
			map_value_read_special(map, value, at, flags);
		else if (likely(map->value_size == sizeof(u64)))
			race_copy(value, at, sizeof(u64));
		else
			race_copy(value, at, map->value_size);
		return;
	}
	for (u32 cpu = 0; cpu < map->attr.nr_cpus; cpu++)
		race_copy((char *)value + (u64)cpu * map->elem_stride, pcpu_value(map, ref, cpu),
			  map->elem_stride);
}

/* With @value its value goes there first. */
static int take_out(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	const struct hash_geom *g = geom_of(map);
	struct place at;
	u32 hash, bucket;
	bool there;
	int err;

	if (unlikely(map->rdonly))
		return -EPERM;
	hash = key_hash(map, key);
	bucket = hash & g->bucket_mask;
	err = hash_lock(map, bucket);
	if (unlikely(err))
		return err;
	there = find_locked(map, bucket, key, hash, &at);
	if (there && value)
		copy_value(map, at.e, at.ref, value, flags);
	if (there)
		drop(map, &at);
	hash_unlock(map, bucket);
	return there ? 0 : -ENOENT;
}

static int delete (struct bpf_map *map, const void *key)
{
	return take_out(map, key, NULL, 0);
}

/* --- reading --- */

static void *lookup(struct bpf_map *map, const void *key)
{
	u32 gen, ref = 0;
	struct elem *e = find(map, key, &gen, &ref);

	if (unlikely(!e))
		return NULL;
	mark(map, ref);
	return (char *)e + geom_of(map)->value_off;
}

static void *lookup_percpu(struct bpf_map *map, const void *key, u32 cpu)
{
	u32 ref, gen;

	if (unlikely(cpu >= map->attr.nr_cpus))
		return NULL;
	if (!find(map, key, &gen, &ref))
		return NULL;
	mark(map, ref);
	return pcpu_value(map, ref, cpu);
}

static void *lookup_this_cpu(struct bpf_map *map, const void *key)
{
	return lookup_percpu(map, key, slot_current());
}

/* A copy that belongs to @key: done again when the element went to another key meanwhile. */
static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	for (u32 i = 0; i < RETRIES; i++) {
		u32 gen, ref = 0;
		const struct elem *e = find(map, key, &gen, &ref);

		if (!e)
			return -ENOENT;
		copy_value(map, e, ref, value, flags);
		if (unchanged(e, gen))
			return 0;
	}
	return 0; /* written to faster than we can read: torn, as any concurrent copy may be */
}

#define HASH_OPS                                                                        \
	.alloc_check = hash_alloc_check, .shm_size = hash_shm_size, .bind = hash_bind,  \
	.update = update, .delete = delete, .take = take_out, .sys_lookup = sys_lookup, \
	.get_next_key = hash_next_key, .for_each = hash_for_each, .walk = hash_walk,    \
	.release_dead = hash_release_dead, .used = hash_used, .in_bucket = hash_in_bucket

#define PERCPU_OPS                                                                           \
	.lookup = lookup_this_cpu, .lookup_percpu = lookup_percpu, .sys_update = sys_update, \
	.percpu = true

const struct bpf_map_ops map_hash_ops = {
	.name = "hash",
	HASH_OPS,
	.lookup = lookup,
	.free_fields = hash_free_fields,
	.key_of = hash_key_of,
};

const struct bpf_map_ops map_lru_hash_ops = {
	.name = "lru_hash",
	HASH_OPS,
	.lookup = lookup,
	.free_fields = hash_free_fields,
	.key_of = hash_key_of,
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
	.alloc_check = hash_alloc_check,
	.shm_size = hash_shm_size,
	.used = hash_used,
	.in_bucket = hash_in_bucket,
	.bind = hash_bind,
	.lookup = lookup,
	.update = update,
	.delete = delete,
	.sys_lookup = sys_lookup,
	.get_next_key = hash_next_key,
	.release_dead = hash_release_dead,
	.fd_values = true,
	.map_values = true,
};
