/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse.c - serves an instance on a mounted /dev/fuse fd (libfuse3 low level). The only file that
 * includes FUSE.
 *
 * Nothing is cached by the host kernel (timeouts 0; but see fs_kind.dirs_go_stale), so pins made or
 * removed through bpf(2) show at once. Permissions of a bpffs are the host kernel's business: it has to be mounted with
 * default_permissions. Instances that want to know who asks (fs_kind.as_caller) are mounted without
 * it, and get the credentials of the process behind each request.
 *
 * Node ids are inode numbers, except that FUSE calls the root 1, a number no other inode has.
 *
 * Threads: a worker takes one request at a time; when the last idle one takes a request another
 * worker is started (up to FUSE_WORKERS), so a read that blocks delays nobody. The first worker
 * stays until the end, waits for the others and reports the unmount.
 */
#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "fs/inode.h"

#define FUSE_WORKERS 64u
#define FUSE_SPARE   2u /* idle workers kept */
#define FUSE_STACK   (256u << 10)

#define LOOKUP_BUCKETS 512u
#define DIR_TIMEOUT    1.0 /* s */

/* What the host kernel holds of one inode; @n of our references. */
struct fuse_lookup {
	struct fuse_lookup *next;
	struct fs_inode *inode;
	u64 n;
};

struct fs_fuse {
	struct fs_super *sb;
	struct fs_idmap uids, gids;
	u64 user_ns; /* our own */
	struct fuse_lookup *lookups[LOOKUP_BUCKETS];
	struct fuse_session *se;
	int fd, stop_fd;
	pthread_t first;
	pthread_mutex_t lock;
	pthread_cond_t gone;
	u32 workers, idle;
	bool stopping;
	struct list files; /* open ones: an aborted connection does not release them */
	void (*unmounted)(void *arg);
	void *arg;
};

struct fuse_open {
	struct list node;
	struct fs_file *file;
	struct fuse_pollhandle *poll; /* who waits for it; under lock */
	struct fs_fuse *fuse;
};

static struct fs_fuse *ctx(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static u64 node_id(const struct fs_inode *i)
{
	return i == i->sb->root ? FUSE_ROOT_ID : i->ino;
}

/* The inode behind a node id, referenced; answers the request itself when there is none. */
static struct fs_inode *node(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_inode *i = fs_inode_by_ino(ctx(req)->sb, ino);

	if (!i)
		fuse_reply_err(req, ESTALE);
	return i;
}

static u64 user_ns_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

/* Capabilities count in our own user namespace only. */
static u64 caps_of(struct fs_fuse *f, pid_t pid)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, pid};
	struct __user_cap_data_struct d[2];
	char path[32];
	u64 caps;

	if (pid <= 0 || syscall(SYS_capget, &h, d))
		return 0;
	caps = d[0].effective | (u64)d[1].effective << 32;
	if (!caps)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	return user_ns_of(path) == f->user_ns ? caps : 0;
}

/* Who asks, in *c; NULL when the kernel has checked what they may. */
static const struct cred *who(fuse_req_t req, struct cred *c)
{
	const struct fuse_ctx *u = fuse_req_ctx(req);
	struct fs_fuse *f = ctx(req);

	if (!f->sb->kind->as_caller)
		return NULL;
	*c = (struct cred){.pid = u->pid,
			   .groups_of = u->pid, /* it waits for us */
			   .uid = fs_idmap_outside(&f->uids, u->uid),
			   .gid = fs_idmap_outside(&f->gids, u->gid),
			   .caps = caps_of(f, u->pid)};
	return c;
}

static void reply_err(fuse_req_t req, int err)
{
	fuse_reply_err(req, -err);
}

static struct fuse_lookup **lookup_find(struct fs_fuse *f, u64 ino)
{
	struct fuse_lookup **p = &f->lookups[ino % LOOKUP_BUCKETS];

