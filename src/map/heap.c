/* SPDX-License-Identifier: BSD-2-Clause */
/* heap.c - what programs do with objects, and the kind the memory is. */
#include "map/heap_owner.h"
#include "map/heap_pool.h"

void *heap_new(struct bpf_map *heap, u64 size)
{
	struct heap_tx tx;
	u32 ref = 0;

	if (!heap || !size || size > HEAP_OBJ_MAX || heap_begin(heap, &tx))
		return NULL;
	if (heap_can_board(&tx))
		ref = heap_take(&tx, size, HEAP_OBJECT);
	if (ref) {
		heap_board(&tx, ref);
		heap_commit(&tx);
	}
	heap_end(&tx);
	return heap_obj(heap, ref);
}

void heap_drop(struct bpf_map *heap, void *obj)
{
	struct heap_tx tx;
	u32 ref;

	if (!heap || heap_begin(heap, &tx))
		return;
	ref = heap_ref(heap, obj);
	heap_empty(&tx, ref, 0);
	heap_leave(&tx, ref);
	heap_unref(&tx, ref);
	heap_end(&tx);
}

void *heap_acquire(struct bpf_map *heap, void *obj)
{
	struct heap_tx tx;
	struct heap_head *head;

	/* a program that owns one knows that it gets one more: without lock it may be freed early, which
	 * spoils its value */
	if (!heap || heap_begin(heap, &tx))
		return obj;
	head = heap_head(heap, heap_ref(heap, obj));
	heap_set(&tx, &head->refs, heap_get(&tx, &head->refs) + 1);
	heap_board(&tx, heap_ref(heap, obj));
	heap_commit(&tx);
	heap_end(&tx);
	return obj;
}

/* --- the kind --- */

static int check(const struct map_attr *attr)
{
	return -EINVAL; /* nobody makes one with bpf(2) */
}

static u64 shm_size(const struct map_attr *attr)
{
	return HEAP_SIZE;
}

static int bind(struct bpf_map *heap)
{
	heap->value_off = MAP_PAGE;
	return 0;
}

static bool release_dead(struct bpf_map *heap, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	struct heap_tx tx;

	bucket_lock_break(&heap_shm(heap)->lock, tid_dead, arg);
	if (heap_begin(heap, &tx))
		return false;
	for (u32 i = 0; i < heap->attr.nr_cpus; i++) {
		struct heap_flight *f = heap_flight(heap, i);

		if (heap_get(&tx, &f->nr) && tid_dead(heap_get(&tx, &f->tid), arg))
			heap_drop_flight(&tx, f);
	}
	heap_end(&tx);
	return false;
}

static void *lookup(struct bpf_map *map, const void *key)
{
	return NULL;
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return -ENOTSUPP;
}

static int delete (struct bpf_map *map, const void *key)
{
	return -ENOTSUPP;
}

static int next_key(struct bpf_map *map, const void *key, void *next)
{
	return -ENOTSUPP;
}

const struct bpf_map_ops map_heap_ops = {
	.name = "heap",
	.alloc_check = check,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.update = update,
	.delete = delete,
	.get_next_key = next_key,
	.release_dead = release_dead,
};
