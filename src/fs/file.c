/* SPDX-License-Identifier: BSD-2-Clause */
/* file.c - the content of pins: iterator links and maps with BTF read as text, everything else
 * refuses to open with the kernel's -EIO. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "fs/inode.h"

struct fs_file {
	struct fs_inode *inode;
	void *content;
	bool readable;
};

static int open_check(struct fs_inode *i, const struct cred *c, int flags)
{
	int acc = flags & O_ACCMODE, mask = acc == O_RDONLY   ? R_OK
					    : acc == O_WRONLY ? W_OK
							      : R_OK | W_OK;

	if (S_ISLNK(i->mode))
		return -ELOOP;
	if (S_ISDIR(i->mode))
		return -EISDIR;
	return fs_access_locked(i, c, mask);
}

struct fs_file *fs_open(struct fs_inode *i, const struct cred *c, int flags)
{
	const struct fs_content_ops *ops = &i->sb->fs->content;
	struct fs_file *f = calloc(1, sizeof(*f));
	struct obj *o = NULL;
	int err;

	if (!f)
		return ERR_PTR(-ENOMEM);
	pthread_mutex_lock(&i->sb->fs->lock);
	err = open_check(i, c, flags);
	if (!err) {
		o = obj_get(i->obj);
		i->refs++;
	}
	pthread_mutex_unlock(&i->sb->fs->lock);
	if (err)
		goto fail_file;
	f->inode = i;
	f->readable = (flags & O_ACCMODE) != O_WRONLY;
	f->content = o && ops->open ? ops->open(ops->arg, o) : ERR_PTR(-EIO);
	obj_put(o);
	if (IS_ERR(f->content)) {
		err = PTR_ERR(f->content);
		goto fail_inode;
	}
	return f;
fail_inode:
	fs_inode_put(i, 1);
fail_file:
	free(f);
	return ERR_PTR(err);
}

ssize_t fs_read(struct fs_file *f, char *buf, size_t len, u64 off)
{
	const struct fs_content_ops *ops = &f->inode->sb->fs->content;

	return f->readable ? ops->read(ops->arg, f->content, buf, len, off) : -EBADF;
}

void fs_close(struct fs_file *f)
{
	const struct fs_content_ops *ops = &f->inode->sb->fs->content;

	ops->close(ops->arg, f->content);
	fs_inode_put(f->inode, 1);
	free(f);
}
