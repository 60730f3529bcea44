/* SPDX-License-Identifier: BSD-2-Clause */
/* entry.c - entries of directories: names for inodes (see inode.h for the rules). */
#include <stdlib.h>
#include "fs/inode.h"

#define ENTRY_HASH(e) ((e)->hash)

void fs_drop(struct fs_drops *d)
{
	for (u32 i = 0; i < d->nr; i++)
		obj_put(d->obj[i]);
	d->nr = 0;
}

struct fs_entry *fs_entry_find_locked(struct fs_inode *dir, const char *name)
{
	struct fs_table *t = &dir->sb->entries;
	u32 h = fs_hash_name(dir->ino, name);
	struct fs_entry *e = t->bucket[h & (t->nr - 1)];

	while (e && (e->hash != h || e->dir != dir || strcmp(e->name, name)))
		e = e->chain;
	return e;
}

struct fs_entry *fs_entry_new(const char *name)
{
	size_t len = strlen(name) + 1;
	struct fs_entry *e = malloc(sizeof(*e) + len);

	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	list_init(&e->node);
	memcpy(e->name, name, len);
	return e;
}

void fs_entry_hash_locked(struct fs_inode *dir, struct fs_entry *e)
{
	e->dir = dir;
	e->seq = dir->sb->next_seq++;
	e->hash = fs_hash_name(dir->ino, e->name);
	list_add(&dir->entries, &e->node);
	FS_TABLE_ADD(&dir->sb->entries, struct fs_entry, ENTRY_HASH, e);
	dir->refs++;
	if (S_ISDIR(e->inode->mode)) {
		e->inode->parent = dir;
		dir->nlink++;
	}
	fs_touch(dir, true, true);
}

void fs_entry_unhash_locked(struct fs_entry *e)
{
	struct fs_inode *dir = e->dir;

	list_del(&e->node);
	FS_TABLE_DEL(&dir->sb->entries, struct fs_entry, ENTRY_HASH, e);
	if (S_ISDIR(e->inode->mode)) {
		e->inode->parent = NULL;
		dir->nlink--;
	}
	fs_touch(dir, true, true);
	fs_inode_put_locked(dir, 1);
}

void fs_entry_add_locked(struct fs_inode *dir, struct fs_entry *e, struct fs_inode *i)
{
	e->inode = i;
	i->refs++;
	i->nlink++;
	fs_entry_hash_locked(dir, e);
}

static void inode_unpin_locked(struct fs_inode *i, struct fs_drops *d)
{
	if (!i->obj)
		return;
	if (i->obj->inode == i)
		i->obj->inode = NULL;
	d->obj[d->nr++] = i->obj;
	i->obj = NULL;
}

void fs_entry_remove_locked(struct fs_entry *e, struct fs_drops *d)
{
	struct fs_inode *i = e->inode;

	fs_entry_unhash_locked(e);
	free(e);
	i->nlink = S_ISDIR(i->mode) ? 0 : i->nlink - 1; /* directories have one entry */
	fs_touch(i, false, true);
	if (!i->nlink) {
		fs_inode_end_locked(i);
		inode_unpin_locked(i, d);
	}
	fs_inode_put_locked(i, 1);
}
