/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iter.c - ITER_CREATE. The caller gets the read end of a small pipe; a thread runs the iterator
 * and feeds it. The thread ends at EOF, when the last reader is gone, or when the subsystem closes,
 * which waits for it.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/priv.h"

#define PUMP_STACK (512u << 10)
#define PUMP_BUF   4096u

struct pump {
	struct list node; /* sys->pumps */
	struct sys *sys;
	struct iter_file *file;
	int fd;	   /* write end, non-blocking */
	bool done; /* thread is about to end: join it */
	pthread_t thread;
};

/* Waits until the pipe takes more: false when nobody reads any more or the subsystem closes. */
static bool pump_wait(const struct pump *p)
{
	struct pollfd fds[2] = {{.fd = p->fd, .events = POLLOUT},
				{.fd = p->sys->stop_fd, .events = POLLIN}};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return false;
	return !fds[1].revents && !(fds[0].revents & (POLLERR | POLLHUP | POLLNVAL));
}

static bool pump_write(const struct pump *p, const char *buf, size_t len)
{
	while (len) {
		ssize_t n;

		if (!pump_wait(p))
			return false;
		n = write(p->fd, buf, len);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n > 0) {
			buf += n;
			len -= n;
		}
	}
	return true;
}

static void *pump_run(void *arg)
{
	struct pump *p = arg;
	char buf[PUMP_BUF];
	ssize_t n;

	/* The first read waits until the pipe has room, and no longer than somebody is there to
	 * read. */
	while (pump_wait(p) && (n = iter_read(p->file, buf, sizeof(buf))) > 0)
		if (!pump_write(p, buf, n))
			break;
	close(p->fd);
	iter_close(p->file);
	__atomic_store_n(&p->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Joins threads that ended; all of them when @wait. */
static void pumps_join(struct sys *sys, bool wait)
{
	struct list ended = LIST_INIT(ended);
	struct pump *p, *tmp;

	pthread_mutex_lock(&sys->pump_lock);
	list_for_each_safe(p, tmp, &sys->pumps, node) {
		if (wait || __atomic_load_n(&p->done, __ATOMIC_ACQUIRE)) {
			list_del(&p->node);
			list_add(&ended, &p->node);
		}
	}
	pthread_mutex_unlock(&sys->pump_lock);
	list_for_each_safe(p, tmp, &ended, node) {
		pthread_join(p->thread, NULL);
		free(p);
	}
}

void sys_pumps_reap(struct sys *sys)
{
	pumps_join(sys, false);
}

int sys_pumps_init(struct sys *sys)
{
	pthread_mutex_init(&sys->pump_lock, NULL);
	list_init(&sys->pumps);
	sys->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return sys->stop_fd < 0 ? -errno : 0;
}

void sys_pumps_stop(struct sys *sys)
{
	u64 one = 1;

	pthread_mutex_lock(&sys->pump_lock);
	sys->stopping = true;
	pthread_mutex_unlock(&sys->pump_lock);
	if (write(sys->stop_fd, &one, sizeof(one)) == sizeof(one))
		pumps_join(sys, true);
	close(sys->stop_fd);
	pthread_mutex_destroy(&sys->pump_lock);
}

/* Signals are the embedding process's business: the thread blocks them all, SIGPIPE included. */
static int pump_thread(struct pump *p)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int err;

	sigfillset(&all);
	/* but not those a faulting program load raises (exec/fault.c) */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PUMP_STACK);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&p->thread, &attr, pump_run, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return err ? -ENOMEM : 0;
}

static int pump_start(struct sys *sys, struct iter_file *file, int fd)
{
	struct pump *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	*p = (struct pump){.sys = sys, .file = file, .fd = fd};
	pthread_mutex_lock(&sys->pump_lock);
	err = sys->stopping ? -ENODEV : pump_thread(p);
	if (!err)
		list_add(&sys->pumps, &p->node);
	pthread_mutex_unlock(&sys->pump_lock);
	if (err)
		free(p);
	return err;
}

long sys_iter_create(struct sys_req *r)
{
	struct iter_file *file;
	struct bpf_link *link;
	int fds[2];
	long ret;

	if (r->attr.iter_create.flags)
		return -EINVAL;
	link = req_link(r, r->attr.iter_create.link_fd);
	if (IS_ERR(link))
		return PTR_ERR(link);
	pumps_join(r->sys, false);
	file = iter_open(link, r->sys->objs, &r->sys->host);
	obj_put(&link->obj);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (pipe2(fds, O_CLOEXEC)) {
		ret = -errno;
		goto fail_file;
	}
	fcntl(fds[1], F_SETFL, O_WRONLY | O_NONBLOCK);
	fcntl(fds[1], F_SETPIPE_SZ, PUMP_BUF);
	ret = pump_start(r->sys, file, fds[1]);
	if (!ret)
		return r->call->ops->install_fd(r->call, fds[0]);
	close(fds[0]);
	close(fds[1]);
fail_file:
	iter_close(file);
	return ret;
}
