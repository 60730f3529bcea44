/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse.c - serves an instance on a mounted /dev/fuse fd (libfuse3 low level).
 *
 * Nothing is cached by the host kernel (timeouts 0; but see fs_kind.dirs_go_stale), so pins made or
 * removed through bpf(2) show at once. Permissions of a bpffs are the host kernel's business: it has to be mounted with
 * default_permissions. Instances that want to know who asks (fs_kind.as_caller) are mounted without
 * it, and get the credentials of the process behind each request.
 *
 * Threads: a worker takes one request at a time; when the last idle one takes a request another
 * worker is started (up to FUSE_WORKERS), so a read that blocks delays nobody. The first worker
 * stays until the end, waits for the others and reports the unmount.
 */
#include "fs/fuse_priv.h"
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FUSE_WORKERS 64u
#define FUSE_SPARE   2u /* idle workers kept */
#define FUSE_STACK   (256u << 10)

static void op_init(void *arg, struct fuse_conn_info *conn)
{
	conn->want &= ~(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
			FUSE_CAP_READDIRPLUS | FUSE_CAP_AUTO_INVAL_DATA);
}

static const struct fuse_lowlevel_ops fuse_ops = {
	.init = op_init,
	.lookup = fuse_op_lookup,
	.forget = fuse_op_forget,
	.forget_multi = fuse_op_forget_multi,
	.getattr = fuse_op_getattr,
	.setattr = fuse_op_setattr,
	.readlink = fuse_op_readlink,
	.mkdir = fuse_op_mkdir,
	.symlink = fuse_op_symlink,
	.mknod = fuse_op_mknod,
	.create = fuse_op_create,
	.unlink = fuse_op_unlink,
	.rmdir = fuse_op_rmdir,
	.rename = fuse_op_rename,
	.link = fuse_op_link,
	.open = fuse_op_open,
	.read = fuse_op_read,
	.write = fuse_op_write,
	.access = fuse_op_access,
	.poll = fuse_op_poll,
	.release = fuse_op_release,
	.opendir = fuse_op_opendir,
	.readdir = fuse_op_readdir,
	.statfs = fuse_op_statfs,
};

/* --- workers --- */

static void *worker(void *arg);

static int worker_start(struct fs_fuse *f, pthread_t *tid, bool detached)
{
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, FUSE_STACK);
	pthread_attr_setdetachstate(&attr,
				    detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
	err = -pthread_create(tid, &attr, worker, f);
	pthread_attr_destroy(&attr);
	return err;
}

/* Called with a request in hand: is somebody left to take the next one? */
static void worker_busy(struct fs_fuse *f)
{
	bool start;
	pthread_t tid;

	pthread_mutex_lock(&f->lock);
	f->idle--;
	start = !f->idle && f->workers < FUSE_WORKERS && !f->stopping;
	if (start) {
		f->workers++;
		f->idle++;
	}
	pthread_mutex_unlock(&f->lock);
	if (!start || !worker_start(f, &tid, true))
		return;
	pthread_mutex_lock(&f->lock);
	f->workers--;
	f->idle--;
	pthread_mutex_unlock(&f->lock);
}

/* false: enough others are idle, this one may go. */
static bool worker_idle(struct fs_fuse *f, bool first)
{
	bool stay;

	pthread_mutex_lock(&f->lock);
	stay = first || f->idle < FUSE_SPARE;
	if (stay)
		f->idle++;
	pthread_mutex_unlock(&f->lock);
	return stay;
}

static void stop_all(struct fs_fuse *f)
{
	u64 one = 1;

	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_mutex_unlock(&f->lock);
	fuse_session_exit(f->se);
	if (write(f->stop_fd, &one, sizeof(one)) < 0)
		return; /* cannot happen: the counter is far from full */
}

