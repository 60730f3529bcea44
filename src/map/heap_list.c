/* SPDX-License-Identifier: BSD-2-Clause */
/* heap_list.c - what programs do with lists. */
#include "map/heap_cell.h"
#include "map/heap_chain.h"
#include "map/heap_owner.h"
#include "map/heap_pool.h"

int heap_list_push(struct bpf_map *heap, void *head, void *node, struct heap_at at, bool back)
{
	struct heap_link *l = node;
	struct heap_tx tx;
	u32 ref, cell;

	if (!heap || heap_begin(heap, &tx))
		return -EBUSY;
	ref = heap_ref(heap, (char *)node - at.node);
	cell = heap_get(&tx, &l->owner) ? 0 : heap_cell(&tx, head, at, 0, true);
	if (cell)
		heap_list_link(&tx, cell, ref, at.node, back);
	else
		heap_empty(&tx, ref, 0);
	heap_leave(&tx, ref);
	if (cell)
		heap_commit(&tx);
	else
		heap_unref(&tx, ref);
	heap_end(&tx);
	return cell ? 0 : -EINVAL;
}

/* The list's object at that end, or 0. */
static u32 end_of(const struct bpf_map *heap, u32 cell, struct heap_at at, bool back)
{
	const struct heap_cell *c = heap_cell_of(heap, cell);
	u32 ref = cell ? READ_ONCE(*(back ? &c->last : &c->first)) : 0;
	const struct heap_link *l = heap_link(heap, ref, at.node);

	return l && READ_ONCE(l->owner) == cell ? ref : 0;
}

void *heap_list_end(struct bpf_map *heap, void *head, struct heap_at at, bool back)
{
	u32 cell = heap ? heap_cell_look(heap, head, at, 0) : 0;

	return cell ? heap_link(heap, end_of(heap, cell, at, back), at.node) : NULL;
}

void *heap_list_pop(struct bpf_map *heap, void *head, struct heap_at at, bool back)
{
	struct heap_tx tx;
	u32 cell, ref = 0;

	if (!heap || heap_begin(heap, &tx))
		return NULL;
	cell = heap_cell(&tx, head, at, 0, false);
	if (cell && heap_can_board(&tx))
		ref = end_of(heap, cell, at, back);
	if (ref) {
		heap_list_unlink(&tx, cell, ref);
		heap_board(&tx, ref);
		heap_commit(&tx);
	}
	heap_end(&tx);
	return heap_link(heap, ref, at.node);
}
