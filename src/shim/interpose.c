/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interpose.c - the libc symbols this library replaces, and nothing else is visible from outside.
 *
 * Each function asks the shim when it is active for this process and thread, and otherwise is
 * libc's, which is called, so that programs attached to libc's function or to the system call it
 * makes see the call as it was made. The replaced names are bound by asm labels, so that the
 * headers' redirections (statfs -> statfs64 ...) do not get in between.
 */
#include <dlfcn.h>
#include <linux/close_range.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <time.h>
#include "shim/bpffs.h"
#include "shim/interpose.h"
#include "agent/unwind.h"
#include "base/raw.h"
#include "shim/shim.h"

#define INTERPOSE(name) __asm__(#name) __attribute__((visibility("default"), used))

static struct {
	long (*syscall)(long, long, long, long, long, long, long);
	int (*close)(int);
	int (*close_range)(unsigned int, unsigned int, int);
	int (*dup2)(int, int);
	int (*dup3)(int, int, int);
	void *(*mmap)(void *, size_t, int, int, int, off_t);
	int (*statfs)(const char *, struct statfs *);
	int (*fstatfs)(int, struct statfs *);
	int (*mount)(const char *, const char *, const char *, unsigned long, const void *);
	int (*mkdir)(const char *, mode_t);
	int (*rmdir)(const char *);
	int (*unlink)(const char *);
	ssize_t (*readlink)(const char *, char *, size_t);
	ssize_t (*readlinkat)(int, const char *, char *, size_t);
	int (*ioctl)(int, unsigned long, unsigned long);
	int (*epoll_ctl)(int, int, int, struct epoll_event *);
	int (*poll)(struct pollfd *, nfds_t, int);
	int (*sigprocmask)(int, const sigset_t *, sigset_t *);
	sighandler_t (*signal)(int, sighandler_t);
	int (*open)(const char *, int, mode_t);
	int (*openat)(int, const char *, int, mode_t);
	FILE *(*fopen)(const char *, const char *);
	struct mntent *(*getmntent)(FILE *);
	int (*ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
	int (*select)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
	int (*pselect)(int, fd_set *, fd_set *, fd_set *, const struct timespec *,
		       const sigset_t *);
	int (*epoll_wait)(int, struct epoll_event *, int, int);
	int (*epoll_pwait)(int, struct epoll_event *, int, int, const sigset_t *);
	int (*epoll_pwait2)(int, struct epoll_event *, int, const struct timespec *,
			    const sigset_t *);
	int (*sigaction)(int, const struct sigaction *, struct sigaction *);
	int (*pthread_sigmask)(int, const sigset_t *, sigset_t *);
	struct mntent *(*getmntent_r)(FILE *, struct mntent *, char *, int);
} libc;

void interpose_init(void)
{
	if (__atomic_load_n(&libc.getmntent_r, __ATOMIC_ACQUIRE))
		return;
	libc.syscall = dlsym(RTLD_NEXT, "syscall");
	libc.close = dlsym(RTLD_NEXT, "close");
	libc.close_range = dlsym(RTLD_NEXT, "close_range");
	libc.dup2 = dlsym(RTLD_NEXT, "dup2");
	libc.dup3 = dlsym(RTLD_NEXT, "dup3");
	libc.statfs = dlsym(RTLD_NEXT, "statfs64");
	libc.fstatfs = dlsym(RTLD_NEXT, "fstatfs64");
	libc.mount = dlsym(RTLD_NEXT, "mount");
	libc.mkdir = dlsym(RTLD_NEXT, "mkdir");
	libc.rmdir = dlsym(RTLD_NEXT, "rmdir");
	libc.unlink = dlsym(RTLD_NEXT, "unlink");
	libc.readlink = dlsym(RTLD_NEXT, "readlink");
	libc.readlinkat = dlsym(RTLD_NEXT, "readlinkat");
	libc.ioctl = dlsym(RTLD_NEXT, "ioctl");
	libc.epoll_ctl = dlsym(RTLD_NEXT, "epoll_ctl");
	libc.poll = dlsym(RTLD_NEXT, "poll");
	libc.sigprocmask = dlsym(RTLD_NEXT, "sigprocmask");
	libc.signal = dlsym(RTLD_NEXT, "signal");
	libc.open = dlsym(RTLD_NEXT, "open64");
	libc.openat = dlsym(RTLD_NEXT, "openat64");
	libc.fopen = dlsym(RTLD_NEXT, "fopen64");
	libc.ppoll = dlsym(RTLD_NEXT, "ppoll");
	libc.select = dlsym(RTLD_NEXT, "select");
	libc.pselect = dlsym(RTLD_NEXT, "pselect");
	libc.epoll_wait = dlsym(RTLD_NEXT, "epoll_wait");
	libc.epoll_pwait = dlsym(RTLD_NEXT, "epoll_pwait");
	libc.epoll_pwait2 = dlsym(RTLD_NEXT, "epoll_pwait2");
	libc.sigaction = dlsym(RTLD_NEXT, "sigaction");
	libc.pthread_sigmask = dlsym(RTLD_NEXT, "pthread_sigmask");
	__atomic_store_n(&libc.mmap, dlsym(RTLD_NEXT, "mmap64"), __ATOMIC_RELAXED);
	libc.getmntent = dlsym(RTLD_NEXT, "getmntent");
	__atomic_store_n(&libc.getmntent_r, dlsym(RTLD_NEXT, "getmntent_r"), __ATOMIC_RELEASE);
}

#define LIBC(name)                        \
	({                                \
		if (unlikely(!libc.name)) \
			interpose_init(); \
		libc.name;                \
	})

static long ret_errno(long r)
{
	if (likely(r >= 0))
		return r;
	errno = -r;
	return -1;
}

/*
 * libc's function, or the system call: of constructors that run before ours, and where it may be called
 * by the lookup itself (mmap, of a malloc that replaces libc's).
 */
#define NEXT(name, raw, ...)                                                               \
	({                                                                                 \
		__auto_type next_ = __atomic_load_n(&libc.name, __ATOMIC_RELAXED);         \
		likely(next_ != NULL) ? (long)next_(__VA_ARGS__) : ret_errno((long)(raw)); \
	})

/* Runs @expr (a shim function) without disturbing errno, unmarked threads only. */
#define INSIDE(expr)                      \
	({                                \
		int saved_errno_ = errno; \
		hit_inside++;             \
		__auto_type r_ = (expr);  \
		hit_inside--;             \
		errno = saved_errno_;     \
		r_;                       \
	})

static bool forget(int fd)
{
	return INSIDE(({
		bool own = shim_owns_fd(fd);
		if (!own) {
			if (unlikely(shim.tracing))
				shim_trace_close(fd);
			fdtab_drop(shim.fds, fd);
			shim_epoll_drop(fd, fd);
		}
		own;
	}));
}

/* What was written to a file of tracefs counts when it is closed. */
static long written(int fd)
{
	if (likely(!shim_trace_files_open()) || !shim_active())
		return 0;
	return INSIDE(shim_trace_file_close(fd));
}

int i_close(int fd) INTERPOSE(close);
int i_close(int fd)
{
	long err = written(fd), closed;
	struct msg_closed end = {};

	if (shim_active() && fd >= 0) {
		end = INSIDE(shim_closing(fd));
		if (forget(fd))
			return ret_errno(-EBADF); /* the shim's own: not the program's to close */
	}
	closed = LIBC(close)(fd);
	if (unlikely(end.ino) && !closed)
		INSIDE((shim_closed(&end), 0));
	return closed ?: ret_errno(err);
}

/* @new becomes something else. */
static void before_dup(int old, int new)
{
	if (new != old)
		written(new);
	if (shim_active() && new >= 0 && new != old)
		INSIDE(({
			if (unlikely(shim.tracing))
				shim_trace_close(new);
			fdtab_drop(shim.fds, new);
			shim_epoll_drop(new, new);
			0;
		}));
}

int i_dup2(int old, int new) INTERPOSE(dup2);
int i_dup2(int old, int new)
{
	before_dup(old, new);
	return NEXT(dup2,
		    old == new ? raw_fcntl(old, F_GETFD, 0) < 0 ? -EBADF : new
			       : raw3(SYS_dup3, old, new, 0),
		    old, new);
}

int i_dup3(int old, int new, int flags) INTERPOSE(dup3);
int i_dup3(int old, int new, int flags)
{
	before_dup(old, new);
	return NEXT(dup3, raw3(SYS_dup3, old, new, flags), old, new, flags);
}

#define TRACED_FDS 65535u /* as far as a trace sees close_range() */

static void before_close_range(unsigned int first, unsigned int last)
{
	for (unsigned int fd = first; unlikely(shim.tracing) && fd <= min(last, TRACED_FDS); fd++)
		shim_trace_close(fd);
	fdtab_drop_range(shim.fds, first, last);
	shim_epoll_drop(first, last);
}

static int next_close_range(unsigned int first, unsigned int last, int flags)
{
	return NEXT(close_range, raw3(SYS_close_range, first, last, flags), first, last, flags);
}

/* In pieces, around our own sockets. */
static int close_pieces(unsigned int first, unsigned int last, int flags)
{
	unsigned int own;

	while (INSIDE(shim_next_own_fd(first, last, &own))) {
		int r = own > first ? next_close_range(first, own - 1, flags) : 0;

		if (r || own == last)
			return r;
		first = own + 1;
	}
	return next_close_range(first, last, flags);
}

int i_close_range(unsigned int first, unsigned int last, int flags) INTERPOSE(close_range);
int i_close_range(unsigned int first, unsigned int last, int flags)
{
	if (!shim_active() || first > last || flags & ~(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE))
		return next_close_range(first, last, flags);
	if (!(flags & CLOSE_RANGE_CLOEXEC))
		INSIDE((before_close_range(first, last), 0));
	return close_pieces(first, last, flags);
}

void i_closefrom(int low) INTERPOSE(closefrom);
void i_closefrom(int low)
{
	i_close_range(low < 0 ? 0 : low, ~0u, 0);
}

static void *do_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	long r = SHIM_ELSEWHERE;

