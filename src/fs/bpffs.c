/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpffs.c - directory operations with the rules of the kernel's bpffs and of the generic code above
 * it.
 *
 * Names with a dot are reserved: they cannot be looked up (-EPERM) unless they exist, which only
 * preload pins do. No regular files but pins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "fs/inode.h"

static void lock(struct fs_inode *i)
{
	pthread_mutex_lock(&i->sb->fs->lock);
}

static void unlock(struct fs_inode *i)
{
	fs_unlock(i->sb->fs);
}

/* The entry, NULL when the name is free, or ERR_PTR(-EPERM): reserved. */
static struct fs_entry *entry_lookup(struct fs_inode *dir, const char *name)
{
	struct fs_entry *e = fs_entry_find_locked(dir, name);

	return !e && strchr(name, '.') ? ERR_PTR(-EPERM) : e;
}

static struct fs_inode *bpffs_lookup(struct fs_inode *dir, const struct cred *c, const char *name)
{
	struct fs_inode *i;
	struct fs_entry *e;
	int err;

	lock(dir);
	err = fs_access_locked(dir, c, X_OK);
	if (err) {
		i = ERR_PTR(err);
	} else if (fs_is_dots(name)) {
		i = name[1] && dir->parent ? dir->parent : dir;
	} else {
		e = entry_lookup(dir, name);
		i = IS_ERR(e) ? ERR_CAST(e) : e ? e->inode : ERR_PTR(-ENOENT);
	}
	if (!IS_ERR(i))
		i->refs++;
	unlock(dir);
	return i;
}

/* May @name be made in @dir? The kernel's order: lookup, then permission of the directory. */
static int may_create(struct fs_inode *dir, const struct cred *c, const char *name)
{
	struct fs_entry *e;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (fs_is_dots(name))
		return -EEXIST;
	e = entry_lookup(dir, name);
	if (IS_ERR(e))
		return PTR_ERR(e);
	if (e)
		return -EEXIST;
	if (!dir->nlink)
		return -ENOENT;
	return fs_access_locked(dir, c, W_OK | X_OK);
}

struct make {
	mode_t mode;
	char *target;	 /* taken over on success */
	struct obj *obj; /* referenced on success */
	bool internal;
	struct fs_inode **out;
};

static int make_locked(struct fs_inode *dir, const struct cred *c, struct fs_entry *e,
		       struct make *m)
{
	struct fs_inode *i;
	int err = may_create(dir, c, e->name);

	if (err == -EPERM && m->internal && !fs_entry_find_locked(dir, e->name))
		err = dir->nlink ? 0 : -ENOENT;
	if (err)
		return err;
	i = fs_inode_new_locked(dir->sb, dir, c, m->mode);
	if (!i)
		return -ENOSPC;
	i->target = m->target;
	i->obj = obj_get(m->obj);
	if (i->obj && !i->obj->inode)
		i->obj->inode = i;
	fs_entry_add_locked(dir, e, i);
	if (m->out)
		*m->out = i; /* with the reference it was born with */
	else
		fs_inode_put_locked(i, 1);
	return 0;
}

static int make(struct fs_inode *dir, const struct cred *c, const char *name, struct make *m)
{
	struct fs_entry *e = fs_entry_new(name);
	int err;

	if (!e)
		return -ENOMEM;
	lock(dir);
	err = make_locked(dir, c, e, m);
	unlock(dir);
	if (err)
		free(e);
	return err;
}

static int bpffs_mkdir(struct fs_inode *dir, const struct cred *c, const char *name, mode_t mode,
		       struct fs_inode **out)
{
	struct make m = {.mode = S_IFDIR | (mode & 01777), .out = out};

	return make(dir, c, name, &m);
}

