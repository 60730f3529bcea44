/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mount.c - instances and their mounts. The client mounts (it has the mount namespace), passes the
 * /dev/fuse fd, and the service answers on it.
 *
 * A mount that ends is noticed by its FUSE worker, which only marks it; the main loop stops the
 * workers and drops the instance with its last mount.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "daemon/daemon.h"

#define FUSE_RDEV makedev(10, 229)

struct mount {
	struct list node; /* daemon->mounts */
	struct daemon *d;
	struct fs_super *sb; /* referenced */
	struct fs_fuse *fuse;
	dev_t dev;
	bool ended; /* atomic */
};

/* --- requests with texts --- */

struct mount_req {
	struct msg_mount h;
	const char *options, *label;
};

static int parse_mount(struct conn *c, struct mount_req *r)
{
	const char *p = (const char *)c->msg.body + sizeof(r->h);
	u64 left = c->msg.hdr.len - sizeof(r->h);

	memcpy(&r->h, c->msg.body, sizeof(r->h));
	if (!r->h.options_len || !r->h.label_len || r->h.options_len > 4096 ||
	    r->h.label_len > 4096 || (u64)r->h.options_len + r->h.label_len > left)
		return -EINVAL;
	r->options = p;
	r->label = p + r->h.options_len;
	if (p[r->h.options_len - 1] || r->label[r->h.label_len - 1])
		return -EINVAL;
	return 0;
}

/* Options name ids of the client's user namespace, instances keep the service's. */
static int parse_options(struct conn *c, const char *text, struct fs_options *opt,
			 struct fs_idmap *uids, struct fs_idmap *gids)
{
	const char *bad = "";
	int err = cred_idmaps(c->pid, uids, gids);

	if (err)
		return err == -ENOENT ? -ESRCH : err;
	opt->uid = fs_idmap_inside(uids, opt->uid);
	opt->gid = fs_idmap_inside(gids, opt->gid);
	err = fs_parse_options(text, opt, &bad);
	if (err)
		reply_add(&c->reply, bad, strlen(bad) + 1);
	opt->uid = fs_idmap_outside(uids, opt->uid);
	opt->gid = fs_idmap_outside(gids, opt->gid);
	return err;
}

/* Whatever else is passed must not make us speak FUSE to a stranger's pipe, or block on it. */
static int check_fuse_fd(int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -EBADF;
	return S_ISCHR(st.st_mode) && st.st_rdev == FUSE_RDEV ? 0 : -EINVAL;
}

/* --- mounts --- */

static void on_unmount(void *arg)
{
	struct mount *m = arg;

	__atomic_store_n(&m->ended, true, __ATOMIC_RELEASE);
	daemon_wake(m->d);
}

static bool is_default(const struct daemon *d, const struct fs_super *sb)
{
	return sb == d->root || sb == d->cgroup;
}

static void mount_free(struct mount *m)
{
	fs_fuse_stop(m->fuse);
	fs_super_del_dev(m->sb, m->dev);
	if (!is_default(m->d, m->sb) && !fs_super_devs(m->sb))
		fs_umount(m->sb);
	fs_super_put(m->sb);
	free(m);
}

static int attach(struct conn *c, struct fs_super *sb, const struct fs_idmap *uids,
		  const struct fs_idmap *gids)
{
	struct mount *m = calloc(1, sizeof(*m));
	int fd = c->msg.nr_fds > 1 ? c->msg.fds[1] : -1, err;
	u64 ino;

	if (!m)
		return -ENOMEM;
	m->d = c->d;
	m->sb = sb;
	err = fd < 0 ? -EBADF : cred_stat_path(fd, &m->dev, &ino);
	if (!err)
		err = fs_super_add_dev(sb, m->dev);
	if (err)
		goto fail;
	fs_super_get(sb);
	pthread_mutex_lock(&c->d->lock); /* the main loop sees it complete or not at all */
	m->fuse = c->d->stopping
			  ? ERR_PTR(-ESHUTDOWN)
			  : fs_fuse_serve(sb, wire_take_fd(&c->msg, 0), uids, gids, on_unmount, m);
	if (!IS_ERR(m->fuse))
		list_add_tail(&c->d->mounts, &m->node);
	pthread_mutex_unlock(&c->d->lock);
	if (!IS_ERR(m->fuse))
		return 0;
	err = PTR_ERR(m->fuse);
	fs_super_del_dev(sb, m->dev);
	fs_super_put(sb);
fail:
	free(m);
	return err;
}