	if (shim_active() && fd >= 0 && !(flags & MAP_ANONYMOUS))
		r = INSIDE(shim_mmap(addr, len, prot, flags, fd, off));
	if (r == SHIM_ELSEWHERE)
		return (void *)NEXT(mmap, raw_mmap(addr, len, prot, flags, fd, off), addr, len,
				    prot, flags, fd, off);
	if (!IS_ERR((void *)r))
		return (void *)r;
	errno = -r;
	return MAP_FAILED;
}

void *i_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off) INTERPOSE(mmap);
void *i_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return do_mmap(addr, len, prot, flags, fd, off);
}

void *i_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off) INTERPOSE(mmap64);
void *i_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return do_mmap(addr, len, prot, flags, fd, off);
}

/* bpffs: the magic number programs look for */

static int do_statfs(const char *path, struct statfs *st)
{
	long r = NEXT(statfs, raw3(SYS_statfs, path, st, 0), path, st) ? -errno : 0;

	if (shim_active())
		r = INSIDE(bpffs_fix_statfs(AT_FDCWD, path, r, st));
	return ret_errno(r);
}

static int do_fstatfs(int fd, struct statfs *st)
{
	long r = NEXT(fstatfs, raw3(SYS_fstatfs, fd, st, 0), fd, st) ? -errno : 0;

	if (shim_active() && !r)
		r = INSIDE(bpffs_fix_statfs(fd, NULL, r, st));
	return ret_errno(r);
}

