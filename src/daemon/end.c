/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * end.c - programs are ended and clients hung up when the service stops, so it ends within a second or two. What nobody can end
 * is a thread in a system call that waits for somebody else, a file server that is stuck for one; only
 * the end of the process does.
 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include "daemon/daemon.h"

#define PATIENCE_S 8 /* less than what `userbpf down` has */

static void *wait_and_end(void *arg)
{
	sleep(PATIENCE_S);
	daemon_say("something does not come back; ending without it");
	rundir_remove(arg);
	_exit(1);
}

void end_certainly(struct daemon *d)
{
	sigset_t all, old;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (!pthread_create(&thread, NULL, wait_and_end, d))
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}
