/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HEAP_OWNER_H
#define USERBPF_HEAP_OWNER_H
/*
 * heap_owner.h - operations, and what goes with its owner. Private to heap*.c.
 */
#include "map/heap_log.h"

int heap_begin(struct bpf_map *heap, struct heap_tx *tx); /* takes the lock: 0 or -EBUSY */
/* One owner less, whom the words of @tx so far make forget it; committed. */
void heap_unref(struct heap_tx *tx, u32 ref);
/* What the collections in the object own goes; committed. */
void heap_empty(struct heap_tx *tx, u32 ref, u32 depth);
void heap_drop_flight(struct heap_tx *tx, struct heap_flight *f); /* a dead thread's */

#endif
