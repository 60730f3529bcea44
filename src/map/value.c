/* SPDX-License-Identifier: BSD-2-Clause */
/* value.c - copies of values that hold a bpf_spin_lock or a bpf_timer, which stay where they
 * are. */
#include "base/spin.h"
#include "map/map_kind.h"

struct hole {
	u32 off, size;
};

/* The holes of a value, in order, then an empty one at its end. */
static void holes_of(const struct bpf_map *map, struct hole h[3])
{
	struct hole lock = {map->attr.lock_at - 1, sizeof(struct bpf_spin_lock)}, swap;
	struct hole timer = {map->attr.timer_at - 1, sizeof(struct bpf_timer)};
	u32 n = 0;

	if (map->attr.lock_at)
		h[n++] = lock;
	if (map->attr.timer_at)
		h[n++] = timer;
	if (n == 2 && h[0].off > h[1].off) {
		swap = h[0];
		h[0] = h[1];
		h[1] = swap;
	}
	for (; n < 3; n++)
		h[n] = (struct hole){map->value_size, 0};
}

static void copy(const struct bpf_map *map, char *to, const char *from)
{
	struct hole h[3];
	u32 at = 0;

	holes_of(map, h);
	for (u32 i = 0; i < 3; i++) {
		if (h[i].off > at)
			memcpy(to + at, from + at, h[i].off - at);
		at = h[i].off + h[i].size;
	}
}

void map_value_init_special(const struct bpf_map *map, void *at)
{
	struct hole h[3];

	holes_of(map, h);
	for (u32 i = 0; i < 3; i++)
		memset((char *)at + h[i].off, 0, h[i].size);
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
}

void map_value_read_special(const struct bpf_map *map, void *value, void *at, u64 flags)
{
	void *lock = map->rdonly ? NULL : lock_of(map, at, flags);

	if (lock)
		spin_lock(lock);
	copy(map, value, at);
	if (lock)
		spin_unlock(lock);
	map_value_init_special(map, value);
}
