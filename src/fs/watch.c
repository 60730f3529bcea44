/* SPDX-License-Identifier: BSD-2-Clause */
/* watch.c - callbacks for inodes that end (inode.c calls them), and the way from an object to its pin. */
#include "fs/inode.h"

int fs_watch_inode(struct fs_inode *i, struct fs_watch *w)
{
	struct fs *fs = i->sb->fs;
	int err = -ENOENT;

	list_init(&w->node);
	w->inode = NULL;
	pthread_mutex_lock(&fs->lock);
	if (!i->ended) {
		list_add_tail(&i->watches, &w->node);
		w->inode = i;
		i->refs++;
		err = 0;
	}
	fs_unlock(fs);
	return err;
}

bool fs_unwatch_inode(struct fs *fs, struct fs_watch *w)
{
	struct fs_inode *i;
	bool was;

	pthread_mutex_lock(&fs->lock);
	i = w->inode;
	was = i && !i->ended; /* ended: it waits in fs->ended, or its thread has it already */
	if (was) {
		list_del(&w->node);
		w->inode = NULL;
		fs_inode_put_locked(i, 1);
	}
	fs_unlock(fs);
	return was;
}

struct fs_inode *fs_obj_inode(struct fs *fs, struct obj *o)
{
	struct fs_inode *i;

	pthread_mutex_lock(&fs->lock);
	i = o->inode;
	if (i)
		i->refs++;
	fs_unlock(fs);
	return i;
}
