/* SPDX-License-Identifier: BSD-2-Clause */
/* control.c - loops and locks. */
#include "base/spin.h"
#include "helper/fn.h"

#define MAX_LOOPS (8u * 1024 * 1024)

HELPER_FN(loop)
{
	u32 nr = (u32)r1, i;

	if (r4)
		return (u64)-EINVAL;
	if (nr > MAX_LOOPS)
		return (u64)-E2BIG;
	for (i = 0; i < nr; i++)
		if (exec_callback(run, r2, i, r3, 0, 0, 0))
			return i + 1;
	return i;
}

HELPER_FN(spin_lock)
{
	spin_lock((u32 *)(uintptr_t)r1);
	return 0;
}

HELPER_FN(spin_unlock)
{
	spin_unlock((u32 *)(uintptr_t)r1);
	return 0;
}
