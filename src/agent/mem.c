/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.c - memory for patch.c, which may be called by a thread that libc does not know of: with its malloc() such a
 * thread would meet others that think they are alone. Powers of two, never given back; the caller's lock.
 */
#include "agent/engine.h"
#include "base/raw.h"

#define SMALLEST 5u /* 32 bytes */
#define CLASSES	 24u
#define CHUNK	 (64ul << 10)

struct block {
	u64 class;
	u64 pad;	    /* what follows is aligned to 16 */
	struct block *next; /* of a free one */
};
#define HEAD offsetof(struct block, next)

static struct block *unused[CLASSES];
static u8 *chunk;
static size_t left;

static struct block *carve(size_t size)
{
	size_t want = max(size, CHUNK);
	struct block *b;

	if (left < size) {
		long p = raw6(SYS_mmap, 0, (long)want, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p < 0 && p >= -MAX_ERRNO)
			return NULL;
		chunk = (u8 *)p;
		left = want;
	}
	b = (struct block *)chunk;
	chunk += size;
	left -= size;
	return b;
}

void *mem_get(size_t size)
{
	u32 class = 0;
	struct block *b;

	while ((1ull << (SMALLEST + class)) < size + HEAD)
		if (++class == CLASSES)
			return NULL;
	b = unused[class];
	if (b)
		unused[class] = b->next;
	else
		b = carve(1ull << (SMALLEST + class));
	if (!b)
		return NULL;
	b->class = class;
	return memset((u8 *)b + HEAD, 0, size);
}

void mem_put(void *p)
{
	struct block *b = p ? (struct block *)((u8 *)p - HEAD) : NULL;

	if (!b)
		return;
	b->next = unused[b->class];
	unused[b->class] = b;
}