void mount_wake(struct daemon *d)
{
	struct mount *m, *tmp;
	struct list ended;

	list_init(&ended);
	pthread_mutex_lock(&d->lock);
	list_for_each_safe(m, tmp, &d->mounts, node) {
		if (!__atomic_load_n(&m->ended, __ATOMIC_ACQUIRE))
			continue;
		list_del(&m->node);
		list_add(&ended, &m->node);
	}
	pthread_mutex_unlock(&d->lock);
	list_for_each_safe(m, tmp, &ended, node) {
		list_del(&m->node);
		mount_free(m);
	}
}

void mount_stop_all(struct daemon *d)
{
	struct mount *m, *tmp;

	pthread_mutex_lock(&d->lock);
	list_for_each_safe(m, tmp, &d->mounts, node)
		__atomic_store_n(&m->ended, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&d->lock);
	mount_wake(d);
}

u32 mount_count(struct daemon *d)
{
	struct mount *m;
	u32 n = 0;

	pthread_mutex_lock(&d->lock);
	list_for_each(m, &d->mounts, node)
		n++;
	pthread_mutex_unlock(&d->lock);
	return n;
}

/* The instance of the service's own that @r is about, or NULL: it wants one of its own. */
static struct fs_super *wants_default(struct daemon *d, const struct mount_req *r)
{
	struct fs_super *sb = r->h.flags & MOUNT_CGROUP ? d->cgroup : d->root;

	if (!sb || strcmp(r->label, fs_super_label(sb)))
		return NULL;
	return r->h.flags & MOUNT_SHARED || (sb == d->root && !fs_super_devs(sb)) ? sb : NULL;
}

/* Options are for whom the instance belongs to, and for the service's own user. */
static bool may_change(const struct conn *c, struct fs_super *sb)
{
	return c->uid == c->d->uid || !c->uid || c->uid == fs_super_options(sb)->uid;
}

int mount_cgroup_init(struct daemon *d)
{
	struct fs_cgroup_options opt = {.host_files = true};
	char own[4200];
	int err;

	snprintf(own, sizeof(own), "%s/cgroup", d->dir);
	rundir_remove_groups(d); /* of a service that was killed */
	if ((mkdirat(d->dir_fd, "cgroup", 0755) && errno != EEXIST) ||
	    fchmodat(d->dir_fd, "cgroup", 0755, 0))
		return -errno;
	err = fs_cgroup_init(sys_fs(d->sys), d->cgroup_host, own);
	if (err)
		return err;
	d->cgroup = fs_mount_cgroup(sys_fs(d->sys), &opt, MOUNT_CGROUP_LABEL);
	return IS_ERR(d->cgroup) ? PTR_ERR(d->cgroup) : 0;
}

static struct fs_super *new_cgroup(struct conn *c, const struct mount_req *r)
{
	struct fs_cgroup_options opt = FS_CGROUP_OPTIONS_DEFAULT;
	const char *bad = "";
	int err = fs_parse_cgroup_options(r->options, &opt, &bad);

	if (!err)
		return fs_mount_cgroup(sys_fs(c->d->sys), &opt, r->label);
	reply_add(&c->reply, bad, strlen(bad) + 1);
	return ERR_PTR(err);
}

/* A bpffs, @sb when it is there already, with the options and the preloaded files. */
static struct fs_super *setup_bpffs(struct conn *c, const struct mount_req *r, struct fs_super *sb,
				    struct fs_idmap *uids, struct fs_idmap *gids)
{
	struct fs_options opt = FS_OPTIONS_DEFAULT;
	int err;

	opt.uid = c->uid;
	opt.gid = c->gid;
	err = parse_options(c, r->options, &opt, uids, gids);
	if (err)
		return ERR_PTR(err);
	if (!sb)
		sb = fs_mount(sys_fs(c->d->sys), &opt, r->label);
	else if (*r->options && may_change(c, sb))
		fs_super_remount(sb, &opt);
	if (!IS_ERR(sb))
		preload_fill(c->d, sb, false);
	return sb;
}

