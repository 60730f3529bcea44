/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HEAP_CHAIN_H
#define USERBPF_HEAP_CHAIN_H
/*
 * heap_chain.h - how lists are linked; in an operation. Private to heap*.c.
 */
#include "map/heap_log.h"

void heap_list_link(struct heap_tx *tx, u32 cell, u32 ref, u32 node, bool back);
void heap_list_unlink(struct heap_tx *tx, u32 cell, u32 ref);

#endif
