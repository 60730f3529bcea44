/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c - reads of memory that may not be there. The program and what it probes share one address
 * space, so "kernel" and "user" name the same memory here: that of the process the program runs in
 * (DESIGN D1).
 */
#include "helper/fn.h"

static u64 probe(u64 dst, u64 size, u64 src)
{
	return (u64)(long)fault_copy((void *)(uintptr_t)dst, (const void *)(uintptr_t)src,
				     (u32)size);
}

static u64 probe_str(u64 dst, u64 size, u64 src)
{
	long len = fault_copy_str((char *)(uintptr_t)dst, (const void *)(uintptr_t)src, (u32)size);

	if (len < 0)
		memset((void *)(uintptr_t)dst, 0, (u32)size);
	return (u64)len;
}

HELPER_FN(probe_read)
{
	return probe(r1, r2, r3);
}
HELPER_FN(probe_read_kernel)
{
	return probe(r1, r2, r3);
}
HELPER_FN(probe_read_user)
{
	return probe(r1, r2, r3);
}
HELPER_FN(copy_from_user)
{
	return probe(r1, r2, r3);
}
HELPER_FN(probe_read_str)
{
	return probe_str(r1, r2, r3);
}
HELPER_FN(probe_read_kernel_str)
{
	return probe_str(r1, r2, r3);
}
HELPER_FN(probe_read_user_str)
{
	return probe_str(r1, r2, r3);
}
