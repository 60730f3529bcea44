/* SPDX-License-Identifier: BSD-2-Clause */
/* fuse_inode.c - requests about inodes and directories. Node ids are inode numbers, except that FUSE calls the root 1, a number no other inode has. */
#include "fs/fuse_priv.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_TIMEOUT 1.0 /* s */

/* What the host kernel holds of one inode; @n of our references. */
struct fuse_lookup {
	struct fuse_lookup *next;
	struct fs_inode *inode;
	u64 n;
};

static u64 fuse_node_id(const struct fs_inode *i)
{
	return i == i->sb->root ? FUSE_ROOT_ID : i->ino;
}

/* The inode behind a node id, referenced; answers the request itself when there is none. */
struct fs_inode *fuse_node(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_inode *i = fs_inode_by_ino(fuse_ctx_of(req)->sb, ino);

	if (!i)
		fuse_reply_err(req, ESTALE);
	return i;
}

static struct fuse_lookup **lookup_find(struct fs_fuse *f, u64 ino)
{
	struct fuse_lookup **p = &f->lookups[ino % LOOKUP_BUCKETS];

	while (*p && fuse_node_id((*p)->inode) != ino)
		p = &(*p)->next;
	return p;
}

/* The caller's reference of @i becomes the kernel's. */
static int remember(struct fs_fuse *f, struct fs_inode *i)
{
	struct fuse_lookup *fresh = calloc(1, sizeof(*fresh)), **p;

	if (!fresh)
		return -ENOMEM;
	pthread_mutex_lock(&f->lock);
	p = lookup_find(f, fuse_node_id(i));
	if (!*p) {
		fresh->inode = i;
		*p = fresh;
		fresh = NULL;
	}
	(*p)->n++;
	pthread_mutex_unlock(&f->lock);
	free(fresh);
	return 0;
}

static void forget(struct fs_fuse *f, u64 ino, u64 n)
{
	struct fuse_lookup **p, *gone = NULL;
	struct fs_inode *i = NULL;

	pthread_mutex_lock(&f->lock);
	p = lookup_find(f, ino);
	if (*p) {
		i = (*p)->inode;
		n = min(n, (*p)->n);
		(*p)->n -= n;
		if (!(*p)->n) {
			gone = *p;
			*p = gone->next;
		}
	}
	pthread_mutex_unlock(&f->lock);
	free(gone);
	if (i && n)
		fs_inode_put(i, n);
}

void fuse_forget_all(struct fs_fuse *f)
{
	for (u32 b = 0; b < LOOKUP_BUCKETS; b++)
		while (f->lookups[b])
			forget(f, fuse_node_id(f->lookups[b]->inode), f->lookups[b]->n);
}

/* The host kernel lets nobody change a directory whose owner has no number in the mount's user
 * namespace; where we decide on that, its root stands in. */
static u32 stand_in(const struct fs_fuse *f, const struct fs_idmap *map, const struct stat *st,
		    u32 id)
{
	u32 inside = fs_idmap_inside(map, id);

	if (!f->sb->kind->as_caller || !S_ISDIR(st->st_mode) || fs_idmap_outside(map, inside) == id)
		return inside;
	return map->extent[0].inside;
}

static void map_ids(struct fs_fuse *f, struct stat *st)
{
	st->st_uid = stand_in(f, &f->uids, st, st->st_uid);
	st->st_gid = stand_in(f, &f->gids, st, st->st_gid);
}

/* 0, or negative: it is gone */
static int getattr(struct fs_fuse *f, struct fs_inode *i, struct stat *st)
{
	int err = fs_getattr(i, st);

	if (err)
		return err;
	map_ids(f, st);
	return 0;
}

/* What a lookup has just found. */
static void getattr_known(struct fs_fuse *f, struct fs_inode *i, struct stat *st)
{
	pthread_mutex_lock(&i->sb->fs->lock);
	fs_stat_locked(i, st);
	fs_unlock(i->sb->fs);
	map_ids(f, st);
}

/* Takes over the caller's reference of @i: it becomes the kernel's lookup. */
static void reply_entry(fuse_req_t req, struct fs_inode *i)
{
	struct fuse_entry_param e = {.ino = fuse_node_id(i), .generation = 1};
	struct fs_fuse *f = fuse_ctx_of(req);

	getattr_known(f, i, &e.attr);
	/* Not where some may not pass: who walks through what is remembered is not checked again. */
	if (i->sb->kind->dirs_go_stale && S_ISDIR(i->type) && (e.attr.st_mode & 0111) == 0111)
		e.entry_timeout = DIR_TIMEOUT;
	if (remember(f, i)) {
		fs_inode_put(i, 1);
		fuse_reply_errno(req, -ENOMEM);
	} else if (fuse_reply_entry(req, &e) == -ENOENT) {
		forget(f, e.ino, 1);
	}
}

