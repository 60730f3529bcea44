/* SPDX-License-Identifier: BSD-2-Clause */
/* file.c - the content of pins in a bpffs: iterator links and maps with BTF read as text,
 * everything else refuses to open with the kernel's -EIO. */
#include <fcntl.h>
#include <unistd.h>
#include "fs/inode.h"

static const struct fs_content_ops *content(const struct fs_file *f)
{
	return &f->inode->sb->fs->content;
}

static ssize_t content_read(struct fs_file *f, char *buf, size_t len, u64 off)
{
	return content(f)->read(content(f)->arg, f->priv, buf, len, off);
}

static void content_close(struct fs_file *f)
{
	content(f)->close(content(f)->arg, f->priv);
}

static const struct fs_file_ops content_file = {
	.read = content_read,
	.close = content_close,
};

int bpffs_open(struct fs_file *f, const struct cred *c, int flags)
{
	struct fs_inode *i = f->inode;
	struct obj *o = NULL;
	int err;

	pthread_mutex_lock(&i->sb->fs->lock);
	err = fs_access_locked(i, c, (f->readable ? R_OK : 0) | (f->writable ? W_OK : 0));
	if (!err)
		o = obj_get(i->obj);
	fs_unlock(i->sb->fs);
	if (err)
		return err;
	f->ops = &content_file;
	f->priv =
		o && content(f)->open ? content(f)->open(content(f)->arg, o, NULL) : ERR_PTR(-EIO);
	obj_put(o);
	return IS_ERR(f->priv) ? PTR_ERR(f->priv) : 0;
}
