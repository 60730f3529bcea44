/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_IDR_H
#define USERBPF_IDR_H
/*
 * idr.h - small integers for pointers, handed out cyclically as the kernel's idr_alloc_cyclic().
 *
 * A sorted array: lookup and "next at or above" are binary searches, allocation is an append until
 * the ids wrap, removal moves the tail (80 kB at 10,000 entries, about a microsecond). The caller
 * locks. Control side.
 */
#include "base/base.h"

struct idr_entry {
	u32 id;
	void *ptr;
};

struct idr {
	struct idr_entry *entries; /* ascending id */
	u32 nr, room;
	u32 next; /* where the next search starts */
};

void idr_init(struct idr *idr);
void idr_free(struct idr *idr);
/* A free id in [start, end), the lowest at or above the last one given out, else from @start:
 * the id, -ENOMEM or -ENOSPC. */
int idr_alloc_cyclic(struct idr *idr, void *ptr, u32 start, u32 end);
void *idr_find(const struct idr *idr, u32 id);
void *idr_remove(struct idr *idr, u32 id);
/* Position of the first entry whose id is >= @id; idr->nr when there is none. */
u32 idr_position(const struct idr *idr, u32 id);

#endif
