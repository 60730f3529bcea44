/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HEAP_LOG_H
#define USERBPF_HEAP_LOG_H
/*
 * heap_log.h - where what is in a heap, and how its words are changed. Private to heap*.c.
 *
 * Words of the heap are named by their byte offset in its memory. What is read may be anything: heap_obj(), heap_node()
 * and heap_cell() say whether it can be what it should be; loops are bounded by HEAP_STEPS or by what they undo.
 */
#include "map/bucket_lock.h"
#include "map/heap.h"
#include "map/map_kind.h"

#define HEAP_SIZE    (256ull << 20) /* memory that is touched is real */
#define HEAP_UNIT    16u
#define HEAP_CLASSES 16u
#define HEAP_LOG     32u
#define HEAP_FLIGHT  1022u /* a verified program holds no more than it has registers and stack for */
#define HEAP_STEPS   1024u /* down a tree, whose depth is far less */
#define HEAP_WORK    (1u << 23) /* steps of one operation: memory that makes sense needs no more */
#define HEAP_BATCH   4096u /* objects that go before others get the lock */
#define HEAP_DEPTH   3u	   /* collections in objects in collections ... */

struct heap_word {
	u32 at, value;
};

struct heap_shm {
	u32 lock;
	u32 fresh; /* units that were never used begin here */
	u32 free[HEAP_CLASSES];
	u32 stamp;
	u32 logged; /* words of the log that count */
	struct heap_word log[HEAP_LOG];
};

/* What the run in a slot owns. */
struct heap_flight {
	u32 tid, nr;
	u32 ref[HEAP_FLIGHT];
};

enum heap_kind { HEAP_OBJECT = 1, HEAP_CELL };

struct heap_head {
	u32 refs;
	u32 stamp; /* of a cell */
	u32 link;  /* free: the next; object: its first cell; cell in an object: the next there */
	u32 kind;  /* enum heap_kind, class in the upper half */
};

/* Fields as the heap uses them. Node references are those of objects. */
struct heap_cell {
	u32 first, last; /* tree: the root */
	u32 node;	 /* where nodes are in their objects; CELL_TREE; CELL_LOOSE: not yet in its field */
	u32 pad;
};
#define CELL_TREE  0x80000000u
#define CELL_LOOSE 0x40000000u

struct heap_link {
	u32 child[2]; /* list: before, behind */
	u32 parent;
	u32 owner;    /* cell; 0: not in a collection */
};

struct heap_field {
	u32 ref, stamp;
};

/* An operation: the lock, and the words that change. */
struct heap_tx {
	struct bpf_map *heap;
	u32 nr;
	u32 work; /* steps of what may take long: no more than there can be objects */
	struct heap_word w[HEAP_LOG];
};

static inline struct heap_shm *heap_shm(const struct bpf_map *heap)
{
	return (struct heap_shm *)((char *)heap->shm + MAP_PAGE);
}
static inline struct heap_flight *heap_flight(const struct bpf_map *heap, u32 slot)
{
	return (struct heap_flight *)((char *)heap->shm + 2 * MAP_PAGE) + slot;
}
static inline u32 heap_first(const struct bpf_map *heap)
{
	return (2 * MAP_PAGE + heap->attr.nr_cpus * (u32)sizeof(struct heap_flight)) / HEAP_UNIT;
}
static inline struct heap_head *heap_head(const struct bpf_map *heap, u32 ref)
{
	return (struct heap_head *)((char *)heap->shm + (u64)ref * HEAP_UNIT);
}
static inline u32 heap_offset(const struct bpf_map *heap, const void *p)
{
	return (const char *)p - (const char *)heap->shm;
}
/* Could there be an object? */
static inline bool heap_inside(const struct bpf_map *heap, u32 ref)
{
	return ref >= heap_first(heap) && ref < (HEAP_SIZE - 2 * HEAP_OBJ_MAX) / HEAP_UNIT;
}
static inline bool heap_holds(const struct bpf_map *heap, const void *p)
{
	return (const char *)p >= (const char *)heap->shm && (const char *)p < (const char *)heap->shm + HEAP_SIZE;
}
static inline u32 heap_ref(const struct bpf_map *heap, const void *obj)
{
	return heap_offset(heap, obj) / HEAP_UNIT - 1;
}
static inline void *heap_obj(const struct bpf_map *heap, u32 ref)
{
	return heap_inside(heap, ref) ? heap_head(heap, ref) + 1 : NULL;
}
static inline struct heap_link *heap_link(const struct bpf_map *heap, u32 ref, u32 node)
{
	char *obj = heap_obj(heap, ref);

	return obj ? (struct heap_link *)(obj + min(node & ~(CELL_TREE | CELL_LOOSE) & ~3u, HEAP_OBJ_MAX)) : NULL;
}

/* --- operations --- */
int heap_log_begin(struct bpf_map *heap, struct heap_tx *tx); /* see heap_begin() of heap_owner.h */
u32 heap_get(const struct heap_tx *tx, const u32 *word);
void heap_set(struct heap_tx *tx, const u32 *word, u32 value);
void heap_commit(struct heap_tx *tx); /* all of it or nothing; the lock stays */
void heap_end(struct heap_tx *tx);

#endif
