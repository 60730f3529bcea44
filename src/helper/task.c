/* SPDX-License-Identifier: BSD-2-Clause */
/* task.c - the current task: the thread that runs the program, as seen from its own namespaces. */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/slot.h"
#include "helper/fn.h"
#include "helper/task.h"

HELPER_FN(get_current_pid_tgid)
{
	if (unlikely(run->task))
		return (u64)run->task->tgid << 32 | run->task->pid;
	return (u64)getpid() << 32 | slot_tid();
}

HELPER_FN(get_current_uid_gid)
{
	if (unlikely(run->task))
		return (u64)run->task->gid << 32 | run->task->uid;
	return (u64)getgid() << 32 | getuid();
}

/* Padded with zeros to the end, as programs use the buffer in map keys. */
HELPER_FN(get_current_comm)
{
	char comm[TASK_COMM_LEN + 1] = "", *buf = (char *)(uintptr_t)r1;
	u32 size = (u32)r2, len;

	if (unlikely(run->task))
		memcpy(comm, run->task->comm, TASK_COMM_LEN);
	else
		prctl(PR_GET_NAME, comm, 0, 0, 0);
	len = (u32)strlen(comm);
	if (len >= size)
		len = size - 1;
	memcpy(buf, comm, len);
	memset(buf + len, 0, size - len);
	return 0;
}

HELPER_FN(get_ns_current_pid_tgid)
{
	struct bpf_pidns_info *out = (struct bpf_pidns_info *)(uintptr_t)r3;
	struct stat st;

	if ((u32)r4 != sizeof(*out) || (u32)r1 != r1 || stat("/proc/self/ns/pid", &st) < 0 ||
	    st.st_dev != r1 || st.st_ino != r2) {
		memset(out, 0, (u32)r4);
		return (u64)-EINVAL;
	}
	out->pid = run->task ? run->task->pid : (u32)slot_tid();
	out->tgid = run->task ? run->task->tgid : (u32)getpid();
	return 0;
}

HELPER_FN(get_current_task)
{
	return (u64)(uintptr_t)task_current();
}

HELPER_FN(get_current_task_btf)
{
	return (u64)(uintptr_t)task_current();
}