	while (*p && node_id((*p)->inode) != ino)
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
	p = lookup_find(f, node_id(i));
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

static void forget_all(struct fs_fuse *f)
{
	for (u32 b = 0; b < LOOKUP_BUCKETS; b++)
		while (f->lookups[b])
			forget(f, node_id(f->lookups[b]->inode), f->lookups[b]->n);
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
	struct fuse_entry_param e = {.ino = node_id(i), .generation = 1};
	struct fs_fuse *f = ctx(req);

	getattr_known(f, i, &e.attr);
	/* Not where some may not pass: who walks through what is remembered is not checked again. */
	if (i->sb->kind->dirs_go_stale && S_ISDIR(i->type) && (e.attr.st_mode & 0111) == 0111)
		e.entry_timeout = DIR_TIMEOUT;
	if (remember(f, i)) {
		fs_inode_put(i, 1);
		reply_err(req, -ENOMEM);
	} else if (fuse_reply_entry(req, &e) == -ENOENT) {
		forget(f, e.ino, 1);
	}
}

static void op_init(void *arg, struct fuse_conn_info *conn)
{
	conn->want &= ~(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
			FUSE_CAP_READDIRPLUS | FUSE_CAP_AUTO_INVAL_DATA);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct cred cred;
	struct fs_inode *dir = node(req, parent), *i;

	if (!dir)
		return;
	i = fs_lookup(dir, who(req, &cred), name);
	fs_inode_put(dir, 1);
	if (IS_ERR(i))
		reply_err(req, PTR_ERR(i));
	else
		reply_entry(req, i);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	if (ino != FUSE_ROOT_ID)
		forget(ctx(req), ino, n);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *f)
{
	for (size_t k = 0; k < count; k++)
		if (f[k].ino != FUSE_ROOT_ID)
			forget(ctx(req), f[k].ino, f[k].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_inode *i = node(req, ino);
	struct stat st;
	int err;

	if (!i)
		return;
	err = getattr(ctx(req), i, &st);
	fs_inode_put(i, 1);
	if (err)
		reply_err(req, err);
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
static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	struct cred cred;
	struct fs_inode *i = node(req, ino);
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
	st.st_uid = fs_idmap_outside(&ctx(req)->uids, attr->st_uid);
	st.st_gid = fs_idmap_outside(&ctx(req)->gids, attr->st_gid);
	set_times(i, &st, attr, to_set);
	if (!err)
		err = fs_setattr(i, who(req, &cred), &st, set);
	if (!err)
		err = getattr(ctx(req), i, &st);
	fs_inode_put(i, 1);
	if (err)
		reply_err(req, err);
	else
		fuse_reply_attr(req, &st, 0);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_inode *i = node(req, ino);
	char buf[4097];
	int n;

	if (!i)
		return;
	n = fs_readlink(i, buf, sizeof(buf) - 1);
	fs_inode_put(i, 1);
	if (n < 0) {
		reply_err(req, n);
		return;
	}
	buf[n] = '\0';
	fuse_reply_readlink(req, buf);
}

/* New inodes belong to who asks; the kernel sends ids of the mount's user namespace. */
static void own(fuse_req_t req, struct fs_inode *dir, struct fs_inode *i)
{
	const struct fuse_ctx *c = fuse_req_ctx(req);
	struct stat st = {.st_uid = fs_idmap_outside(&ctx(req)->uids, c->uid),
			  .st_gid = fs_idmap_outside(&ctx(req)->gids, c->gid)};
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
		reply_err(req, err);
	else
		reply_entry(req, i);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct cred cred;
	struct fs_inode *dir = node(req, parent), *i = NULL;
	int err;

	if (!dir)
		return;
	err = fs_mkdir(dir, who(req, &cred), name, mode, &i);
	reply_made(req, dir, i, err);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct cred cred;
	struct fs_inode *dir = node(req, parent), *i = NULL;
	int err;

	if (!dir)
		return;
	err = fs_symlink(dir, who(req, &cred), name, target, &i);
	reply_made(req, dir, i, err);
}

/* The kernel's bpffs has no ->create (EACCES) and no ->mknod (EPERM). */
static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	fuse_reply_err(req, S_ISREG(mode) ? EACCES : EPERM);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	fuse_reply_err(req, EACCES);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct cred cred;
	struct fs_inode *dir = node(req, parent);
	int err;

	if (!dir)
		return;
	err = fs_unlink(dir, who(req, &cred), name);
	fs_inode_put(dir, 1);
	reply_err(req, err);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct cred cred;
	struct fs_inode *dir = node(req, parent);
	int err;

	if (!dir)
		return;
	err = fs_rmdir(dir, who(req, &cred), name);
	fs_inode_put(dir, 1);
	reply_err(req, err);
}

static void op_rename(fuse_req_t req, fuse_ino_t op, const char *on, fuse_ino_t np, const char *nn,
		      unsigned int flags)
{
	struct cred cred;
	struct fs_inode *od = node(req, op), *nd;

	if (!od)
		return;
	nd = node(req, np);
	if (nd)
		reply_err(req, fs_rename(od, who(req, &cred), on, nd, nn, flags));
	fs_inode_put(nd, 1);
	fs_inode_put(od, 1);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct cred cred;
	struct fs_inode *i = node(req, ino), *dir;
	int err;

	if (!i)
		return;
	dir = node(req, parent);
	if (!dir) {
		fs_inode_put(i, 1);
		return;
	}
	err = fs_link(i, who(req, &cred), dir, name);
	fs_inode_put(dir, 1);
	if (err) {
		fs_inode_put(i, 1);
		reply_err(req, err);
	} else {
		reply_entry(req, i);
	}
}

static struct fuse_open *file_add(struct fs_fuse *f, struct fs_file *file)
{
	struct fuse_open *o = malloc(sizeof(*o));

