/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/mman.h>
#include "base/spin.h"
#include "helper/objpool.h"

#define CHUNK_BYTES (256u << 10)

struct objpool_head {
	struct objpool_head *next; /* while free */
	u32 refs, pad;
};

struct objpool_chunk {
	struct objpool_chunk *next;
	u64 pad;
};

static size_t stride(const struct objpool *p)
{
	return round_up(sizeof(struct objpool_head) + p->size, 16);
}

static u32 per_chunk(const struct objpool *p)
{
	return (u32)((CHUNK_BYTES - sizeof(struct objpool_chunk)) / stride(p));
}

static struct objpool_head *head_at(const struct objpool *p, struct objpool_chunk *c, size_t i)
{
	return (struct objpool_head *)((char *)(c + 1) + i * stride(p));
}

/* Locked. */
static bool more(struct objpool *p)
{
	struct objpool_chunk *c =
		mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (c == MAP_FAILED)
		return false;
	c->next = p->chunks;
	p->chunks = c;
	for (size_t i = 0; i < per_chunk(p); i++) {
		struct objpool_head *h = head_at(p, c, i);

		h->next = p->free;
		p->free = h;
	}
	return true;
}

void *objpool_new(struct objpool *p)
{
	struct objpool_head *h = NULL;

	spin_lock(&p->lock);
	if (p->free || more(p)) {
		h = p->free;
		p->free = h->next;
		p->live++;
	}
	spin_unlock(&p->lock);
	if (!h)
		return NULL;
	memset(h + 1, 0, p->size);
	__atomic_store_n(&h->refs, 1, __ATOMIC_RELEASE);
	return h + 1;
}

/* The head of the object that starts at @object; NULL: none does. Locked. */
static struct objpool_head *head_of(const struct objpool *p, const void *object)
{
	for (struct objpool_chunk *c = p->chunks; c; c = c->next) {
		uintptr_t from = (uintptr_t)(head_at(p, c, 0) + 1);
		uintptr_t off = (uintptr_t)object - from;

		if ((uintptr_t)object >= from && off % stride(p) == 0 &&
		    off / stride(p) < per_chunk(p))
			return (struct objpool_head *)object - 1;
	}
	return NULL;
}

static bool get_live(u32 *refs)
{
	u32 n = __atomic_load_n(refs, __ATOMIC_RELAXED);

	while (n)
		if (__atomic_compare_exchange_n(refs, &n, n + 1, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

void *objpool_get(struct objpool *p, const void *object)
{
	struct objpool_head *h;

	spin_lock(&p->lock);
	h = head_of(p, object);
	spin_unlock(&p->lock);
	return h && get_live(&h->refs) ? h + 1 : NULL;
}

void objpool_put(struct objpool *p, void *object)
{
	struct objpool_head *h;

	if (!object)
		return;
	h = (struct objpool_head *)object - 1;
	if (__atomic_sub_fetch(&h->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (p->release)
		p->release(object);
	spin_lock(&p->lock);
	h->next = p->free;
	p->free = h;
	p->live--;
	spin_unlock(&p->lock);
}