int i_statfs(const char *path, struct statfs *st) INTERPOSE(statfs);
int i_statfs(const char *path, struct statfs *st)
{
	return do_statfs(path, st);
}

int i_statfs64(const char *path, struct statfs *st) INTERPOSE(statfs64);
int i_statfs64(const char *path, struct statfs *st)
{
	return do_statfs(path, st);
}

int i_fstatfs(int fd, struct statfs *st) INTERPOSE(fstatfs);
int i_fstatfs(int fd, struct statfs *st)
{
	return do_fstatfs(fd, st);
}

int i_fstatfs64(int fd, struct statfs *st) INTERPOSE(fstatfs64);
int i_fstatfs64(int fd, struct statfs *st)
{
	return do_fstatfs(fd, st);
}

int i_mount(const char *src, const char *dir, const char *type, unsigned long flags,
	    const void *data) INTERPOSE(mount);
int i_mount(const char *src, const char *dir, const char *type, unsigned long flags,
	    const void *data)
{
	if (shim_active() && type && !strcmp(type, "bpf") &&
	    !(flags & (MS_BIND | MS_MOVE | MS_PRIVATE | MS_SHARED | MS_SLAVE)))
		return ret_errno(INSIDE(bpffs_mount(&shim.client, src, dir, flags, data)));
	return NEXT(mount, raw6(SYS_mount, (long)src, (long)dir, (long)type, flags, (long)data, 0),
		    src, dir, type, flags, data);
}