void fuse_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct cred cred;
	struct fs_inode *dir = fuse_node(req, parent), *i;

	if (!dir)
		return;
	i = fs_lookup(dir, fuse_who(req, &cred), name);
	fs_inode_put(dir, 1);
	if (IS_ERR(i))
		fuse_reply_errno(req, PTR_ERR(i));
	else
		reply_entry(req, i);
}

void fuse_op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	if (ino != FUSE_ROOT_ID)
		forget(fuse_ctx_of(req), ino, n);
	fuse_reply_none(req);
}

void fuse_op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *f)
{
	for (size_t k = 0; k < count; k++)
		if (f[k].ino != FUSE_ROOT_ID)
			forget(fuse_ctx_of(req), f[k].ino, f[k].nlookup);
	fuse_reply_none(req);
}

void fuse_op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_inode *i = fuse_node(req, ino);
	struct stat st;
	int err;

	if (!i)
		return;
	err = getattr(fuse_ctx_of(req), i, &st);
	/* Names are looked up first, so this is about a file that somebody has open: as it was, unlinked. */
	if (err == -ENOENT && !S_ISDIR(i->type)) {
		getattr_known(fuse_ctx_of(req), i, &st);
		st.st_nlink = 0;
		err = 0;
	}
	fs_inode_put(i, 1);
	if (err)
		fuse_reply_errno(req, err);
	else
		fuse_reply_attr(req, &st, 0);
}

static void set_times(struct fs_inode *i, struct stat *st, const struct stat *attr, int to_set)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (to_set & FUSE_SET_ATTR_ATIME)
		st->st_atim = to_set & FUSE_SET_ATTR_ATIME_NOW ? now : attr->st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME)
		st->st_mtim = to_set & FUSE_SET_ATTR_MTIME_NOW ? now : attr->st_mtim;
}

static const struct {
	int fuse;
	unsigned int fs;
} attr_bits[] = {
	{FUSE_SET_ATTR_MODE, FS_SET_MODE},   {FUSE_SET_ATTR_UID, FS_SET_UID},
	{FUSE_SET_ATTR_GID, FS_SET_GID},     {FUSE_SET_ATTR_ATIME, FS_SET_TIMES},
	{FUSE_SET_ATTR_MTIME, FS_SET_TIMES},
};

/* A size is accepted and means nothing: the content is made when it is read. */
void fuse_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		     struct fuse_file_info *fi)
{
	struct cred cred;
	struct fs_inode *i = fuse_node(req, ino);
	unsigned int set = 0;
	struct stat st;
	int err;

	if (!i)
		return;
	err = fs_getattr(i, &st);
	for (u32 k = 0; k < ARRAY_SIZE(attr_bits); k++)
		if (to_set & attr_bits[k].fuse)
			set |= attr_bits[k].fs;
	if (set & FS_SET_MODE)
		st.st_mode = attr->st_mode;
	st.st_uid = fs_idmap_outside(&fuse_ctx_of(req)->uids, attr->st_uid);
	st.st_gid = fs_idmap_outside(&fuse_ctx_of(req)->gids, attr->st_gid);
	set_times(i, &st, attr, to_set);
	if (!err)
		err = fs_setattr(i, fuse_who(req, &cred), &st, set);
	if (!err)
		err = getattr(fuse_ctx_of(req), i, &st);
	fs_inode_put(i, 1);
	if (err)
		fuse_reply_errno(req, err);
	else
		fuse_reply_attr(req, &st, 0);
}

void fuse_op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_inode *i = fuse_node(req, ino);
	char buf[4097];
	int n;

	if (!i)
		return;
	n = fs_readlink(i, buf, sizeof(buf) - 1);
	fs_inode_put(i, 1);
	if (n < 0) {
		fuse_reply_errno(req, n);
		return;
	}
	buf[n] = '\0';
	fuse_reply_readlink(req, buf);
}

/* New inodes belong to who asks; the kernel sends ids of the mount's user namespace. */
static void own(fuse_req_t req, struct fs_inode *dir, struct fs_inode *i)
{
	const struct fuse_ctx *c = fuse_req_ctx(req);
	struct stat st = {.st_uid = fs_idmap_outside(&fuse_ctx_of(req)->uids, c->uid),
			  .st_gid = fs_idmap_outside(&fuse_ctx_of(req)->gids, c->gid)};
	struct stat d;

	if (dir->sb->kind->as_caller)
		return; /* made by them */
	fs_getattr(dir, &d);
	fs_setattr(i, NULL, &st, d.st_mode & S_ISGID ? FS_SET_UID : FS_SET_UID | FS_SET_GID);
}

static void reply_made(fuse_req_t req, struct fs_inode *dir, struct fs_inode *i, int err)
{
	if (!err)
		own(req, dir, i);
	fs_inode_put(dir, 1);
	if (err)
		fuse_reply_errno(req, err);
	else
		reply_entry(req, i);
}