int mount_handle_mount(struct conn *c)
{
	struct fs_super *sb, *known;
	struct fs_idmap uids, gids;
	struct mount_req r;
	int err = parse_mount(c, &r);

	if (!err && c->msg.nr_fds)
		err = check_fuse_fd(c->msg.fds[0]);
	if (!err)
		err = cred_idmaps(c->pid, &uids, &gids);
	if (err)
		return err;
	known = wants_default(c->d, &r);
	if (!(r.h.flags & MOUNT_CGROUP))
		sb = setup_bpffs(c, &r, known, &uids, &gids);
	else
		sb = known ?: new_cgroup(c, &r);
	if (IS_ERR(sb))
		return PTR_ERR(sb);
	fs_super_get(sb);
	if (c->msg.nr_fds)
		err = attach(c, sb, &uids, &gids);
	if (!err)
		err = fs_super_id(sb);
	else if (!known)
		fs_umount(sb);
	fs_super_put(sb);
	return err;
}

static struct fs_super *find_super(struct conn *c, const char *path, const char **rest)
{
	struct fs *fs = sys_fs(c->d->sys);
	dev_t dev;
	u64 ino;

	if (!c->msg.nr_fds)
		return fs_super_by_path(fs, path, rest);
	*rest = "/";
	return cred_stat_path(c->msg.fds[0], &dev, &ino) || ino != FS_ROOT_INO
		       ? NULL
		       : fs_super_by_dev(fs, dev);
}

int mount_handle_remount(struct conn *c)
{
	struct fs_idmap uids, gids;
	struct fs_options opt;
	struct fs_super *sb;
	struct mount_req r;
	const char *rest;
	int err = parse_mount(c, &r);

	if (err)
		return err;
	sb = find_super(c, r.label, &rest);
	if (!sb)
		return -EINVAL;
	if (!may_change(c, sb)) {
		fs_super_put(sb);
		return -EPERM;
	}
	if (fs_super_is_cgroup(sb)) {
		fs_super_put(sb);
		return -EINVAL;
	}
	opt = *fs_super_options(sb);
	if (opt.preload_mode == (mode_t)-1)
		opt.preload_mode =
			0600; /* asking for a remount is asking for the files, preload=off says otherwise */
	err = strcmp(rest, "/") ? -EINVAL : parse_options(c, r.options, &opt, &uids, &gids);
	if (!err) {
		fs_super_remount(sb, &opt);
		preload_fill(c->d, sb, true);
	}
	fs_super_put(sb);
	return err;
}

/* --- MSG_FS_CAT, MSG_FS_LS --- */

/* The path of a struct msg_fs_req, NUL-terminated, or NULL. */
const char *mount_req_path(struct conn *c, struct msg_fs_req *h)
{
	const char *path = (const char *)c->msg.body + sizeof(*h);

	memcpy(h, c->msg.body, sizeof(*h));
	if (!h->path_len || h->path_len > c->msg.hdr.len - sizeof(*h) || path[h->path_len - 1])
		return NULL;
	return path;
}

/* The inode at @path, referenced; *sb referenced too, and *cred filled. */
struct fs_inode *mount_path_inode(struct conn *c, const char *path, bool nofollow,
				  struct fs_super **sb, struct cred *cred)
{
	struct fs_inode *i;
	const char *rest;

	if (!path)
		return ERR_PTR(-EINVAL);
	preload_wait(c->d);
	*sb = fs_super_by_path(sys_fs(c->d->sys), path, &rest);
	if (!*sb)
		return ERR_PTR(-ENOENT);
	cred_get(c, cred);
	i = fs_walk(*sb, cred, rest, nofollow);
	if (IS_ERR(i))
		fs_super_put(*sb);
	return i;
}

static struct fs_inode *req_inode(struct conn *c, bool nofollow, struct fs_super **sb,
				  struct cred *cred)
{
	struct msg_fs_req h;

	return mount_path_inode(c, mount_req_path(c, &h), nofollow, sb, cred);
}

/* The directory of the last component of the request's path, referenced as above; *name: that
 * component. */