/* Directories and pins of a bpffs without FUSE, for those who make and remove them */

static long virtual_op(u32 type, const char *path, u32 flags)
{
	return shim_active() && shim.virtual_root ? INSIDE(shim_virtual_op(type, path, flags))
						  : SHIM_ELSEWHERE;
}

int i_mkdir(const char *path, mode_t mode) INTERPOSE(mkdir);
int i_mkdir(const char *path, mode_t mode)
{
	long r = virtual_op(MSG_FS_MKDIR, path, mode & 01777);

	if (r == SHIM_ELSEWHERE)
		return NEXT(mkdir, raw3(SYS_mkdirat, AT_FDCWD, path, mode), path, mode);
	return ret_errno(r);
}

int i_rmdir(const char *path) INTERPOSE(rmdir);
int i_rmdir(const char *path)
{
	long r = virtual_op(MSG_FS_RM, path, FS_RM_DIR);

	if (r == SHIM_ELSEWHERE)
		return NEXT(rmdir, raw3(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR), path);
	return ret_errno(r);
}

int i_unlink(const char *path) INTERPOSE(unlink);
int i_unlink(const char *path)
{
	long r = virtual_op(MSG_FS_RM, path, FS_RM_FILE);

	if (r == SHIM_ELSEWHERE)
		return NEXT(unlink, raw3(SYS_unlinkat, AT_FDCWD, path, 0), path);
	return ret_errno(r);
}

static struct mntent *fix_mntent(struct mntent *m)
{
	if (m && shim.on && !strcmp(m->mnt_type, BPFFS_FUSE_TYPE))
		m->mnt_type += strlen(BPFFS_FUSE_TYPE) - strlen("bpf");
	return m;
}

struct mntent *i_getmntent(FILE *f) INTERPOSE(getmntent);
struct mntent *i_getmntent(FILE *f)
{
	return fix_mntent(LIBC(getmntent)(f));
}

struct mntent *i_getmntent_r(FILE *f, struct mntent *m, char *buf, int len) INTERPOSE(getmntent_r);
struct mntent *i_getmntent_r(FILE *f, struct mntent *m, char *buf, int len)
{
	return fix_mntent(LIBC(getmntent_r)(f, m, buf, len));
}

/* /proc/self/fd and fdinfo of handles */

static bool proc_path(const char *path, const char *what)
{
	return shim_active() && path && path[0] == '/' && (path[1] == 'p' || path[1] == 'd') &&
	       strstr(path, what);
}

static long readlink_special(int dir, const char *path, char *buf, size_t len)
{
	if (!proc_path(path, "/fd/") || (long)len <= 0)
		return SHIM_ELSEWHERE;
	return INSIDE(shim_readlink(dir, path, buf, len));
}

ssize_t i_readlink(const char *path, char *buf, size_t len) INTERPOSE(readlink);
ssize_t i_readlink(const char *path, char *buf, size_t len)
{
	long r = readlink_special(AT_FDCWD, path, buf, len);

	if (r == SHIM_ELSEWHERE)
		return NEXT(readlink, raw_readlinkat(AT_FDCWD, path, buf, len), path, buf, len);
	return ret_errno(r);
}

ssize_t i_readlink_chk(const char *path, char *buf, size_t len, size_t size)
	INTERPOSE(__readlink_chk);
ssize_t i_readlink_chk(const char *path, char *buf, size_t len, size_t size)
{
	if (len > size)
		__builtin_trap();
	return i_readlink(path, buf, len);
}

