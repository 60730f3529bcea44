/* SPDX-License-Identifier: BSD-2-Clause */
/* heap_owner.c - who is nobody's any more goes, and what it owns with it; what the dead owned. */
#include "base/spin.h"
#include "map/heap_cell.h"
#include "map/heap_chain.h"
#include "map/heap_owner.h"
#include "map/heap_pool.h"
#include "map/heap_treap.h"

static bool drain(struct heap_tx *tx, u32 cell, u32 depth, u32 most);

void heap_empty(struct heap_tx *tx, u32 ref, u32 depth)
{
	struct heap_head *head = heap_head(tx->heap, ref);
	u32 cell = heap_get(tx, &head->link);

	if (heap_get(tx, &head->refs) != 1 || depth >= HEAP_DEPTH)
		return;
	for (u32 i = 0; i < HEAP_CLASSES && heap_inside(tx->heap, cell); i++) {
		drain(tx, cell, depth + 1, HEAP_WORK);
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

/* One of them goes. false: what is there makes no sense */
static bool drain_one(struct heap_tx *tx, u32 cell, u32 ref, u32 depth)
{
	struct heap_cell *c = heap_cell_of(tx->heap, cell);
	u32 node = heap_get(tx, &c->node);
	struct heap_link *l = heap_link(tx->heap, ref, node);

	if (!l || heap_get(tx, &l->owner) != cell || tx->work++ > HEAP_WORK)
		return false;
	heap_empty(tx, ref, depth);
	if (!(node & CELL_TREE))
		heap_list_unlink(tx, cell, ref);
	else if (!heap_tree_unlink(tx, cell, ref))
		return false;
	heap_unref(tx, ref);
	return true;
}

/* @most of them go. -> is there more? */
static bool drain(struct heap_tx *tx, u32 cell, u32 depth, u32 most)
{
	struct heap_cell *c = heap_cell_of(tx->heap, cell);

	while (most--)
		if (!drain_one(tx, cell, heap_get(tx, &c->first), depth))
			return false;
	return true;
}

/* --- the dead --- */

/* What a dead thread owned. Each stays in the flight until nothing is in it. */
void heap_drop_flight(struct heap_tx *tx, struct heap_flight *f)
{
	for (u32 n = heap_aboard(tx, f), ref; n--;) {
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

/* The slot's holder before us died. */
static void inherit(struct heap_tx *tx)
{
	struct heap_flight *f = heap_my_flight(tx->heap);
	u32 tid = heap_get(tx, &f->tid);
	int saved = errno;

	if (likely(!heap_get(tx, &f->nr) || tid == slot_tid()))
		return;
	if (spin_owner_dead(tid))
		heap_drop_flight(tx, f);
	errno = saved;
}

int heap_begin(struct bpf_map *heap, struct heap_tx *tx)
{
	int err = heap_log_begin(heap, tx);

	if (!err)
		inherit(tx);
	return err;
}

/* -> is there more? */
static bool free_some(struct heap_tx *tx, const void *field)
{
	u32 cell = heap_cell_named(tx->heap, field);

	if (!cell)
		return false;
	if (drain(tx, cell, 0, HEAP_BATCH))
		return true;
	heap_give(tx, cell);
	heap_commit(tx);
	return false;
}

void heap_field_free(struct bpf_map *heap, void *field)
{
	bool more = heap_field_load(field).stamp;
	struct heap_tx tx;

	for (u32 n = 0; more && n < HEAP_WORK / HEAP_BATCH; n++) {
		if (!heap || heap_begin(heap, &tx))
			break; /* what it owns stays until the heap goes */
		more = free_some(&tx, field);
		heap_end(&tx);
	}
	if (heap_field_load(field).stamp)
		heap_field_store(field, (struct heap_field){0});
}
