/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "obj/table.h"

#define NS_PER_MS     1000000ull
#define SWEEP_NS      (10000 * NS_PER_MS)
#define SWEEP_BUCKETS 512u
/* The kernel reports a close before the write access is given back: look again after 1, 2, 4 ...
 * ms. */
#define MAX_TRIES 8u

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static struct handle **ino_bucket(struct obj_table *t, ino_t ino)
{
	return &t->by_ino[(ino * 0x9e3779b97f4a7c15ull >> 40) % HANDLE_BUCKETS];
}

static struct handle **wd_bucket(struct obj_table *t, int wd)
{
	return &t->by_wd[(u32)wd % HANDLE_BUCKETS];
}

static int epoll_watch(int epfd, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev);
}

#define FDS_KEPT 64

static int fd_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur > INT_MAX)
		return INT_MAX;
	return r.rlim_cur > 2 * FDS_KEPT ? (int)r.rlim_cur - FDS_KEPT : (int)r.rlim_cur;
}

int handle_table_init(struct obj_table *t)
{
	list_init(&t->pending);
	t->epfd = t->inotify = t->timer = -1;
	t->fd_limit = fd_limit();
	t->by_ino = calloc(HANDLE_BUCKETS, sizeof(*t->by_ino));
	t->by_wd = calloc(HANDLE_BUCKETS, sizeof(*t->by_wd));
	if (!t->by_ino || !t->by_wd)
		goto fail;
	t->epfd = epoll_create1(EPOLL_CLOEXEC);
	t->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	t->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->epfd < 0 || t->inotify < 0 || t->timer < 0)
		goto fail;
	if (epoll_watch(t->epfd, t->inotify) || epoll_watch(t->epfd, t->timer))
		goto fail;
	return 0;
fail:
	handle_table_free(t);
	return -ENOMEM;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void handle_table_free(struct obj_table *t)
{
	close_fd(t->epfd);
	close_fd(t->inotify);
	close_fd(t->timer);
	free(t->by_ino);
	free(t->by_wd);
}

int obj_table_event_fd(struct obj_table *t)
{
	return t->epfd;
}

static int reopen(int fd, int flags)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = open(path, flags | O_CLOEXEC);
	return ret < 0 ? -errno : ret;
}

static int watch(struct obj_table *t, int fd)
{
	char path[64];
	int wd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(t->inotify, path, IN_CLOSE_WRITE);
	return wd < 0 ? -errno : wd;
}

/* Removes @h from all lookups; table lock held. */
static void handle_unhash(struct obj_table *t, struct handle *h)
{
	struct handle **p;

	for (p = ino_bucket(t, h->ino); *p != h; p = &(*p)->ino_next)
		;
	*p = h->ino_next;
	for (p = wd_bucket(t, h->wd); *p != h; p = &(*p)->wd_next)
		;
	*p = h->wd_next;
	list_del(&h->node);
	list_del(&h->pending);
	t->nr_handles--;
}

static void handle_hash(struct obj_table *t, struct handle *h)
{
	struct handle **p = ino_bucket(t, h->ino);

	h->ino_next = *p;
	*p = h;
	p = wd_bucket(t, h->wd);
	h->wd_next = *p;
	*p = h;
	list_add(&h->obj->handles, &h->node);
	t->nr_handles++;
}

/* Not in the table (any more); no lock held. */
static void handle_destroy(struct obj_table *t, struct handle *h)
{
	inotify_rm_watch(t->inotify, h->wd);
	close(h->own);
	obj_put(h->obj);
	free(h);
}

static void arm(struct obj_table *t, u64 due)
{
	struct itimerspec its = {
		.it_value = {.tv_sec = due / 1000000000ull, .tv_nsec = due % 1000000000ull}};

	timerfd_settime(t->timer, TFD_TIMER_ABSTIME, &its, NULL);
}

/*
 * A fresh inode: the record's fd and watch, and in *rw the fd to give away. The first descriptor of a memfd has no write count, so a lease does not mind
 * it, and it can be the record's.
 */
static int handle_create(struct obj_table *t, struct handle *h, const char *kind, int *rw)
{
	char name[32];
	struct stat st;
	int memfd, err;

	snprintf(name, sizeof(name), "bpf-%s", kind);
	memfd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return -errno;
	if (memfd >= t->fd_limit) { /* the last ones are for those who come to close something */
		close(memfd);
		return -EMFILE;
	}
	if (fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ||
	    fstat(memfd, &st)) {
		err = -errno;
		goto fail_memfd;
	}
	h->dev = st.st_dev;
	h->ino = st.st_ino;
	h->own = memfd;
	err = *rw = reopen(memfd, O_RDWR);
	if (err < 0)
		goto fail_memfd;
	err = h->wd = watch(t, memfd);
	if (err >= 0)
		return 0;
	close(*rw);
fail_memfd:
	close(memfd);
	return err;
}

static int handle_reopen(struct obj_table *t, struct obj *o, u32 perm)
{
	struct handle *h;
	int fd = -ENOENT;

	pthread_mutex_lock(&t->lock);
	list_for_each(h, &o->handles, node) {
		if (h->perm == perm) {
			fd = reopen(h->own, O_RDWR);
			break;
		}
	}
	pthread_mutex_unlock(&t->lock);
	return fd;
}

int handle_open(struct obj_table *t, struct obj *o, u32 perm)
{
	int fd = handle_reopen(t, o, perm), err;
	struct handle *h;

	if (fd != -ENOENT)
		return fd;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	err = handle_create(t, h, o->class->name, &fd);
	if (err) {
		free(h);
		return err;
	}
	h->perm = perm;
	h->obj = obj_get(o);
	list_init(&h->pending);
	pthread_mutex_lock(&t->lock);
	if (!t->nr_handles && list_empty(&t->pending))
		arm(t, now_ns() + SWEEP_NS);
	handle_hash(t, h);
	pthread_mutex_unlock(&t->lock);
	return fd;
}