void fuse_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct cred cred;
	struct fs_inode *dir = fuse_node(req, parent), *i = NULL;
	int err;

	if (!dir)
		return;
	err = fs_mkdir(dir, fuse_who(req, &cred), name, mode, &i);
	reply_made(req, dir, i, err);
}

void fuse_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct cred cred;
	struct fs_inode *dir = fuse_node(req, parent), *i = NULL;
	int err;

	if (!dir)
		return;
	err = fs_symlink(dir, fuse_who(req, &cred), name, target, &i);
	reply_made(req, dir, i, err);
}

/* The kernel's bpffs has no ->create (EACCES) and no ->mknod (EPERM). */
void fuse_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	fuse_reply_err(req, S_ISREG(mode) ? EACCES : EPERM);
}

void fuse_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		    struct fuse_file_info *fi)
{
	fuse_reply_err(req, EACCES);
}

void fuse_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct cred cred;
	struct fs_inode *dir = fuse_node(req, parent);
	int err;

	if (!dir)
		return;
	err = fs_unlink(dir, fuse_who(req, &cred), name);
	fs_inode_put(dir, 1);
	fuse_reply_errno(req, err);
}

void fuse_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct cred cred;
	struct fs_inode *dir = fuse_node(req, parent);
	int err;

	if (!dir)
		return;
	err = fs_rmdir(dir, fuse_who(req, &cred), name);
	fs_inode_put(dir, 1);
	fuse_reply_errno(req, err);
}

void fuse_op_rename(fuse_req_t req, fuse_ino_t op, const char *on, fuse_ino_t np, const char *nn,
		    unsigned int flags)
{
	struct cred cred;
	struct fs_inode *od = fuse_node(req, op), *nd;

	if (!od)
		return;
	nd = fuse_node(req, np);
	if (nd)
		fuse_reply_errno(req, fs_rename(od, fuse_who(req, &cred), on, nd, nn, flags));
	fs_inode_put(nd, 1);
	fs_inode_put(od, 1);
}

void fuse_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct cred cred;
	struct fs_inode *i = fuse_node(req, ino), *dir;
	int err;

	if (!i)
		return;
	dir = fuse_node(req, parent);
	if (!dir) {
		fs_inode_put(i, 1);
		return;
	}
	err = fs_link(i, fuse_who(req, &cred), dir, name);
	fs_inode_put(dir, 1);
	if (err) {
		fs_inode_put(i, 1);
		fuse_reply_errno(req, err);
	} else {
		reply_entry(req, i);
	}
}

/* Only asked where the kernel does not check by itself. */
void fuse_op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct fs_inode *i = fuse_node(req, ino);
	struct cred cred;

	if (!i)
		return;
	fuse_reply_errno(req, fs_access(i, fuse_who(req, &cred), mask));
	fs_inode_put(i, 1);
}

struct filler {
	fuse_req_t req;
	char *buf;
	size_t len, room;
};

static int fill(void *arg, const char *name, const struct stat *st, u64 next)
{
	struct filler *f = arg;
	size_t n = fuse_add_direntry(f->req, f->buf + f->len, f->room - f->len, name, st, next);

	if (n > f->room - f->len)
		return 1;
	f->len += n;
	return 0;
}

/* Says of a directory that it is gone before somebody has it open. */
void fuse_op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_inode *dir = fuse_node(req, ino);
	struct cred cred;
	int err;

	if (!dir)
		return;
	err = dir->sb->kind->as_caller ? fs_access(dir, fuse_who(req, &cred), R_OK) : 0;
	fs_inode_put(dir, 1);
	if (err)
		fuse_reply_errno(req, err);
	else
		fuse_reply_open(req, fi);
}

void fuse_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	struct cred cred;
	struct fs_inode *dir = fuse_node(req, ino);
	struct filler f = {.req = req, .room = size};
	int err;

	if (!dir)
		return;
	f.buf = malloc(size);
	err = f.buf ? fs_readdir(dir, fuse_who(req, &cred), off, fill, &f) : -ENOMEM;
	fs_inode_put(dir, 1);
	if (err)
		fuse_reply_errno(req, err);
	else
		fuse_reply_buf(req, f.buf, f.len);
	free(f.buf);
}

void fuse_op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_inode *i = fuse_node(req, ino);
	struct statvfs st;

	if (!i)
		return;
	fs_statfs(fuse_ctx_of(req)->sb, &st);
	if (fs_magic(i)) { /* FUSE has no field for it */
		st.f_files = fs_magic(i);
		st.f_ffree = STATFS_MARK;
		st.f_bfree = fs_group_id(i);
	}
	fs_inode_put(i, 1);
	fuse_reply_statfs(req, &st);
}
