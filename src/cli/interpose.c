/* SPDX-License-Identifier: BSD-2-Clause */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/interpose.h"

#define EXPORT __attribute__((visibility("default")))

static const struct interpose *hooks;

void interpose_set(const struct interpose *h)
{
	hooks = h;
}

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static const char *redirect(const char *path)
{
	return hooks && hooks->path && path ? hooks->path(path) : path;
}

static long hooked_bpf(int cmd, union bpf_attr *attr, unsigned int size)
{
	long ret = hooks->bpf(cmd, attr, size);

	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

EXPORT long syscall(long nr, ...)
{
	long (*real)(long, ...) = NULL;
	long a[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (nr == __NR_bpf && hooks && hooks->bpf)
		return hooked_bpf(a[0], (union bpf_attr *)a[1], a[2]);
	real = next("syscall");
	return real(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	FILE *(*real)(const char *, const char *) = next("fopen64");

	return real(redirect(path), mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...) = next("open64");
	mode_t mode = 0;
	va_list ap;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return real(redirect(path), flags, mode);
}

EXPORT int access(const char *path, int mode)
{
	int (*real)(const char *, int) = next("access");

	return real(redirect(path), mode);
}

EXPORT int faccessat(int dir, const char *path, int mode, int flags)
{
	int (*real)(int, const char *, int, int) = next("faccessat");

	return real(dir, redirect(path), mode, flags);
}
