/* SPDX-License-Identifier: BSD-2-Clause */
/* say.c - what other threads and files tell: the user (stderr), the main loop (an eventfd). */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "daemon/daemon.h"

void daemon_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("userbpfd: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

void daemon_wake(struct daemon *d)
{
	u64 one = 1;

	if (write(d->wake_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: it is awake */
}