static struct fs_inode *req_parent(struct conn *c, struct msg_fs_req *h, char *buf, size_t size,
				   const char **name, struct fs_super **sb, struct cred *cred)
{
	const char *path = mount_req_path(c, h), *slash = path ? strrchr(path, '/') : NULL;

	if (!slash || slash - path >= size)
		return ERR_PTR(-EINVAL);
	memcpy(buf, path, slash - path);
	buf[slash - path] = '\0';
	*name = slash + 1;
	return mount_path_inode(c, buf, false, sb, cred);
}

struct first {
	char name[256];
	bool found;
};

static int take_first(void *arg, const char *name, const struct stat *st, u64 next)
{
	struct first *f = arg;

	f->found = strcmp(name, ".") && strcmp(name, "..");
	if (f->found)
		snprintf(f->name, sizeof(f->name), "%s", name);
	return f->found;
}

#define RM_DEPTH 256

/* Removes @name and, when @deep allows, what is below it; @deep: levels left. */
static int remove_name(struct fs_inode *dir, const struct cred *cred, const char *name, int deep)
{
	int err = fs_unlink(dir, cred, name);
	struct fs_inode *sub;
	struct first f;

	if (err != -EISDIR)
		return err;
	while ((err = fs_rmdir(dir, cred, name)) == -ENOTEMPTY && deep) {
		f.found = false;
		sub = fs_lookup(dir, cred, name);
		if (IS_ERR(sub))
			return PTR_ERR(sub);
		err = fs_readdir(sub, cred, 0, take_first, &f);
		if (!err && f.found)
			err = remove_name(sub, cred, f.name, deep - 1);
		fs_inode_put(sub, 1);
		if (err && err != -ENOENT)
			return err;
	}
	return err;
}

int mount_handle_rm(struct conn *c)
{
	char buf[4096];
	const char *name;
	struct msg_fs_req h;
	struct fs_super *sb;
	struct cred cred;
	struct fs_inode *dir = req_parent(c, &h, buf, sizeof(buf), &name, &sb, &cred);
	int err;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	if (h.flags & FS_RM_FILE)
		err = fs_unlink(dir, &cred, name);
	else if (h.flags & FS_RM_DIR)
		err = fs_rmdir(dir, &cred, name);
	else
		err = remove_name(dir, &cred, name, h.flags & FS_RM_RECURSIVE ? RM_DEPTH : 0);
	fs_inode_put(dir, 1);
	fs_super_put(sb);
	return err;
}

int mount_handle_mkdir(struct conn *c)
{
	char buf[4096];
	const char *name;
	struct msg_fs_req h;
	struct fs_super *sb;
	struct cred cred;
	struct fs_inode *dir = req_parent(c, &h, buf, sizeof(buf), &name, &sb, &cred);
	int err;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	err = fs_mkdir(dir, &cred, name, h.flags & 01777, NULL);
	fs_inode_put(dir, 1);
	fs_super_put(sb);
	return err;
}

int mount_handle_umount(struct conn *c)
{
	struct msg_fs_req h;
	const char *path = mount_req_path(c, &h), *rest;
	struct fs_super *sb = path ? fs_super_by_path(sys_fs(c->d->sys), path, &rest) : NULL;
	int err = 0;

	if (!sb)
		return -EINVAL;
	if (strcmp(rest, "/"))
		err = -EINVAL;
	else if (is_default(c->d, sb) || !may_change(c, sb))
		err = -EPERM;
	else if (fs_super_devs(sb))
		err = -EBUSY;
	else
		fs_umount(sb);
	fs_super_put(sb);
	return err;
}

static int cat(struct conn *c, struct fs_file *f)
{
	const size_t room = 64u << 10;
	char *buf = malloc(room);
	ssize_t n = -ENOMEM;
	u64 off = 0;
	int err = 0;

	while (buf && !err && (n = fs_read(f, buf, room, off)) > 0) {
		err = reply_send_part(c, buf, n);
		off += n;
	}
	free(buf);
	return err ? err : (int)n;
}

