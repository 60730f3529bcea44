/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_MAP_TYPE_RINGBUF: records of any size, written by programs in the order they were reserved; and
 * USER_RINGBUF, the same the other way round: user space writes and programs read.
 *
 * Shared memory: [header page][consumer page][producer page][data]. The last three are the layout
 * consumers map: positions count bytes since ever, a record is an 8 byte header (length, BUSY and
 * DISCARD bits) and its bytes, rounded up to 8. In each process the data is mapped twice in a row,
 * so that a record that wraps is contiguous.
 *
 * Reserving takes the lock in the header page; a holder that died loses it to the next one. What readers look at all
 * the time is on other cache lines than what only writers need, and writers remember how far the reader was when
 * they looked last. A record
 * names who reserved it (where the kernel has a page offset for itself): when that thread died, the
 * record is discarded, or readers would stand in front of it for ever. What
 * a hostile peer writes to the positions moves records around inside the data, no further.
 */
#include <sys/mman.h>
#include "base/slot.h"
#include "map/bucket_lock.h"
#include "map/map_kind.h"

#define HEADER	   BPF_RINGBUF_HDR_SZ
#define MAX_RECORD (UINT32_MAX / 4)
#define SAMPLE_MAX ((1u << 24) - 1) /* what a dynptr can hold */

struct ring_page {
	u64 pos;
	u32 lock;
};

/* In the header page. */
struct ring_writers {
	u32 lock;
	u64 consumed; /* the reader was here at least; the lock's holder's */
};

struct ring_geom {
	struct ring_page *consumer, *producer;
	struct ring_writers *writers;
	char *data; /* twice */
	u64 mask;
};
_Static_assert(sizeof(struct ring_geom) <= sizeof_field(struct bpf_map, geom), "geom too small");

struct ring_header {
	u32 len, owner;
};

static struct ring_geom *geom_of(const struct bpf_map *map)
{
	return (struct ring_geom *)map->geom;
}

static int check(const struct map_attr *attr)
{
	u32 n = attr->max_entries;

	if (attr->map_flags & ~BPF_F_NUMA_NODE || attr->key_size || attr->value_size || !n ||
	    n & (n - 1) || n % MAP_PAGE)
		return -EINVAL;
	return 0;
}

static u64 shm_size(const struct map_attr *attr)
{
	return 3 * MAP_PAGE + (u64)attr->max_entries;
}

