/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_MAP_OBJ_H
#define USERBPF_MAP_OBJ_H
/*
 * map_obj.h - maps as objects of the service: view, BTF, owner of what is stored in fd-valued maps.
 * Control side.
 */
#include <pthread.h>
#include "base/idr.h"
#include "btf/btf.h"
#include "obj/obj.h"
#include "map/map.h"

struct bpf_prog;
struct timers;
struct perf_rings;

struct map_obj {
	struct obj obj;
	struct bpf_map map;	/* map.priv points back here */
	pthread_mutex_t lock;	/* fd-valued slots, owner, freeze */
	/* prog arrays: type and jitedness of the first program that was stored or used the map
	 * (kernel: map->owner) */
	u32 owner_type, owner_attach;
	const struct btf_type *owner_proto;
	bool owned;
	bool clearing;
	u32 nr_progs; /* slots in use */
	struct timers *timers; /* where values of this map have timers (timer.h); NULL: none ever had */
	u32 nr_timers; /* atomic */
	/* Take out what goes when nobody but programs holds the map, and at its end; set before there is any. */
	void (*drop_timers)(struct map_obj *m);
	void (*drop_progs)(struct map_obj *m);
	struct idr inner; /* maps of maps: what is inside, by id (map_inner.c) */
	struct perf_rings *rings; /* buffers of perf events: where it has its number (perf_ring.h) */
	int event; /* kinds with events: eventfd, -1 until somebody waits; atomic */
	u64 load_time;
	uid_t uid;
	u32 writecnt; /* atomic: programs and mappings, kernel semantics of FREEZE */
};

extern const struct obj_class map_class;
static inline struct map_obj *obj_to_map(struct obj *o) { return o ? container_of(o, struct map_obj, obj) : NULL; }
static inline struct map_obj *map_obj_of(struct bpf_map *map) { return container_of(map, struct map_obj, map); }

/* A new map object, one reference, unpublished. @btf (may be NULL) is referenced on success;
 * map_check_btf done by the caller. */
struct map_obj *map_obj_new(const struct map_attr *attr, struct btf *btf, u32 key_id, u32 value_id);
/* Kernel's map_check_btf for the kinds we have. */
int map_obj_check_btf(const struct map_attr *attr, const struct btf *btf, u32 key_id, u32 value_id);
static inline bool map_is_of_maps(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_ARRAY_OF_MAPS || map_type == BPF_MAP_TYPE_HASH_OF_MAPS;
}
/* Makes @inner the pattern of what the map of maps @m holds: what programs may assume of an
 * element. Copied. */
int map_obj_set_inner(struct map_obj *m, const struct bpf_map *inner);

/* Elements of maps of maps (map_inner.c). An update takes its own reference of @inner; kernel
 * errno (-EINVAL: not like the pattern). */
int map_obj_put_inner(struct map_obj *m, const void *key, struct map_obj *inner, u64 flags);
/* The same for a PERF_EVENT_ARRAY, whose elements are buffers of perf events. */
int map_obj_put_ring(struct map_obj *m, const void *key, struct map_obj *ring);
int map_obj_del_inner(struct map_obj *m, const void *key);
u32 map_obj_inner_id(struct map_obj *m, const void *key); /* 0: no such element */
/* The map with @id, if it is in @m: referenced, or NULL. */
struct map_obj *map_obj_inner(struct map_obj *m, u32 id);
void map_obj_clear_inner(struct map_obj *m);
/* Is @map what the pattern @meta says? */
bool map_inner_alike(const struct bpf_map *meta, const struct bpf_map *map);
/* Kinds with events. An fd of the map's eventfd, which writers signal from now on; negative errno. */
int map_obj_watch(struct map_obj *m, bool always);
void map_obj_wake(struct map_obj *m); /* exec_host.wake of the service */
/* Does anybody but programs hold it? The caller has a reference of its own. */
bool map_obj_has_user(struct map_obj *m);

/* Offsets of the special fields of values that passed the check: attr->lock_at, timer_at. */
void map_obj_note_fields(struct map_attr *attr, const struct btf *btf, u32 value_id);

/* The same for pointers to objects of @vmlinux: attr->kptr. Kernel errno. */
int map_obj_note_kptrs(struct map_attr *attr, const struct btf *btf, u32 value_id,
		       const struct btf *vmlinux, bool capable);

/* Lists and trees in values: attr->root. Kernel errno. */
int map_obj_note_roots(struct map_attr *attr, const struct btf *btf, u32 value_id, bool capable);
/* A map that has some gets the heap of its BTF. */
int map_obj_use_heap(struct map_obj *m);

/* Prog array slots (kinds with fd_values). Takes its own reference of @prog. Kernel errno
 * (-E2BIG, -EINVAL for wrong type). */
int map_obj_set_prog(struct map_obj *m, u32 index, struct bpf_prog *prog);
int map_obj_del_prog(struct map_obj *m, u32 index); /* -ENOENT when empty */
/* Referenced image of the program in the slot, or NULL (exec_host.tail_target of the service). */
const struct exec_image *map_obj_tail_target(struct map_obj *m, u32 index);
u32 map_obj_prog_id(struct map_obj *m, u32 index); /* 0 when empty */
/* May @prog (type, attach) tail call through / be stored in @m? Fixes the owner the first time. */
bool map_obj_prog_ok(struct map_obj *m, u32 prog_type);

/* The same with all the kernel compares: expected attach type, and for tracing kinds the
 * target's prototype. Prefer this one. */
bool map_obj_prog_fits(struct map_obj *m, u32 prog_type, u32 attach_type, const struct btf_type *attach_proto);

#endif
