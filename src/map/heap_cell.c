/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_cell.c - the cells of collections. A field names its cell by reference and stamp.
 *
 * The field of an object is memory of the heap, so it changes together with its cell. That of a map value is not:
 * its cell is in the flight of who makes it, and loose, until the field has it. Who finds a loose cell in a field
 * ties it before using it, so one that is still loose when its maker is dead was never used.
 */
#include "map/heap_cell.h"
#include "map/heap_pool.h"

static u32 node_word(struct heap_at at, u32 kind)
{
	return at.node | kind;
}

struct heap_field heap_field_load(const void *field)
{
	u64 v = __atomic_load_n((const u64 *)field, __ATOMIC_ACQUIRE);
	struct heap_field f;

	memcpy(&f, &v, sizeof(f));
	return f;
}

void heap_field_store(void *field, struct heap_field f)
{
	u64 v;

	memcpy(&v, &f, sizeof(v));
	__atomic_store_n((u64 *)field, v, __ATOMIC_RELEASE);
}

/* The cell that @field names, whatever it is of; 0: none. */
u32 heap_cell_named(const struct bpf_map *heap, const void *field)
{
	struct heap_field f = heap_field_load(field);
	const struct heap_head *head;

	if (!f.stamp || !heap_inside(heap, f.ref))
		return 0;
	head = heap_head(heap, f.ref);
	return (READ_ONCE(head->kind) & 0xffff) == HEAP_CELL && READ_ONCE(head->stamp) == f.stamp
		       ? f.ref
		       : 0;
}

u32 heap_cell_look(const struct bpf_map *heap, const void *field, struct heap_at at, u32 kind)
{
	u32 cell = heap_cell_named(heap, field);

	return cell && (READ_ONCE(heap_cell_of(heap, cell)->node) & ~CELL_LOOSE) ==
				       node_word(at, kind)
		       ? cell
		       : 0;
}

static void into_object(struct heap_tx *tx, char *field, struct heap_at at, struct heap_field f)
{
	struct heap_head *owner = (struct heap_head *)(field - at.head) - 1;
	struct heap_field *to = (struct heap_field *)field;

	heap_set(tx, &heap_head(tx->heap, f.ref)->link, heap_get(tx, &owner->link));
	heap_set(tx, &owner->link, f.ref);
	heap_set(tx, &to->ref, f.ref);
	heap_set(tx, &to->stamp, f.stamp);
}

static u32 make_cell(struct heap_tx *tx, void *field, struct heap_at at, u32 kind)
{
	struct heap_shm *h = heap_shm(tx->heap);
	struct heap_field f;
	struct heap_cell *c;

	if (!heap_can_board(tx))
		return 0;
	f.ref = heap_take(tx, sizeof(*c), HEAP_CELL);
	if (!f.ref) {
		tx->nr = 0;
		return 0;
	}
	f.stamp = heap_get(tx, &h->stamp) + 1;
	f.stamp += !f.stamp;
	c = heap_cell_of(tx->heap, f.ref);
	heap_set(tx, &h->stamp, f.stamp);
	heap_set(tx, &heap_head(tx->heap, f.ref)->stamp, f.stamp);
	if (at.in_object) {
		heap_set(tx, &c->node, node_word(at, kind));
		into_object(tx, field, at, f);
		return f.ref;
	}
	heap_set(tx, &c->node, node_word(at, kind) | CELL_LOOSE);
	heap_board(tx, f.ref);
	heap_commit(tx);
	heap_field_store(field, f);
	heap_set(tx, &c->node, node_word(at, kind));
	heap_leave(tx, f.ref);
	return f.ref;
}

u32 heap_cell(struct heap_tx *tx, void *field, struct heap_at at, u32 kind, bool make)
{
	u32 cell = heap_cell_look(tx->heap, field, at, kind), *node;

	if (!cell)
		return make ? make_cell(tx, field, at, kind) : 0;
	node = &heap_cell_of(tx->heap, cell)->node;
	if (heap_get(tx, node) & CELL_LOOSE)
		heap_set(tx, node, node_word(at, kind));
	return cell;
}

void heap_cell_loose(struct heap_tx *tx, u32 cell)
{
	if (heap_get(tx, &heap_cell_of(tx->heap, cell)->node) & CELL_LOOSE)
		heap_give(tx, cell);
}