/* A second look at @from, at @to (inside memory of ours). */
static bool mirror(char *from, char *to, u64 len)
{
	return mremap(from, 0, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to;
}

static int bind(struct bpf_map *map)
{
	struct ring_geom *g = geom_of(map);
	char *base = (char *)map->shm, *twice;
	u64 len = map->max_entries;

	twice = mmap(NULL, 2 * len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (twice == MAP_FAILED)
		return -ENOMEM;
	if (!mirror(base + 3 * MAP_PAGE, twice, len) ||
	    !mirror(base + 3 * MAP_PAGE, twice + len, len)) {
		munmap(twice, 2 * len);
		return -ENOMEM;
	}
	map->extra = twice;
	map->extra_len = 2 * len;
	map->value_off = MAP_PAGE;
	g->consumer = (void *)(base + MAP_PAGE);
	g->producer = (void *)(base + 2 * MAP_PAGE);
	g->writers = (void *)(base + MAP_OWN_PART);
	g->data = twice;
	g->mask = len - 1;
	return 0;
}

static u64 load_pos(const struct ring_page *p)
{
	return __atomic_load_n(&p->pos, __ATOMIC_ACQUIRE);
}

/* Room for @len bytes at the producer's position: its header, or NULL. The lock is held. */
static struct ring_header *take(const struct bpf_map *map, u32 len)
{
	struct ring_geom *g = geom_of(map);
	u64 from = load_pos(g->producer), to = from + round_up((u64)len + HEADER, 8);
	struct ring_header *h = (void *)(g->data + (from & g->mask & ~7ull));

	if (to - g->writers->consumed > g->mask) {
		g->writers->consumed = load_pos(g->consumer);
		if (to - g->writers->consumed > g->mask)
			return NULL;
	}
	h->owner = slot_tid();
	__atomic_store_n(&h->len, len | BPF_RINGBUF_BUSY_BIT, __ATOMIC_RELAXED);
	__atomic_store_n(&g->producer->pos, to, __ATOMIC_RELEASE);
	return h;
}

void *map_ringbuf_reserve(struct bpf_map *map, u64 size)
{
	struct ring_geom *g = geom_of(map);
	struct ring_header *h = NULL;
	bool stolen;

	if (size > MAX_RECORD || round_up(size + HEADER, 8) > g->mask + 1 || map->rdonly)
		return NULL;
	if (bucket_lock(&g->writers->lock, &stolen))
		return NULL;
	h = take(map, (u32)size);
	map_count(map, MAP_UPDATES);
	bucket_unlock(&g->writers->lock);
	return h ? h + 1 : NULL;
}

bool map_ringbuf_commit(const struct bpf_map *map, void *record, bool discard, u64 flags)
{
	const struct ring_geom *g = geom_of(map);
	struct ring_header *h = (struct ring_header *)record - 1;
	u32 len = __atomic_load_n(&h->len, __ATOMIC_RELAXED) & ~BPF_RINGBUF_BUSY_BIT;

	__atomic_store_n(&h->len, discard ? len | BPF_RINGBUF_DISCARD_BIT : len, __ATOMIC_SEQ_CST);
	if (flags & BPF_RB_FORCE_WAKEUP)
		return true;
	if (flags & BPF_RB_NO_WAKEUP || map_signalled(map))
		return false;
	return (__atomic_load_n(&g->consumer->pos, __ATOMIC_SEQ_CST) & g->mask) ==
	       (u64)((char *)h - g->data);
}

bool map_ringbuf_holds(const struct bpf_map *map, const void *record)
{
	const char *first = geom_of(map)->data;

	return (const char *)record >= first && (const char *)record < first + map->extra_len;
}

static bool is_user(const struct bpf_map *map)
{
	return map->map_type == BPF_MAP_TYPE_USER_RINGBUF;
}

static bool ready(const struct bpf_map *map)
{
	u64 used = load_pos(geom_of(map)->producer) - load_pos(geom_of(map)->consumer);

	return is_user(map) ? used <= geom_of(map)->mask : used;
}

/* --- USER_RINGBUF: the positions are the writer's word, the header too and read once --- */

int map_user_ringbuf_begin(struct bpf_map *map)
{
	bool stolen;

	return map->rdonly ? -EPERM : bucket_trylock(&geom_of(map)->consumer->lock, &stolen);
}

void map_user_ringbuf_end(struct bpf_map *map)
{
	bucket_unlock(&geom_of(map)->consumer->lock);
}

void map_user_ringbuf_done(struct bpf_map *map, u32 size)
{
	struct ring_page *c = geom_of(map)->consumer;

	__atomic_store_n(&c->pos, load_pos(c) + round_up((u64)size + HEADER, 8), __ATOMIC_RELEASE);
}

void *map_user_ringbuf_next(struct bpf_map *map, u32 *size, int *err)
{
	struct ring_geom *g = geom_of(map);
	u64 to = load_pos(g->producer), from = load_pos(g->consumer);
	u32 len, flags = BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT;
	u64 room;

	*err = to % 8 ? -EINVAL : 0;
	if (*err || from >= to)
		return NULL;
	len = __atomic_load_n((u32 *)(g->data + (from & g->mask & ~7ull)), __ATOMIC_ACQUIRE);
	flags &= len;
	*size = len & ~flags;
	room = round_up((u64)*size + HEADER, 8);
	if (room > to - from)
		*err = -EINVAL;
	else if (room > g->mask + 1 || *size > SAMPLE_MAX)
		*err = -E2BIG;
	else if (flags & BPF_RINGBUF_DISCARD_BIT)
		*err = -EAGAIN;
	if (*err == -EAGAIN)
		map_user_ringbuf_done(map, *size);
	return *err || flags ? NULL : g->data + ((from + HEADER) & g->mask & ~7ull);
}

/* Readers write the consumer's page and nothing else, writers of a USER_RINGBUF anything else; the
 * data comes twice. */
static void window(const struct bpf_map *map, struct map_window *w)
{
	u64 size = map->max_entries;

	*w = (struct map_window){.len = 2 * MAP_PAGE + 2 * size,
				 .twice = 2 * MAP_PAGE + size,
				 .back = size,
				 .write_to = MAP_PAGE,
				 .outside = -EPERM};
	if (is_user(map)) {
		w->write_from = MAP_PAGE;
		w->write_to = UINT64_MAX;
	}
}

u64 map_ringbuf_query(const struct bpf_map *map, u64 what)
{
	struct ring_geom *g = geom_of(map);

	switch (what) {
	case BPF_RB_AVAIL_DATA: return load_pos(g->producer) - load_pos(g->consumer);
	case BPF_RB_RING_SIZE: return g->mask + 1;
	case BPF_RB_CONS_POS: return load_pos(g->consumer);
	case BPF_RB_PROD_POS: return load_pos(g->producer);
	}
	return 0;
}

/*
 * Records between the positions whose owners died; -> were there any? The lock is held, so nothing is
 * written over. A hostile length ends the walk. The first may be committed, too: who died between that and
 * waking the reader leaves one behind whom later commits do not wake.
 */
static bool discard_dead(const struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	struct ring_geom *g = geom_of(map);
	u64 from = load_pos(g->consumer), to = load_pos(g->producer);
	bool any = false;

	if (to - from > g->mask + 1)
		return false;
	for (u64 at = from; at < to;) {
		struct ring_header *h = (void *)(g->data + (at & g->mask & ~7ull));
		u32 len = __atomic_load_n(&h->len, __ATOMIC_ACQUIRE), busy = len;
		u32 size = len & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if ((len & BPF_RINGBUF_BUSY_BIT || at == from) &&
		    tid_dead(__atomic_load_n(&h->owner, __ATOMIC_RELAXED), arg)) {
			any = true;
			if (len & BPF_RINGBUF_BUSY_BIT)
				__atomic_compare_exchange_n(&h->len, &busy,
							    size | BPF_RINGBUF_DISCARD_BIT, false,
							    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
		}
		at += round_up((u64)size + HEADER, 8);
	}
	return any;
}

static bool release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	struct ring_page *p = geom_of(map)->producer;
	u32 *lock = &geom_of(map)->writers->lock;
	bool stolen, any;

	bucket_lock_break(lock, tid_dead, arg);
	bucket_lock_break(&geom_of(map)->consumer->lock, tid_dead, arg);
	if (is_user(map) || load_pos(p) == load_pos(geom_of(map)->consumer) ||
	    bucket_lock(lock, &stolen))
		return false;
	any = discard_dead(map, tid_dead, arg);
	bucket_unlock(lock);
	return any;
}

static void *lookup(struct bpf_map *map, const void *key)
{
	return NULL;
}

static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	return -ENOTSUPP;
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return -ENOTSUPP;
}

static int delete (struct bpf_map *map, const void *key)
{
	return -ENOTSUPP;
}

static int next_key(struct bpf_map *map, const void *key, void *next)
{
	return -ENOTSUPP;
}

/* Bytes that were not read. */
static u64 used(struct bpf_map *map)
{
	return map_ringbuf_query(map, BPF_RB_AVAIL_DATA);
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
		.sys_lookup = sys_lookup,              \
		.get_next_key = next_key,              \
		.release_dead = release_dead,          \
		.used = used,                          \
		.window = window,                      \
		.ready = ready,                        \
		.events = true,                        \
	}

OPS(ringbuf);
OPS(user_ringbuf);
