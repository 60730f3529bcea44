/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HEAP_CELL_H
#define USERBPF_HEAP_CELL_H
/*
 * heap_cell.h - collections' cells; in an operation. Private to heap*.c.
 */
#include "map/heap_log.h"

struct heap_field heap_field_load(const void *field);
void heap_field_store(void *field, struct heap_field f);
u32 heap_cell_named(const struct bpf_map *heap, const void *field); /* whatever it is of */
/* The cell of a field, made when there is none and @make; 0: none. */
u32 heap_cell(struct heap_tx *tx, void *field, struct heap_at at, u32 kind, bool make);
u32 heap_cell_look(const struct bpf_map *heap, const void *field, struct heap_at at, u32 kind); /* without lock */
static inline struct heap_cell *heap_cell_of(const struct bpf_map *heap, u32 cell)
{
	return heap_obj(heap, cell);
}
void heap_cell_loose(struct heap_tx *tx, u32 cell); /* of a dead one's flight */

#endif
