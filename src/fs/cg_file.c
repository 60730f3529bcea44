/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cg_file.c - open files of the cgroup tree: the machine's own, passed through with the caller's
 * rights; entries; and the list of processes of own groups.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "fs/cg.h"

static int wanted(const struct fs_file *f)
{
	return (f->readable ? R_OK : 0) | (f->writable ? W_OK : 0);
}

static int check(const struct fs_file *f, const struct cred *c)
{
	struct fs_inode *i = f->inode;
	int err;

	pthread_mutex_lock(&i->sb->fs->lock);
	err = fs_access_locked(i, c, wanted(f));
	fs_unlock(i->sb->fs);
	return err;
}

/* --- the machine's files --- */

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

static int host_open(struct fs_file *f, const struct cred *c, int flags)
{
	struct host_file *h;
	int fd = check(f, c);

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

/* --- entries --- */

struct entry_file {
	struct obj *obj; /* an open file has the object, the entry does not */
	struct fs_where where;
	char path[PATH_MAX]; /* mount, NUL, group */
	bool has_cred, owner;
	struct cred cred;	/* who opened it */
	struct entry_wait wait; /* for the entry's end; hangs there */
	pthread_mutex_t lock;
	void *content; /* NULL: not read yet */
};

static const struct fs_content_ops *ops_of(const struct fs_file *f)
{
	return &f->inode->sb->fs->content;
}

/* Opens the content when somebody wants it first, so that files nobody can read can be written
 * "rm" to. */
static int entry_content(struct fs_file *f, struct entry_file *e)
{
	const struct fs_content_ops *ops = ops_of(f);
	void *content;
	int err = 0;

	pthread_mutex_lock(&e->lock);
	if (!e->content) {
		content = ops->open ? ops->open(ops->arg, e->obj, &e->where) : ERR_PTR(-EIO);
		if (IS_ERR(content))
			err = PTR_ERR(content);
		else
			e->content = content;
	}
	pthread_mutex_unlock(&e->lock);
	return err;
}

static ssize_t entry_read(struct fs_file *f, char *buf, size_t len, u64 off)
{
	struct entry_file *e = f->priv;
	int err = entry_content(f, e);

	return err ? err : ops_of(f)->read(ops_of(f)->arg, e->content, buf, len, off);
}

/* "rm" with or without a newline; what follows a NUL does not count, as in sysfs. */
bool cg_is_rm(const char *buf, size_t len)
{
	size_t n = strnlen(buf, len);

	if (n && buf[n - 1] == '\n')
		n--;
	return n == 2 && !memcmp(buf, "rm", 2);
}

static ssize_t entry_write(struct fs_file *f, pid_t writer, const char *buf, size_t len, u64 off)
{
	const struct fs_content_ops *ops = ops_of(f);
	struct cg_node *n = cg_node(f->inode);
	struct entry_file *e = f->priv;
	bool takes = ops->takes_writes && ops->takes_writes(ops->arg, e->obj);
	bool rm = cg_is_rm(buf, len);
	int err;

	/* whom the file was given to write something may not end it with that */
	if (takes && !(rm && e->owner))
		return ops->write(ops->arg, e->obj, &e->where, e->has_cred ? &e->cred : NULL, buf,
				  len);
	if (!rm)
		return -EINVAL;
	if (!expose_is_at(n->e, n->id))
		return -EPERM; /* a group above passes it on */
	err = expose_remove(n->e, "\"rm\" was written to it");
	return err ? err : (ssize_t)len;
}

static u32 entry_poll(struct fs_file *f, void (*wake)(void *), void *wake_arg)
{
	const struct fs_content_ops *ops = ops_of(f);
	u32 ready = EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
	struct entry_file *e = f->priv;
	bool there;

	pthread_mutex_lock(&f->inode->sb->fs->lock);
	there = expose_alive_locked(cg_node(f->inode)->e);
	e->wait.wake = wake;
	e->wait.arg = wake_arg;
	fs_unlock(f->inode->sb->fs);
	if (f->readable && ops->poll && !entry_content(f, e))
		ready = ops->poll(ops->arg, e->content, wake, wake_arg);
	return there ? ready
		     : ready | EPOLLPRI | EPOLLERR; /* as kernfs tells of a file that went */
}

static void entry_free(struct entry_file *e)
{
	obj_put(e->obj);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

static void entry_close(struct fs_file *f)
{
	struct entry_file *e = f->priv;

	pthread_mutex_lock(&f->inode->sb->fs->lock);
	list_del(&e->wait.node);
	fs_unlock(f->inode->sb->fs);
	if (e->content)
		ops_of(f)->close(ops_of(f)->arg, e->content);
	entry_free(e);
}

static const struct fs_file_ops entry_ops = {
	.read = entry_read,
	.write = entry_write,
	.poll = entry_poll,
	.close = entry_close,
};

/* Length of the hierarchy's mount point at the start of @path, a directory on device @dev. */
static size_t mount_len(const struct fs_cg *cg, const char *path, dev_t dev)
{
	size_t n = strlen(path), base = strlen(cg->base);
	char up[PATH_MAX];
	struct stat st;

	if (cg->own)
		return base;
	while (n > 1) {
		size_t m = n;

		while (m && path[m - 1] != '/')
			m--;
		m = m > 1 ? m - 1 : m; /* without the slash, unless it is all */
		memcpy(up, path, m);
		up[m] = '\0';
		if (!m || stat(up, &st) || st.st_dev != dev)
			break;
		n = m;
	}
	return n;
}

static int fill_where(struct fs_file *f, struct entry_file *e)
{
	struct fs_inode *i = f->inode;
	struct cg_node *n = cg_node(i);
	char name[FS_NAME_MAX + 1];
	struct fs_inode *dir = cg_place(i, name);
	int err = cg_path(dir, e->path);
	size_t len, cut;

	fs_inode_put(dir, 1);

	if (err)
		return err;
	len = strlen(e->path);
	cut = mount_len(i->sb->fs->cg, e->path, n->id.dev);
	if (cut == len) {
		if (len + 3 > sizeof(e->path))
			return -ENAMETOOLONG;
		strcpy(e->path + len + 1, "/");
	} else {
		if (len + 2 > sizeof(e->path))
			return -ENAMETOOLONG;
		memmove(e->path + cut + 1, e->path + cut, len - cut + 1);
		e->path[cut] = '\0';
	}
	e->where = (struct fs_where){
		.super = i->sb,
		.inode = i,
		.group_id = n->id.ino,
		.hierarchy = n->id.dev,
		.v2 = n->group != CG_V1,
		.own = n->group == CG_OWN,
		.mount = e->path,
		.group = e->path + cut + 1,
	};
	return 0;
}

static void note_cred(struct fs_file *f, struct entry_file *e, const struct cred *c)
{
	struct fs_inode *i = f->inode;

	e->has_cred = c;
	if (c)
		e->cred = *c;
	e->cred.groups_of = 0;
	pthread_mutex_lock(&i->sb->fs->lock);
	e->owner = fs_owner_locked(i, c);
	fs_unlock(i->sb->fs);
}

static int entry_open(struct fs_file *f, const struct cred *c)
{
	struct entry_file *e;
	struct stat st;
	int err = fs_getattr(f->inode, &st); /* as it is now, and whether */

	if (!err)
		err = check(f, c);
	if (err)
		return err;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	pthread_mutex_init(&e->lock, NULL);
	note_cred(f, e, c);
	e->obj = expose_obj(cg_node(f->inode)->e);
	err = e->obj ? fill_where(f, e) : -ENOENT;
	if (err) {
		entry_free(e);
		return err;
	}
	pthread_mutex_lock(&f->inode->sb->fs->lock);
	list_add(&cg_node(f->inode)->e->files, &e->wait.node);
	fs_unlock(f->inode->sb->fs);
	f->priv = e;
	f->ops = &entry_ops;
	f->seekable = true;
	return 0;
}

/* --- cgroup.procs of own groups --- */

struct procs_file {
	bool has_cred;
	struct cred cred;
	char *text;
	size_t len;
};

static int print_pid(void *arg, pid_t pid)
{
	fprintf(arg, "%d\n", pid);
	return 0;
}

static bool is_tree_root(struct fs_inode *dir)
{
	return !strcmp(cg_super(dir->sb)->path, dir->sb->fs->cg->base) && !cg_node(dir)->dir;
}

static int procs_text(struct fs_file *f, struct procs_file *p)
{
	char name[FS_NAME_MAX + 1];
	struct fs_inode *i = f->inode, *dir = cg_place(i, name);
	bool root = is_tree_root(dir);
	FILE *out;
	int err;

	fs_inode_put(dir, 1);

	free(p->text);
	p->text = NULL;
	p->len = 0;
	out = open_memstream(&p->text, &p->len);
	if (!out)
		return -ENOMEM;
	err = procs_each(i->sb->fs, cg_node(i)->id, root, print_pid, out);
	return fclose(out) ? -ENOMEM : err;
}

static ssize_t procs_read(struct fs_file *f, char *buf, size_t len, u64 off)
{
	struct procs_file *p = f->priv;
	int err = off && p->text ? 0 : procs_text(f, p);

	if (err)
		return err;
	if (off >= p->len)
		return 0;
	len = min(len, p->len - off);
	memcpy(buf, p->text + off, len);
	return len;
}

static ssize_t procs_write(struct fs_file *f, pid_t writer, const char *buf, size_t len, u64 off)
{
	struct procs_file *p = f->priv;
	char text[24], *end;
	long pid;
	int err;

	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, buf, len);
	text[len] = '\0';
	pid = strtol(text, &end, 10);
	if (end == text || end[strspn(end, " \n")] || pid < 0 || pid > INT_MAX)
		return -EINVAL;
	if (!pid)
		pid = writer;
	err = procs_move(f->inode->sb->fs, p->has_cred ? &p->cred : NULL, pid,
			 cg_node(f->inode)->id);
	return err ? err : (ssize_t)len;
}

static void procs_close(struct fs_file *f)
{
	struct procs_file *p = f->priv;

	free(p->text);
	free(p);
}

static const struct fs_file_ops procs_ops = {
	.read = procs_read,
	.write = procs_write,
	.close = procs_close,
};

static int procs_open(struct fs_file *f, const struct cred *c)
{
	struct procs_file *p;
	int err = check(f, c);

	if (err)
		return err;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->has_cred = c;
	if (c)
		p->cred = *c;
	f->priv = p;
	f->ops = &procs_ops;
	f->seekable = true;
	return 0;
}

int cg_open(struct fs_file *f, const struct cred *c, int flags)
{
	switch (cg_node(f->inode)->what) {
	case CG_FILE: return host_open(f, c, flags);
	case CG_ENTRY: return entry_open(f, c);
	case CG_PROCS: return procs_open(f, c);
	default: return -EINVAL;
	}
}

/* --- for those who show groups --- */

static int each_line(const char *path, int (*cb)(void *arg, pid_t pid), void *arg)
{
	FILE *f = fopen(path, "re");
	int pid, ret = 0;

	if (!f)
		return -errno;
	while (!ret && fscanf(f, "%d", &pid) == 1)
		ret = cb(arg, pid);
	fclose(f);
	return ret;
}

int fs_where_procs(const struct fs_where *w, int (*cb)(void *arg, pid_t pid), void *arg)
{
	struct fs_inode *i = w->inode;
	char path[PATH_MAX + 16];

	if (w->own)
		return procs_each(i->sb->fs, cg_node(i)->id, !strcmp(w->group, "/"), cb, arg);
	snprintf(path, sizeof(path), "%s%s/cgroup.procs", w->mount, w->group);
	return each_line(path, cb, arg);
}
