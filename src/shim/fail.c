/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fail.c - faults on demand, for tests of loaders: USERBPF_FAIL=N[:ERRNO] in the environment makes
 * the Nth bpf(2) call of the process fail, before it does anything. Calls of bpf_sys_bpf() count,
 * in the order in which they begin; a forked child counts anew.
 */
#include <stdlib.h>
#include "shim/shim.h"

static struct {
	u32 at; /* 0: off */
	s32 error;
	u32 calls; /* atomic */
} fail;

/* A number, or a name as in errno.h. */
static s32 parse_errno(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end != text)
		return !*end && n > 0 && n <= MAX_ERRNO ? -n : 0;
	for (s32 e = 1; e < 134; e++) {
		const char *name = strerrorname_np(e);

		if (name && !strcmp(name, text))
			return -e;
	}
	return 0;
}

void shim_fail_start(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	fail.error = *end == ':' ? parse_errno(end + 1) : *end ? 0 : -ENOMEM;
	fail.at = fail.error && n <= UINT32_MAX ? n : 0;
}

bool shim_fail_on(void)
{
	return fail.at;
}

int shim_fail_call(void)
{
	return __atomic_add_fetch(&fail.calls, 1, __ATOMIC_RELAXED) == fail.at ? fail.error : 0;
}

void shim_fail_after_fork(void)
{
	fail.calls = 0;
}
