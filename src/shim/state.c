/* SPDX-License-Identifier: BSD-2-Clause */
/* state.c - the library's one state, and what several commands ask of it: a call's attr, whose
 * an fd is. */
#include "shim/agent.h"
#include "shim/guard.h"
#include "shim/shim.h"

struct shim shim;

void shim_meet_service(void)
{
	shim.met = true;
	client_ping(&shim.client);
}

int shim_read_attr(union bpf_attr *attr, u64 uattr, u32 size)
{
	if (size > sizeof(*attr))
		return SHIM_ELSEWHERE;
	memset((char *)attr + size, 0, sizeof(*attr) - size);
	return guard_read_fast(attr, uattr, size);
}

bool shim_attr_tail_zero(const union bpf_attr *attr, u32 end)
{
	const char *p = (const char *)attr;
	u64 any = 0, word;

	for (; end % 8 && end < sizeof(*attr); end++)
		any |= p[end];
	for (; end + 8 <= sizeof(*attr); end += 8) {
		memcpy(&word, p + end, 8);
		any |= word;
	}
	return !any;
}

/* Ours are high up (see client.c, map.c), so the common close() costs one comparison. */
#define LOWEST_OWN 64

bool shim_owns_fd(int fd)
{
	return fd >= LOWEST_OWN && (client_owns_fd(&shim.client, fd) ||
				    fdtab_owns_fd(shim.fds, fd) || shim_trace_owns_fd(fd) ||
				    shim_epoll_next_fd(fd) == (unsigned int)fd ||
				    agent_owns_fd(fd));
}

bool shim_next_own_fd(unsigned int first, unsigned int last, unsigned int *own)
{
	*own = min(min(client_next_fd(&shim.client, first), fdtab_next_fd(shim.fds, first)),
		   min(min(shim_trace_next_fd(first), shim_epoll_next_fd(first)),
		       agent_next_fd(first)));
	return *own <= last;
}
