/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - trace_pipe: a FIFO that the service holds open for reading and writing, so that text
 * waits there for a reader as it does in the kernel's ring buffer. When it is full the newest text
 * is lost.
 */
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "daemon/daemon.h"

#define TEXT_MAX 1024u

/* One write(2) of less than PIPE_BUF bytes: lines of parallel writers do not mix. */
void trace_write(struct daemon *d, u32 tid, u32 cpu, const char *text, u32 len)
{
	char line[TEXT_MAX + 128];
	struct timespec ts;
	int n;

	if (d->trace_fd < 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	n = snprintf(line, sizeof(line),
		     "           <...>-%-7u [%03u] ....1 %5lu.%06lu: bpf_trace_printk: %.*s\n", tid,
		     cpu, (unsigned long)ts.tv_sec, ts.tv_nsec / 1000, (int)min(len, TEXT_MAX),
		     text);
	if (write(d->trace_fd, line, n) < 0)
		return; /* full: lost */
}

void trace_own(void *arg, const char *text, u32 len)
{
	trace_write(arg, syscall(SYS_gettid), sched_getcpu(), text, len);
}

int trace_handle_printk(struct conn *c)
{
	struct msg_printk m;

	memcpy(&m, c->msg.body, sizeof(m));
	trace_write(c->d, m.tid, m.cpu, (const char *)c->msg.body + sizeof(m),
		    c->msg.hdr.len - sizeof(m));
	return 0;
}
