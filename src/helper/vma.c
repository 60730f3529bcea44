/* SPDX-License-Identifier: BSD-2-Clause */
/* vma.c - bpf_find_vma: the mapping of a task's memory that an address is in, from /proc. */
#include "helper/fn.h"
#include "helper/proc_maps.h"
#include "helper/task.h"

static bool find(u32 pid, u64 addr, struct proc_vma *v)
{
	struct proc_maps m;
	bool found = false;

	if (proc_maps_open(&m, pid))
		return false;
	while (!found && proc_maps_next(&m, v))
		found = v->vma.vm_start <= addr && addr < v->vma.vm_end;
	proc_maps_close(&m);
	return found;
}

HELPER_FN(find_vma)
{
	const struct task_struct *task = (const struct task_struct *)(uintptr_t)r1;
	struct proc_vma v;
	int pid;

	if (r5)
		return (u64)-EINVAL;
	UNLESS_STOPPED(-ENOENT);
	if (fault_copy(&pid, &task->tgid, sizeof(pid)) || pid <= 0 || !find((u32)pid, r2, &v))
		return (u64)-ENOENT;
	exec_callback(run, r3, r1, (u64)&v.vma, r4, 0, 0);
	return 0;
}
