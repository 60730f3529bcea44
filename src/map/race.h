/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_RACE_H
#define USERBPF_RACE_H
/*
 * race.h - races that are meant to be. Values and keys are plain bytes that one thread or process may copy
 * while another writes them: a value's copy may tear, as in the kernel; of a key's, and of a queue's value, who
 * copied finds out afterwards (a generation, a version) and does it again. Each place says so by using these;
 * everything else in shared memory goes by atomics. For ThreadSanitizer, which must not see them.
 */
#include "base/base.h"

#if defined(__SANITIZE_THREAD__)
#define RACE_FN                                                        \
	static __attribute__((no_sanitize("thread"), noinline, unused, \
			      optimize("no-tree-loop-distribute-patterns", "no-tree-vectorize")))

RACE_FN void race_copy(void *to, const void *from, u64 n)
{
	for (u64 i = 0; i < n; i++)
		((char *)to)[i] = ((const char *)from)[i];
}

RACE_FN void race_zero(void *to, u64 n)
{
	for (u64 i = 0; i < n; i++)
		((volatile char *)to)[i] = 0;
}

RACE_FN bool race_equal(const void *a, const void *b, u64 n)
{
	for (u64 i = 0; i < n; i++)
		if (((const char *)a)[i] != ((const char *)b)[i])
			return false;
	return true;
}
#else
static inline void race_copy(void *to, const void *from, u64 n)
{
	memcpy(to, from, n);
}

static inline void race_zero(void *to, u64 n)
{
	memset(to, 0, n);
}

static inline bool race_equal(const void *a, const void *b, u64 n)
{
	return !memcmp(a, b, n);
}
#endif

#endif
