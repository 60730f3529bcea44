/* SPDX-License-Identifier: BSD-2-Clause */
/* vfs.c - the operations of fs.h: what is common to all kinds of instances, then the kind's own. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "fs/inode.h"

int fs_name_check(const char *name)
{
	size_t len = strlen(name);

	if (!len)
		return -ENOENT;
	if (len > FS_NAME_MAX)
		return -ENAMETOOLONG;
	return strchr(name, '/') ? -EINVAL : 0;
}

bool fs_is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

struct fs_inode *fs_lookup(struct fs_inode *dir, const struct cred *c, const char *name)
{
	int err = fs_name_check(name);

	if (err)
		return ERR_PTR(err);
	return S_ISDIR(dir->type) ? dir->sb->kind->lookup(dir, c, name) : ERR_PTR(-ENOTDIR);
}

int fs_mkdir(struct fs_inode *dir, const struct cred *c, const char *name, mode_t mode,
	     struct fs_inode **out)
{
	int err = fs_name_check(name);

	return err ? err : dir->sb->kind->mkdir(dir, c, name, mode, out);
}

int fs_symlink(struct fs_inode *dir, const struct cred *c, const char *name, const char *target,
	       struct fs_inode **out)
{
	int err = fs_name_check(name);

	if (err)
		return err;
	return dir->sb->kind->symlink ? dir->sb->kind->symlink(dir, c, name, target, out) : -EPERM;
}

int fs_unlink(struct fs_inode *dir, const struct cred *c, const char *name)
{
	int err = fs_name_check(name);

	if (err)
		return err;
	return fs_is_dots(name) ? -EISDIR : dir->sb->kind->unlink(dir, c, name);
}

int fs_rmdir(struct fs_inode *dir, const struct cred *c, const char *name)
{
	int err = fs_name_check(name);

	if (err)
		return err;
	if (fs_is_dots(name))
		return name[1] ? -ENOTEMPTY : -EINVAL;
	return dir->sb->kind->rmdir(dir, c, name);
}

int fs_rename(struct fs_inode *od, const struct cred *c, const char *on, struct fs_inode *nd,
	      const char *nn, unsigned int flags)
{
	int err = fs_name_check(on);

	if (!err)
		err = fs_name_check(nn);
	if (!err && (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
		     flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)))
		err = -EINVAL;
	if (!err && od->sb != nd->sb)
		err = -EXDEV;
	if (!err && (fs_is_dots(on) || fs_is_dots(nn)))
		err = -EBUSY;
	return err ? err : od->sb->kind->rename(od, c, on, nd, nn, flags);
}

int fs_link(struct fs_inode *i, const struct cred *c, struct fs_inode *dir, const char *name)
{
	int err = fs_name_check(name);

	if (err)
		return err;
	if (i->sb != dir->sb)
		return -EXDEV;
	return dir->sb->kind->link ? dir->sb->kind->link(i, c, dir, name) : -EPERM;
}

int fs_readlink(struct fs_inode *i, char *buf, size_t len)
{
	return S_ISLNK(i->type) ? i->sb->kind->readlink(i, buf, len) : -EINVAL;
}

int fs_getattr(struct fs_inode *i, struct stat *st)
{
	if (i->sb->kind->getattr)
		return i->sb->kind->getattr(i, st);
	pthread_mutex_lock(&i->sb->fs->lock);
	fs_stat_locked(i, st);
	fs_unlock(i->sb->fs);
	return 0;
}

int fs_setattr(struct fs_inode *i, const struct cred *c, const struct stat *st, unsigned int set)
{
	return i->sb->kind->setattr(i, c, st, set);
}

int fs_access(struct fs_inode *i, const struct cred *c, int mask)
{
	int err;

	if (i->sb->kind->access)
		return i->sb->kind->access(i, c, mask);
	pthread_mutex_lock(&i->sb->fs->lock);
	err = fs_access_locked(i, c, mask);
	fs_unlock(i->sb->fs);
	return err;
}

int fs_readdir(struct fs_inode *dir, const struct cred *c, u64 pos, fs_dir_cb *cb, void *arg)
{
	return S_ISDIR(dir->type) ? dir->sb->kind->readdir(dir, c, pos, cb, arg) : -ENOTDIR;
}

int fs_pin(struct fs_inode *dir, const struct cred *c, const char *name, struct obj *o, mode_t mode,
	   bool internal)
{
	int err = fs_name_check(name);

	return err ? err : dir->sb->kind->pin(dir, c, name, o, mode, internal);
}

struct obj *fs_pinned(struct fs_inode *i, const struct cred *c, u32 want)
{
	return i->sb->kind->pinned(i, c, want);
}

u32 fs_magic(struct fs_inode *i)
{
	return i->sb->kind->magic ? i->sb->kind->magic(i) : 0;
}

/* --- open files --- */

struct fs_file *fs_open(struct fs_inode *i, const struct cred *c, int flags)
{
	struct fs_file *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->inode = fs_inode_get(i);
	f->readable = (flags & O_ACCMODE) != O_WRONLY;
	f->writable = (flags & O_ACCMODE) != O_RDONLY;
	err = S_ISLNK(i->type)	 ? -ELOOP
	      : S_ISDIR(i->type) ? -EISDIR
				 : i->sb->kind->open(f, c, flags);
	if (!err)
		return f;
	fs_inode_put(i, 1);
	free(f);
	return ERR_PTR(err);
}

ssize_t fs_read(struct fs_file *f, char *buf, size_t len, u64 off)
{
	return f->readable ? f->ops->read(f, buf, len, off) : -EBADF;
}

/* Without a write operation, as the kernel answers write(2). */
ssize_t fs_write(struct fs_file *f, pid_t writer, const char *buf, size_t len, u64 off)
{
	if (!f->writable)
		return -EBADF;
	return f->ops->write ? f->ops->write(f, writer, buf, len, off) : -EINVAL;
}

u32 fs_poll(struct fs_file *f, void (*wake)(void *), void *wake_arg)
{
	if (f->ops->poll)
		return f->ops->poll(f, wake, wake_arg);
	return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
}

void fs_close(struct fs_file *f)
{
	f->ops->close(f);
	fs_inode_put(f->inode, 1);
	free(f);
}
