/* SPDX-License-Identifier: BSD-2-Clause */
/* cg_host_file.c - the machine's own files of groups, passed through with the caller's rights. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "fs/cg.h"

struct host_file {
	int fd;
	bool has_cred;
	struct cred cred; /* who opened it: what is written is written by them */
	struct cg_wait wait;
};

static ssize_t host_read(struct fs_file *f, char *buf, size_t len, u64 off)
{
	struct host_file *h = f->priv;
	ssize_t n = pread(h->fd, buf, len, off);

	return n < 0 ? -errno : n;
}

/* In files that list processes 0 is who writes, which would be us. */
static bool means_self(struct fs_file *f, const char *buf, size_t len)
{
	static const char *const lists[] = {"cgroup.procs", "cgroup.threads", "tasks"};
	char name[FS_NAME_MAX + 1];
	size_t n = 0;

	while (n < len && buf[n] == ' ')
		n++;
	if (n == len || buf[n] != '0' || (n + 1 < len && buf[n + 1] >= '0' && buf[n + 1] <= '9'))
		return false;
	fs_inode_put(cg_place(f->inode, name), 1);
	for (n = 0; n < ARRAY_SIZE(lists); n++)
		if (!strcmp(name, lists[n]))
			return true;
	return false;
}

static ssize_t host_write(struct fs_file *f, pid_t writer, const char *buf, size_t len, u64 off)
{
	struct host_file *h = f->priv;
	struct caller as;
	ssize_t n = caller_begin(&as, h->has_cred ? &h->cred : NULL, true);
	size_t all = len;
	char self[16];

	if (writer && means_self(f, buf, len)) {
		len = snprintf(self, sizeof(self), "%d", writer);
		buf = self;
	}
	if (!n) {
		n = pwrite(h->fd, buf, len, off);
		n = n < 0 ? -errno : n == (ssize_t)len ? (ssize_t)all : n;
	}
	caller_end(&as);
	return n;
}

/* Files of cgroups are always ready, and say with EPOLLPRI that they changed since they were read
 * (cgroup.events, the triggers of *.pressure). */
static u32 host_poll(struct fs_file *f, void (*wake)(void *), void *wake_arg)
{
	struct host_file *h = f->priv;
	struct pollfd p = {.fd = h->fd, .events = POLLIN | POLLOUT | POLLPRI};

	h->wait.wake = wake;
	h->wait.arg = wake_arg;
	poller_wait(f->inode->sb->fs, &h->wait, h->fd, EPOLLPRI); /* before looking */
	return poll(&p, 1, 0) > 0 ? (u32)p.revents : 0;
}

static void host_close(struct fs_file *f)
{
	struct host_file *h = f->priv;

	poller_drop(&h->wait, h->fd);
	close(h->fd);
	free(h);
}

static const struct fs_file_ops host_ops = {
	.read = host_read,
	.write = host_write,
	.poll = host_poll,
	.close = host_close,
};

/* The file of @name in @dir, if it is still the one that was looked up. */
static int open_host_fd(struct fs_inode *i, const struct cred *c, int flags)
{
	struct cg_node *n = cg_node(i);
	char name[FS_NAME_MAX + 1];
	struct fs_inode *parent = cg_place(i, name);
	int dir = cg_dir_open(parent), fd, err;
	struct caller as;
	struct stat st;

	fs_inode_put(parent, 1);
	if (dir < 0)
		return dir;
	err = caller_begin(&as, c, (flags & O_ACCMODE) != O_RDONLY);
	fd = err ? err
		 : openat(dir, name,
			  (flags & (O_ACCMODE | O_APPEND)) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (!err && fd < 0)
		fd = -errno;
	caller_end(&as);
	close(dir);
	if (fd >= 0 && (fstat(fd, &st) || st.st_dev != n->id.dev || st.st_ino != n->id.ino)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

int cg_host_open(struct fs_file *f, const struct cred *c, int flags)
{
	struct host_file *h;
	int fd = cg_open_check(f, c);

	if (fd)
		return fd;
	fd = open_host_fd(f->inode, c, flags);
	if (fd < 0)
		return fd;
	h = calloc(1, sizeof(*h));
	if (!h) {
		close(fd);
		return -ENOMEM;
	}
	h->fd = fd;
	h->has_cred = c;
	if (c)
		h->cred = *c;
	h->cred.groups_of = 0; /* by then it may be somebody else's number */
	f->priv = h;
	f->ops = &host_ops;
	f->seekable = true;
	return 0;
}
