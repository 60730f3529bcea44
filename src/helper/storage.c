/* SPDX-License-Identifier: BSD-2-Clause */
/* storage.c - values of tasks and groups (map/local_storage.h): whose they are, by fd and by pointer. */
#include <sys/syscall.h>
#include <unistd.h>
#include "helper/cgroup_id.h"
#include "helper/cgroup_view.h"
#include "helper/fn.h"
#include "helper/pidfd_cache.h"
#include "helper/task.h"
#include "helper/task_view.h"
#include "map/local_storage.h"

/* --- by fd --- */

static int look_up_task(int fd, u64 *number)
{
	u32 count = pidfd_cache_count();
	int pid = pidfd_pid(fd);

	if (pid < 0)
		return pid == -ESRCH ? -ENOENT : -EBADF;
	*number = task_identity_of((u32)pid);
	/* the pid may have been another's by then: not as long as the fd still says so */
	if (!*number || pidfd_pid(fd) != pid)
		return -ENOENT;
	pidfd_cache_keep(fd, *number, count);
	return 0;
}

static int task_of_fd(int fd, u64 *number)
{
	int saved = errno, err = 0;

	*number = pidfd_cache_find(fd);
	if (!*number)
		return look_up_task(fd, number);
	/* is it still there? */
	if (syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) && errno != EPERM)
		err = errno == ESRCH ? -ENOENT : look_up_task(fd, number);
	errno = saved;
	return err;
}

static int group_of_fd(int fd, u64 *number)
{
	*number = cgroup_id_fd(fd);
	return *number ? 0 : -EBADF;
}

static void find_tasks(u64 *numbers, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		if (task_identity_of((u32)numbers[i]) == numbers[i])
			numbers[i] = 0;
}

const struct storage_world storage_tasks = {.owner = task_of_fd, .find = find_tasks};
const struct storage_world storage_groups = {.owner = group_of_fd, .find = cgroup_find_ids};

/* --- by pointer, which may lead anywhere --- */

static u64 number_of_group(const void *cgrp)
{
	struct cgroup *c = cgroup_get(cgrp);
	u64 number = c && cgroup_is_v2(c) ? c->kn->id : 0;

	cgroup_put(c);
	return number;
}

static u64 get(u64 map, u64 number, u64 init, u64 flags)
{
	if (flags & ~(u64)BPF_LOCAL_STORAGE_GET_F_CREATE)
		return 0;
	return (u64)(uintptr_t)map_storage_get((struct bpf_map *)(uintptr_t)map, number,
					       (const void *)(uintptr_t)init, flags);
}

static u64 delete (u64 map, u64 owner, u64 number)
{
	if (!owner)
		return (u64)-EINVAL;
	return (u64)map_storage_delete((struct bpf_map *)(uintptr_t)map, number);
}

HELPER_FN(task_storage_get)
{
	return get(r1, task_identity((const void *)(uintptr_t)r2), r3, r4);
}

HELPER_FN(task_storage_delete)
{
	return delete (r1, r2, task_identity((const void *)(uintptr_t)r2));
}

HELPER_FN(cgrp_storage_get)
{
	return get(r1, number_of_group((const void *)(uintptr_t)r2), r3, r4);
}

HELPER_FN(cgrp_storage_delete)
{
	return delete (r1, r2, number_of_group((const void *)(uintptr_t)r2));
}