ssize_t i_readlinkat(int dir, const char *path, char *buf, size_t len) INTERPOSE(readlinkat);
ssize_t i_readlinkat(int dir, const char *path, char *buf, size_t len)
{
	long r = readlink_special(dir, path, buf, len);

	if (r == SHIM_ELSEWHERE)
		return NEXT(readlinkat, raw_readlinkat(dir, path, buf, len), dir, path, buf, len);
	return ret_errno(r);
}

static int open_special(const char *path, int flags)
{
	if (unlikely((flags & O_ACCMODE) != O_RDONLY) && shim_active() && path &&
	    strstr(path, "/tracing/"))
		return INSIDE(shim_trace_file_open(path, flags));
	if (!proc_path(path, "/fdinfo/"))
		return SHIM_ELSEWHERE;
	return INSIDE(shim_open_fdinfo(path, flags));
}

static int do_open(const char *path, int flags, mode_t mode)
{
	int r = open_special(path, flags);

	return r == SHIM_ELSEWHERE ? LIBC(open)(path, flags, mode) : ret_errno(r);
}

int i_open(const char *path, int flags, mode_t mode) INTERPOSE(open);
int i_open(const char *path, int flags, mode_t mode)
{
	return do_open(path, flags, mode);
}

int i_open64(const char *path, int flags, mode_t mode) INTERPOSE(open64);
int i_open64(const char *path, int flags, mode_t mode)
{
	return do_open(path, flags, mode);
}

static int do_openat(int dir, const char *path, int flags, mode_t mode)
{
	int r = open_special(path, flags);

	return r == SHIM_ELSEWHERE ? LIBC(openat)(dir, path, flags, mode) : ret_errno(r);
}

int i_openat(int dir, const char *path, int flags, mode_t mode) INTERPOSE(openat);
int i_openat(int dir, const char *path, int flags, mode_t mode)
{
	return do_openat(dir, path, flags, mode);
}

int i_openat64(int dir, const char *path, int flags, mode_t mode) INTERPOSE(openat64);
int i_openat64(int dir, const char *path, int flags, mode_t mode)
{
	return do_openat(dir, path, flags, mode);
}

static FILE *do_fopen(const char *path, const char *mode)
{
	int r = open_special(path,
			     mode[0] == 'r' && !strchr(mode, '+') ? O_RDONLY | O_CLOEXEC : O_RDWR);
	FILE *f;

	if (r == SHIM_ELSEWHERE)
		return LIBC(fopen)(path, mode);
	if (ret_errno(r) < 0)
		return NULL;
	f = fdopen(r, mode);
	if (!f)
		raw_close(r);
	return f;
}

FILE *i_fopen(const char *path, const char *mode) INTERPOSE(fopen);
FILE *i_fopen(const char *path, const char *mode)
{
	return do_fopen(path, mode);
}

FILE *i_fopen64(const char *path, const char *mode) INTERPOSE(fopen64);
FILE *i_fopen64(const char *path, const char *mode)
{
	return do_fopen(path, mode);
}

/* perf events: see perf.c and perf_ring.c */

#define PERF_IOC 36 /* '$': the letter of their requests */

int i_ioctl(int fd, unsigned long cmd, unsigned long arg) INTERPOSE(ioctl);
int i_ioctl(int fd, unsigned long cmd, unsigned long arg)
{
	long r = SHIM_ELSEWHERE;

	if (unlikely((cmd >> 8 & 0xff) == PERF_IOC) && shim_active() && fd >= 0)
		r = INSIDE(({
			long ours = shim_perf_ioctl(fd, cmd, arg);
			ours == SHIM_ELSEWHERE ? shim_perf_ring_ioctl(fd, cmd, arg) : ours;
		}));
	return r == SHIM_ELSEWHERE ? NEXT(ioctl, raw3(SYS_ioctl, fd, cmd, arg), fd, cmd, arg)
				   : ret_errno(r);
}

static long perf_open(long attr, long pid, long cpu, long group, long flags)
{
	long r = INSIDE(shim_perf_open(attr, pid, cpu, group, flags));

	if (r == SHIM_ELSEWHERE)
		r = INSIDE(shim_perf_ring_open(attr, pid, cpu, group, flags));
	return ret_errno(r == SHIM_ELSEWHERE
				 ? raw6(SYS_perf_event_open, attr, pid, cpu, group, flags, 0)
				 : r);
}

