/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CLI_INTERPOSE_H
#define USERBPF_CLI_INTERPOSE_H
/*
 * interpose.h - libbpf's way to the kernel, in our hands: an executable that links interpose.c defines
 * syscall(2)'s wrapper and those of open and access before libc does, so bpf(2) calls and the names
 * of a few files come here. Nothing outside the process is touched.
 */
#include <linux/bpf.h>

struct interpose {
	/* bpf(2): result or negative errno. NULL: the kernel's */
	long (*bpf)(int cmd, union bpf_attr *attr, unsigned int size);
	/* the path to use instead, or the path itself. NULL: as they are */
	const char *(*path)(const char *path);
};

/* One per process; the wrappers have no other way to know. NULL ends it. */
void interpose_set(const struct interpose *hooks);

#endif
