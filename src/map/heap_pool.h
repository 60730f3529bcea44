/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HEAP_POOL_H
#define USERBPF_HEAP_POOL_H
/*
 * heap_pool.h - free objects, and those that the run in a slot owns; in an operation. Private to heap*.c.
 */
#include "map/heap_log.h"

u32 heap_take(struct heap_tx *tx, u32 size, u32 kind); /* 0: no room */
void heap_give(struct heap_tx *tx, u32 ref);	       /* nobody has it any more */
struct heap_flight *heap_my_flight(const struct bpf_map *heap);
u32 heap_aboard(const struct heap_tx *tx, const struct heap_flight *f); /* how many */
bool heap_can_board(const struct heap_tx *tx);
void heap_board(struct heap_tx *tx, u32 ref); /* into this run's flight ... */
void heap_leave(struct heap_tx *tx, u32 ref); /* ... and out of it */

#endif
