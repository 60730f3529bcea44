/* SPDX-License-Identifier: BSD-2-Clause */
/* inode.c - instances, inodes, entries: the tree and its tables (see inode.h for the rules). */
#include "fs/inode.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* --- hash tables --- */

u32 fs_hash_name(u64 dir, const char *name)
{
	u32 h = 2166136261u ^ (u32)(dir * 0x9e3779b97f4a7c15ull >> 32);

	for (; *name; name++)
		h = (h ^ (u8)*name) * 16777619u;
	return h ^ h >> 15;
}

u32 fs_hash_ino(u64 ino)
{
	return (u32)(ino * 0x9e3779b97f4a7c15ull >> 32);
}

int fs_table_init(struct fs_table *t)
{
	t->bucket = calloc(16, sizeof(*t->bucket));
	t->nr = t->bucket ? 16 : 0;
	t->count = 0;
	return t->bucket ? 0 : -ENOMEM;
}

#define INODE_HASH(i) fs_hash_ino((i)->ino)
#define ENTRY_HASH(e) ((e)->hash)

/* --- inodes --- */

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

static void super_put_locked(struct fs_super *sb, u64 n);

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
	super_put_locked(sb, 1);
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

/* --- entries --- */

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

/* --- instances --- */

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
		super_put_locked(sb, 1);
	fs_unlock(fs);
	return root ? sb : ERR_PTR(-ENOMEM);
}

static void super_put_locked(struct fs_super *sb, u64 n)
{
	sb->refs -= n;
	if (sb->refs)
		return;
	if (sb->kind->super_free)
		sb->kind->super_free(sb);
	free(sb->inodes.bucket);
	free(sb->entries.bucket);
	free(sb->label);
	free(sb);
}

void fs_super_put_locked(struct fs_super *sb)
{
	super_put_locked(sb, 1);
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
	super_put_locked(sb, 1);
	fs_unlock(fs);
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
	super_put_locked(sb, 1);
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
		super_put_locked(prev, 1);
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
