/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TARGETS_H
#define USERBPF_TARGETS_H
/*
 * targets.h - the processes of this machine as far as they are ours: the preload library is in them and
 * they were told our socket. Read from /proc each time; a process may be gone a moment later.
 */
#include <sys/types.h>
#include "base/base.h"

/* The preload library, and where in it the functions are that are called from outside. */
struct target_lib {
	dev_t dev;
	u64 ino;
	u64 start, attach, stack_end; /* from the library's beginning */
};

struct target {
	pid_t pid;
	u64 started; /* clock ticks since boot: pids come again */
	u64 lib;     /* where the library begins, 0: not there */
	const char *why; /* why no thread can be started in it, or NULL */
};

/* 0 or negative errno. */
int target_lib_open(struct target_lib *lib, const char *path);
/* All processes told @sock (@sock_ino: its inode), or only @pid, which need not have been. */
int target_each(const struct target_lib *lib, const char *sock, u64 sock_ino, pid_t pid,
	       void (*each)(void *arg, const struct target *p), void *arg);
bool target_readable(pid_t pid); /* may we look at its memory? */
u64 target_started(pid_t pid); /* 0: gone */
/* Where the dynamic linker is; false: there is none, or none yet. */
bool target_linker(pid_t pid, u64 range[2]);
/* Address of the function @name of a library of @pid whose file is called like @lib; 0: none. */
u64 target_function(pid_t pid, const char *lib, const char *name);

#endif
