/* SPDX-License-Identifier: BSD-2-Clause */
/* hash_layout.c - what MAP_CREATE takes, and where the parts of a hash map are. */
#include <sys/mman.h>
#include "map/hash.h"

#define LOCKS_MAX 256u
#define LOCKS_FEW 16u /* below this each bucket has its own */
_Static_assert(LOCKS_MAX - 1 <= UINT8_MAX, "lock_mask");

struct hash_layout {
	u64 buckets_off, elems_off, pcpu_off, pcpu_stride, marks_off, end;
	u32 nr_buckets, nr_locks, nr_elems, elem_size, bucket_shift, homes;
};

static bool is_percpu(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_PERCPU_HASH || map_type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_lru(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_LRU_HASH || map_type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

/* One for each bucket, or each eighth: every lock has a spare element, and those may be large. */
static u32 nr_locks(u32 nr_buckets)
{
	return min(min(nr_buckets, LOCKS_MAX), max(LOCKS_FEW, nr_buckets / 8));
}

/* How many elements a bucket has room for: their values must be words that one store replaces. */
static u32 nr_homes(const struct map_attr *attr, u32 elem_size)
{
	if (is_percpu(attr->map_type) || is_lru(attr->map_type) || attr->value_size > sizeof(u64) ||
	    attr->lock_at || attr->timer_at || attr->nr_kptrs)
		return 0;
	return HASH_LINE / elem_size;
}

static void layout(const struct map_attr *attr, struct hash_layout *l)
{
	bool percpu = is_percpu(attr->map_type);
	u64 value = round_up((u64)attr->value_size, 8);

	l->elem_size = round_up(
		sizeof(struct elem) + round_up((u64)attr->key_size, 8) + (percpu ? 0 : value), 8);
	l->homes = nr_homes(attr, l->elem_size);
	l->bucket_shift = l->homes ? __builtin_ctz(HASH_LINE) : __builtin_ctz(sizeof(u32));
	l->nr_buckets = (map_index_mask(attr->max_entries) / max(l->homes, 1u)) + 1;
	l->nr_locks = nr_locks(l->nr_buckets);
	l->nr_elems = attr->max_entries + l->nr_locks;
	l->buckets_off = MAP_PAGE + map_page_up(l->nr_locks * sizeof(struct hash_lock));
	l->elems_off = l->buckets_off + map_page_up((u64)l->nr_buckets << l->bucket_shift);
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

int hash_alloc_check(const struct map_attr *attr)
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
	if (attr->map_type == BPF_MAP_TYPE_HASH_OF_MAPS && attr->value_size != sizeof(u32))
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

u64 hash_shm_size(const struct map_attr *attr)
{
	struct hash_layout l;

	layout(attr, &l);
	return l.end;
}

int hash_bind(struct bpf_map *map)
{
	struct hash_geom *g = geom_of(map);
	struct hash_layout l;

	layout(&map->attr, &l);
	g->buckets = (char *)map->shm + l.buckets_off;
	g->elems = (char *)map->shm + l.elems_off;
	g->pcpu = is_percpu(map->map_type) ? (char *)map->shm + l.pcpu_off : NULL;
	g->pcpu_stride = l.pcpu_stride;
	g->marks = is_lru(map->map_type) ? (u8 *)map->shm + l.marks_off : NULL;
	g->elem_size = l.elem_size;
	g->nr_elems = l.nr_elems;
	g->bucket_mask = l.nr_buckets - 1;
	g->bucket_shift = l.bucket_shift;
	g->homes = l.homes;
	g->lock_mask = l.nr_locks - 1;
	g->shard_mask = min(map_index_mask(map->attr.nr_cpus), HASH_SHARDS - 1);
	g->value_off = sizeof(struct elem) + round_up(map->key_size, 8);
	g->seed = map->attr.seed;
	map->value_off = l.elems_off + g->value_off;
	map->elem_stride = round_up(map->value_size, 8);
	return 0;
}

int map_table_bind(struct bpf_map *map, const struct map_attr *attr)
{
	struct bpf_map *t =
		mmap(NULL, MAP_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err;

	_Static_assert(sizeof(*t) <= MAP_PAGE, "a view fits its page");
	if (t == MAP_FAILED)
		return -ENOMEM;
	*t = *map;
	t->attr = *attr;
	t->ops = &map_hash_ops;
	t->map_type = attr->map_type;
	t->key_size = attr->key_size;
	t->max_entries = attr->max_entries;
	err = hash_bind(t);
	if (err) {
		munmap(t, MAP_PAGE);
		return err;
	}
	map->extra = t;
	map->extra_len = MAP_PAGE;
	map->value_off = t->value_off;
	map->elem_stride = t->elem_stride;
	return 0;
}
