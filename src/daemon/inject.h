/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_INJECT_H
#define USERBPF_INJECT_H
/*
 * inject.h - a function of another process, called by one of its own threads.
 *
 * A child process of ours traces the thread for the moment (so a target that does not stop blocks a
 * child, not the service), lends it registers and a stack, waits for the function to return to
 * address 0, and puts back what was there: registers, vector registers, signal mask. A system call
 * the thread was blocked in goes on as after SIGCONT; those which the kernel ends with EINTR then
 * are made again.
 *
 * The child needs no lock of the service and allocates nothing. It is not killed while the target
 * is on borrowed registers.
 */
#include <sys/types.h>
#include "base/base.h"

struct inject {
	pid_t pid;
	u64 fn, arg[2];
	u64 stack;	 /* end of memory of the target to run on; 0: the thread's own stack */
	const char *text; /* copied to the stack, arg[0] points to it; NULL */
	/* Only a thread that is in, or comes to, a system call no allocator and no dynamic linker makes:
	 * then it holds none of their locks, and @fn may take them. */
	bool calm;
	u64 linker[2];	  /* calm: not from code in here, [start, end) */
	u64 r_debug;	  /* calm: the linker's struct r_debug, which says when it is at work; 0: not known */
	u32 patience_ms; /* until the thread stands still */
};

/* A call in progress: several go on at a time. */
struct inject_call {
	pid_t child;
	int pipe;
	u64 until_ms;
};

/* 0 or negative errno. */
int inject_start(const struct inject *in, struct inject_call *call);
/*
 * Waits for the end. 0 and *result, or negative errno: -ESRCH gone, -EPERM not ours to trace, -EBUSY
 * somebody else traces it, -EAGAIN its threads do not come to a stop (or, calm, to a system call),
 * -ENOEXEC no 64-bit code, -EFAULT the call did not come back as it should, -EINPROGRESS it has not come back
 * yet (3 s): the child stays until it does.
 */
int inject_wait(struct inject_call *call, long *result);

#endif
