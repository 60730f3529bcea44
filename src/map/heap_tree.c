/* SPDX-License-Identifier: BSD-2-Clause */
/* heap_tree.c - what programs do with trees. */
#include "map/heap_cell.h"
#include "map/heap_owner.h"
#include "map/heap_pool.h"
#include "map/heap_treap.h"

/* Where the node belongs. The caller holds the program's lock, so nothing changes meanwhile. */
static int find(struct bpf_map *heap, u32 cell, char *new, u32 node, heap_less_fn less, void *arg,
		struct heap_place *p)
{
	u32 ref = READ_ONCE(heap_cell_of(heap, cell)->first);
	int order;

	*p = (struct heap_place){0};
	for (u32 n = 0; heap_inside(heap, ref); n++) {
		struct heap_link *l = heap_link(heap, ref, node);

		if (n == HEAP_STEPS || READ_ONCE(l->owner) != cell)
			return -EINVAL;
		order = less(new, l, arg);
		if (order < 0)
			return order;
		*p = (struct heap_place){ref, !order};
		ref = READ_ONCE(l->child[p->side]);
	}
	return 0;
}

int heap_tree_add(struct bpf_map *heap, void *root, void *node, struct heap_at at,
		  heap_less_fn less, void *arg)
{
	struct heap_link *l = node;
	struct heap_tx tx;
	struct heap_place p;
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
	       heap_tree_link(&tx, cell, ref, at.node, &p);
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
