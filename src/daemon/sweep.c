/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep.c - slots and map locks name the thread that holds them; when a client is gone the service
 * frees what it left. A thread counts as dead when it does not exist or is a zombie, in the
 * service's pid namespace.
 */
#include <sys/timerfd.h>
#include <unistd.h>
#include "base/slot.h"
#include "daemon/daemon.h"
#include "map/bucket_lock.h"
#include "map/local_storage.h"
#include "prog/heap.h"

/* What dead programs made and held. */
static void sweep_heaps(struct obj_table *t)
{
	struct map_obj *heap;
	struct obj *o;
	u32 next = 1;

	while ((o = obj_next(t, OBJ_BTF, next))) {
		next = o->id + 1;
		heap = prog_heap_of_btf(container_of(o, struct btf, obj));
		if (heap)
			map_release_dead(&heap->map, bucket_owner_dead, NULL);
		obj_put(o);
		if (!next)
			break;
	}
}

/* How many maps with values of tasks and groups there are; those of owners that are gone go. */
static u32 sweep_storage(struct daemon *d)
{
	struct obj_table *t = sys_objs(d->sys);
	u32 next = 1, maps = 0;
	struct obj *o;

	while (next && (o = obj_next(t, OBJ_MAP, next))) {
		struct bpf_map *map = &obj_to_map(o)->map;

		next = o->id + 1;
		if (map_is_local_storage(map)) {
			maps++;
			map_storage_sweep(map);
		}
		obj_put(o);
	}
	return maps;
}

#define STORAGE_MS    1000
#define STORAGE_SHARE 20 /* at most such a part of one CPU */

static void arm_storage(struct daemon *d, u64 ms)
{
	struct itimerspec t = {.it_value = {ms / 1000, ms % 1000 * 1000000l}};

	timerfd_settime(d->storage_timer, 0, &t, NULL);
}

void sweep_storage_made(struct daemon *d)
{
	arm_storage(d, STORAGE_MS);
}

void sweep_storage_due(struct daemon *d)
{
	struct timespec a, b;
	u64 n, ms;

	if (read(d->storage_timer, &n, sizeof(n)) != sizeof(n))
		return;
	clock_gettime(CLOCK_MONOTONIC, &a);
	n = sweep_storage(d);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ms = (u64)(b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	if (n)
		arm_storage(d, max((u64)STORAGE_MS, ms * STORAGE_SHARE));
}

void sweep_dead(struct daemon *d)
{
	struct obj_table *t = sys_objs(d->sys);
	u32 next = 1;
	struct obj *o;

	slot_release_dead(d->slots, bucket_owner_dead, NULL);
	while ((o = obj_next(t, OBJ_MAP, next))) {
		next = o->id + 1;
		if (map_release_dead(&obj_to_map(o)->map, bucket_owner_dead, NULL))
			map_obj_wake(obj_to_map(o));
		obj_put(o);
		if (!next)
			break;
	}
	sweep_heaps(t);
}
