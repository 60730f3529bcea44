/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_BASE_RAW_H
#define USERBPF_BASE_RAW_H
/*
 * raw.h - system calls that nobody interposes. The shim replaces close(), mmap(), syscall() and
 * others for its process, so its own calls must go past them; raw calls are no cancellation points
 * either and leave errno alone. All return the value or negative errno.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include "base/base.h"

#if defined(__x86_64__)
static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "raw6() is missing for this CPU"
#endif

#define raw3(nr, a, b, c)    raw6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define raw4(nr, a, b, c, d) raw6(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static inline int raw_close(int fd)
{
	return raw3(SYS_close, fd, 0, 0);
}
static inline int raw_getpid(void)
{
	return raw3(SYS_getpid, 0, 0, 0);
}
static inline long raw_fcntl(int fd, int cmd, long arg)
{
	return raw3(SYS_fcntl, fd, cmd, arg);
}
static inline int raw_openat(int dir, const char *path, int flags, mode_t mode)
{
	return raw4(SYS_openat, dir, path, flags, mode);
}
static inline long raw_read(int fd, void *buf, size_t len)
{
	return raw3(SYS_read, fd, buf, len);
}
static inline long raw_write(int fd, const void *buf, size_t len)
{
	return raw3(SYS_write, fd, buf, len);
}
static inline int raw_fstat(int fd, struct stat *st)
{
#ifdef SYS_newfstatat
	return raw4(SYS_newfstatat, fd, "", st, 0x1000 /* AT_EMPTY_PATH */);
#else
	return raw3(SYS_fstat, fd, st, 0);
#endif
}
static inline long raw_readlinkat(int dir, const char *path, char *buf, size_t len)
{
	return raw4(SYS_readlinkat, dir, path, buf, len);
}
static inline int raw_socket(int domain, int type)
{
	return raw3(SYS_socket, domain, type, 0);
}
static inline int raw_connect(int fd, const void *addr, socklen_t len)
{
	return raw3(SYS_connect, fd, addr, len);
}
static inline long raw_sendmsg(int fd, const struct msghdr *m, int flags)
{
	return raw3(SYS_sendmsg, fd, m, flags);
}
static inline long raw_recvmsg(int fd, struct msghdr *m, int flags)
{
	return raw3(SYS_recvmsg, fd, m, flags);
}
static inline void *raw_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return (void *)raw6(SYS_mmap, (long)addr, len, prot, flags, fd, off);
}
static inline int raw_munmap(void *addr, size_t len)
{
	return raw3(SYS_munmap, addr, len, 0);
}
static inline int raw_memfd(const char *name, unsigned int flags)
{
	return raw3(SYS_memfd_create, name, flags, 0);
}

#endif
