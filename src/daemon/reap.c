/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reap.c - a thread of its own for what nobody holds any more: an object that goes may have to be taken
 * out of processes, which takes as long as they need to say so, and new clients should not wait for that.
 * It looks for values of tasks and groups that are gone, too (sweep.c).
 */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "daemon/daemon.h"

static void *reap_main(void *arg)
{
	struct daemon *d = arg;
	struct pollfd fds[] = {{.fd = sys_event_fd(d->sys), .events = POLLIN},
			       {.fd = d->reap_stop, .events = POLLIN},
			       {.fd = d->storage_timer, .events = POLLIN}};

	while (!fds[1].revents) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			fds[1].revents = 0;
		else if (fds[0].revents)
			sys_reap(d->sys);
		else if (fds[2].revents)
			sweep_storage_due(d);
	}
	return NULL;
}

static void drop_fds(struct daemon *d)
{
	if (d->reap_stop >= 0)
		close(d->reap_stop);
	if (d->storage_timer >= 0)
		close(d->storage_timer);
	d->reap_stop = d->storage_timer = -1;
}

int reap_start(struct daemon *d)
{
	sigset_t all, old;
	int err;

	d->reap_stop = eventfd(0, EFD_CLOEXEC);
	d->storage_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->reap_stop < 0 || d->storage_timer < 0) {
		err = -errno;
		goto fail_fds;
	}
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&d->reaper, NULL, reap_main, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		return 0;
fail_fds:
	drop_fds(d);
	return err;
}

void reap_end(struct daemon *d)
{
	u64 one = 1;

	if (d->reap_stop < 0)
		return;
	if (write(d->reap_stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(d->reaper, NULL);
	drop_fds(d);
}
