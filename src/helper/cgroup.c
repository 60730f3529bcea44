/* SPDX-License-Identifier: BSD-2-Clause */
/* cgroup.c - storage of cgroups, cookies and classes of sockets and of the tasks behind them. */
#include <sys/socket.h>
#include <unistd.h>
#include "exec/context.h"
#include "helper/cgroup_id.h"
#include "helper/fn.h"
#include "helper/format.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

HELPER_FN(get_local_storage)
{
	return (u64)map_cgroup_storage_value((struct bpf_map *)(uintptr_t)r1);
}

/* net_cls is a controller of cgroup v1; outside any of its groups the class is 0. */
HELPER_FN(get_cgroup_classid)
{
	return 0;
}

/* Sockets of a test run are ours: a number that is unique to one while it lives. */
static u64 cookie_of(const void *sock)
{
	return sock ? 1ull << 32 | bprintf_hash((uintptr_t)sock) : 0;
}

HELPER_FN(get_socket_cookie)
{
	switch (run->image->prog_type) {
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_SK_SKB: {
		const struct sk_buff *skb = (const void *)(uintptr_t)r1;

		return cookie_of(skb->sk);
	}
	}
	return cookie_of((const void *)(uintptr_t)r1);
}

/* The network namespace we are in; the kernel's own name for it. 0 before Linux 5.14. */
HELPER_FN(get_netns_cookie)
{
	int saved = errno, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(u64);
	u64 cookie = 0;

	if (fd >= 0) {
		if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
			cookie = 0;
		close(fd);
	}
	errno = saved;
	return cookie;
}

/* Is who runs the program in the group at @index? */
static u64 under(const struct bpf_map *map, u32 index)
{
	u64 id = map_cgroup_array_id(map, index);

	if (index >= map->max_entries)
		return (u64)-E2BIG;
	return id ? cgroup_id_has_current(id) : (u64)-EAGAIN;
}

HELPER_FN(current_task_under_cgroup)
{
	return under((const struct bpf_map *)(uintptr_t)r1, (u32)r2);
}

/* A socket of a run is in the group of who runs it. */
HELPER_FN(skb_under_cgroup)
{
	const struct sk_buff *skb = (const void *)(uintptr_t)r1;

	return skb->sk ? under((const struct bpf_map *)(uintptr_t)r2, (u32)r3) : (u64)-ENOENT;
}

/* The ring of sockets a program may pick from is always empty. */
HELPER_FN(sk_select_reuseport)
{
	return (u64)-ENOENT;
}

/* No socket of a run keeps storage: bpf_sk_storage_get() may always fail. */
HELPER_FN(sk_storage_get)
{
	return 0;
}

HELPER_FN(sk_storage_delete)
{
	return (u64)-ENOENT;
}
