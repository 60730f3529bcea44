/* SPDX-License-Identifier: BSD-2-Clause */
/* cg_entry_file.c - open entries: what the object behind one shows, takes and tells. */
#include <stdlib.h>
#include <sys/epoll.h>
#include "fs/cg.h"

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

int cg_entry_open(struct fs_file *f, const struct cred *c)
{
	struct entry_file *e;
	struct stat st;
	int err = fs_getattr(f->inode, &st); /* as it is now, and whether */

	if (!err)
		err = cg_open_check(f, c);
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
