/* SPDX-License-Identifier: BSD-2-Clause */
/* syscall.c - what only BPF_PROG_TYPE_SYSCALL programs may call; the process they run in does it
 * (struct exec_host). */
#include "helper/fn.h"

static bool callable(int cmd)
{
	switch (cmd) {
	case BPF_MAP_CREATE:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_PROG_LOAD:
	case BPF_BTF_LOAD:
	case BPF_LINK_CREATE:
	case BPF_RAW_TRACEPOINT_OPEN: return true;
	}
	return false;
}

HELPER_FN(sys_bpf)
{
	const struct exec_host *host = run->host;

	if (!callable((int)r1) || !host || !host->sys_bpf)
		return (u64)-EINVAL;
	return (u64)host->sys_bpf(host->caller, (int)r1, (void *)(uintptr_t)r2, (u32)r3);
}

HELPER_FN(sys_close)
{
	const struct exec_host *host = run->host;

	return (u64)(host && host->sys_close ? host->sys_close(host->caller, (int)r1) : -EBADF);
}

static bool is_name(const char *name, int len)
{
	return len > 1 && !name[len - 1];
}

HELPER_FN(btf_find_by_name_kind)
{
	const struct exec_host *host = run->host;
	const char *name = (const char *)(uintptr_t)r1;
	int len = (int)r2;

	if ((int)r4 || !is_name(name, len) || !host || !host->btf_find)
		return (u64)-EINVAL;
	return (u64)host->btf_find(host->caller, name, (u32)len, (u32)r3);
}

HELPER_FN(kallsyms_lookup_name)
{
	const struct exec_host *host = run->host;
	const char *name = (const char *)(uintptr_t)r1;
	u64 *addr = (u64 *)(uintptr_t)r4;
	int len = (int)r2;

	*addr = 0;
	if ((int)r3 || !is_name(name, len))
		return (u64)-EINVAL;
	if (!host || !host->ksym_find)
		return (u64)-ENOENT;
	return (u64)host->ksym_find(host->caller, name, (u32)len, addr);
}