	if (!o)
		return NULL;
	*o = (struct fuse_open){.file = file, .fuse = f};
	pthread_mutex_lock(&f->lock);
	list_add(&f->files, &o->node);
	pthread_mutex_unlock(&f->lock);
	return o;
}

static void file_del(struct fs_fuse *f, struct fuse_open *o)
{
	pthread_mutex_lock(&f->lock);
	list_del(&o->node);
	pthread_mutex_unlock(&f->lock);
	fs_close(o->file); /* nobody wakes it any more */
	if (o->poll)
		fuse_pollhandle_destroy(o->poll);
	free(o);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cred cred;
	struct fs_fuse *f = ctx(req);
	struct fs_inode *i = node(req, ino);
	struct fs_file *file;
	struct fuse_open *o;

	if (!i)
		return;
	file = fs_open(i, who(req, &cred), fi->flags);
	fs_inode_put(i, 1);
	if (IS_ERR(file)) {
		reply_err(req, PTR_ERR(file));
		return;
	}
	o = file_add(f, file);
	if (!o) {
		fs_close(file);
		reply_err(req, -ENOMEM);
		return;
	}
	fi->fh = (uintptr_t)o;
	fi->direct_io = 1; /* or a size of 0 would read as empty */
	fi->nonseekable = !file->seekable;
	if (fuse_reply_open(req, fi) == -ENOENT)
		file_del(f, o);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct fuse_open *o = (struct fuse_open *)(uintptr_t)fi->fh;
	char *buf = malloc(size);
	ssize_t n = buf ? fs_read(o->file, buf, size, off) : -ENOMEM;

	if (n < 0)
		reply_err(req, n);
	else
		fuse_reply_buf(req, buf, n);
	free(buf);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	struct fuse_open *o = (struct fuse_open *)(uintptr_t)fi->fh;
	ssize_t n = fs_write(o->file, fuse_req_ctx(req)->pid, buf, size, off);

	if (n < 0)
		reply_err(req, n);
	else
		fuse_reply_write(req, n);
}

/* Tells the kernel to look again. */
static void wake(void *arg)
{
	struct fuse_open *o = arg;
	struct fuse_pollhandle *ph;

	pthread_mutex_lock(&o->fuse->lock);
	ph = o->poll;
	o->poll = NULL;
	pthread_mutex_unlock(&o->fuse->lock);
	if (!ph)
		return;
	fuse_lowlevel_notify_poll(ph);
	fuse_pollhandle_destroy(ph);
}

static void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		    struct fuse_pollhandle *ph)
{
	struct fuse_open *o = (struct fuse_open *)(uintptr_t)fi->fh;
	struct fuse_pollhandle *before = NULL;

	if (ph) {
		pthread_mutex_lock(&o->fuse->lock);
		before = o->poll;
		o->poll = ph;
		pthread_mutex_unlock(&o->fuse->lock);
	}
	if (before)
		fuse_pollhandle_destroy(before);
	fuse_reply_poll(req, fs_poll(o->file, wake, o));
}

