/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep.c - slots and map locks name the thread that holds them; when a client is gone the service
 * frees what it left. A thread counts as dead when it does not exist or is a zombie, in the
 * service's pid namespace.
 */
#include "base/slot.h"
#include "daemon/daemon.h"
#include "map/bucket_lock.h"
#include "prog/map_obj.h"

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
}