/* epoll of ring buffers: see ring.c */

int i_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev) INTERPOSE(epoll_ctl);
int i_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	long r = NEXT(epoll_ctl, raw4(SYS_epoll_ctl, epfd, op, fd, ev), epfd, op, fd, ev), other;

	if (r && errno == EPERM && shim_active()) {
		other = INSIDE(shim_epoll_ctl(epfd, op, fd, ev));
		if (other != SHIM_ELSEWHERE)
			r = ret_errno(other);
	}
	return r;
}

static void before_wait(bool waits)
{
	if (shim_active())
		INSIDE((shim_epoll_sweep(waits), 0));
}

int i_epoll_wait(int epfd, struct epoll_event *ev, int n, int ms) INTERPOSE(epoll_wait);
int i_epoll_wait(int epfd, struct epoll_event *ev, int n, int ms)
{
	before_wait(ms);
	return LIBC(epoll_wait)(epfd, ev, n, ms);
}

int i_epoll_pwait(int epfd, struct epoll_event *ev, int n, int ms, const sigset_t *mask)
	INTERPOSE(epoll_pwait);
int i_epoll_pwait(int epfd, struct epoll_event *ev, int n, int ms, const sigset_t *mask)
{
	before_wait(ms);
	return LIBC(epoll_pwait)(epfd, ev, n, ms, mask);
}

int i_epoll_pwait2(int epfd, struct epoll_event *ev, int n, const struct timespec *ts,
		   const sigset_t *mask) INTERPOSE(epoll_pwait2);
int i_epoll_pwait2(int epfd, struct epoll_event *ev, int n, const struct timespec *ts,
		   const sigset_t *mask)
{
	before_wait(!ts);
	return LIBC(epoll_pwait2)(epfd, ev, n, ts, mask);
}

/* Signals that code raises: see sigchain.c */

int libc_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return LIBC(sigaction)(sig, act, old);
}

int i_sigaction(int sig, const struct sigaction *act, struct sigaction *old) INTERPOSE(sigaction);
int i_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	if (shim_active() && sigchain_handles(sig))
		return sigchain_set(sig, act, old);
	return LIBC(sigaction)(sig, act, old);
}

sighandler_t i_signal(int sig, sighandler_t handler) INTERPOSE(signal);
sighandler_t i_signal(int sig, sighandler_t handler)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;

	if (!shim_active() || !sigchain_handles(sig))
		return LIBC(signal)(sig, handler);
	sigemptyset(&act.sa_mask);
	sigaddset(&act.sa_mask, sig);
	return i_sigaction(sig, &act, &old) ? SIG_ERR : old.sa_handler;
}

/* What may not be blocked is left out, in a copy. */
static const sigset_t *let_through(int how, const sigset_t *set, sigset_t *copy)
{
	if (!set || how == SIG_UNBLOCK || !shim_active())
		return set;
	*copy = *set;
	sigchain_let_through(copy);
	return copy;
}

int i_pthread_sigmask(int how, const sigset_t *set, sigset_t *old) INTERPOSE(pthread_sigmask);
int i_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t copy;

	return LIBC(pthread_sigmask)(how, let_through(how, set, &copy), old);
}

int i_sigprocmask(int how, const sigset_t *set, sigset_t *old) INTERPOSE(sigprocmask);
int i_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t copy;

	return LIBC(sigprocmask)(how, let_through(how, set, &copy), old);
}

/* Unwinders find the stubs of return probes: see agent/unwind.h. */

#ifdef DLFO_STRUCT_HAS_EH_DBASE
int i_dl_find_object(void *pc, struct dl_find_object *result) INTERPOSE(_dl_find_object);
int i_dl_find_object(void *pc, struct dl_find_object *result)
{
	return patch_dl_find_object(pc, result);
}
#endif

int i_dl_iterate_phdr(int (*each)(struct dl_phdr_info *, size_t, void *), void *arg)
	INTERPOSE(dl_iterate_phdr);
