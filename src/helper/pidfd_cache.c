/* SPDX-License-Identifier: BSD-2-Clause */
#include "helper/pidfd_cache.h"

#define ENTRIES 64u

static struct {
	bool begun;
	u32 used;   /* something was kept */
	u32 closes; /* since then */
	struct {
		u64 number, check; /* number ^ mark_of(fd) */
	} entry[ENTRIES];
} cache;

static u64 mark_of(int fd)
{
	return ((u64)fd + 1) * 0x9e3779b97f4a7c15ull;
}

void pidfd_cache_begin(void)
{
	cache.begun = true;
}

static void clear(u32 at)
{
	__atomic_store_n(&cache.entry[at].check, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&cache.entry[at].number, 0, __ATOMIC_RELAXED);
}

void pidfd_cache_closed(unsigned int first, unsigned int last)
{
	if (likely(!__atomic_load_n(&cache.used, __ATOMIC_RELAXED)))
		return;
	__atomic_add_fetch(&cache.closes, 1, __ATOMIC_SEQ_CST);
	if (last - first >= ENTRIES)
		last = first + ENTRIES - 1;
	for (unsigned int fd = first; fd - first <= last - first; fd++)
		clear(fd % ENTRIES);
}

u64 pidfd_cache_find(int fd)
{
	u64 number, check;

	if (!cache.begun || fd < 0)
		return 0;
	number = __atomic_load_n(&cache.entry[(u32)fd % ENTRIES].number, __ATOMIC_ACQUIRE);
	check = __atomic_load_n(&cache.entry[(u32)fd % ENTRIES].check, __ATOMIC_RELAXED);
	return (number ^ check) == mark_of(fd) ? number : 0;
}

u32 pidfd_cache_count(void)
{
	__atomic_store_n(&cache.used, 1, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&cache.closes, __ATOMIC_SEQ_CST);
}

void pidfd_cache_keep(int fd, u64 number, u32 count)
{
	u32 at = (u32)fd % ENTRIES;

	if (!cache.begun || fd < 0)
		return;
	__atomic_store_n(&cache.entry[at].check, number ^ mark_of(fd), __ATOMIC_RELAXED);
	__atomic_store_n(&cache.entry[at].number, number, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&cache.closes, __ATOMIC_SEQ_CST) != count)
		clear(at);
}
