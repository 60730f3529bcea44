/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value.c - copies of values that hold a bpf_spin_lock, a bpf_timer, pointers to objects, lists or trees, which
 * stay where they are.
 */
#include "base/spin.h"
#include "map/kptr.h"
#include "map/map_kind.h"

#define MAX_HOLES (2 + MAP_MAX_KPTRS + MAP_MAX_ROOTS)
#define ROOT_SIZE 16u

struct hole {
	u32 off, size;
};

static u32 add_hole(struct hole *h, u32 n, u32 off, u32 size)
{
	u32 i = n;

	for (; i && h[i - 1].off > off; i--)
		h[i] = h[i - 1];
	h[i] = (struct hole){off, size};
	return n + 1;
}

/* The holes of a value, in order. -> how many */
static u32 holes_of(const struct bpf_map *map, struct hole h[MAX_HOLES])
{
	const struct map_attr *a = &map->attr;
	u32 n = 0;

	if (a->lock_at)
		n = add_hole(h, n, a->lock_at - 1, sizeof(struct bpf_spin_lock));
	if (a->timer_at)
		n = add_hole(h, n, a->timer_at - 1, sizeof(struct bpf_timer));
	for (u32 i = 0; i < a->nr_kptrs && i < MAP_MAX_KPTRS; i++)
		n = add_hole(h, n, a->kptr[i].off, sizeof(u64));
	for (u32 i = 0; i < a->nr_roots && i < MAP_MAX_ROOTS; i++)
		n = add_hole(h, n, a->root[i], ROOT_SIZE);
	return n;
}

static void copy(const struct bpf_map *map, char *to, const char *from)
{
	struct hole h[MAX_HOLES];
	u32 n = holes_of(map, h), at = 0;

	for (u32 i = 0; i < n; i++) {
		if (h[i].off > at)
			race_copy(to + at, from + at, h[i].off - at);
		at = h[i].off + h[i].size;
	}
	if (map->value_size > at)
		race_copy(to + at, from + at, map->value_size - at);
}

/* A copy of a value that goes out: nothing is in the holes. */
static void blank(const struct bpf_map *map, void *value)
{
	struct hole h[MAX_HOLES];
	u32 n = holes_of(map, h);

	for (u32 i = 0; i < n; i++)
		memset((char *)value + h[i].off, 0, h[i].size);
}

void map_value_free_fields(const struct bpf_map *map, void *at)
{
	/* the service drops a timer that the value does not name any more */
	if (map->attr.timer_at)
		__atomic_store_n((u64 *)((char *)at + map->attr.timer_at - 1), 0, __ATOMIC_RELEASE);
	if (map->attr.nr_kptrs)
		kptr_free_fields(map, at);
	for (u32 i = 0; i < map->attr.nr_roots && i < MAP_MAX_ROOTS; i++)
		heap_field_free(map->heap, (char *)at + map->attr.root[i]);
}

void map_value_init_special(const struct bpf_map *map, void *at)
{
	map_value_free_fields(map, at); /* left behind by a program that still had the value */
	blank(map, at);
}

static void *lock_of(const struct bpf_map *map, void *at, u64 flags)
{
	return flags & BPF_F_LOCK && map->attr.lock_at ? (char *)at + map->attr.lock_at - 1 : NULL;
}

void map_value_write_special(const struct bpf_map *map, void *at, const void *value, u64 flags)
{
	void *lock = lock_of(map, at, flags);

	if (lock)
		spin_lock(lock);
	copy(map, at, value);
	if (lock)
		spin_unlock(lock);
	map_value_free_fields(map, at);
}

void map_value_read_special(const struct bpf_map *map, void *value, void *at, u64 flags)
{
	void *lock = map->rdonly ? NULL : lock_of(map, at, flags);

	if (lock)
		spin_lock(lock);
	copy(map, value, at);
	if (lock)
		spin_unlock(lock);
	blank(map, value);
}