int i_dl_iterate_phdr(int (*each)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	return patch_dl_iterate_phdr(each, arg);
}

/* poll: handles are replaced in a copy */

#define POLL_FEW 1024u

/* The copy, when there is a handle among them. */
static bool poll_copy(struct pollfd *copy, const struct pollfd *fds, nfds_t nr)
{
	if (!shim_active() || !nr || nr > POLL_FEW)
		return false;
	memcpy(copy, fds, nr * sizeof(*fds));
	return INSIDE(shim_poll_begin(copy, nr));
}

static int poll_done(struct pollfd *fds, const struct pollfd *copy, nfds_t nr, int ret)
{
	for (nfds_t i = 0; ret >= 0 && i < nr; i++)
		fds[i].revents = copy[i].revents;
	return ret;
}

int i_poll(struct pollfd *fds, nfds_t nr, int ms) INTERPOSE(poll);
int i_poll(struct pollfd *fds, nfds_t nr, int ms)
{
	struct pollfd copy[POLL_FEW];

	if (!poll_copy(copy, fds, nr))
		return LIBC(poll)(fds, nr, ms);
	return poll_done(fds, copy, nr, LIBC(poll)(copy, nr, ms));
}

int i_ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *ts, const sigset_t *mask)
	INTERPOSE(ppoll);
int i_ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *ts, const sigset_t *mask)
{
	struct pollfd copy[POLL_FEW];

	if (!poll_copy(copy, fds, nr))
		return LIBC(ppoll)(fds, nr, ts, mask);
	return poll_done(fds, copy, nr, LIBC(ppoll)(copy, nr, ts, mask));
}

int i_poll_chk(struct pollfd *fds, nfds_t nr, int ms, size_t size) INTERPOSE(__poll_chk);
int i_poll_chk(struct pollfd *fds, nfds_t nr, int ms, size_t size)
{
	if (size / sizeof(*fds) < nr)
		__builtin_trap();
	return i_poll(fds, nr, ms);
}

/* select: the same, asked as a poll. False: no handle to wait for is among them. */

static bool do_select(int n, const struct select_sets *s, const struct timespec *ts,
		      const sigset_t *mask, int *ret)
{
	struct pollfd fds[FD_SETSIZE];
	u32 nr;

	if (!shim_active() || n <= 0 || n > FD_SETSIZE)
		return false;
	nr = INSIDE(shim_select_begin(n, s, fds));
	if (!nr)
		return false;
	*ret = LIBC(ppoll)(fds, nr, ts, mask);
	if (*ret >= 0)
		*ret = (int)ret_errno(shim_select_end(n, s, fds, nr));
	return true;
}

static s64 now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ll + ts.tv_nsec / 1000;
}

int i_select(int n, fd_set *in, fd_set *out, fd_set *ex, struct timeval *tv) INTERPOSE(select);
int i_select(int n, fd_set *in, fd_set *out, fd_set *ex, struct timeval *tv)
{
	const struct select_sets s = {in, out, ex};
	bool fits = !tv || (tv->tv_sec >= 0 && tv->tv_usec >= 0 && tv->tv_usec < 1000000);
	struct timespec ts = {tv && fits ? tv->tv_sec : 0, tv && fits ? tv->tv_usec * 1000 : 0};
	s64 left = ts.tv_sec * 1000000ll + ts.tv_nsec / 1000 + now_us();
	int ret;

	if (!fits || !do_select(n, &s, tv ? &ts : NULL, NULL, &ret))
		return LIBC(select)(n, in, out, ex, tv);
	if (tv) {
		left = max(left - now_us(), (s64)0);
		*tv = (struct timeval){left / 1000000, left % 1000000};
	}
	return ret;
}

int i_pselect(int n, fd_set *in, fd_set *out, fd_set *ex, const struct timespec *ts,
	      const sigset_t *mask) INTERPOSE(pselect);
int i_pselect(int n, fd_set *in, fd_set *out, fd_set *ex, const struct timespec *ts,
	      const sigset_t *mask)
{
	const struct select_sets s = {in, out, ex};
	int ret;

	return do_select(n, &s, ts, mask, &ret) ? ret : LIBC(pselect)(n, in, out, ex, ts, mask);
}

