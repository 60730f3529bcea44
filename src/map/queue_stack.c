/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue_stack.c - BPF_MAP_TYPE_QUEUE and STACK: values without keys, pushed at one end.
 *
 * Shared memory: [header page: struct map_shm, then struct queue_page][max_entries + 1 slots]. The values
 * are those from tail to head, round the end; one slot stays free.
 *
 * Who changes anything holds the lock and bumps the version first; then every step is one store, so a
 * map is whole whenever its writer dies. A look at a value (peek, which read-only handles may do)
 * takes no lock and is good when the version was the same before and after. Indices are bounded
 * whenever they are read.
 */
#include "map/bucket_lock.h"
#include "map/map_kind.h"

#define FLAGS (BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS)
#define TRIES 1024

struct queue_page {
	u32 lock;
	u32 version;
	u32 head, tail;
};

struct queue_geom {
	struct queue_page *page;
	char *values;
	u64 slots;
};
_Static_assert(sizeof(struct queue_geom) <= sizeof_field(struct bpf_map, geom), "geom too small");

static struct queue_geom *geom_of(const struct bpf_map *map)
{
	return (struct queue_geom *)map->geom;
}

static int check(const struct map_attr *attr)
{
	if (!attr->max_entries || attr->key_size || !attr->value_size || attr->map_flags & ~FLAGS ||
	    !map_access_ok(attr->map_flags))
		return -EINVAL;
	return attr->value_size > MAP_KMALLOC_MAX ? -E2BIG : 0;
}

static u64 shm_size(const struct map_attr *attr)
{
	return MAP_PAGE + map_page_up(((u64)attr->max_entries + 1) * attr->value_size);
}

static int bind(struct bpf_map *map)
{
	struct queue_geom *g = geom_of(map);

	map->value_off = MAP_PAGE;
	map->elem_stride = map->value_size;
	g->page = (void *)((char *)map->shm + MAP_OWN_PART);
	g->values = (char *)map->shm + MAP_PAGE;
	g->slots = (u64)map->max_entries + 1;
	return 0;
}

static u64 load(const struct queue_geom *g, const u32 *index)
{
	u32 i = __atomic_load_n(index, __ATOMIC_ACQUIRE);

	return i < g->slots ? i : 0;
}

static u64 after(const struct queue_geom *g, u64 i)
{
	return i + 1 < g->slots ? i + 1 : 0;
}

static u64 before(const struct queue_geom *g, u64 i)
{
	return (i ? i : g->slots) - 1;
}

static char *slot(const struct bpf_map *map, u64 i)
{
	return geom_of(map)->values + i * map->value_size;
}

static u32 version_of(const struct queue_geom *g)
{
	return __atomic_load_n(&g->page->version, __ATOMIC_ACQUIRE);
}

/* --- changes, under the lock --- */

static int lock(struct bpf_map *map)
{
	bool stolen;

	return map->rdonly ? -EPERM : bucket_lock(&geom_of(map)->page->lock, &stolen);
}

static void unlock(struct bpf_map *map)
{
	bucket_unlock(&geom_of(map)->page->lock);
}

/* Before what a reader is looking at may go. */
static void change(const struct queue_geom *g, u32 *index, u64 to)
{
	__atomic_store_n(&g->page->version, version_of(g) + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(index, (u32)to, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* BPF_EXIST: a full map loses its oldest value. */
static int push(struct bpf_map *map, const void *value, u64 flags)
{
	const struct queue_geom *g = geom_of(map);
	u64 head;
	int err;

	if (flags & BPF_NOEXIST || flags > BPF_EXIST)
		return -EINVAL;
	err = lock(map);
	if (err)
		return err;
	head = load(g, &g->page->head);
	if (after(g, head) == load(g, &g->page->tail)) {
		if (!(flags & BPF_EXIST)) {
			err = -E2BIG;
			goto out;
		}
		change(g, &g->page->tail, after(g, load(g, &g->page->tail)));
	}
	race_copy(slot(map, head), value, map->value_size);
	change(g, &g->page->head, after(g, head));
out:
	unlock(map);
	return err;
}

static bool is_queue(const struct bpf_map *map)
{
	return map->map_type == BPF_MAP_TYPE_QUEUE;
}

/* Where the value is that goes next; false: there is none. */
static bool next_out(const struct bpf_map *map, u64 *i)
{
	const struct queue_geom *g = geom_of(map);
	u64 head = load(g, &g->page->head), tail = load(g, &g->page->tail);

	*i = is_queue(map) ? tail : before(g, head);
	return head != tail;
}

static int pop(struct bpf_map *map, void *value)
{
	const struct queue_geom *g = geom_of(map);
	int err = lock(map);
	u64 i;

	if (err) {
		memset(value, 0, map->value_size);
		return err;
	}
	if (next_out(map, &i)) {
		race_copy(value, slot(map, i), map->value_size);
		if (is_queue(map))
			change(g, &g->page->tail, after(g, i));
		else
			change(g, &g->page->head, i);
	} else {
		memset(value, 0, map->value_size);
		err = -ENOENT;
	}
	unlock(map);
	return err;
}

static int peek(struct bpf_map *map, void *value)
{
	const struct queue_geom *g = geom_of(map);
	u64 i;

	for (u32 n = 0; n < TRIES; n++) {
		u32 version = version_of(g);
		bool there = next_out(map, &i);

		if (there)
			race_copy(value, slot(map, i), map->value_size);
		else
			memset(value, 0, map->value_size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (version_of(g) == version)
			return there ? 0 : -ENOENT;
	}
	return 0; /* changed faster than we can read: torn, as any concurrent copy may be */
}

/* --- bpf(2) --- */

static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	return peek(map, value);
}

static int sys_update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return push(map, value, flags);
}

static void *lookup(struct bpf_map *map, const void *key)
{
	return NULL;
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return -EINVAL;
}

static int delete (struct bpf_map *map, const void *key)
{
	return -EINVAL;
}

static int next_key(struct bpf_map *map, const void *key, void *next)
{
	return -EINVAL;
}

static bool release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	bucket_lock_break(&geom_of(map)->page->lock, tid_dead, arg);
	return false;
}

static u64 used(struct bpf_map *map)
{
	const struct queue_geom *g = geom_of(map);
	u64 head = load(g, &g->page->head), tail = load(g, &g->page->tail);

	return head >= tail ? head - tail : g->slots - tail + head;
}

#define OPS(lower)                                     \
	const struct bpf_map_ops map_##lower##_ops = { \
		.name = #lower,                        \
		.alloc_check = check,                  \
		.shm_size = shm_size,                  \
		.bind = bind,                          \
		.lookup = lookup,                      \
		.update = update,                      \
		.delete = delete,                      \
		.push = push,                          \
		.pop = pop,                            \
		.peek = peek,                          \
		.sys_lookup = sys_lookup,              \
		.sys_update = sys_update,              \
		.get_next_key = next_key,              \
		.release_dead = release_dead,          \
		.used = used,                          \
	}

OPS(queue);
OPS(stack);
