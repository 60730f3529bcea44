/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/random.h>
#include "base/slot.h"
#include "map/heap.h"
#include "prog/heap.h"

static void heap_release(struct obj *o) {}

static void heap_free(struct obj *o)
{
	map_class.free(o);
}

static const struct obj_class heap_class = {
	.name = "heap",
	.kind = OBJ_KINDS,
	.release = heap_release,
	.free = heap_free,
};

static void put(void *heap)
{
	obj_put(&((struct map_obj *)heap)->obj);
}

struct map_obj *prog_heap_of_btf(const struct btf *btf)
{
	return __atomic_load_n(&btf->heap, __ATOMIC_ACQUIRE);
}

struct map_obj *prog_heap(struct btf *btf)
{
	struct map_attr attr = {.map_type = MAP_TYPE_HEAP,
				.nr_cpus = min(slot_possible_cpus(), SLOT_MAX),
				.id = btf->id,
				.name = "heap"};
	struct map_obj *m = prog_heap_of_btf(btf);
	void *none = NULL;

	if (m)
		return m;
	if (getrandom(&attr.seed, sizeof(attr.seed), 0) != sizeof(attr.seed))
		attr.seed = (u32)(uintptr_t)btf; /* priorities need not be secret */
	m = map_obj_new(&attr, NULL, 0, 0);
	if (IS_ERR(m))
		return m;
	m->obj.class = &heap_class;
	btf->heap_put = put;
	if (__atomic_compare_exchange_n(&btf->heap, &none, m, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return m;
	obj_put(&m->obj);
	return none;
}

int map_obj_use_heap(struct map_obj *m)
{
	struct map_obj *heap;

	if (!m->map.attr.nr_roots)
		return 0;
	heap = prog_heap(m->map.btf);
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	obj_get(&heap->obj);
	m->map.heap = &heap->map;
	m->map.attr.heap_id = heap->map.id;
	return 0;
}