/* syscall(2): numbers whose function is replaced go to the replacement. */

static long nr_bpf(long a, long b, long c, long d, long e, long f)
{
	return ret_errno(INSIDE(shim_bpf(a, (void *)b, c)));
}

static long nr_close(long a, long b, long c, long d, long e, long f)
{
	return i_close(a);
}
static long nr_dup3(long a, long b, long c, long d, long e, long f)
{
	return i_dup3(a, b, c);
}
static long nr_close_range(long a, long b, long c, long d, long e, long f)
{
	return i_close_range(a, b, c);
}
static long nr_statfs(long a, long b, long c, long d, long e, long f)
{
	return do_statfs((char *)a, (void *)b);
}
static long nr_fstatfs(long a, long b, long c, long d, long e, long f)
{
	return do_fstatfs(a, (void *)b);
}
static long nr_mmap(long a, long b, long c, long d, long e, long f)
{
	return (long)do_mmap((void *)a, b, c, d, e, f);
}
static long nr_readlinkat(long a, long b, long c, long d, long e, long f)
{
	return i_readlinkat(a, (char *)b, (char *)c, d);
}
static long nr_openat(long a, long b, long c, long d, long e, long f)
{
	return do_openat(a, (char *)b, c, d);
}
static long nr_mount(long a, long b, long c, long d, long e, long f)
{
	return i_mount((char *)a, (char *)b, (char *)c, d, (void *)e);
}
static long nr_epoll_ctl(long a, long b, long c, long d, long e, long f)
{
	return i_epoll_ctl(a, b, c, (void *)d);
}
#ifdef SYS_dup2
static long nr_dup2(long a, long b, long c, long d, long e, long f)
{
	return i_dup2(a, b);
}
static long nr_readlink(long a, long b, long c, long d, long e, long f)
{
	return i_readlink((char *)a, (char *)b, c);
}
static long nr_open(long a, long b, long c, long d, long e, long f)
{
	return do_open((char *)a, b, c);
}
#endif

static long nr_ioctl(long a, long b, long c, long d, long e, long f)
{
	return i_ioctl(a, b, c);
}
static long nr_perf_event_open(long a, long b, long c, long d, long e, long f)
{
	return perf_open(a, b, c, d, e);
}

#define NR_MAX 512
static long (*const by_number[NR_MAX])(long, long, long, long, long, long) = {
	[SYS_bpf] = nr_bpf,
	[SYS_close] = nr_close,
	[SYS_dup3] = nr_dup3,
	[SYS_close_range] = nr_close_range,
	[SYS_statfs] = nr_statfs,
	[SYS_fstatfs] = nr_fstatfs,
	[SYS_mmap] = nr_mmap,
	[SYS_readlinkat] = nr_readlinkat,
	[SYS_openat] = nr_openat,
	[SYS_mount] = nr_mount,
	[SYS_epoll_ctl] = nr_epoll_ctl,
	[SYS_ioctl] = nr_ioctl,
	[SYS_perf_event_open] = nr_perf_event_open,
#ifdef SYS_dup2
	[SYS_dup2] = nr_dup2,
	[SYS_readlink] = nr_readlink,
	[SYS_open] = nr_open,
#endif
};

/*
 * Not variadic, so that the call of libc's is a jump with everything where the caller put it:
 * clone() and vfork() through syscall() return on another stack, or twice on the same one, and must
 * not come back to a frame of ours. What looks for libc's is a function of its own, or element operations would save
 * registers for it.
 */
#define NO_FRAME                                                                  \
	__attribute__((optimize("O2", "no-stack-protector"), no_sanitize_address, \
		       no_sanitize_undefined))

NO_FRAME static __attribute__((noinline)) long libc_syscall(long nr, long a, long b, long c, long d,
							    long e, long f)
{
	return LIBC(syscall)(nr, a, b, c, d, e, f);
}

long i_syscall(long nr, long a, long b, long c, long d, long e, long f) INTERPOSE(syscall);
NO_FRAME long i_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (shim_active() && (unsigned long)nr < NR_MAX && by_number[nr])
		return by_number[nr](a, b, c, d, e, f);
	return libc_syscall(nr, a, b, c, d, e, f);
}
