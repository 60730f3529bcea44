/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HEAP_H
#define USERBPF_HEAP_H
/*
 * heap.h - objects that programs make (bpf_obj_new()), and the lists and trees that own them. Run side.
 *
 * An object's type is one of its program's BTF, and only maps with the same BTF can hold it: so there is one
 * heap per BTF, memory that is shared as a map's is (MAP_TYPE_HEAP, no kind of bpf(2)'s), with exactly those
 * who run programs of that BTF or have its maps.
 *
 * Nothing in it is an address: who follows a reference (the place of an object, in units of 16 bytes) looks
 * whether it is inside, far enough from the end for the largest object. A peer that scribbles can mix up
 * objects of the BTF, which are numbers to programs whatever they hold, and nothing else.
 *
 *   struct heap_shm   lock, log, free lists
 *   flights           per CPU slot: what the program that runs there owns
 *   objects           a header each, then the bytes programs see
 *
 * An operation is a few words written under the lock: they stand in the log before they are written, so who finds
 * the lock of a dead owner finishes its operation (heap_log.c). Every object belongs to somebody at any time: to a run
 * (its slot's flight), or to lists and trees. So kill -9 loses nothing: a dead thread's flight is dropped by
 * the service, or by who gets its slot.
 *
 * A bpf_list_head or bpf_rb_root in a map value or an object holds the reference of its cell, an object of the
 * heap that programs never see, and the cell's stamp. A cell that was given back has another: the field is an empty
 * collection then. Trees are treaps: an object's priority is a hash of its place.
 *
 *   heap_log.c   words written at once             heap_pool.c   free objects, flights
 *   heap_cell.c  collections' cells                heap_chain.c, heap_treap.c  how they are linked
 *   heap_owner.c what goes with its owner          heap.c, heap_list.c, heap_tree.c  what programs do
 */
#include "map/map.h"

#define MAP_TYPE_HEAP 65u /* no bpf_map_type */
#define HEAP_OBJ_MAX  4096u

/* Where a node is in its object, and the collection's field in the one it is part of, if any. */
struct heap_at {
	u16 node, head;
	bool in_object;
};
#define HEAP_AT_BITS 13
static inline u32 heap_at_pack(struct heap_at at)
{
	return at.node | at.head << HEAP_AT_BITS | at.in_object << 2 * HEAP_AT_BITS;
}
static inline struct heap_at heap_at(u64 packed)
{
	return (struct heap_at){packed & ((1 << HEAP_AT_BITS) - 1), packed >> HEAP_AT_BITS & ((1 << HEAP_AT_BITS) - 1),
				packed >> 2 * HEAP_AT_BITS & 1};
}

/* Pointers are to objects, nodes in them, and fields: what the verifier has looked at. */
void *heap_new(struct bpf_map *heap, u64 size); /* zeroed; NULL: no room */
void heap_drop(struct bpf_map *heap, void *obj);
void *heap_acquire(struct bpf_map *heap, void *obj);

/* The run gives up its reference in any case. 0, or -EINVAL: the node is in a collection already. */
int heap_list_push(struct bpf_map *heap, void *head, void *node, struct heap_at at, bool back);
void *heap_list_pop(struct bpf_map *heap, void *head, struct heap_at at, bool back);
void *heap_list_end(struct bpf_map *heap, void *head, struct heap_at at, bool back); /* a look only */

typedef int (*heap_less_fn)(void *a, void *b, void *arg); /* negative: cannot say, the node is not added */
int heap_tree_add(struct bpf_map *heap, void *root, void *node, struct heap_at at, heap_less_fn less, void *arg);
void *heap_tree_remove(struct bpf_map *heap, void *root, void *node, struct heap_at at); /* NULL: it is not in there */
enum heap_step { HEAP_LEFT, HEAP_RIGHT };
void *heap_tree_first(struct bpf_map *heap, void *root, struct heap_at at);
void *heap_tree_root(struct bpf_map *heap, void *root, struct heap_at at);
void *heap_tree_step(struct bpf_map *heap, void *root, void *node, struct heap_at at, enum heap_step step);

/* The collection in a map value goes, with what it owns. */
void heap_field_free(struct bpf_map *heap, void *field);

#endif