static int bpffs_symlink(struct fs_inode *dir, const struct cred *c, const char *name,
			 const char *target, struct fs_inode **out)
{
	struct make m = {.mode = S_IFLNK | 0777, .out = out};
	int err;

	if (!*target)
		return -ENOENT;
	if (strlen(target) >= 4096)
		return -ENAMETOOLONG;
	m.target = strdup(target);
	if (!m.target)
		return -ENOMEM;
	err = make(dir, c, name, &m);
	if (err)
		free(m.target);
	return err;
}

static int bpffs_pin(struct fs_inode *dir, const struct cred *c, const char *name, struct obj *o,
		     mode_t mode, bool internal)
{
	struct make m = {.mode = S_IFREG | (mode & 0777), .obj = o, .internal = internal};

	return make(dir, c, name, &m);
}

/* The entry @name of @dir that @c may take away, or ERR_PTR. */
static struct fs_entry *may_delete(struct fs_inode *dir, const struct cred *c, const char *name,
				   bool want_dir)
{
	struct fs_entry *e;
	int err;

	if (!S_ISDIR(dir->mode))
		return ERR_PTR(-ENOTDIR);
	e = entry_lookup(dir, name);
	if (IS_ERR_OR_NULL(e))
		return e ? e : ERR_PTR(-ENOENT);
	err = fs_access_locked(dir, c, W_OK | X_OK);
	if (!err)
		err = fs_sticky_locked(dir, e->inode, c);
	if (!err && want_dir != S_ISDIR(e->inode->mode))
		err = want_dir ? -ENOTDIR : -EISDIR;
	return err ? ERR_PTR(err) : e;
}

static int bpffs_unlink(struct fs_inode *dir, const struct cred *c, const char *name)
{
	struct fs_drops drops = {};
	struct fs_entry *e;

	lock(dir);
	e = may_delete(dir, c, name, false);
	if (!IS_ERR(e))
		fs_entry_remove_locked(e, &drops);
	unlock(dir);
	fs_drop(&drops);
	return IS_ERR(e) ? PTR_ERR(e) : 0;
}

static int bpffs_rmdir(struct fs_inode *dir, const struct cred *c, const char *name)
{
	struct fs_drops drops = {};
	struct fs_entry *e;
	int err = 0;

	lock(dir);
	e = may_delete(dir, c, name, true);
	if (IS_ERR(e))
		err = PTR_ERR(e);
	else if (!list_empty(&e->inode->entries))
		err = -ENOTEMPTY;
	else
		fs_entry_remove_locked(e, &drops);
	unlock(dir);
	fs_drop(&drops);
	return err;
}

static bool is_below(struct fs_inode *i, const struct fs_inode *ancestor)
{
	for (; i; i = i->parent == i ? NULL : i->parent)
		if (i == ancestor)
			return true;
	return false;
}

struct renaming {
	struct fs_inode *od, *nd;
	struct fs_entry *from, *to; /* to: NULL when the name is free */
	const struct cred *c;
	const char *new_name;
	unsigned int flags;
};

static int refs_name_check(struct renaming *r)
{
	struct fs_inode *i = r->from->inode, *t = r->to ? r->to->inode : NULL;
	bool exchange = r->flags & RENAME_EXCHANGE;
	struct fs_entry *e;
	int err;

	if (S_ISDIR(i->mode) && is_below(r->nd, i))
		return -EINVAL;
	if (t && S_ISDIR(t->mode) && is_below(r->od, t))
		return exchange ? -EINVAL : -ENOTEMPTY;
	e = may_delete(r->od, r->c, r->from->name, S_ISDIR(i->mode));
	if (IS_ERR(e))
		return PTR_ERR(e);
	if (!t)
		return may_create(r->nd, r->c, r->new_name);
	e = may_delete(r->nd, r->c, r->to->name, exchange ? S_ISDIR(t->mode) : S_ISDIR(i->mode));
	if (IS_ERR(e))
		return PTR_ERR(e);
	err = S_ISDIR(t->mode) && !exchange && !list_empty(&t->entries) ? -ENOTEMPTY : 0;
	return err;
}

