/* SPDX-License-Identifier: BSD-2-Clause */
/* patch_none.c - patch.h on a CPU that the engine does not know. */
#include "agent/patch.h"

int patch_init(void)
{
	return -EOPNOTSUPP;
}

void patch_can_trap(bool yes) {}
void patch_lasting_traps(bool yes) {}

int patch_add_many(struct patch_req *reqs, u32 nr)
{
	for (u32 i = 0; i < nr; i++) {
		reqs[i].patch = NULL;
		reqs[i].err = -EOPNOTSUPP;
	}
	return nr ? -EOPNOTSUPP : 0;
}

int patch_del_many(struct patch_req *reqs, u32 nr)
{
	return nr ? -EOPNOTSUPP : 0;
}

int patch_add(void *addr, const struct site_plan *plan, const struct patch_hit *hit,
	      struct patch **out)
{
	*out = NULL;
	return -EOPNOTSUPP;
}

int patch_del(struct patch *p)
{
	return -EOPNOTSUPP;
}

void patch_unmapped(u64 start, u64 end) {}

bool patch_trap(void *ucontext)
{
	return false;
}

void patch_resume(const void *ucontext) {}

bool patch_fault(void *ucontext)
{
	return false;
}

void patch_save_vectors(void) {}

u64 patch_return_address(u64 value)
{
	return value;
}

u64 patch_missed(void)
{
	return 0;
}