int mount_handle_cat(struct conn *c)
{
	struct fs_super *sb;
	struct fs_inode *i;
	struct cred cred;
	struct fs_file *f;
	int err;

	i = req_inode(c, false, &sb, &cred);
	if (IS_ERR(i))
		return PTR_ERR(i);
	f = fs_open(i, &cred, O_RDONLY);
	err = IS_ERR(f) ? PTR_ERR(f) : cat(c, f);
	if (!IS_ERR(f))
		fs_close(f);
	fs_inode_put(i, 1);
	fs_super_put(sb);
	return err;
}

struct listing {
	struct conn *c;
	struct fs_super *sb;
	struct fs_inode *dir;
	const struct cred *cred;
	u64 next;
	u32 n;
};

static void add_entry(struct reply *r, const char *name, const struct stat *st, const char *target,
		      int target_len)
{
	struct msg_dirent e = {
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime = st->st_mtime,
		.mode = st->st_mode,
		.nlink = st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.name_len = strlen(name) + 1,
		.target_len = target_len,
	};
	u8 *p = reply_add(r, NULL, sizeof(e) + e.name_len + e.target_len);

	if (!p)
		return;
	memcpy(p, &e, sizeof(e));
	memcpy(p + sizeof(e), name, e.name_len);
	if (target_len)
		memcpy(p + sizeof(e) + e.name_len, target, target_len);
}

static void add_inode(struct reply *r, const char *name, struct fs_inode *i)
{
	char target[4097];
	struct stat st;
	int n = fs_readlink(i, target, sizeof(target) - 1);

	if (n >= 0)
		target[n++] = '\0';
	fs_getattr(i, &st);
	add_entry(r, name, &st, target, max(n, 0));
}

/* Under the tree's lock: symlinks get their target later, so they end a part. */
static int list_one(void *arg, const char *name, const struct stat *st, u64 next)
{
	struct listing *l = arg;

	if (l->n == 256)
		return 1;
	add_entry(&l->c->reply, name, st, NULL, 0);
	l->next = next;
	l->n++;
	return 0;
}

/* Replaces the entries of symlinks by ones with targets and those of which the directory knows no
 * more than the name by whole ones, as far as the caller may look, and sends the whole. */
static int send_listing(struct listing *l)
{
	struct reply out = {}, *part = &l->c->reply;
	size_t off = 0;
	int err;

	while (off < part->len) {
		struct msg_dirent e;
		const char *name = (const char *)part->data + off + sizeof(e);
		struct fs_inode *i = ERR_PTR(-ENOENT);

		memcpy(&e, part->data + off, sizeof(e));
		if (S_ISLNK(e.mode) || !e.nlink)
			i = fs_lookup(l->dir, l->cred, name);
		if (IS_ERR(i))
			reply_add(&out, part->data + off, sizeof(e) + e.name_len);
		else
			add_inode(&out, name, i);
		fs_inode_put(i, 1);
		off += MSG_PAD(sizeof(e) + e.name_len);
	}
	part->len = 0;
	err = out.failed ? -ENOMEM : reply_send_part(l->c, out.data, out.len);
	free(out.data);
	return err;
}

static int list_dir(struct conn *c, struct fs_inode *dir, const struct cred *cred)
{
	struct listing l = {.c = c, .dir = dir, .cred = cred};
	int err;

	do {
		l.n = 0;
		err = fs_readdir(dir, cred, l.next, list_one, &l);
		if (!err && l.n)
			err = send_listing(&l);
	} while (!err && l.n);
	return err;
}

int mount_handle_ls(struct conn *c)
{
	struct msg_fs_req h;
	struct fs_super *sb;
	struct fs_inode *i;
	struct cred cred;
	struct stat st;
	int err = 0;

	memcpy(&h, c->msg.body, sizeof(h));
	i = req_inode(c, h.flags & FS_LS_SELF, &sb, &cred);
	if (IS_ERR(i))
		return PTR_ERR(i);
	fs_getattr(i, &st);
	if (S_ISDIR(st.st_mode) && !(h.flags & FS_LS_SELF)) {
		err = list_dir(c, i, &cred);
	} else {
		add_inode(&c->reply, (const char *)c->msg.body + sizeof(h), i);
		err = c->reply.failed ? -ENOMEM : reply_send_part(c, c->reply.data, c->reply.len);
	}
	c->reply.len = 0;
	fs_inode_put(i, 1);
	fs_super_put(sb);
	return err;
}
