/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c - reads of memory that may not be there. The program and what it probes share one address
 * space, so "kernel" and "user" name the same memory here: that of the process the program runs in
 * (DESIGN D1).
 */
#include <sys/uio.h>
#include "helper/fn.h"
#include "helper/task.h"

static u64 probe(struct exec_run *run, u64 dst, u64 size, u64 src)
{
	UNLESS_STOPPED_AND_LONG(size, -EFAULT);
	return (u64)(long)fault_copy((void *)(uintptr_t)dst, (const void *)(uintptr_t)src,
				     (u32)size);
}

static u64 probe_str(struct exec_run *run, u64 dst, u64 size, u64 src)
{
	long len;

	UNLESS_STOPPED_AND_LONG(size, -EFAULT);
	len = fault_copy_str((char *)(uintptr_t)dst, (const void *)(uintptr_t)src, (u32)size);

	if (len < 0)
		memset((void *)(uintptr_t)dst, 0, (u32)size);
	return (u64)len;
}

HELPER_FN(probe_read)
{
	return probe(run, r1, r2, r3);
}
HELPER_FN(probe_read_kernel)
{
	return probe(run, r1, r2, r3);
}
HELPER_FN(probe_read_user)
{
	return probe(run, r1, r2, r3);
}
HELPER_FN(copy_from_user)
{
	return probe(run, r1, r2, r3);
}
HELPER_FN(probe_read_str)
{
	return probe_str(run, r1, r2, r3);
}
HELPER_FN(probe_read_kernel_str)
{
	return probe_str(run, r1, r2, r3);
}
HELPER_FN(probe_read_user_str)
{
	return probe_str(run, r1, r2, r3);
}

/* Of another task the host decides what may be read. */
static long copy_from(int pid, void *dst, u64 from, u32 size)
{
	struct iovec to = {dst, size}, at = {(void *)(uintptr_t)from, size};
	int saved = errno;
	ssize_t n = process_vm_readv(pid, &to, 1, &at, 1, 0);

	errno = saved;
	return n == (ssize_t)size ? 0 : -EFAULT;
}

HELPER_FN(copy_from_user_task)
{
	const struct task_struct *task = (const void *)(uintptr_t)r4;
	void *dst = (void *)(uintptr_t)r1;
	int tgid = 0;
	long err;

	if (r5)
		return (u64)-EINVAL;
	if (!(u32)r2)
		return 0;
	UNLESS_STOPPED_AND_LONG(r2, -EFAULT);
	if (task == task_current())
		return probe(run, r1, r2, r3);
	err = fault_copy(&tgid, (const char *)task + offsetof(struct task_struct, tgid),
			 sizeof(tgid))
		      ?: exec_stopped(run) ? -EFAULT
					   : copy_from(tgid, dst, r3, (u32)r2);
	if (err)
		memset(dst, 0, (u32)r2);
	return (u64)err;
}
