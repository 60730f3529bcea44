/* SPDX-License-Identifier: BSD-2-Clause */
/* select.c - select(2) of handles that can be waited for: asked as a poll(2), where ring.c puts eventfds in their place. */
#include <poll.h>
#include <sys/select.h>
#include "shim/shim.h"

/* What the kernel counts for each of the three sets. */
#define IN  (POLLIN | POLLRDNORM | POLLRDBAND)
#define OUT (POLLOUT | POLLWRNORM | POLLWRBAND)
#define EX  POLLPRI

static bool has(const fd_set *set, int fd)
{
	return set && FD_ISSET(fd, set);
}

static short wanted(const struct select_sets *s, int fd)
{
	return (has(s->in, fd) ? IN : 0) | (has(s->out, fd) ? OUT : 0) | (has(s->ex, fd) ? EX : 0);
}

u32 shim_select_begin(int n, const struct select_sets *s, struct pollfd *fds)
{
	u32 nr = 0;

	for (int fd = 0; fd < n; fd++) {
		short events = wanted(s, fd);

		if (events)
			fds[nr++] = (struct pollfd){.fd = fd, .events = events};
	}
	return nr && shim_poll_begin(fds, nr) ? nr : 0;
}

/* Leaves @fd in the set if it was there and is ready. -> is it? */
static int keep(fd_set *set, int fd, bool ready)
{
	if (!has(set, fd))
		return 0;
	if (!ready)
		FD_CLR(fd, set);
	return ready;
}

int shim_select_end(int n, const struct select_sets *s, const struct pollfd *fds, u32 nr)
{
	int count = 0;

	for (u32 i = 0; i < nr; i++)
		if (fds[i].revents & POLLNVAL)
			return -EBADF;
	for (int fd = 0; fd < n; fd++) {
		short got = wanted(s, fd) ? fds++->revents : 0;

		count += keep(s->in, fd, got & (IN | POLLHUP | POLLERR));
		count += keep(s->out, fd, got & (OUT | POLLERR));
		count += keep(s->ex, fd, got & EX);
	}
	return count;
}
