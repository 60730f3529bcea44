/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack_trace.c - BPF_MAP_TYPE_STACK_TRACE: stacks by the hash of their addresses.
 *
 * Shared memory: [header page: struct map_shm, then struct stack_page][buckets], as many buckets as max_entries
 * rounded up to a power of two. The id of a stack is its hash, masked; a bucket holds one stack.
 *
 *   bucket: state = version << 32 | frames (0: empty)   hash   frames, 8 bytes or a build id each
 *
 * Storing the stack that is there already takes no lock: a look at a bucket is good when its state
 * was the same before and after. Who changes a bucket holds the map's lock and empties the bucket
 * first, so one killed half-way leaves it empty, and the next holder counts again. What a hostile
 * peer writes changes what is found, never where we read: indices and counts are bounded here.
 */
#include "map/bucket_lock.h"
#include "map/map_kind.h"

#define MAX_STACK 127u /* kernel.perf_event_max_stack */
#define TRIES	  64

struct stack_page {
	u32 lock;
	u32 used; /* buckets with a stack, under the lock */
};

struct stack_bucket {
	u64 state;
	u32 hash, pad;
	u8 data[];
};

struct stack_geom {
	struct stack_page *page;
	char *buckets;
	u64 stride;
	u32 mask, frame_size, max_frames;
};
_Static_assert(sizeof(struct stack_geom) <= sizeof_field(struct bpf_map, geom), "geom too small");

static struct stack_geom *geom_of(const struct bpf_map *map)
{
	return (struct stack_geom *)map->geom;
}

static u32 frame_size(const struct map_attr *attr)
{
	return attr->map_flags & BPF_F_STACK_BUILD_ID ? sizeof(struct bpf_stack_build_id)
						      : sizeof(u64);
}

static int check(const struct map_attr *attr)
{
	u32 frame = frame_size(attr);

	if (attr->map_flags &
	    ~(BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_STACK_BUILD_ID))
		return -EINVAL;
	if (!attr->max_entries || attr->key_size != 4 || attr->value_size < 8 ||
	    attr->value_size % 8)
		return -EINVAL;
	if (attr->value_size % frame || attr->value_size / frame > MAX_STACK)
		return -EINVAL;
	return attr->max_entries > 1u << 31 ? -E2BIG : 0;
}

static u64 stride_of(const struct map_attr *attr)
{
	return sizeof(struct stack_bucket) + attr->value_size;
}

static u64 shm_size(const struct map_attr *attr)
{
	return MAP_PAGE +
	       map_page_up(((u64)map_index_mask(attr->max_entries) + 1) * stride_of(attr));
}

static int bind(struct bpf_map *map)
{
	struct stack_geom *g = geom_of(map);

	map->value_off = MAP_PAGE;
	g->page = (struct stack_page *)(map->shm + 1);
	g->buckets = (char *)map->shm + MAP_PAGE;
	g->stride = stride_of(&map->attr);
	g->mask = map_index_mask(map->max_entries);
	g->frame_size = frame_size(&map->attr);
	g->max_frames = map->value_size / g->frame_size;
	return 0;
}

static struct stack_bucket *bucket_of(const struct bpf_map *map, u32 id)
{
	const struct stack_geom *g = geom_of(map);

	return (struct stack_bucket *)(g->buckets + g->stride * (id & g->mask));
}

static u64 state_of(const struct stack_bucket *b)
{
	return __atomic_load_n(&b->state, __ATOMIC_ACQUIRE);
}

static u32 frames_of(const struct bpf_map *map, u64 state)
{
	u32 n = (u32)state;

	return n < geom_of(map)->max_frames ? n : geom_of(map)->max_frames;
}

/* Was the bucket left alone since @state was read? */
static bool unchanged(const struct stack_bucket *b, u64 state)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&b->state, __ATOMIC_RELAXED) == state;
}

/* --- changes, under the lock --- */

