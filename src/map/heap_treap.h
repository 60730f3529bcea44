/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HEAP_TREAP_H
#define USERBPF_HEAP_TREAP_H
/*
 * heap_treap.h - how trees are linked; in an operation. Private to heap*.c.
 */
#include "map/heap_log.h"

struct heap_place {
	u32 parent, side;
};
/* Commits; false: the place is not free, or the node is somewhere. */
bool heap_tree_link(struct heap_tx *tx, u32 cell, u32 ref, u32 node, const struct heap_place *p);
bool heap_tree_unlink(struct heap_tx *tx, u32 cell, u32 ref); /* commits steps on the way; false: makes no sense */

#endif
