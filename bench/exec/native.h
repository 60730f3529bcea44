/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BENCH_EXEC_NATIVE_H
#define BENCH_EXEC_NATIVE_H
/*
 * native.h - what exec.bpf.c needs to be plain C: a context, and maps and helpers as somebody would write them in C
 * for one thread: no locks, tables of fixed size, inlined.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define time program_time /* libc has one */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int32_t s32;
typedef long long s64;

struct __sk_buff {
	u8 *data, *data_end;
	u32 len;
};

#define SEC(name)
#define inline_always __attribute__((always_inline)) inline
#define BPF_ANY		 0
#define BPF_RB_NO_WAKEUP 1

enum native_kind { ARRAY, HASH };
#define BUCKETS 512

struct native_map {
	enum native_kind kind;
	u32 key_size, max;
	struct native_elem {
		u8 key[16];
		u64 value;
		u32 used;
	} elems[BUCKETS];
};

static struct native_map array = {ARRAY, 4, 256}, percpu = {ARRAY, 4, 64}, hash = {HASH, 4, 256},
			 hash16 = {HASH, 16, 256}, pchash = {HASH, 4, 256}, updated = {HASH, 4, 256};

/* Open addressing. */
static inline_always struct native_elem *native_find(struct native_map *m, const void *key)
{
	u64 h = 0, w;
	u32 i;

	for (i = 0; i < m->key_size; i += 4) {
		u32 part;

		memcpy(&part, (const u8 *)key + i, 4);
		h = (h ^ part) * 0x9e3779b97f4a7c15ull;
	}
	for (w = h >> 55; m->elems[w].used; w = (w + 1) % BUCKETS)
		if (!memcmp(m->elems[w].key, key, m->key_size))
			break;
	return &m->elems[w];
}

static inline_always void *bpf_map_lookup_elem(struct native_map *m, const void *key)
{
	struct native_elem *e;
	u32 i;

	if (m->kind == ARRAY) {
		memcpy(&i, key, 4);
		return i < m->max ? &m->elems[i].value : NULL;
	}
	e = native_find(m, key);
	return e->used ? &e->value : NULL;
}

static inline_always int bpf_map_update_elem(struct native_map *m, const void *key, const void *value,
					int flags)
{
	struct native_elem *e = native_find(m, key);

	memcpy(e->key, key, m->key_size);
	memcpy(&e->value, value, 8);
	e->used = 1;
	return 0;
}

static u8 ring[64 << 10];
static u64 ring_head;

static inline_always void *bpf_ringbuf_reserve(void *r, u64 size, u64 flags)
{
	u64 at = __atomic_fetch_add(&ring_head, size + 8, __ATOMIC_SEQ_CST);

	return ring + at % (sizeof(ring) - 64) / 8 * 8;
}

static inline_always void bpf_ringbuf_discard(void *rec, u64 flags)
{
	__atomic_store_n((u32 *)rec, 0, __ATOMIC_RELEASE);
}

static inline_always u32 bpf_get_smp_processor_id(void)
{
	return sched_getcpu();
}

static inline_always u64 bpf_ktime_get_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

#define bpf_loop(n, fn, ctx, flags)                      \
	do {                                             \
		for (u32 i_ = 0; i_ < (n); i_++)         \
			if (fn(i_, ctx))                 \
				break;                   \
	} while (0)

#endif
