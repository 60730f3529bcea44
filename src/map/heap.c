/* SPDX-License-Identifier: BSD-2-Clause */
/* heap.c - objects of the heap: free ones by size, those a run owns, and the kind the memory is. */
#include "base/spin.h"
#include "map/heap_priv.h"

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

static struct heap_flight *my_flight(const struct bpf_map *heap)
{
	return heap_flight(heap, min(slot_current(), heap->attr.nr_cpus - 1));
}

static u32 nr_aboard(const struct heap_tx *tx, const struct heap_flight *f)
{
	return min(heap_get(tx, &f->nr), HEAP_FLIGHT);
}

bool heap_can_board(const struct heap_tx *tx)
{
	return nr_aboard(tx, my_flight(tx->heap)) < HEAP_FLIGHT;
}

void heap_board(struct heap_tx *tx, u32 ref)
{
	struct heap_flight *f = my_flight(tx->heap);
	u32 n = nr_aboard(tx, f);

	if (n == HEAP_FLIGHT)
		return; /* scribbled over: of one who dies this one stays */
	if (!n)
		heap_set(tx, &f->tid, slot_tid());
	heap_set(tx, &f->ref[n], ref);
	heap_set(tx, &f->nr, n + 1);
}

static void leave(struct heap_tx *tx, struct heap_flight *f, u32 ref)
{
	u32 n = nr_aboard(tx, f);

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
	leave(tx, my_flight(tx->heap), ref);
}

/* What a dead thread owned. Each stays in the flight until nothing is in it. */
static void drop_flight(struct heap_tx *tx, struct heap_flight *f)
{
	for (u32 n = nr_aboard(tx, f), ref; n--;) {
		ref = heap_get(tx, &f->ref[n]);
		if (!heap_inside(tx->heap, ref)) {
			heap_set(tx, &f->nr, n);
			heap_commit(tx);
			continue;
		}
		if ((heap_get(tx, &heap_head(tx->heap, ref)->kind) & 0xffff) == HEAP_CELL) {
			heap_cell_loose(tx, ref);
			heap_set(tx, &f->nr, n);
			heap_commit(tx);
			continue;
		}
		heap_empty(tx, ref, 0);
		heap_set(tx, &f->nr, n);
		heap_unref(tx, ref);
	}
}

void heap_inherit(struct heap_tx *tx)
{
	struct heap_flight *f = my_flight(tx->heap);
	u32 tid = heap_get(tx, &f->tid);
	int saved = errno;

	if (likely(!heap_get(tx, &f->nr) || tid == slot_tid()))
		return;
	if (spin_owner_dead(tid))
		drop_flight(tx, f);
	errno = saved;
}

/* --- owners --- */

void heap_empty(struct heap_tx *tx, u32 ref, u32 depth)
{
	struct heap_head *head = heap_head(tx->heap, ref);
	u32 cell = heap_get(tx, &head->link);

	if (heap_get(tx, &head->refs) != 1 || depth >= HEAP_DEPTH)
		return;
	for (u32 i = 0; i < HEAP_CLASSES && heap_inside(tx->heap, cell); i++) {
		heap_cell_drain(tx, cell, depth + 1);
		heap_set(tx, &head->link, heap_get(tx, &heap_head(tx->heap, cell)->link));
		heap_give(tx, cell);
		heap_commit(tx);
		cell = heap_get(tx, &head->link);
	}
}

void heap_unref(struct heap_tx *tx, u32 ref)
{
	struct heap_head *head = heap_head(tx->heap, ref);
	u32 refs = heap_get(tx, &head->refs);

	if (refs > 1)
		heap_set(tx, &head->refs, refs - 1);
	else if (refs)
		heap_give(tx, ref);
	heap_commit(tx);
}

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
			drop_flight(&tx, f);
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
