/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inode.c - inodes: what they are, how long they live, and the instance that each of them keeps.
 *
 * What ends under the lock collects its watches in fs->ended; fs_unlock() takes the list before it
 * lets go of the lock, so every thread calls the watches of what it ended itself.
 */
#include "fs/inode.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define INODE_HASH(i) fs_hash_ino((i)->ino)

static struct fs *fs_of(const struct fs_inode *i)
{
	return i->sb->fs;
}

static struct timespec now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return ts;
}

void fs_touch(struct fs_inode *i, bool m, bool c)
{
	struct timespec ts = now();

	if (m)
		i->mtime = ts;
	if (c)
		i->ctime = ts;
}

struct fs_inode *fs_inode_new_ino_locked(struct fs_super *sb, u64 ino, mode_t mode)
{
	struct fs_inode *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->sb = sb;
	i->ino = ino;
	i->refs = 1;
	i->type = mode & S_IFMT;
	i->mode = mode;
	list_init(&i->entries);
	list_init(&i->watches);
	FS_TABLE_ADD(&sb->inodes, struct fs_inode, INODE_HASH, i);
	sb->refs++;
	return i;
}

/* Owner rules of the kernel's inode_init_owner(): a setgid directory hands down its group, and
 * to directories the bit. */
struct fs_inode *fs_inode_new_locked(struct fs_super *sb, struct fs_inode *dir,
				     const struct cred *c, mode_t mode)
{
	struct fs_inode *i = fs_inode_new_ino_locked(sb, sb->next_ino, mode);

	if (!i)
		return NULL;
	sb->next_ino++;
	i->uid = c ? c->uid : sb->opt.uid;
	i->gid = c ? c->gid : sb->opt.gid;
	if (dir && dir->mode & S_ISGID) {
		i->gid = dir->gid;
		if (S_ISDIR(mode))
			i->mode |= S_ISGID;
	}
	i->nlink = S_ISDIR(mode) ? 1 : 0; /* its own "."; entries count the rest */
	i->atime = i->mtime = i->ctime = now();
	return i;
}

static void inode_free_locked(struct fs_inode *i)
{
	struct fs_super *sb = i->sb;

	FS_TABLE_DEL(&sb->inodes, struct fs_inode, INODE_HASH, i);
	if (sb->kind->inode_free)
		sb->kind->inode_free(i);
	free(i->target);
	free(i);
	fs_super_put_locked(sb);
}

void fs_inode_put_locked(struct fs_inode *i, u64 n)
{
	i->refs -= n;
	if (!i->refs)
		inode_free_locked(i);
}

struct fs_inode *fs_inode_get(struct fs_inode *i)
{
	if (!i)
		return NULL;
	pthread_mutex_lock(&fs_of(i)->lock);
	i->refs++;
	fs_unlock(fs_of(i));
	return i;
}

void fs_inode_put(struct fs_inode *i, u64 n)
{
	struct fs *fs;

	if (IS_ERR_OR_NULL(i))
		return;
	fs = fs_of(i);
	pthread_mutex_lock(&fs->lock);
	fs_inode_put_locked(i, n);
	fs_unlock(fs);
}

struct fs_inode *fs_inode_find_locked(struct fs_super *sb, u64 ino)
{
	struct fs_inode *i = sb->inodes.bucket[fs_hash_ino(ino) & (sb->inodes.nr - 1)];

	while (i && i->ino != ino)
		i = i->chain;
	return i;
}

struct fs_inode *fs_inode_by_ino(struct fs_super *sb, u64 ino)
{
	struct fs_inode *i;

	pthread_mutex_lock(&sb->fs->lock);
	i = fs_inode_find_locked(sb, ino);
	if (!i && ino == FS_ROOT_INO)
		i = sb->root; /* whatever its own number */
	if (i)
		i->refs++;
	fs_unlock(sb->fs);
	return i;
}

/* --- attributes --- */

void fs_stat_locked(const struct fs_inode *i, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_dev = i->sb->nr_devs ? i->sb->dev[0] : 0;
	st->st_ino = i->ino;
	st->st_mode = i->mode;
	st->st_nlink = i->nlink;
	st->st_uid = i->uid;
	st->st_gid = i->gid;
	st->st_size = 0; /* symlinks too, as in the kernel's bpffs */
	st->st_blksize = 4096;
	st->st_atim = i->atime;
	st->st_mtim = i->mtime;
	st->st_ctim = i->ctime;
}

/* --- the instance --- */

void fs_super_put_locked(struct fs_super *sb)
{
	if (--sb->refs)
		return;
	if (sb->kind->super_free)
		sb->kind->super_free(sb);
	free(sb->inodes.bucket);
	free(sb->entries.bucket);
	free(sb->label);
	free(sb);
}

struct fs_super *fs_super_get(struct fs_super *sb)
{
	pthread_mutex_lock(&sb->fs->lock);
	sb->refs++;
	fs_unlock(sb->fs);
	return sb;
}

void fs_super_put(struct fs_super *sb)
{
	struct fs *fs;

	if (!sb)
		return;
	fs = sb->fs;
	pthread_mutex_lock(&fs->lock);
	fs_super_put_locked(sb);
	fs_unlock(fs);
}

/* --- the end --- */

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
