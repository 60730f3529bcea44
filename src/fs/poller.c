/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poller.c - says when something happens to files of the machine that are passed through: one thread
 * and one epoll for all of them, started when somebody first waits.
 *
 * A file is armed for one event at a time; who is woken asks again and arms it again. The lock is
 * held while somebody is woken, so poller_drop() comes back when nobody is any more.
 */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "fs/cg.h"

struct poller {
	pthread_mutex_t lock;
	pthread_t thread;
	int epfd, stop_fd;
	struct list
		waits; /* registered ones: an event may be about one that was dropped meanwhile */
};

static void wake(struct poller *p, const struct cg_wait *which)
{
	struct cg_wait *w;

	pthread_mutex_lock(&p->lock);
	list_for_each(w, &p->waits, node)
		if (w == which) {
			w->wake(w->arg);
			break;
		}
	pthread_mutex_unlock(&p->lock);
}

static void *poller_run(void *arg)
{
	struct poller *p = arg;
	struct epoll_event e[16];

	for (;;) {
		int n = epoll_wait(p->epfd, e, ARRAY_SIZE(e), -1);

		for (int i = 0; i < n; i++) {
			if (!e[i].data.ptr)
				return NULL; /* told to stop */
			wake(p, e[i].data.ptr);
		}
	}
}

static struct poller *poller_new(void)
{
	struct epoll_event stop = {.events = EPOLLIN};
	struct poller *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	list_init(&p->waits);
	p->epfd = epoll_create1(EPOLL_CLOEXEC);
	p->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (p->epfd >= 0 && p->stop_fd >= 0 &&
	    !epoll_ctl(p->epfd, EPOLL_CTL_ADD, p->stop_fd, &stop) &&
	    !pthread_create(&p->thread, NULL, poller_run, p))
		return p;
	if (p->epfd >= 0)
		close(p->epfd);
	if (p->stop_fd >= 0)
		close(p->stop_fd);
	free(p);
	return NULL;
}

void poller_free(struct poller *p)
{
	if (!p)
		return;
	eventfd_write(p->stop_fd, 1);
	pthread_join(p->thread, NULL);
	close(p->epfd);
	close(p->stop_fd);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct poller *poller_get(struct fs *fs)
{
	struct poller *p;

	pthread_mutex_lock(&fs->lock);
	if (!fs->cg->poller)
		fs->cg->poller = poller_new();
	p = fs->cg->poller;
	fs_unlock(fs);
	return p;
}

int poller_wait(struct fs *fs, struct cg_wait *w, int fd, u32 events)
{
	struct poller *p = poller_get(fs);
	struct epoll_event e = {.events = events | EPOLLONESHOT, .data.ptr = w};
	int err = 0;

	if (!p)
		return -ENOMEM;
	pthread_mutex_lock(&p->lock);
	if (epoll_ctl(p->epfd, w->poller ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e))
		err = -errno;
	else if (!w->poller) {
		w->poller = p;
		list_add(&p->waits, &w->node);
	}
	pthread_mutex_unlock(&p->lock);
	return err;
}

void poller_drop(struct cg_wait *w, int fd)
{
	struct poller *p = w->poller;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	epoll_ctl(p->epfd, EPOLL_CTL_DEL, fd, NULL);
	list_del(&w->node);
	pthread_mutex_unlock(&p->lock);
	w->poller = NULL;
}
