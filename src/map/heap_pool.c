/* SPDX-License-Identifier: BSD-2-Clause */
/* heap_pool.c - free objects by size, and those that the run in a slot owns. */
#include "map/heap_pool.h"

/* Bytes of an object with its header, by class. */
static const u16 class_size[HEAP_CLASSES] = {32,  48,  64,   96,   128,	 192,  256,  384,
					     512, 768, 1024, 1536, 2048, 3072, 4096, 4128};

static u32 class_of(u32 size)
{
	u32 c = 0;

	while (c < HEAP_CLASSES - 1 && class_size[c] < size + sizeof(struct heap_head))
		c++;
	return c;
}

u32 heap_take(struct heap_tx *tx, u32 size, u32 kind)
{
	struct heap_shm *h = heap_shm(tx->heap);
	u32 class = class_of(size), ref = heap_get(tx, &h->free[class]);
	struct heap_head *head;

	if (heap_inside(tx->heap, ref)) {
		heap_set(tx, &h->free[class], heap_get(tx, &heap_head(tx->heap, ref)->link));
	} else {
		ref = max(heap_get(tx, &h->fresh), heap_first(tx->heap));
		if (!heap_inside(tx->heap, ref))
			return 0;
		heap_set(tx, &h->fresh, ref + class_size[class] / HEAP_UNIT);
	}
	head = heap_head(tx->heap, ref);
	memset(head + 1, 0, class_size[class] - sizeof(*head));
	heap_set(tx, &head->refs, 1);
	heap_set(tx, &head->link, 0);
	heap_set(tx, &head->kind, kind | class << 16);
	return ref;
}

void heap_give(struct heap_tx *tx, u32 ref)
{
	struct heap_head *head = heap_head(tx->heap, ref);
	u32 class = min(heap_get(tx, &head->kind) >> 16, HEAP_CLASSES - 1);
	u32 *list = &heap_shm(tx->heap)->free[class];

	heap_set(tx, &head->refs, 0);
	heap_set(tx, &head->stamp, 0);
	heap_set(tx, &head->kind, class << 16);
	heap_set(tx, &head->link, heap_get(tx, list));
	heap_set(tx, list, ref);
}

/* --- flights --- */

struct heap_flight *heap_my_flight(const struct bpf_map *heap)
{
	return heap_flight(heap, min(slot_current(), heap->attr.nr_cpus - 1));
}

u32 heap_aboard(const struct heap_tx *tx, const struct heap_flight *f)
{
	return min(heap_get(tx, &f->nr), HEAP_FLIGHT);
}

bool heap_can_board(const struct heap_tx *tx)
{
	return heap_aboard(tx, heap_my_flight(tx->heap)) < HEAP_FLIGHT;
}

void heap_board(struct heap_tx *tx, u32 ref)
{
	struct heap_flight *f = heap_my_flight(tx->heap);
	u32 n = heap_aboard(tx, f);

	if (n == HEAP_FLIGHT)
		return; /* scribbled over: of one who dies this one stays */
	if (!n)
		heap_set(tx, &f->tid, slot_tid());
	heap_set(tx, &f->ref[n], ref);
	heap_set(tx, &f->nr, n + 1);
}

static void leave(struct heap_tx *tx, struct heap_flight *f, u32 ref)
{
	u32 n = heap_aboard(tx, f);

	for (u32 i = n; i--;) {
		if (heap_get(tx, &f->ref[i]) != ref)
			continue;
		heap_set(tx, &f->ref[i], heap_get(tx, &f->ref[n - 1]));
		heap_set(tx, &f->nr, n - 1);
		return;
	}
}

void heap_leave(struct heap_tx *tx, u32 ref)
{
	leave(tx, heap_my_flight(tx->heap), ref);
}