struct obj *handle_lookup(struct obj_table *t, int fd, u32 *perm)
{
	struct obj *o = NULL;
	struct handle *h;
	struct statx st;
	dev_t dev;

	/* Of memory files the machine knows all; somebody's file on a server that is stuck is none of ours. */
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) ||
	    !S_ISREG(st.stx_mode) || st.stx_size)
		return ERR_PTR(-EBADF);
	dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	pthread_mutex_lock(&t->lock);
	for (h = *ino_bucket(t, st.stx_ino); h && !o; h = h->ino_next) {
		if (h->ino != st.stx_ino || h->dev != dev)
			continue;
		o = obj_get(h->obj);
		if (perm)
			*perm = h->perm;
	}
	pthread_mutex_unlock(&t->lock);
	return o ? o : ERR_PTR(-EBADF);
}

/* --- finding out that nobody holds a handle any more --- */

static void make_pending(struct obj_table *t, struct handle *h, u64 now)
{
	h->tries = 0;
	h->due = now;
	if (list_empty(&h->pending))
		list_add_tail(&t->pending, &h->pending);
}

static void all_pending(struct obj_table *t, u32 from, u32 buckets, u64 now)
{
	for (u32 i = from; i < from + buckets; i++)
		for (struct handle *h = t->by_ino[i % HANDLE_BUCKETS]; h; h = h->ino_next)
			if (list_empty(&h->pending))
				make_pending(t, h, now);
}

static void event_pending(struct obj_table *t, const struct inotify_event *ev, u64 now)
{
	struct handle *h;

	if (ev->mask & IN_Q_OVERFLOW) {
		all_pending(t, 0, HANDLE_BUCKETS, now);
		return;
	}
	if (!(ev->mask & IN_CLOSE_WRITE))
		return;
	for (h = *wd_bucket(t, ev->wd); h; h = h->wd_next)
		if (h->wd == ev->wd)
			make_pending(t, h, now);
}

static void drain_inotify(struct obj_table *t, u64 now)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(t->inotify, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *ev = (const struct inotify_event *)p;

			event_pending(t, ev, now);
			p += sizeof(*ev) + ev->len;
		}
	}
}

/* True when no writable description of the inode exists anywhere; nobody can make a new one,
 * since we hold the only fd and the lock. */
static bool handle_is_gone(struct handle *h)
{
	/* It is never held while somebody may open the inode; should it be, the signal must not kill. */
	fcntl(h->own, F_SETSIG, SIGURG);
	if (fcntl(h->own, F_SETLEASE, F_RDLCK))
		return false;
	fcntl(h->own, F_SETLEASE, F_UNLCK);
	return true;
}

/* Checks what is due; dead records go to @dead. Returns when to look again. */
static u64 check_pending(struct obj_table *t, struct list *dead, u64 now)
{
	u64 next = t->nr_handles ? now + SWEEP_NS : 0;
	struct handle *h, *tmp;

	list_for_each_safe(h, tmp, &t->pending, pending) {
		if (h->due <= now) {
			if (handle_is_gone(h)) {
				handle_unhash(t, h);
				list_add_tail(dead, &h->node);
				continue;
			}
			if (h->tries >= MAX_TRIES) {
				list_del(&h->pending);
				continue;
			}
			h->due = now + (NS_PER_MS << h->tries++);
		}
		next = min(next, h->due);
	}
	return t->nr_handles ? next : 0;
}

void obj_table_reap(struct obj_table *t)
{
	struct list dead = LIST_INIT(dead);
	struct handle *h, *tmp;
	u64 now = now_ns(), expirations;

	pthread_mutex_lock(&t->reaping);
	pthread_mutex_lock(&t->lock);
	if (read(t->timer, &expirations, sizeof(expirations)) > 0 && list_empty(&t->pending)) {
		all_pending(t, t->sweep, SWEEP_BUCKETS, now);
		t->sweep = (t->sweep + SWEEP_BUCKETS) % HANDLE_BUCKETS;
	}
	drain_inotify(t, now);
	arm(t, check_pending(t, &dead, now));
	pthread_mutex_unlock(&t->lock);

	list_for_each_safe(h, tmp, &dead, node) {
		list_del(&h->node);
		handle_destroy(t, h);
	}
	pthread_mutex_unlock(&t->reaping);
}

void obj_table_settle(struct obj_table *t, dev_t dev, ino_t ino)
{
	struct handle *h;

	pthread_mutex_lock(&t->reaping); /* who found it first is through with it */
	pthread_mutex_lock(&t->lock);
	h = *ino_bucket(t, ino);
	while (h && (h->ino != ino || h->dev != dev))
		h = h->ino_next;
	if (h && handle_is_gone(h))
		handle_unhash(t, h);
	else
		h = NULL;
	pthread_mutex_unlock(&t->lock);
	if (h)
		handle_destroy(t, h);
	pthread_mutex_unlock(&t->reaping);
}

void handle_table_drop(struct obj_table *t)
{
	struct list dead = LIST_INIT(dead);
	struct handle *h, *tmp;

	pthread_mutex_lock(&t->lock);
	for (u32 i = 0; i < HANDLE_BUCKETS; i++) {
		while ((h = t->by_ino[i])) {
			handle_unhash(t, h);
			list_add_tail(&dead, &h->node);
		}
	}
	pthread_mutex_unlock(&t->lock);
	list_for_each_safe(h, tmp, &dead, node) {
		list_del(&h->node);
		handle_destroy(t, h);
	}
}