static void swap_inodes(struct fs_entry *a, struct fs_entry *b)
{
	struct fs_inode *ad = a->dir, *bd = b->dir, *i = a->inode;

	ad->refs++; /* an entry keeps its directory; there is none for a moment */
	bd->refs++;
	fs_entry_unhash_locked(a);
	fs_entry_unhash_locked(b);
	a->inode = b->inode;
	b->inode = i;
	fs_entry_hash_locked(ad, a);
	fs_entry_hash_locked(bd, b);
	fs_touch(a->inode, false, true);
	fs_touch(b->inode, false, true);
	fs_inode_put_locked(ad, 1);
	fs_inode_put_locked(bd, 1);
}

static int rename_locked(struct renaming *r, struct fs_entry *fresh, struct fs_drops *drops,
			 const char *old_name)
{
	int err;

	if (!S_ISDIR(r->od->mode) || !S_ISDIR(r->nd->mode))
		return -ENOTDIR;
	r->from = entry_lookup(r->od, old_name);
	if (IS_ERR_OR_NULL(r->from))
		return r->from ? PTR_ERR(r->from) : -ENOENT;
	r->to = entry_lookup(r->nd, r->new_name);
	if (IS_ERR(r->to))
		return PTR_ERR(r->to);
	if (r->to && r->flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (!r->to && r->flags & RENAME_EXCHANGE)
		return -ENOENT;
	if (r->to && r->to->inode == r->from->inode) {
		free(fresh);
		return 0;
	}
	err = refs_name_check(r);
	if (err)
		return err;
	if (r->flags & RENAME_EXCHANGE) {
		free(fresh);
		swap_inodes(r->from, r->to);
		return 0;
	}
	if (r->to)
		fs_entry_remove_locked(r->to, drops);
	fresh->inode = r->from->inode; /* takes over the old entry's reference and link */
	fs_entry_unhash_locked(r->from);
	free(r->from);
	fs_entry_hash_locked(r->nd, fresh);
	fs_touch(fresh->inode, false, true);
	return 0;
}

static int bpffs_rename(struct fs_inode *od, const struct cred *c, const char *on,
			struct fs_inode *nd, const char *nn, unsigned int flags)
{
	struct renaming r = {.od = od, .nd = nd, .c = c, .new_name = nn, .flags = flags};
	struct fs_drops drops = {};
	struct fs_entry *fresh = fs_entry_new(nn);
	int err;

	if (!fresh)
		return -ENOMEM;
	lock(od);
	err = rename_locked(&r, fresh, &drops, on);
	unlock(od);
	if (err)
		free(fresh);
	fs_drop(&drops);
	return err;
}

static int bpffs_link(struct fs_inode *inode, const struct cred *c, struct fs_inode *dir,
		      const char *name)
{
	struct fs_entry *e = fs_entry_new(name);
	int err;

	if (!e)
		return -ENOMEM;
	lock(dir);
	err = may_create(dir, c, name);
	if (!err && S_ISDIR(inode->mode))
		err = -EPERM;
	if (!err && !inode->nlink)
		err = -ENOENT;
	if (!err) {
		fs_entry_add_locked(dir, e, inode);
		fs_touch(inode, false, true);
	}
	unlock(dir);
	if (err)
		free(e);
	return err;
}

static int bpffs_readlink(struct fs_inode *i, char *buf, size_t len)
{
	size_t n;

	n = strlen(i->target); /* never changes */
	n = n < len ? n : len;
	memcpy(buf, i->target, n);
	return n;
}

int fs_setattr_check(const struct fs_inode *i, const struct cred *c, const struct stat *st,
		     unsigned int set)
{
	if (!c)
		return 0;
	if (set & FS_SET_UID && !cred_has(c, CAP_CHOWN) &&
	    (st->st_uid != i->uid || c->uid != i->uid))
		return -EPERM;
	if (set & FS_SET_GID && !cred_has(c, CAP_CHOWN) &&
	    (c->uid != i->uid || (st->st_gid != i->gid && !cred_in_group(c, st->st_gid))))
		return -EPERM;
	return set & (FS_SET_MODE | FS_SET_TIMES) && !fs_owner_locked(i, c) ? -EPERM : 0;
}

void fs_setattr_locked(struct fs_inode *i, const struct cred *c, const struct stat *st,
		       unsigned int set)
{
	if (set & FS_SET_MODE) {
		i->mode = (i->mode & S_IFMT) | (st->st_mode & 07777);
		if (c && !cred_has(c, CAP_FSETID) && !cred_in_group(c, i->gid))
			i->mode &= ~S_ISGID;
	}
	if (set & FS_SET_UID)
		i->uid = st->st_uid;
	if (set & FS_SET_GID)
		i->gid = st->st_gid;
	if (set & FS_SET_TIMES) {
		i->atime = st->st_atim;
		i->mtime = st->st_mtim;
	}
	if (set)
		fs_touch(i, false, true);
}

static int bpffs_setattr(struct fs_inode *i, const struct cred *c, const struct stat *st,
			 unsigned int set)
{
	int err;

	lock(i);
	err = fs_setattr_check(i, c, st, set);
	if (!err)
		fs_setattr_locked(i, c, st, set);
	unlock(i);
	return err;
}

/*
 * Positions: 0 is "." , 1 "..", then an entry's is a big number minus its sequence number:
 * ascending along the newest-first list, never reused, and entries made meanwhile come before
 * anything already read.
 */
#define POS_TOP (1ull << 62)

static int readdir_locked(struct fs_inode *dir, u64 pos,
			  int (*cb)(void *arg, const char *name, const struct stat *st, u64 next),
			  void *arg)
{
	struct fs_entry *e;
	struct stat st;

	if (pos < 1) {
		fs_stat_locked(dir, &st);
		if (cb(arg, ".", &st, 1))
			return 0;
	}
	if (pos < 2) {
		fs_stat_locked(dir->parent ? dir->parent : dir, &st);
		if (cb(arg, "..", &st, 2))
			return 0;
	}
	list_for_each(e, &dir->entries, node) {
		if (POS_TOP - e->seq <= pos)
			continue;
		fs_stat_locked(e->inode, &st);
		if (cb(arg, e->name, &st, POS_TOP - e->seq))
			return 0;
	}
	return 0;
}

static int bpffs_readdir(struct fs_inode *dir, const struct cred *c, u64 pos,
			 int (*cb)(void *arg, const char *name, const struct stat *st, u64 next),
			 void *arg)
{
	int err;

	lock(dir);
	err = fs_access_locked(dir, c, R_OK);
	if (!err)
		err = readdir_locked(dir, pos, cb, arg);
	unlock(dir);
	return err;
}

static struct obj *bpffs_pinned(struct fs_inode *i, const struct cred *c, u32 want)
{
	int mask = (want & HANDLE_READ ? R_OK : 0) | (want & HANDLE_WRITE ? W_OK : 0), err;
	struct obj *o = NULL;

	lock(i);
	err = fs_access_locked(i, c, mask);
	if (!err) {
		o = obj_get(i->obj);
		if (o)
			clock_gettime(CLOCK_REALTIME_COARSE, &i->atime);
		else
			err = -EACCES;
	}
	unlock(i);
	return err ? ERR_PTR(err) : o;
}

const struct fs_kind fs_bpffs = {
	.name = "bpf",
	.lookup = bpffs_lookup,
	.mkdir = bpffs_mkdir,
	.symlink = bpffs_symlink,
	.unlink = bpffs_unlink,
	.rmdir = bpffs_rmdir,
	.rename = bpffs_rename,
	.link = bpffs_link,
	.readlink = bpffs_readlink,
	.setattr = bpffs_setattr,
	.readdir = bpffs_readdir,
	.pin = bpffs_pin,
	.pinned = bpffs_pinned,
	.open = bpffs_open,
};