static void set_state(struct stack_bucket *b, u32 frames)
{
	u64 version = (state_of(b) >> 32) + 1;

	__atomic_store_n(&b->state, version << 32 | frames, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* A holder died: how many are there really? */
static void recount(struct bpf_map *map)
{
	struct stack_geom *g = geom_of(map);
	u32 used = 0;

	for (u64 i = 0; i <= g->mask; i++)
		used += (u32)state_of(bucket_of(map, (u32)i)) != 0;
	g->page->used = used;
}

static int lock(struct bpf_map *map)
{
	bool stolen = false;
	int err = bucket_lock(&geom_of(map)->page->lock, &stolen);

	if (!err && stolen)
		recount(map);
	return err;
}

static void unlock(struct bpf_map *map)
{
	bucket_unlock(&geom_of(map)->page->lock);
}

struct trace {
	const void *frames;
	u32 nr, hash;
	bool fast, reuse;
};

static bool same(const struct bpf_map *map, const struct stack_bucket *b, u64 state,
		 const struct trace *t)
{
	if (!(u32)state || __atomic_load_n(&b->hash, __ATOMIC_RELAXED) != t->hash)
		return false;
	return t->fast || (frames_of(map, state) == t->nr &&
			   !memcmp(b->data, t->frames, (u64)t->nr * geom_of(map)->frame_size));
}

/* With the lock. A full map has nothing left even for a stack that replaces another, as the
 * kernel's pool. */
static int store(struct bpf_map *map, struct stack_bucket *b, const struct trace *t)
{
	struct stack_geom *g = geom_of(map);
	u64 state = state_of(b);

	if (same(map, b, state, t))
		return 0;
	if ((u32)state && !t->reuse)
		return -EEXIST;
	if (g->page->used >= map->max_entries)
		return -ENOMEM;
	if (!(u32)state)
		g->page->used++;
	set_state(b, 0);
	__atomic_store_n(&b->hash, t->hash, __ATOMIC_RELAXED);
	memcpy(b->data, t->frames, (u64)t->nr * g->frame_size);
	set_state(b, t->nr);
	return 0;
}

u32 map_stack_trace_frames(const struct bpf_map *map)
{
	return geom_of(map)->max_frames;
}

long map_stack_trace_id(struct bpf_map *map, u32 hash, const void *frames, u32 nr, u64 flags)
{
	struct trace t = {.frames = frames,
			  .nr = nr,
			  .hash = hash,
			  .fast = flags & BPF_F_FAST_STACK_CMP,
			  .reuse = flags & BPF_F_REUSE_STACKID};
	u32 id = hash & geom_of(map)->mask;
	struct stack_bucket *b = bucket_of(map, id);
	u64 state = state_of(b);
	int err;

	if (same(map, b, state, &t) && unchanged(b, state))
		return id;
	if (map->rdonly)
		return -EPERM;
	err = lock(map);
	if (err)
		return err;
	err = store(map, b, &t);
	unlock(map);
	return err ?: (long)id;
}

/* --- bpf(2) --- */

static void *lookup(struct bpf_map *map, const void *key)
{
	return NULL;
}

static bool outside(const struct bpf_map *map, const void *key)
{
	return map_load_u32(key) > geom_of(map)->mask;
}

/* A stack that changes all the time is as good as none: the kernel takes it out while it copies. */
static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	struct stack_bucket *b = bucket_of(map, map_load_u32(key));

	if (outside(map, key))
		return -ENOENT;
	for (u32 i = 0; i < TRIES; i++) {
		u64 state = state_of(b), size;

		if (!(u32)state)
			return -ENOENT;
		size = (u64)frames_of(map, state) * geom_of(map)->frame_size;
		memcpy(value, b->data, size);
		memset((char *)value + size, 0, map->value_size - size);
		if (unchanged(b, state))
			return 0;
	}
	return -ENOENT;
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return -EINVAL;
}

static int delete (struct bpf_map *map, const void *key)
{
	struct stack_bucket *b = bucket_of(map, map_load_u32(key));
	struct stack_geom *g = geom_of(map);
	int err;

	if (outside(map, key))
		return -E2BIG;
	if (map->rdonly)
		return -EPERM;
	err = lock(map);
	if (err)
		return err;
	if (!(u32)state_of(b)) {
		err = -ENOENT;
	} else {
		set_state(b, 0);
		if (g->page->used)
			g->page->used--;
	}
	unlock(map);
	return err;
}

/* A key that is not there starts from the beginning. */
static int next_key(struct bpf_map *map, const void *key, void *next)
{
	u64 id = 0, n = (u64)geom_of(map)->mask + 1;
	u32 found;

	if (key && !outside(map, key) && (u32)state_of(bucket_of(map, map_load_u32(key))))
		id = (u64)map_load_u32(key) + 1;
	while (id < n && !(u32)state_of(bucket_of(map, (u32)id)))
		id++;
	if (id >= n)
		return -ENOENT;
	found = (u32)id;
	memcpy(next, &found, sizeof(found));
	return 0;
}

static bool release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	if (!bucket_lock_break(&geom_of(map)->page->lock, tid_dead, arg) || lock(map))
		return false;
	recount(map);
	unlock(map);
	return false;
}

const struct bpf_map_ops map_stack_trace_ops = {
	.name = "stack_trace",
	.alloc_check = check,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.update = update,
	.delete = delete,
	.sys_lookup = sys_lookup,
	.get_next_key = next_key,
	.release_dead = release_dead,
};