/* Only asked where the kernel does not check by itself. */
static void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct fs_inode *i = node(req, ino);
	struct cred cred;

	if (!i)
		return;
	reply_err(req, fs_access(i, who(req, &cred), mask));
	fs_inode_put(i, 1);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	file_del(ctx(req), (struct fuse_open *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
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
static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_inode *dir = node(req, ino);
	struct cred cred;
	int err;

	if (!dir)
		return;
	err = dir->sb->kind->as_caller ? fs_access(dir, who(req, &cred), R_OK) : 0;
	fs_inode_put(dir, 1);
	if (err)
		reply_err(req, err);
	else
		fuse_reply_open(req, fi);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	struct cred cred;
	struct fs_inode *dir = node(req, ino);
	struct filler f = {.req = req, .room = size};
	int err;

	if (!dir)
		return;
	f.buf = malloc(size);
	err = f.buf ? fs_readdir(dir, who(req, &cred), off, fill, &f) : -ENOMEM;
	fs_inode_put(dir, 1);
	if (err)
		reply_err(req, err);
	else
		fuse_reply_buf(req, f.buf, f.len);
	free(f.buf);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_inode *i = node(req, ino);
	struct statvfs st;

	if (!i)
		return;
	fs_statfs(ctx(req)->sb, &st);
	if (fs_magic(i)) { /* FUSE has no field for it */
		st.f_files = fs_magic(i);
		st.f_ffree = STATFS_MARK;
		st.f_bfree = fs_group_id(i);
	}
	fs_inode_put(i, 1);
	fuse_reply_statfs(req, &st);
}

static const struct fuse_lowlevel_ops fuse_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.mknod = op_mknod,
	.create = op_create,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.access = op_access,
	.poll = op_poll,
	.release = op_release,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.statfs = op_statfs,
};

/* --- workers --- */

static void *worker(void *arg);

static int worker_start(struct fs_fuse *f, pthread_t *tid, bool detached)
{
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, FUSE_STACK);
	pthread_attr_setdetachstate(&attr,
				    detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
	err = -pthread_create(tid, &attr, worker, f);
	pthread_attr_destroy(&attr);
	return err;
}

/* Called with a request in hand: is somebody left to take the next one? */
static void worker_busy(struct fs_fuse *f)
{
	bool start;
	pthread_t tid;

	pthread_mutex_lock(&f->lock);
	f->idle--;
	start = !f->idle && f->workers < FUSE_WORKERS && !f->stopping;
	if (start) {
		f->workers++;
		f->idle++;
	}
	pthread_mutex_unlock(&f->lock);
	if (!start || !worker_start(f, &tid, true))
		return;
	pthread_mutex_lock(&f->lock);
	f->workers--;
	f->idle--;
	pthread_mutex_unlock(&f->lock);
}

/* false: enough others are idle, this one may go. */
static bool worker_idle(struct fs_fuse *f, bool first)
{
	bool stay;

	pthread_mutex_lock(&f->lock);
	stay = first || f->idle < FUSE_SPARE;
	if (stay)
		f->idle++;
	pthread_mutex_unlock(&f->lock);
	return stay;
}

static void stop_all(struct fs_fuse *f)
{
	u64 one = 1;

	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_mutex_unlock(&f->lock);
	fuse_session_exit(f->se);
	if (write(f->stop_fd, &one, sizeof(one)) < 0)
		return; /* cannot happen: the counter is far from full */
}

