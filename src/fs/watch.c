/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.c - callbacks for inodes that end, and the way from an object to its pin.
 *
 * What ends under the lock collects its watches in fs->ended; fs_unlock() takes the list before it
 * lets go of the lock, so every thread calls the watches of what it ended itself.
 */
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

void fs_inode_end_locked(struct fs_inode *i)
{
	struct fs_watch *w, *tmp;

	i->ended = true;
	list_for_each_safe(w, tmp, &i->watches, node) {
		list_del(&w->node);
		list_add_tail(&i->sb->fs->ended, &w->node);
	}
}

void fs_unlock(struct fs *fs)
{
	struct list ended;

	list_init(&ended);
	while (!list_empty(&fs->ended)) {
		struct list *n = fs->ended.next;

		list_del(n);
		list_add_tail(&ended, n);
	}
	pthread_mutex_unlock(&fs->lock);
	while (!list_empty(&ended)) {
		struct fs_watch *w = list_entry(ended.next, struct fs_watch, node);
		struct fs_inode *i = w->inode;

		list_del(&w->node);
		w->inode = NULL;
		w->gone(w);
		fs_inode_put(i, 1);
	}
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