/* One request, or a reason to stop (false). */
static bool serve_one(struct fs_fuse *f, struct fuse_buf *buf, bool *was_busy)
{
	struct pollfd p[2] = {{.fd = f->fd, .events = POLLIN},
			      {.fd = f->stop_fd, .events = POLLIN}};
	int n;

	*was_busy = false;
	if (poll(p, 2, -1) < 0)
		return errno == EINTR;
	if (p[1].revents || fuse_session_exited(f->se))
		return false;
	n = fuse_session_receive_buf(f->se, buf);
	if (n == -EINTR || n == -EAGAIN)
		return true;
	if (n <= 0) {
		stop_all(f); /* unmounted */
		return false;
	}
	*was_busy = true;
	worker_busy(f);
	fuse_session_process_buf(f->se, buf);
	return !fuse_session_exited(f->se);
}

static void last_rites(struct fs_fuse *f)
{
	pthread_mutex_lock(&f->lock);
	while (f->workers > 1)
		pthread_cond_wait(&f->gone, &f->lock);
	pthread_mutex_unlock(&f->lock);
	if (f->unmounted)
		f->unmounted(f->arg);
}

static void *worker(void *arg)
{
	struct fs_fuse *f = arg;
	struct fuse_buf buf = {};
	bool first, busy;

	pthread_mutex_lock(&f->lock); /* f->first is set now */
	first = pthread_equal(pthread_self(), f->first);
	pthread_mutex_unlock(&f->lock);
	while (serve_one(f, &buf, &busy))
		if (busy && !worker_idle(f, first))
			break;
	free(buf.mem);
	if (first) {
		stop_all(f);
		last_rites(f);
		return NULL;
	}
	pthread_mutex_lock(&f->lock);
	f->workers--;
	if (!busy)
		f->idle--;
	pthread_cond_signal(&f->gone);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static int session_new(struct fs_fuse *f)
{
	static char name[] = "userbpf";
	char *argv[] = {name, NULL}, path[32];
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	f->se = fuse_session_new(&args, &fuse_ops, sizeof(fuse_ops), f);
	fuse_opt_free_args(&args);
	if (!f->se)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/dev/fd/%d", f->fd);
	if (!fuse_session_mount(f->se, path))
		return 0;
	fuse_session_destroy(f->se);
	return -EINVAL;
}

struct fs_fuse *fs_fuse_serve(struct fs_super *sb, int fuse_fd, const struct fs_idmap *uids,
			      const struct fs_idmap *gids, void (*unmounted)(void *arg), void *arg)
{
	struct fs_fuse *f = calloc(1, sizeof(*f));
	int err = -ENOMEM;

	if (!f) {
		close(fuse_fd);
		return ERR_PTR(err);
	}
	f->sb = fs_super_get(sb);
	if (uids)
		f->uids = *uids;
	if (gids)
		f->gids = *gids;
	f->user_ns = fuse_user_ns("/proc/self/ns/user");
	f->fd = fuse_fd;
	f->unmounted = unmounted;
	f->arg = arg;
	f->workers = f->idle = 1;
	list_init(&f->files);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->gone, NULL);
	f->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (f->stop_fd < 0) {
		err = -errno;
		goto fail_free;
	}
	if (fcntl(fuse_fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
		err = -errno;
		goto fail_stop;
	}
	err = session_new(f);
	if (err)
		goto fail_stop;
	pthread_mutex_lock(&f->lock);
	err = worker_start(f, &f->first, false);
	pthread_mutex_unlock(&f->lock);
	if (err)
		goto fail_session;
	return f;
fail_session:
	fuse_session_destroy(f->se); /* closes the fd */
	fuse_fd = -1;
fail_stop:
	close(f->stop_fd);
fail_free:
	if (fuse_fd >= 0)
		close(fuse_fd);
	fs_super_put(f->sb);
	free(f);
	return ERR_PTR(err);
}

void fs_fuse_stop(struct fs_fuse *f)
{
	stop_all(f);
	pthread_join(f->first, NULL);
	fuse_close_all(f);
	fuse_session_destroy(f->se); /* closes the fd, which ends the mount for its users */
	fuse_forget_all(f);
	fs_super_put(f->sb);
	close(f->stop_fd);
	pthread_cond_destroy(&f->gone);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
