/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_log.c - words of the heap that change at once: they are put into the log, the log is made to count, they
 * are written, the log counts no more. Writing them once more does no harm, which is what who takes over the
 * lock of a dead owner does.
 */
#include <sched.h>
#include "base/current.h"
#include "map/heap_log.h"

#define HURRIED_TRIES 1000u

static bool may_write(const struct bpf_map *heap, u32 at)
{
	return at >= MAP_PAGE && at <= HEAP_SIZE - sizeof(u32) && !(at % sizeof(u32));
}

static void write_words(struct bpf_map *heap, const struct heap_word *w, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		if (may_write(heap, w[i].at))
			__atomic_store_n((u32 *)((char *)heap->shm + w[i].at), w[i].value,
					 __ATOMIC_RELAXED);
}

/* An operation whose owner died half way. */
static void finish(struct bpf_map *heap)
{
	struct heap_shm *h = heap_shm(heap);
	u32 nr = __atomic_load_n(&h->logged, __ATOMIC_ACQUIRE);

	if (likely(!nr))
		return;
	for (u32 i = 0; i < min(nr, HEAP_LOG); i++) {
		struct heap_word w = {READ_ONCE(h->log[i].at), READ_ONCE(h->log[i].value)};

		write_words(heap, &w, 1);
	}
	__atomic_store_n(&h->logged, 0, __ATOMIC_RELEASE);
}

/* A run that is to end does not wait for locks, but gives back what it owns. */
static int take(struct bpf_map *heap)
{
	int err = -EBUSY;
	bool stolen;

	for (u32 n = 0; err == -EBUSY && n < HURRIED_TRIES && (!n || run_hurries()); n++) {
		if (n)
			sched_yield();
		err = bucket_lock(&heap_shm(heap)->lock, &stolen);
	}
	return err;
}

int heap_log_begin(struct bpf_map *heap, struct heap_tx *tx)
{
	int err = heap->rdonly ? -EPERM : take(heap);

	if (err)
		return err;
	tx->heap = heap;
	tx->nr = tx->work = 0;
	finish(heap);
	return 0;
}

u32 heap_get(const struct heap_tx *tx, const u32 *word)
{
	u32 at = heap_offset(tx->heap, word);

	for (u32 i = tx->nr; i--;)
		if (tx->w[i].at == at)
			return tx->w[i].value;
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

void heap_set(struct heap_tx *tx, const u32 *word, u32 value)
{
	u32 at = heap_offset(tx->heap, word);

	for (u32 i = 0; i < tx->nr; i++)
		if (tx->w[i].at == at) {
			tx->w[i].value = value;
			return;
		}
	if (tx->nr < HEAP_LOG) /* no operation has as many */
		tx->w[tx->nr++] = (struct heap_word){at, value};
}

void heap_commit(struct heap_tx *tx)
{
	struct heap_shm *h = heap_shm(tx->heap);

	for (u32 i = 0; i < tx->nr; i++) {
		WRITE_ONCE(h->log[i].at, tx->w[i].at);
		WRITE_ONCE(h->log[i].value, tx->w[i].value);
	}
	__atomic_store_n(&h->logged, tx->nr, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	write_words(tx->heap, tx->w, tx->nr);
	__atomic_store_n(&h->logged, 0, __ATOMIC_RELEASE);
	tx->nr = 0;
}

void heap_end(struct heap_tx *tx)
{
	bucket_unlock(&heap_shm(tx->heap)->lock);
}
