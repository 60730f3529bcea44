/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include "prog/perf_ring.h"

struct perf_rings {
	pthread_mutex_t lock;
	struct idr ids;
};

static void release(struct obj *o)
{
	struct map_obj *m = obj_to_perf_ring(o);
	struct perf_rings *all = m->rings;

	pthread_mutex_lock(&all->lock);
	idr_remove(&all->ids, m->map.id);
	pthread_mutex_unlock(&all->lock);
}

static void ring_free(struct obj *o)
{
	map_class.free(o);
}

static const struct obj_class perf_ring_class = {
	.name = "perf-event",
	.kind = OBJ_PERF_RING,
	.release = release,
	.free = ring_free,
};

struct perf_rings *perf_rings_new(void)
{
	struct perf_rings *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	pthread_mutex_init(&all->lock, NULL);
	idr_init(&all->ids);
	return all;
}

void perf_rings_free(struct perf_rings *all)
{
	if (!all)
		return;
	idr_free(&all->ids);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

static int name_ring(struct perf_rings *all, struct map_obj *m)
{
	int id;

	pthread_mutex_lock(&all->lock);
	id = idr_alloc_cyclic(&all->ids, m, 1, INT_MAX);
	pthread_mutex_unlock(&all->lock);
	if (id < 0)
		return id;
	m->rings = all;
	m->map.id = m->map.attr.id = id;
	m->obj.class = &perf_ring_class;
	return 0;
}

struct map_obj *perf_ring_open(struct perf_rings *all, const struct perf_ring_open *o, u32 nr_cpus)
{
	struct map_attr attr = {.map_type = MAP_TYPE_PERF_RING,
				.key_size = o->cpu,
				.value_size = o->wakeup,
				.max_entries = PERF_RING_PAGES_MAX,
				.map_extra = o->sample_type,
				.nr_cpus = nr_cpus,
				.name = "perf_event"};
	struct map_obj *m;
	int err;

	if (o->cpu >= nr_cpus)
		return ERR_PTR(-ENODEV);
	if (!(o->sample_type & PERF_SAMPLE_RAW) ||
	    o->sample_type & ~(PERF_RING_SAMPLES | PERF_RING_WATERMARK))
		return ERR_PTR(-EOPNOTSUPP);
	m = map_obj_new(&attr, NULL, 0, 0);
	if (IS_ERR(m))
		return m;
	err = name_ring(all, m);
	if (err) {
		obj_put(&m->obj);
		return ERR_PTR(err);
	}
	map_perf_ring_control(&m->map, o->enabled);
	return m;
}

struct map_obj *perf_ring_by_id(struct perf_rings *all, u32 id)
{
	struct map_obj *m;

	pthread_mutex_lock(&all->lock);
	m = idr_find(&all->ids, id);
	if (m && !obj_get_unless_zero(&m->obj))
		m = NULL;
	pthread_mutex_unlock(&all->lock);
	return m;
}
