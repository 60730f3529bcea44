/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LOCAL_STORAGE_H
#define USERBPF_LOCAL_STORAGE_H
/*
 * local_storage.h - BPF_MAP_TYPE_TASK_STORAGE and CGRP_STORAGE: one value per task or group. Run side.
 *
 * A kernel hangs the value on the owner, and it goes when the owner goes. Here owners are the machine's,
 * so a map is a hash table from the owner's number to its value (hash.h), and the service takes out
 * what belongs to nobody any more, some time later (map_storage_sweep()); so does who finds the table
 * full. Nobody sees the delay: numbers are never used twice, so a new task with an old pid has no value,
 * and bpf(2) looks whether the owner is there.
 *
 * bpf(2)'s key is an fd of the owner, a pidfd or a group's directory; struct storage_world says which
 * number that is, in whatever process asks.
 */
#include "map/map.h"

/* A kernel has no limit; beyond this many elements (or this much memory) -ENOMEM. */
#define STORAGE_ELEMS_MAX 65536u
#define STORAGE_BYTES_MAX (4ull << 30)

struct storage_world {
	/* The owner that @fd names: 0, -EBADF (it is no such fd) or -ENOENT (it is no more). */
	int (*owner)(int fd, u64 *number);
	/* Of @numbers, in order, those whose owners are there become 0. */
	void (*find)(u64 *numbers, u32 nr);
};
/* helper/storage_world.c: whoever has maps has the whole run side */
extern const struct storage_world storage_tasks, storage_groups;

static inline bool map_is_local_storage(const struct bpf_map *map)
{
	return map->map_type == BPF_MAP_TYPE_TASK_STORAGE ||
	       map->map_type == BPF_MAP_TYPE_CGRP_STORAGE;
}

/* The owner's value; with @create one is made if there is none, from @init or (NULL) zeroes. NULL: there
 * is none, or no room. @number 0 is nobody. */
void *map_storage_get(struct bpf_map *map, u64 number, const void *init, bool create);
int map_storage_delete(struct bpf_map *map, u64 number); /* -ENOENT: there is none */

/* Takes out the values of owners that are gone. Not for programs: it asks the machine about each owner.
 * -> how many elements are left */
u32 map_storage_sweep(struct bpf_map *map);

#endif
