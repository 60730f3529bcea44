/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_OBJPOOL_H
#define USERBPF_OBJPOOL_H
/*
 * objpool.h - counted objects that programs follow pointers into: groups, tasks. Run side.
 *
 * Memory of a pool never goes back to the system and never becomes anything else: a program that
 * keeps a pointer longer than its reference reads another object of the same type, not somebody's
 * heap. So nothing waits for programs to end before an object is reused.
 */
#include "base/base.h"

struct objpool_chunk;
struct objpool {
	size_t size;		     /* of one object */
	void (*release)(void *object); /* the last reference went; may put objects of pools */
	u32 lock;
	struct objpool_chunk *chunks;
	struct objpool_head *free;
	u32 live;
};

void *objpool_new(struct objpool *p); /* zeroed, one reference; NULL: no memory */
/* One more reference of @object, which may be any address: NULL when it is no object of @p that
 * somebody holds. */
void *objpool_get(struct objpool *p, const void *object);
void objpool_put(struct objpool *p, void *object); /* NULL: nothing */

#endif
