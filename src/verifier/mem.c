/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.c - memory of one check: blocks of certain sizes cut from chunks, with a free list per size.
 * Everything goes at once at the end. A program may not make the check use more than the limit.
 */
#include <stdlib.h>

#include "verifier/vfy.h"

#define STEP 8u
#define FINE \
	2048u /* up to here there is a size every STEP: states are made of these, and coarse ones waste up to a fifth */

/* Above, four sizes per power of two: number of the class, and its size. */
static u32 class_of(size_t size, size_t *room)
{
	u32 lg, shift;
	u64 quarter;

	size = max(size, (size_t)1);
	if (size <= FINE) {
		*room = (size + STEP - 1) / STEP * STEP;
		return *room / STEP;
	}
	size--;
	lg = 63 - __builtin_clzll(size);
	shift = lg - 2;
	quarter = size >> shift;
	*room = (quarter + 1) << shift;
	return FINE / STEP + 1 + ((lg - 11) << 2 | (quarter & 3));
}

size_t vmem_room(size_t size)
{
	size_t room = 0;

	if (size)
		class_of(size, &room);
	return room;
}

/* Small checks take little, large ones few chunks: what is not used yet is a small part. */
static u64 chunk_size(const struct vmem *m)
{
	return min(max(m->total / 8 / STEP * STEP, 4096ull), 65536ull);
}

/* What is left of the last chunk serves small blocks. */
static void free_rest(struct vmem *m)
{
	while (m->left) {
		u64 size = min(m->left, (u64)FINE);

		m->left -= size;
		vmem_free(m, m->at + m->left, size);
	}
}

void *vmem_alloc(struct vmem *m, size_t size)
{
	size_t room;
	u32 c = class_of(size, &room);
	void *p, **chunk;
	u64 bytes;

	if (c >= ARRAY_SIZE(m->free))
		return NULL;
	p = m->free[c];
	if (p) {
		m->free[c] = *(void **)p;
		return p;
	}
	size = room;
	if (m->left < size) {
		free_rest(m);
		bytes = max((u64)size, chunk_size(m));
		if (m->total + bytes > m->limit)
			return NULL;
		chunk = malloc(bytes + 16);
		if (!chunk)
			return NULL;
		*chunk = m->chunks;
		m->chunks = chunk;
		m->at = (char *)chunk + 16;
		m->left = bytes;
		m->total += bytes;
	}
	p = m->at;
	m->at += size;
	m->left -= size;
	return p;
}

void vmem_free(struct vmem *m, void *p, size_t size)
{
	size_t room;
	u32 c;

	if (!p || !size)
		return;
	c = class_of(size, &room);
	*(void **)p = m->free[c];
	m->free[c] = p;
}

void vmem_release(struct vmem *m)
{
	void *c, *next;

	for (c = m->chunks; c; c = next) {
		next = *(void **)c;
		free(c);
	}
	*m = (struct vmem){0};
}
