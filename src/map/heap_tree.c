/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_tree.c - ordered trees. Treaps: nodes are in order from left to right, priorities descend from the root, so
 * depth is that of a tree built in random order. Each rotation is an operation of its own that leaves a tree in
 * order, so there are never many words to log.
 */
#include "map/heap_priv.h"

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
		if (n == HEAP_STEPS ||
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

/* --- add --- */

struct place {
	u32 parent, side;
};

/* Where the node belongs. The caller holds the program's lock, so nothing changes meanwhile. */
static int find(struct bpf_map *heap, u32 cell, char *new, u32 node, heap_less_fn less, void *arg,
		struct place *p)
{
	u32 ref = READ_ONCE(heap_cell_of(heap, cell)->first);
	int order;

	*p = (struct place){0};
	for (u32 n = 0; heap_inside(heap, ref); n++) {
		struct heap_link *l = heap_link(heap, ref, node);

		if (n == HEAP_STEPS || READ_ONCE(l->owner) != cell)
			return -EINVAL;
		order = less(new, l, arg);
		if (order < 0)
			return order;
		*p = (struct place){ref, !order};
		ref = READ_ONCE(l->child[p->side]);
	}
	return 0;
}

/* false: somebody else was faster, which cannot be while the program's lock is held */
static bool link_in(struct heap_tx *tx, u32 cell, u32 ref, u32 node, const struct place *p)
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

int heap_tree_add(struct bpf_map *heap, void *root, void *node, struct heap_at at,
		  heap_less_fn less, void *arg)
{
	struct heap_link *l = node;
	struct heap_tx tx;
	struct place p;
	u32 ref, cell;
	bool done;

	if (!heap || heap_begin(heap, &tx))
		return -EBUSY;
	cell = heap_get(&tx, &l->owner) ? 0 : heap_cell(&tx, root, at, CELL_TREE, true);
	heap_commit(&tx);
	heap_end(&tx);
	done = cell && !find(heap, cell, node, at.node, less, arg, &p);
	if (heap_begin(heap, &tx))
		return -EBUSY;
	ref = heap_ref(heap, (char *)node - at.node);
	done = done && heap_cell(&tx, root, at, CELL_TREE, false) == cell &&
	       link_in(&tx, cell, ref, at.node, &p);
	if (!done) {
		heap_empty(&tx, ref, 0);
		heap_leave(&tx, ref);
		heap_unref(&tx, ref);
	}
	heap_end(&tx);
	return done ? 0 : -EINVAL;
}

/* --- the others --- */

void *heap_tree_remove(struct bpf_map *heap, void *root, void *node, struct heap_at at)
{
	struct heap_link *l = node;
	struct heap_tx tx;
	u32 ref, cell;
	bool done = false;

	if (!heap || heap_begin(heap, &tx))
		return NULL;
	ref = heap_ref(heap, (char *)node - at.node);
	cell = heap_cell(&tx, root, at, CELL_TREE, false);
	if (cell && heap_get(&tx, &l->owner) == cell && heap_can_board(&tx))
		done = heap_tree_unlink(&tx, cell, ref);
	if (done)
		heap_board(&tx, ref);
	heap_commit(&tx);
	heap_end(&tx);
	return done ? node : NULL;
}

static struct heap_link *look(const struct bpf_map *heap, u32 cell, u32 node, u32 ref)
{
	struct heap_link *l = heap_link(heap, ref, node);

	return l && READ_ONCE(l->owner) == cell ? l : NULL;
}

void *heap_tree_root(struct bpf_map *heap, void *root, struct heap_at at)
{
	u32 cell = heap ? heap_cell_look(heap, root, at, CELL_TREE) : 0;

	return cell ? look(heap, cell, at.node, READ_ONCE(heap_cell_of(heap, cell)->first)) : NULL;
}

void *heap_tree_step(struct bpf_map *heap, void *root, void *node, struct heap_at at,
		     enum heap_step step)
{
	u32 cell = heap ? heap_cell_look(heap, root, at, CELL_TREE) : 0;
	struct heap_link *l = node;

	if (!cell || READ_ONCE(l->owner) != cell)
		return NULL;
	return look(heap, cell, at.node, READ_ONCE(l->child[step]));
}

void *heap_tree_first(struct bpf_map *heap, void *root, struct heap_at at)
{
	struct heap_link *l = heap_tree_root(heap, root, at), *next = l;

	for (u32 n = 0; next && n < HEAP_STEPS; n++) {
		l = next;
		next = heap_tree_step(heap, root, l, at, HEAP_LEFT);
	}
	return l;
}
