/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_treap.c - ordered trees. Treaps: nodes are in order from left to right, priorities descend from the root, so
 * depth is that of a tree built in random order. Each rotation is an operation of its own that leaves a tree in
 * order, so there are never many words to log.
 */
#include "map/heap_cell.h"
#include "map/heap_pool.h"
#include "map/heap_treap.h"

/* A number that has nothing to do with the order. */
static u32 priority(const struct bpf_map *heap, u32 ref)
{
	u32 h = (ref ^ heap->attr.seed) * 0x9e3779b1u;

	h ^= h >> 15;
	h *= 0x85ebca77u;
	return h ^ h >> 13;
}

static u32 child(const struct heap_tx *tx, const struct heap_link *l, u32 side)
{
	u32 ref = heap_get(tx, &l->child[side]);

	return heap_inside(tx->heap, ref) ? ref : 0;
}

/* The word that names @ref: its parent's, or the cell's. */
static u32 *upper(struct heap_tx *tx, u32 cell, u32 node, u32 ref)
{
	struct heap_link *l = heap_link(tx->heap, ref, node), *up;

	up = heap_link(tx->heap, heap_get(tx, &l->parent), node);
	if (!up)
		return &heap_cell_of(tx->heap, cell)->first;
	return &up->child[heap_get(tx, &up->child[1]) == ref];
}

/* @ref, a child, takes the place of its parent, which becomes its child. */
static void rotate(struct heap_tx *tx, u32 cell, u32 node, u32 ref)
{
	struct heap_link *l = heap_link(tx->heap, ref, node), *p, *mid;
	u32 parent = heap_get(tx, &l->parent), side, between;

	p = heap_link(tx->heap, parent, node);
	side = heap_get(tx, &p->child[1]) == ref;
	between = child(tx, l, !side);
	mid = heap_link(tx->heap, between, node);
	heap_set(tx, upper(tx, cell, node, parent), ref);
	heap_set(tx, &l->parent, heap_get(tx, &p->parent));
	heap_set(tx, &p->parent, ref);
	heap_set(tx, &p->child[side], between);
	heap_set(tx, &l->child[!side], parent);
	if (mid)
		heap_set(tx, &mid->parent, parent);
	heap_commit(tx);
	tx->work++;
}

bool heap_tree_unlink(struct heap_tx *tx, u32 cell, u32 ref)
{
	u32 node = heap_get(tx, &heap_cell_of(tx->heap, cell)->node), left, right, only;
	struct heap_link *l = heap_link(tx->heap, ref, node), *down;

	for (u32 n = 0;; n++) {
		left = child(tx, l, 0);
		right = child(tx, l, 1);
		if (!left || !right)
			break;
		only = priority(tx->heap, left) > priority(tx->heap, right) ? left : right;
		if (n == HEAP_STEPS || tx->work > HEAP_WORK ||
		    heap_get(tx, &heap_link(tx->heap, only, node)->parent) != ref)
			return false;
		rotate(tx, cell, node, only);
	}
	only = left ? left : right;
	down = heap_link(tx->heap, only, node);
	heap_set(tx, upper(tx, cell, node, ref), only);
	if (down)
		heap_set(tx, &down->parent, heap_get(tx, &l->parent));
	for (u32 i = 0; i < 2; i++)
		heap_set(tx, &l->child[i], 0);
	heap_set(tx, &l->parent, 0);
	heap_set(tx, &l->owner, 0);
	return true;
}

/* false: somebody else was faster, which cannot be while the program's lock is held */
bool heap_tree_link(struct heap_tx *tx, u32 cell, u32 ref, u32 node, const struct heap_place *p)
{
	struct heap_link *l = heap_link(tx->heap, ref, node);
	struct heap_link *up = heap_link(tx->heap, p->parent, node);
	u32 *word = up ? &up->child[p->side] : &heap_cell_of(tx->heap, cell)->first;

	if (heap_get(tx, &l->owner) || heap_inside(tx->heap, heap_get(tx, word)) ||
	    (up && heap_get(tx, &up->owner) != cell))
		return false;
	heap_set(tx, word, ref);
	heap_set(tx, &l->parent, p->parent);
	heap_set(tx, &l->child[0], 0);
	heap_set(tx, &l->child[1], 0);
	heap_set(tx, &l->owner, cell);
	heap_leave(tx, ref);
	heap_commit(tx);
	for (u32 n = 0; n < HEAP_STEPS; n++) {
		u32 parent = heap_get(tx, &l->parent);

		if (!heap_inside(tx->heap, parent) ||
		    priority(tx->heap, parent) >= priority(tx->heap, ref))
			break;
		rotate(tx, cell, node, ref);
	}
	return true;
}
