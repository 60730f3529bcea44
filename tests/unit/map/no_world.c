/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * no_world.c - maps alone: no task and no group has a number here. Owners of storage are fds plus 1000, for as
 * long as that is below storage_end.
 */
#include "map/kptr.h"
#include "map/local_storage.h"
#include "no_world.h"

const struct kptr_world kptr_tasks, kptr_groups;
u64 storage_end = UINT64_MAX;

static int owner(int fd, u64 *number)
{
	if (fd < 0)
		return -EBADF;
	*number = (u64)fd + 1000;
	return *number < storage_end ? 0 : -ENOENT;
}

static void find(u64 *numbers, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		if (numbers[i] < storage_end)
			numbers[i] = 0;
}

const struct storage_world storage_tasks = {owner, find}, storage_groups = {owner, find};
