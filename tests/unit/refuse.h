/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TEST_REFUSE_H
#define USERBPF_TEST_REFUSE_H
/*
 * refuse.h - allocations that fail: the n-th one after refuse_at(n), 0 for none, or that one and all
 * behind it after refuse_from(n). For one file of a test that is linked with --wrap for malloc,
 * calloc and realloc.
 */
#include <stdlib.h>

#include "base/base.h"

static u32 refuse_seen, refuse_nth;
static bool refuse_rest;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static inline void refuse_at(u32 n)
{
	refuse_seen = 0;
	refuse_nth = n;
	refuse_rest = false;
}

static inline void refuse_from(u32 n)
{
	refuse_at(n);
	refuse_rest = true;
}

static bool refused(void)
{
	refuse_seen++;
	return refuse_rest ? refuse_seen >= refuse_nth : refuse_seen == refuse_nth;
}

void *__wrap_malloc(size_t n)
{
	return refused() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refused() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return refused() ? NULL : __real_realloc(p, n);
}

#endif
