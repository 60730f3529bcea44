/* SPDX-License-Identifier: BSD-2-Clause */
/* heap_chain.c - lists: each node knows the one before (child[0]) and the one behind (child[1]). */
#include "map/heap_cell.h"
#include "map/heap_chain.h"

void heap_list_unlink(struct heap_tx *tx, u32 cell, u32 ref)
{
	struct heap_cell *c = heap_cell_of(tx->heap, cell);
	u32 node = heap_get(tx, &c->node), side[2];
	struct heap_link *l = heap_link(tx->heap, ref, node), *near;

	for (u32 i = 0; i < 2; i++)
		side[i] = heap_get(tx, &l->child[i]);
	for (u32 i = 0; i < 2; i++) {
		near = heap_link(tx->heap, side[i], node);
		heap_set(tx, near ? &near->child[!i] : i ? &c->last : &c->first, side[!i]);
		heap_set(tx, &l->child[i], 0);
	}
	heap_set(tx, &l->owner, 0);
}

void heap_list_link(struct heap_tx *tx, u32 cell, u32 ref, u32 node, bool back)
{
	struct heap_cell *c = heap_cell_of(tx->heap, cell);
	u32 *end = back ? &c->last : &c->first, other = heap_get(tx, end);
	struct heap_link *l = heap_link(tx->heap, ref, node),
			 *near = heap_link(tx->heap, other, node);

	heap_set(tx, &l->owner, cell);
	heap_set(tx, &l->child[back], 0);
	heap_set(tx, &l->child[!back], near ? other : 0);
	heap_set(tx, near ? &near->child[back] : back ? &c->first : &c->last, ref);
	heap_set(tx, end, ref);
}
