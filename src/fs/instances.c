/* SPDX-License-Identifier: BSD-2-Clause */
/* instances.c - all instances of one service: the bpffs ones and the cgroup tree's. */
#include <stdlib.h>
#include "fs/inode.h"

struct fs *fs_new(const struct fs_content_ops *ops)
{
	struct fs *fs = calloc(1, sizeof(*fs));

	if (!fs)
		return NULL;
	pthread_mutex_init(&fs->lock, NULL);
	list_init(&fs->supers);
	list_init(&fs->ended);
	fs->next_id = 1;
	if (ops)
		fs->content = *ops;
	return fs;
}

void fs_free(struct fs *fs)
{
	struct fs_super *sb, *tmp;

	if (!fs)
		return;
	list_for_each_safe(sb, tmp, &fs->supers, node)
		fs_umount(sb);
	fs_cgroup_free(fs);
	pthread_mutex_destroy(&fs->lock);
	free(fs);
}

struct fs_super *fs_mount(struct fs *fs, const struct fs_options *opt, const char *label)
{
	struct fs_super *sb = fs_super_new(fs, &fs_bpffs, label);
	struct fs_inode *root;

	if (!sb)
		return ERR_PTR(-ENOMEM);
	sb->opt = *opt;
	pthread_mutex_lock(&fs->lock);
	root = fs_inode_new_locked(sb, NULL, NULL, S_IFDIR | S_ISVTX | (opt->mode & 07777));
	if (root)
		fs_super_add_locked(sb, root);
	else
		fs_super_put_locked(sb);
	fs_unlock(fs);
	return root ? sb : ERR_PTR(-ENOMEM);
}
