/* SPDX-License-Identifier: BSD-2-Clause */
/* super.c - instances: made, found by device and path, taken down. */
#include <stdlib.h>
#include <unistd.h>
#include "fs/inode.h"

struct fs_super *fs_super_new(struct fs *fs, const struct fs_kind *kind, const char *label)
{
	struct fs_super *sb = calloc(1, sizeof(*sb));

	if (!sb)
		return NULL;
	sb->fs = fs;
	sb->kind = kind;
	sb->refs = 1;
	sb->next_ino = FS_ROOT_INO;
	sb->next_seq = 1;
	sb->label = strdup(label);
	if (sb->label && !fs_table_init(&sb->inodes) && !fs_table_init(&sb->entries))
		return sb;
	free(sb->inodes.bucket);
	free(sb->label);
	free(sb);
	return NULL;
}

/* Takes over the reference of @root. */
void fs_super_add_locked(struct fs_super *sb, struct fs_inode *root)
{
	root->parent = root;
	root->nlink = 2;
	sb->root = root;
	sb->id = sb->fs->next_id++;
	list_add_tail(&sb->fs->supers, &sb->node);
}

/* Any entry of the instance, for taking it down. */
static struct fs_entry *entry_any_locked(struct fs_super *sb, u32 *bucket)
{
	while (sb->entries.count) {
		for (; *bucket < sb->entries.nr; ++*bucket)
			if (sb->entries.bucket[*bucket])
				return sb->entries.bucket[*bucket];
		*bucket = 0; /* made while the lock was not held */
	}
	return NULL;
}

void fs_umount(struct fs_super *sb)
{
	struct fs_drops drops = {};
	struct fs *fs = sb->fs;
	struct fs_entry *e;
	u32 bucket = 0;

	pthread_mutex_lock(&fs->lock);
	if (sb->dead) {
		fs_unlock(fs);
		return;
	}
	sb->dead = true;
	list_del(&sb->node);
	while ((e = entry_any_locked(sb, &bucket))) {
		fs_entry_remove_locked(e, &drops);
		if (!drops.nr && list_empty(&fs->ended))
			continue;
		fs_unlock(fs);
		fs_drop(&drops);
		pthread_mutex_lock(&fs->lock);
	}
	sb->root->nlink = 0; /* nothing can be made in it any more */
	fs_inode_end_locked(sb->root);
	fs_inode_put_locked(sb->root, 1);
	sb->root = NULL;
	fs_super_put_locked(sb);
	fs_unlock(fs);
}

static struct fs_super *super_ref(struct fs_super *sb)
{
	if (sb)
		sb->refs++;
	return sb;
}

struct fs_super *fs_super_by_dev(struct fs *fs, dev_t dev)
{
	struct fs_super *sb, *found = NULL;

	pthread_mutex_lock(&fs->lock);
	list_for_each(sb, &fs->supers, node)
		for (u32 i = 0; i < sb->nr_devs; i++)
			if (sb->dev[i] == dev)
				found = sb;
	super_ref(found);
	fs_unlock(fs);
	return found;
}

static bool label_match(const char *label, const char *path, size_t *len)
{
	size_t n = strlen(label);

	while (n && label[n - 1] == '/')
		n--;
	*len = n;
	return !strncmp(label, path, n) && (path[n] == '/' || !path[n]);
}

struct fs_super *fs_super_by_path(struct fs *fs, const char *path, const char **rest)
{
	struct fs_super *sb, *found = NULL;
	size_t len, best = 0;

	if (*path != '/')
		return NULL;
	pthread_mutex_lock(&fs->lock);
	list_for_each(sb, &fs->supers, node) {
		if (!label_match(sb->label, path, &len) || (found && len < best))
			continue;
		found = sb;
		best = len;
	}
	super_ref(found);
	fs_unlock(fs);
	if (found && rest)
		*rest = path[best] ? path + best : "/";
	return found;
}

int fs_super_add_dev(struct fs_super *sb, dev_t dev)
{
	int err = -ENOSPC;

	pthread_mutex_lock(&sb->fs->lock);
	if (sb->nr_devs < FS_DEVS_MAX) {
		sb->dev[sb->nr_devs++] = dev;
		err = 0;
	}
	fs_unlock(sb->fs);
	return err;
}

void fs_super_del_dev(struct fs_super *sb, dev_t dev)
{
	pthread_mutex_lock(&sb->fs->lock);
	for (u32 i = 0; i < sb->nr_devs; i++)
		if (sb->dev[i] == dev)
			sb->dev[i] = sb->dev[--sb->nr_devs];
	fs_unlock(sb->fs);
}

u32 fs_super_devs(struct fs_super *sb)
{
	u32 nr;

	pthread_mutex_lock(&sb->fs->lock);
	nr = sb->nr_devs;
	fs_unlock(sb->fs);
	return nr;
}

struct fs_super *fs_super_next(struct fs *fs, struct fs_super *prev)
{
	struct fs_super *sb, *found = NULL;

	pthread_mutex_lock(&fs->lock);
	list_for_each(sb, &fs->supers, node) {
		if (prev && sb->id <= prev->id)
			continue;
		found = super_ref(sb);
		break;
	}
	if (prev)
		fs_super_put_locked(prev);
	fs_unlock(fs);
	return found;
}

const char *fs_super_label(struct fs_super *sb)
{
	return sb->label;
}

u32 fs_super_id(struct fs_super *sb)
{
	return sb->id;
}

const struct fs_options *fs_super_options(struct fs_super *sb)
{
	return &sb->opt;
}

void fs_super_remount(struct fs_super *sb, const struct fs_options *opt)
{
	pthread_mutex_lock(&sb->fs->lock);
	sb->opt = *opt;
	if (sb->root) {
		sb->root->mode = S_IFDIR | S_ISVTX | (opt->mode & 07777);
		sb->root->uid = opt->uid;
		sb->root->gid = opt->gid;
		fs_touch(sb->root, false, true);
	}
	fs_unlock(sb->fs);
}

struct fs_inode *fs_root(struct fs_super *sb)
{
	struct fs_inode *root;

	pthread_mutex_lock(&sb->fs->lock);
	root = sb->root;
	if (root)
		root->refs++;
	fs_unlock(sb->fs);
	return root;
}

int fs_statfs(struct fs_super *sb, struct statvfs *st)
{
	memset(st, 0, sizeof(*st));
	st->f_bsize = st->f_frsize = 4096;
	st->f_namemax = FS_NAME_MAX;
	st->f_fsid = sb->id;
	return 0;
}
