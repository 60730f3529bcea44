/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PROG_PERF_RING_H
#define USERBPF_PROG_PERF_RING_H
/*
 * perf_ring.h - perf events of bpf output as objects of the service: a buffer (map/perf_ring.h) behind a
 * handle. They live while an fd or an element of a PERF_EVENT_ARRAY names them; bpf(2) has no id for them.
 */
#include "map/perf_ring.h"
#include "prog/map_obj.h"

struct perf_rings; /* all of a service, by a number of theirs */
struct perf_rings *perf_rings_new(void); /* NULL: no memory */
void perf_rings_free(struct perf_rings *all); /* none is left */

/* What perf_event_open(2) asked for. */
struct perf_ring_open {
	u32 cpu, wakeup;
	u64 sample_type; /* and PERF_RING_WATERMARK */
	bool enabled;
};

/* One reference; ERR_PTR(-EINVAL, -EOPNOTSUPP, -ENOMEM ...). */
struct map_obj *perf_ring_open(struct perf_rings *all, const struct perf_ring_open *o, u32 nr_cpus);
struct map_obj *perf_ring_by_id(struct perf_rings *all, u32 id); /* referenced, or NULL */
static inline struct map_obj *obj_to_perf_ring(struct obj *o)
{
	return o->class->kind == OBJ_PERF_RING ? container_of(o, struct map_obj, obj) : NULL;
}

#endif