/* One request, or a reason to stop (false). */
static bool serve_one(struct fs_fuse *f, struct fuse_buf *buf, bool *was_busy)
{
	struct pollfd p[2] = {{.fd = f->fd, .events = POLLIN},
			      {.fd = f->stop_fd, .events = POLLIN}};
	int n;

	*was_busy = false;
	if (poll(p, 2, -1) < 0)
		return errno == EINTR;
	if (p[1].revents || fuse_session_exited(f->se))
		return false;
	n = fuse_session_receive_buf(f->se, buf);
	if (n == -EINTR || n == -EAGAIN)
		return true;
	if (n <= 0) {
		stop_all(f); /* unmounted */
		return false;
	}
	*was_busy = true;
	worker_busy(f);
	fuse_session_process_buf(f->se, buf);
	return !fuse_session_exited(f->se);
}

static void last_rites(struct fs_fuse *f)
{
	pthread_mutex_lock(&f->lock);
	while (f->workers > 1)
		pthread_cond_wait(&f->gone, &f->lock);
	pthread_mutex_unlock(&f->lock);
	if (f->unmounted)
		f->unmounted(f->arg);
}

static void *worker(void *arg)
{
	struct fs_fuse *f = arg;
	struct fuse_buf buf = {};
	bool first, busy;

	pthread_mutex_lock(&f->lock); /* f->first is set now */
	first = pthread_equal(pthread_self(), f->first);
	pthread_mutex_unlock(&f->lock);
	while (serve_one(f, &buf, &busy))
		if (busy && !worker_idle(f, first))
			break;
	free(buf.mem);
	if (first) {
		stop_all(f);
		last_rites(f);
		return NULL;
	}
	pthread_mutex_lock(&f->lock);
	f->workers--;
	if (!busy)
		f->idle--;
	pthread_cond_signal(&f->gone);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static int session_new(struct fs_fuse *f)
{
	static char name[] = "userbpf";
	char *argv[] = {name, NULL}, path[32];
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	f->se = fuse_session_new(&args, &fuse_ops, sizeof(fuse_ops), f);
	fuse_opt_free_args(&args);
	if (!f->se)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/dev/fd/%d", f->fd);
	if (!fuse_session_mount(f->se, path))
		return 0;
	fuse_session_destroy(f->se);
	return -EINVAL;
}

struct fs_fuse *fs_fuse_serve(struct fs_super *sb, int fuse_fd, const struct fs_idmap *uids,
			      const struct fs_idmap *gids, void (*unmounted)(void *arg), void *arg)
{
	struct fs_fuse *f = calloc(1, sizeof(*f));
	int err = -ENOMEM;

	if (!f) {
		close(fuse_fd);
		return ERR_PTR(err);
	}
	f->sb = fs_super_get(sb);
	if (uids)
		f->uids = *uids;
	if (gids)
		f->gids = *gids;
	f->user_ns = user_ns_of("/proc/self/ns/user");
	f->fd = fuse_fd;
	f->unmounted = unmounted;
	f->arg = arg;
	f->workers = f->idle = 1;
	list_init(&f->files);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->gone, NULL);
	f->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (f->stop_fd < 0) {
		err = -errno;
		goto fail_free;
	}
	if (fcntl(fuse_fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
		err = -errno;
		goto fail_stop;
	}
	err = session_new(f);
	if (err)
		goto fail_stop;
	pthread_mutex_lock(&f->lock);
	err = worker_start(f, &f->first, false);
	pthread_mutex_unlock(&f->lock);
	if (err)
		goto fail_session;
	return f;
fail_session:
	fuse_session_destroy(f->se); /* closes the fd */
	fuse_fd = -1;
fail_stop:
	close(f->stop_fd);
fail_free:
	if (fuse_fd >= 0)
		close(fuse_fd);
	fs_super_put(f->sb);
	free(f);
	return ERR_PTR(err);
}

void fs_fuse_stop(struct fs_fuse *f)
{
	stop_all(f);
	pthread_join(f->first, NULL);
	while (!list_empty(&f->files))
		file_del(f, list_entry(f->files.next, struct fuse_open, node));
	fuse_session_destroy(f->se); /* closes the fd, which ends the mount for its users */
	forget_all(f);
	fs_super_put(f->sb);
	close(f->stop_fd);
	pthread_cond_destroy(&f->gone);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
