/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reap.c - a thread of its own for what nobody holds any more: an object that goes may have to be taken
 * out of processes, which takes as long as they need to say so, and new clients should not wait for that.
 */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "daemon/daemon.h"

static void *reap_main(void *arg)
{
	struct daemon *d = arg;
	struct pollfd fds[] = {{.fd = sys_event_fd(d->sys), .events = POLLIN},
			       {.fd = d->reap_stop, .events = POLLIN}};

	while (!fds[1].revents) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			fds[1].revents = 0;
		else if (fds[0].revents)
			sys_reap(d->sys);
	}
	return NULL;
}

int reap_start(struct daemon *d)
{
	sigset_t all, old;
	int err;

	d->reap_stop = eventfd(0, EFD_CLOEXEC);
	if (d->reap_stop < 0)
		return -errno;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&d->reaper, NULL, reap_main, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		close(d->reap_stop);
		d->reap_stop = -1;
	}
	return -err;
}

void reap_end(struct daemon *d)
{
	u64 one = 1;

	if (d->reap_stop < 0)
		return;
	if (write(d->reap_stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(d->reaper, NULL);
	close(d->reap_stop);
	d->reap_stop = -1;
}
