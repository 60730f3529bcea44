/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cgroup.c - the cgroup kind of instances: directories and what is in them (see cg.h).
 *
 * The machine's names come first; what it does not have may be an entry of ours.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "fs/cg.h"

#define PROCS_NAME "cgroup.procs"
#define OWN_INO	   (1ull << 63) /* numbers of ours; the machine's stay below */

static struct fs *fs_of(const struct fs_inode *i)
{
	return i->sb->fs;
}

static void lock(struct fs_inode *i)
{
	pthread_mutex_lock(&fs_of(i)->lock);
}

static void unlock(struct fs_inode *i)
{
	fs_unlock(fs_of(i));
}

/* --- where a directory is --- */

static int prepend(char *path, size_t *at, const char *name)
{
	size_t n = strlen(name);

	if (*at < n + 1)
		return -ENAMETOOLONG;
	*at -= n;
	memcpy(path + *at, name, n);
	path[--*at] = '/';
	return 0;
}

static int path_locked(struct fs_inode *i, char path[PATH_MAX])
{
	const char *root = cg_super(i->sb)->path;
	size_t at = PATH_MAX - 1, n = strlen(root);

	path[at] = '\0';
	for (; cg_node(i)->dir; i = cg_node(i)->dir)
		if (prepend(path, &at, cg_node(i)->name))
			return -ENAMETOOLONG;
	if (at < n)
		return -ENAMETOOLONG;
	at -= n;
	memcpy(path + at, root, n);
	memmove(path, path + at, PATH_MAX - at);
	return 0;
}

int cg_path(struct fs_inode *i, char path[PATH_MAX])
{
	int err;

	lock(i);
	err = path_locked(i, path);
	unlock(i);
	return err;
}

struct fs_inode *cg_place(struct fs_inode *i, char name[FS_NAME_MAX + 1])
{
	struct cg_node *n = cg_node(i);
	struct fs_inode *dir;

	lock(i);
	dir = n->dir ?: i;
	dir->refs++;
	snprintf(name, FS_NAME_MAX + 1, "%s", n->name);
	unlock(i);
	return dir;
}

static void note_stat_locked(struct fs_inode *i, const struct stat *st)
{
	i->mode = st->st_mode;
	i->nlink = st->st_nlink;
	i->uid = st->st_uid;
	i->gid = st->st_gid;
	i->atime = st->st_atim;
	i->mtime = st->st_mtim;
	i->ctime = st->st_ctim;
}

static void dir_is_gone(struct fs_inode *dir)
{
	lock(dir);
	if (!dir->ended && cg_node(dir)->dir)
		fs_inode_end_locked(dir);
	unlock(dir);
	expose_group_gone(fs_of(dir), cg_node(dir)->id);
}

int cg_dir_open(struct fs_inode *dir)
{
	char path[PATH_MAX];
	struct stat st;
	int fd, err = cg_path(dir, path);

	if (err)
		return err;
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && !fstat(fd, &st) && st.st_dev == cg_node(dir)->id.dev &&
	    st.st_ino == cg_node(dir)->id.ino) {
		lock(dir);
		note_stat_locked(dir, &st);
		unlock(dir);
		return fd;
	}
	err = fd < 0 ? -errno : -ENOENT;
	if (fd >= 0)
		close(fd);
	if (err != -ENOENT && err != -ENOTDIR)
		return err;
	dir_is_gone(dir);
	return -ESTALE;
}

enum cg_group cg_group_of(const struct fs_cg *cg, int fd)
{
	struct statfs fs;

	if (cg->own)
		return CG_OWN;
	if (fstatfs(fd, &fs))
		return CG_NONE;
	return fs.f_type == CGROUP2_SUPER_MAGIC	 ? CG_V2
	       : fs.f_type == CGROUP_SUPER_MAGIC ? CG_V1
						 : CG_NONE;
}

/* --- nodes --- */

struct want {
	enum cg_what what;
	struct cg_id id;
	const char *name;
	enum cg_group group;
	struct fs_expose *e;
	const struct stat *st;
};

static u64 mix(u64 h, u64 v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static u64 ino_of(const struct fs_super *sb, const struct want *w)
{
	if (w->what <= CG_LINK && w->id.dev == cg_super(sb)->primary &&
	    (w->id.ino != FS_ROOT_INO || !sb->root))
		return w->id.ino;
	return mix(mix(mix(mix(1, w->what), w->id.dev), w->id.ino), w->e ? w->e->id : 0) | OWN_INO;
}

static bool is_wanted(const struct fs_inode *i, const struct fs_inode *dir, const struct want *w)
{
	const struct cg_node *n = cg_node(i);

	if (w->what > CG_LINK && n->dir != dir)
		return false; /* of a group that had this number before */
	return n->what == w->what && cg_same(n->id, w->id) && n->e == w->e && !i->ended;
}

static void node_free(struct fs_inode *i)
{
	struct cg_node *n = cg_node(i);

	if (!n)
		return;
	if (n->dir)
		fs_inode_put_locked(n->dir, 1);
	if (n->e)
		expose_put_locked(n->e);
	free(n->name);
	free(n);
}

static struct fs_inode *node_new_locked(struct fs_super *sb, struct fs_inode *dir, u64 ino,
					const struct want *w)
{
	static const mode_t types[] = {[CG_DIR] = S_IFDIR,
				       [CG_LINK] = S_IFLNK,
				       [CG_FILE] = S_IFREG,
				       [CG_ENTRY] = S_IFREG,
				       [CG_PROCS] = S_IFREG};
	struct cg_node *n = calloc(1, sizeof(*n));
	struct fs_inode *i;

	if (!n)
		return NULL;
	n->name = strdup(w->name);
	i = n->name ? fs_inode_new_ino_locked(sb, ino, types[w->what]) : NULL;
	if (!i) {
		free(n->name);
		free(n);
		return NULL;
	}
	n->what = w->what;
	n->group = w->group;
	n->id = w->id;
	n->e = w->e;
	if (n->e)
		expose_get_locked(n->e);
	if (dir) {
		n->dir = dir;
		dir->refs++;
	}
	i->nlink = 1;
	i->priv = n;
	return i;
}

/* Found under another name or in another directory: it was renamed. */
static int node_moved_locked(struct fs_inode *i, struct fs_inode *dir, const char *name)
{
	struct cg_node *n = cg_node(i);
	char *copy;

	if (!n->dir)
		return 0;
	if (strcmp(n->name, name)) {
		copy = strdup(name);
		if (!copy)
			return -ENOMEM;
		free(n->name);
		n->name = copy;
	}
	if (n->dir != dir) {
		dir->refs++;
		fs_inode_put_locked(n->dir, 1);
		n->dir = dir;
	}
	return 0;
}

static void node_refresh_locked(struct fs_inode *i, const struct want *w)
{
	struct stat st = {.st_nlink = 1};

	if (w->st)
		note_stat_locked(i, w->st);
	if (!w->e)
		return;
	expose_stat_locked(w->e, &st);
	note_stat_locked(i, &st);
}

/* The inode of what was found in @dir, referenced. */
static struct fs_inode *node_get_locked(struct fs_inode *dir, const struct want *w)
{
	struct fs_super *sb = dir->sb;
	u64 ino = ino_of(sb, w);
	struct fs_inode *i;
	int err;

	while ((i = fs_inode_find_locked(sb, ino)) && !is_wanted(i, dir, w))
		ino = mix(ino, 1) | OWN_INO;
	if (i) {
		err = node_moved_locked(i, dir, w->name);
		if (err)
			return ERR_PTR(err);
		i->refs++;
	} else {
		i = node_new_locked(sb, dir, ino, w);
		if (!i)
			return ERR_PTR(-ENOMEM);
	}
	node_refresh_locked(i, w);
	return i;
}

/* --- who may --- */

static bool is_owner(const struct fs_cg *cg, const struct cred *c)
{
	return !c || c->uid == cg->uid;
}

static int may(struct fs_inode *i, const struct cred *c, int mask)
{
	int err;

	lock(i);
	err = fs_access_locked(i, c, mask);
	unlock(i);
	return err;
}

/* Entries show in mounts of the service only, so its own user may make them anywhere. */
int cg_may_change(struct fs_inode *dir, const struct cred *c)
{
	return is_owner(fs_of(dir)->cg, c) ? 0 : may(dir, c, W_OK | X_OK);
}

/* --- lookup --- */

static bool shows_files(const struct fs_inode *i)
{
	return cg_super(i->sb)->opt.host_files;
}

static struct fs_inode *host_node(struct fs_inode *dir, int dirfd, const char *name,
				  const struct stat *st)
{
	struct want w = {.id = {st->st_dev, st->st_ino},
			 .name = name,
			 .st = st,
			 .group = cg_node(dir)->group};
	struct fs_inode *i;
	int fd;

	if (S_ISDIR(st->st_mode)) {
		w.what = CG_DIR;
		if (st->st_dev != cg_node(dir)->id.dev || w.group == CG_NONE) {
			fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			w.group = fd < 0 ? CG_NONE : cg_group_of(fs_of(dir)->cg, fd);
			if (fd >= 0)
				close(fd);
		}
	} else if (S_ISLNK(st->st_mode)) {
		w.what = CG_LINK;
	} else if (S_ISREG(st->st_mode) && shows_files(dir)) {
		w.what = CG_FILE;
	} else {
		return ERR_PTR(-ENOENT);
	}
	lock(dir);
	i = node_get_locked(dir, &w);
	unlock(dir);
	return i;
}

static struct fs_inode *our_node(struct fs_inode *dir, const char *name)
{
	static const struct stat procs = {.st_mode = S_IFREG | 0644, .st_nlink = 1};
	struct want w = {.id = cg_node(dir)->id, .name = name, .group = cg_node(dir)->group};
	struct fs_inode *i = ERR_PTR(-ENOENT);
	bool inherited;
	struct stat st;

	if (w.group == CG_NONE)
		return i;
	lock(dir);
	if (w.group == CG_OWN && !strcmp(name, PROCS_NAME)) {
		w.what = CG_PROCS;
		st = procs;
		st.st_uid = dir->uid;
		st.st_gid = dir->gid;
		st.st_mtim = st.st_ctim = st.st_atim = dir->ctime;
		w.st = &st;
	} else {
		w.what = CG_ENTRY;
		w.e = expose_find_locked(dir, name, &inherited);
	}
	if (w.e || (w.what == CG_PROCS && shows_files(dir)))
		i = node_get_locked(dir, &w);
	unlock(dir);
	return i;
}

static struct fs_inode *look_at(struct fs_inode *dir, const char *name)
{
	struct fs_inode *i;
	struct stat st;
	int fd = cg_dir_open(dir), err;

	if (fd < 0)
		return ERR_PTR(fd);
	err = fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) ? -errno : 0;
	if (!err)
		i = host_node(dir, fd, name, &st);
	else
		i = err == -ENOENT ? our_node(dir, name) : ERR_PTR(err);
	close(fd);
	return i;
}

static struct fs_inode *cg_lookup(struct fs_inode *dir, const struct cred *c, const char *name)
{
	struct fs_inode *i;
	int err;

	if (!fs_is_dots(name)) {
		i = look_at(dir, name);
		err = IS_ERR(i) ? 0 : may(dir, c, X_OK); /* its attributes are fresh now */
		if (!err)
			return i;
		fs_inode_put(i, 1);
		return ERR_PTR(err);
	}
	lock(dir);
	i = name[1] && cg_node(dir)->dir ? cg_node(dir)->dir : dir;
	i->refs++;
	unlock(dir);
	return i;
}

/* --- attributes --- */

/* What @dirfd has under the name of @i, if it is still the same file. */
static int stat_child(struct fs_inode *i, int dirfd, const char *name, struct stat *st)
{
	if (fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return st->st_dev == cg_node(i)->id.dev && st->st_ino == cg_node(i)->id.ino ? 0 : -ENOENT;
}

static int getattr_host(struct fs_inode *i, struct stat *st)
{
	bool is_dir = S_ISDIR(i->type);
	char name[FS_NAME_MAX + 1];
	struct fs_inode *dir = is_dir ? fs_inode_get(i) : cg_place(i, name);
	int fd = cg_dir_open(dir), err = min(fd, 0); /* of a directory this is all */
	struct stat host;

	fs_inode_put(dir, 1);
	if (!err && !is_dir)
		err = stat_child(i, fd, name, &host);
	if (fd >= 0)
		close(fd);
	lock(i);
	if (!err && !is_dir)
		note_stat_locked(i, &host);
	fs_stat_locked(i, st);
	unlock(i);
	return err;
}

static int cg_getattr(struct fs_inode *i, struct stat *st)
{
	struct cg_node *n = cg_node(i);
	int err = 0;

	if (n->what <= CG_LINK)
		return getattr_host(i, st);
	lock(i);
	if (n->e && !expose_alive_locked(n->e))
		err = -ENOENT;
	if (n->e)
		node_refresh_locked(i, &(struct want){.e = n->e});
	fs_stat_locked(i, st);
	unlock(i);
	return err;
}

static int cg_access(struct fs_inode *i, const struct cred *c, int mask)
{
	struct stat st;
	int err = cg_getattr(i, &st);

	if (err || !mask)
		return err;
	if (S_ISDIR(st.st_mode) && is_owner(fs_of(i)->cg, c) && cg_node(i)->group != CG_NONE)
		mask &= ~W_OK; /* may make entries */
	return may(i, c, mask);
}

static int setattr_entry(struct fs_inode *i, const struct cred *c, const struct stat *st,
			 unsigned int set)
{
	struct fs_expose *e = cg_node(i)->e;
	int err;

	lock(i);
	err = !e || !expose_alive_locked(e) ? -ENOENT : fs_setattr_check(i, c, st, set);
	if (!err) {
		fs_setattr_locked(i, c, st, set);
		e->mode = S_IFREG | (i->mode & 0777);
		e->uid = i->uid;
		e->gid = i->gid;
		e->atime = i->atime;
		e->mtime = i->mtime;
		e->ctime = i->ctime;
	}
	unlock(i);
	return err;
}

static int change_host(int fd, const char *name, const struct stat *st, unsigned int set)
{
	if (set & FS_SET_MODE && fchmodat(fd, name, st->st_mode & 07777, 0))
		return -errno;
	if (set & (FS_SET_UID | FS_SET_GID) &&
	    fchownat(fd, name, set & FS_SET_UID ? st->st_uid : (uid_t)-1,
		     set & FS_SET_GID ? st->st_gid : (gid_t)-1, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return 0;
}

static int cg_setattr(struct fs_inode *i, const struct cred *c, const struct stat *st,
		      unsigned int set)
{
	char name[FS_NAME_MAX + 1];
	struct fs_inode *dir;
	struct caller as;
	int fd, err;

	if (!set)
		return 0;
	if (cg_node(i)->what == CG_ENTRY)
		return setattr_entry(i, c, st, set);
	dir = cg_place(i, name);
	fd = cg_node(i)->what == CG_PROCS || dir == i ? -EPERM : cg_dir_open(dir);
	fs_inode_put(dir, 1);
	if (fd < 0)
		return fd;
	err = caller_begin(&as, c, true);
	if (!err)
		err = change_host(fd, name, st, set);
	caller_end(&as);
	close(fd);
	return err;
}

static int cg_readlink(struct fs_inode *i, char *buf, size_t len)
{
	char name[FS_NAME_MAX + 1];
	struct fs_inode *dir = cg_place(i, name);
	int fd = cg_dir_open(dir);
	ssize_t n;

	fs_inode_put(dir, 1);
	if (fd < 0)
		return fd;
	n = readlinkat(fd, name, buf, len);
	n = n < 0 ? -errno : n;
	close(fd);
	return n;
}

/* --- changes: groups are the machine's business --- */

struct change {
	int (*call)(int fd, const char *name, mode_t mode, int fd2, const char *name2);
	struct fs_inode *dir, *dir2;
	const char *name, *name2;
	mode_t mode;
};

static void own_lock(struct fs_inode *dir)
{
	if (fs_of(dir)->cg->own)
		pthread_mutex_lock(&fs_of(dir)->cg->own_changes);
}

static void own_unlock(struct fs_inode *dir)
{
	if (fs_of(dir)->cg->own)
		pthread_mutex_unlock(&fs_of(dir)->cg->own_changes);
}

static int do_change(const struct change *ch, const struct cred *c)
{
	int fd = cg_dir_open(ch->dir), fd2 = -1, err = min(fd, 0);
	struct caller as = {};

	if (!err && ch->dir2) {
		fd2 = cg_dir_open(ch->dir2);
		err = min(fd2, 0);
	}
	if (!err)
		err = caller_begin(&as, c, true);
	if (!err)
		err = ch->call(fd, ch->name, ch->mode, fd2, ch->name2) ? -errno : 0;
	caller_end(&as);
	if (fd >= 0)
		close(fd);
	if (fd2 >= 0)
		close(fd2);
	return err;
}

static int call_mkdir(int fd, const char *name, mode_t mode, int fd2, const char *name2)
{
	return mkdirat(fd, name, mode) || fchmodat(fd, name, mode, 0); /* our umask is not theirs */
}

static int call_rmdir(int fd, const char *name, mode_t mode, int fd2, const char *name2)
{
	return unlinkat(fd, name, AT_REMOVEDIR);
}

static int call_rename(int fd, const char *name, mode_t flags, int fd2, const char *name2)
{
	return syscall(SYS_renameat2, fd, name, fd2, name2, flags);
}

static int call_unlink(int fd, const char *name, mode_t mode, int fd2, const char *name2)
{
	return unlinkat(fd, name, 0);
}

static int cg_mkdir(struct fs_inode *dir, const struct cred *c, const char *name, mode_t mode,
		    struct fs_inode **out)
{
	struct change ch = {.call = call_mkdir, .dir = dir, .name = name, .mode = mode & 01777};
	struct fs_inode *i = cg_lookup(dir, NULL, name);
	int err = IS_ERR(i) ? PTR_ERR(i) : -EEXIST;

	fs_inode_put(i, 1);
	if (err == -ENOENT && cg_node(dir)->group == CG_OWN && !strcmp(name, PROCS_NAME))
		err = -EEXIST;
	if (err != -ENOENT)
		return err;
	own_lock(dir);
	err = do_change(&ch, c);
	own_unlock(dir);
	if (err || !out)
		return err;
	*out = cg_lookup(dir, NULL, name);
	return IS_ERR(*out) ? PTR_ERR(*out) : 0;
}

static int stop_at_first(void *arg, pid_t pid)
{
	*(bool *)arg = true;
	return 1;
}

/* A group with processes or groups in it stays, as the kernel's do. */
static int own_is_busy(struct fs_inode *i)
{
	bool populated = false;
	int err = procs_each(fs_of(i), cg_node(i)->id, false, stop_at_first, &populated);

	return err ? err : populated ? -EBUSY : 0;
}

static int cg_rmdir(struct fs_inode *dir, const struct cred *c, const char *name)
{
	struct change ch = {.call = call_rmdir, .dir = dir, .name = name};
	struct fs_inode *i = cg_lookup(dir, NULL, name);
	int err;

	if (IS_ERR(i))
		return PTR_ERR(i);
	err = cg_node(i)->what != CG_DIR ? -ENOTDIR : 0;
	if (!err && cg_node(i)->group == CG_OWN)
		err = own_is_busy(i);
	own_lock(dir);
	if (!err)
		err = do_change(&ch, c);
	if (err == -ENOTEMPTY && cg_node(i)->group == CG_OWN)
		err = -EBUSY;
	if (!err)
		dir_is_gone(i);
	own_unlock(dir);
	fs_inode_put(i, 1);
	return err;
}

static int cg_unlink(struct fs_inode *dir, const struct cred *c, const char *name)
{
	struct change ch = {.call = call_unlink, .dir = dir, .name = name};
	struct fs_inode *i = cg_lookup(dir, NULL, name);
	struct cg_node *n;
	int err;

	if (IS_ERR(i))
		return PTR_ERR(i);
	n = cg_node(i);
	if (n->what == CG_DIR) {
		err = -EISDIR;
	} else if (n->what != CG_ENTRY) {
		err = n->what == CG_PROCS ? -EPERM : do_change(&ch, c);
	} else {
		err = cg_may_change(dir, c);
		if (!err)
			err = expose_is_at(n->e, n->id) ? expose_remove(n->e, "it was unlinked")
							: -EPERM; /* belongs to a group above */
	}
	fs_inode_put(i, 1);
	return err == -ENODEV ? -ENOENT : err;
}

static int cg_rename(struct fs_inode *od, const struct cred *c, const char *on, struct fs_inode *nd,
		     const char *nn, unsigned int flags)
{
	struct change ch = {
		.call = call_rename, .dir = od, .dir2 = nd, .name = on, .name2 = nn, .mode = flags};
	struct fs_inode *i = cg_lookup(od, NULL, on), *to;
	int err;

	if (IS_ERR(i))
		return PTR_ERR(i);
	to = cg_lookup(nd, NULL, nn);
	if (cg_node(i)->what != CG_DIR)
		err = -EPERM;
	else if (!IS_ERR(to) && cg_node(to)->what != CG_DIR)
		err = -EEXIST;
	else
		err = do_change(&ch, c);
	if (!err && flags & RENAME_EXCHANGE) {
		fs_inode_put(cg_lookup(od, NULL, on), 1); /* finds it under its new name */
	}
	fs_inode_put(to, 1);
	fs_inode_put(i, 1);
	if (!err)
		fs_inode_put(cg_lookup(nd, NULL, nn), 1);
	return err;
}

/* --- listing --- */

/* Positions: 0 ".", 1 "..", then the machine's own plus one bit, then a bit plus the entry's id. */
#define POS_HOST  (1ull << 61)
#define POS_ENTRY (1ull << 62)

struct host_dirent {
	u64 ino;
	s64 off;
	u16 reclen;
	u8 type;
	char name[];
};

static int list_dots(struct fs_inode *dir, u64 pos, fs_dir_cb *cb, void *arg)
{
	struct stat st;

	lock(dir);
	fs_stat_locked(dir, &st);
	unlock(dir);
	if (pos < 1 && cb(arg, ".", &st, 1))
		return 1;
	return pos < 2 && cb(arg, "..", &st, 2);
}

static bool shown(const struct fs_inode *dir, const struct host_dirent *d)
{
	if (fs_is_dots(d->name))
		return false;
	return d->type == DT_DIR || d->type == DT_LNK || (d->type == DT_REG && shows_files(dir));
}

static int list_host(struct fs_inode *dir, int fd, u64 pos, fs_dir_cb *cb, void *arg)
{
	char buf[16384] __attribute__((aligned(8)));
	long n;

	if (pos >= POS_HOST && lseek(fd, pos - POS_HOST, SEEK_SET) < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			struct host_dirent *d = (void *)(buf + at);
			struct stat st = {.st_ino = d->ino, .st_mode = (mode_t)d->type << 12};

			at += d->reclen;
			if (shown(dir, d) && cb(arg, d->name, &st, POS_HOST + d->off))
				return 1;
		}
	}
	return n < 0 ? -errno : 0;
}

static int list_entries(struct fs_inode *dir, int fd, u64 after, fs_dir_cb *cb, void *arg)
{
	struct expose_seen *list;
	u32 nr;
	int err = expose_list(dir, after, &list, &nr);

	if (err)
		return err;
	for (u32 k = 0; k < nr; k++) {
		if (!faccessat(fd, list[k].name, F_OK, AT_SYMLINK_NOFOLLOW))
			continue; /* the machine made one of that name since */
		list[k].st.st_ino = OWN_INO | list[k].id;
		if (cb(arg, list[k].name, &list[k].st, POS_ENTRY + list[k].id))
			break;
	}
	free(list);
	return 0;
}

static int list_all(struct fs_inode *dir, int fd, u64 pos, fs_dir_cb *cb, void *arg)
{
	static const struct stat procs = {.st_ino = OWN_INO, .st_mode = S_IFREG | 0644};
	int err = 0;

	if (pos < 2)
		err = list_dots(dir, pos, cb, arg);
	if (!err && pos < POS_ENTRY)
		err = list_host(dir, fd, pos, cb, arg);
	if (!err && pos < POS_ENTRY && cg_node(dir)->group == CG_OWN && shows_files(dir))
		err = cb(arg, PROCS_NAME, &procs, POS_ENTRY);
	if (!err && cg_node(dir)->group != CG_NONE)
		err = list_entries(dir, fd, pos < POS_ENTRY ? 0 : pos - POS_ENTRY, cb, arg);
	return min(err, 0);
}

static int cg_readdir(struct fs_inode *dir, const struct cred *c, u64 pos, fs_dir_cb *cb, void *arg)
{
	int path = cg_dir_open(dir), fd, err;

	if (path < 0)
		return path;
	err = may(dir, c, R_OK);
	if (!err) {
		fd = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = fd < 0 ? -errno : list_all(dir, fd, pos, cb, arg);
		if (fd >= 0)
			close(fd);
	}
	close(path);
	return err;
}

/* --- entries --- */

static bool name_allowed(const struct fs_inode *dir, const char *name)
{
	const char *prefix = cg_super(dir->sb)->opt.prefix;

	return !strncmp(name, prefix, strlen(prefix));
}

int fs_expose(struct fs_inode *dir, const struct cred *c, const char *name, struct obj *o,
	      mode_t mode, bool inherit)
{
	struct fs_inode *there;
	int err = fs_name_check(name);

	if (err)
		return err;
	if (!fs_super_is_cgroup(dir->sb))
		return -EPERM;
	if (!S_ISDIR(dir->type))
		return -ENOTDIR;
	there = cg_lookup(dir, NULL, name);
	err = IS_ERR(there) ? PTR_ERR(there) : -EEXIST;
	fs_inode_put(there, 1);
	if (err == -ENOENT && !shows_files(dir) && cg_node(dir)->group != CG_NONE) {
		/* files of the machine that do not show here do elsewhere */
		char path[PATH_MAX];

		if (!cg_path(dir, path) && strlen(path) + strlen(name) + 2 < PATH_MAX &&
		    !access(strcat(strcat(path, "/"), name), F_OK))
			err = -EEXIST;
		if (cg_node(dir)->group == CG_OWN && !strcmp(name, PROCS_NAME))
			err = -EEXIST;
	}
	if (err != -ENOENT)
		return err == -ESTALE ? -ENOENT : err;
	if (cg_node(dir)->group == CG_NONE || !name_allowed(dir, name))
		return -EPERM;
	err = cg_may_change(dir, c);
	return err ? err : expose_new(dir, c, name, o, mode, inherit);
}

static int cg_pin(struct fs_inode *dir, const struct cred *c, const char *name, struct obj *o,
		  mode_t mode, bool internal)
{
	return fs_expose(dir, c, name, o, mode, cg_super(dir->sb)->opt.inherit);
}

/* No file of a bpffs: as the kernel's bpf_obj_get() sees one elsewhere. */
static struct obj *cg_pinned(struct fs_inode *i, const struct cred *c, u32 want)
{
	return ERR_PTR(-EACCES);
}

static u32 cg_magic(struct fs_inode *i)
{
	static const u32 magic[] = {[CG_NONE] = TMPFS_MAGIC,
				    [CG_V1] = CGROUP_SUPER_MAGIC,
				    [CG_V2] = CGROUP2_SUPER_MAGIC,
				    [CG_OWN] = CGROUP2_SUPER_MAGIC};

	return magic[cg_node(i)->group];
}

u64 fs_group_id(struct fs_inode *i)
{
	return fs_super_is_cgroup(i->sb) ? cg_node(i)->id.ino : 0;
}

static void cg_super_free(struct fs_super *sb)
{
	struct cg_super *s = cg_super(sb);

	if (!s)
		return;
	free(s->path);
	free(s->above);
	free(s);
}

static const struct fs_kind fs_cgroup = {
	.name = "cgroup",
	.as_caller = true,
	.dirs_go_stale = true,
	.lookup = cg_lookup,
	.mkdir = cg_mkdir,
	.unlink = cg_unlink,
	.rmdir = cg_rmdir,
	.rename = cg_rename,
	.readlink = cg_readlink,
	.getattr = cg_getattr,
	.setattr = cg_setattr,
	.access = cg_access,
	.readdir = cg_readdir,
	.pin = cg_pin,
	.pinned = cg_pinned,
	.open = cg_open,
	.magic = cg_magic,
	.inode_free = node_free,
	.super_free = cg_super_free,
};

bool fs_super_is_cgroup(const struct fs_super *sb)
{
	return sb->kind == &fs_cgroup;
}

/* --- instances --- */

static bool is_cgroupfs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) &&
	       (fs.f_type == CGROUP2_SUPER_MAGIC || fs.f_type == CGROUP_SUPER_MAGIC);
}

/* @host is a hierarchy, or has one in it. */
static bool has_groups(const char *host)
{
	DIR *d = opendir(host);
	bool found = d && is_cgroupfs(host);
	char path[PATH_MAX];
	struct dirent *e;

	while (d && !found && (e = readdir(d))) {
		if (e->d_type != DT_DIR || fs_is_dots(e->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", host, e->d_name);
		found = is_cgroupfs(path);
	}
	if (d)
		closedir(d);
	return found;
}

int fs_cgroup_init(struct fs *fs, const char *host, const char *own)
{
	struct fs_cg *cg = calloc(1, sizeof(*cg));

	if (!cg)
		return -ENOMEM;
	cg->own = !host || !has_groups(host);
	cg->base = realpath(cg->own ? own : host, NULL);
	cg->uid = geteuid();
	cg->gid = getegid();
	list_init(&cg->members);
	pthread_mutex_init(&cg->own_changes, NULL);
	if (cg->base && !fs_table_init(&cg->groups) && !fs_table_init(&cg->exposes)) {
		fs->cg = cg;
		return 0;
	}
	free(cg->groups.bucket);
	free(cg->base);
	free(cg);
	return -ENOMEM;
}

void fs_cgroup_free(struct fs *fs)
{
	if (!fs->cg)
		return;
	procs_free(fs);
	poller_free(fs->cg->poller);
	pthread_mutex_destroy(&fs->cg->own_changes);
	free(fs->cg->groups.bucket);
	free(fs->cg->exposes.bucket);
	free(fs->cg->base);
	free(fs->cg);
	fs->cg = NULL;
}

/* Absolute path of the group @sub, which must be below the tree's root. */
static int root_path(const struct fs_cg *cg, const char *sub, char path[PATH_MAX])
{
	char text[PATH_MAX];
	size_t n = strlen(cg->base);

	if (snprintf(text, sizeof(text), "%s/%s", cg->base, sub) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!realpath(text, path))
		return -errno;
	return !strncmp(path, cg->base, n) && (!path[n] || path[n] == '/') ? 0 : -EINVAL;
}

/* The groups above the instance's root; what they pass on shows there, too. */
static int find_above(const struct fs_cg *cg, struct cg_super *s, const struct stat *root)
{
	char path[PATH_MAX], *slash;
	struct cg_id *ids;
	struct stat st;

	strcpy(path, s->path);
	while (strcmp(path, cg->base) && (slash = strrchr(path, '/')) && slash != path) {
		*slash = '\0';
		if (stat(path, &st))
			return -errno;
		if (st.st_dev != root->st_dev)
			break;
		ids = realloc(s->above, (s->nr_above + 1) * sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		s->above = ids;
		ids[s->nr_above++] = (struct cg_id){st.st_dev, st.st_ino};
	}
	return 0;
}

/* Whose inode numbers are the machine's: the root's hierarchy, or v2 beside those of v1. */
static dev_t primary_dev(const struct fs_cg *cg, const struct cg_super *s, enum cg_group group,
			 const struct stat *root)
{
	char path[PATH_MAX];
	struct stat st;

	if (group != CG_NONE)
		return root->st_dev;
	if (snprintf(path, sizeof(path), "%s/unified", s->path) < PATH_MAX && is_cgroupfs(path) &&
	    !stat(path, &st))
		return st.st_dev;
	return 0;
}

static int super_fill(struct fs_super *sb, const struct fs_cgroup_options *opt, struct stat *st,
		      enum cg_group *group)
{
	struct cg_super *s = sb->priv = calloc(1, sizeof(*s));
	struct fs_cg *cg = sb->fs->cg;
	char path[PATH_MAX];
	int fd, err;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	err = root_path(cg, opt->root, path);
	if (err)
		return err;
	s->path = strdup(path);
	if (!s->path)
		return -ENOMEM;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, st))
		err = -errno;
	*group = err ? CG_NONE : cg_group_of(cg, fd);
	if (fd >= 0)
		close(fd);
	if (err)
		return err;
	s->primary = primary_dev(cg, s, *group, st);
	return *group == CG_NONE ? 0 : find_above(cg, s, st);
}

struct fs_super *fs_mount_cgroup(struct fs *fs, const struct fs_cgroup_options *opt,
				 const char *label)
{
	enum cg_group group;
	struct fs_inode *root = NULL;
	struct fs_super *sb;
	struct stat st;
	int err;

	if (!fs->cg)
		return ERR_PTR(-ENODEV);
	sb = fs_super_new(fs, &fs_cgroup, label);
	if (!sb)
		return ERR_PTR(-ENOMEM);
	err = super_fill(sb, opt, &st, &group);
	pthread_mutex_lock(&fs->lock);
	if (!err) {
		struct want w = {
			.id = {st.st_dev, st.st_ino}, .name = "", .group = group, .st = &st};

		root = node_new_locked(sb, NULL, ino_of(sb, &w), &w);
		err = root ? 0 : -ENOMEM;
		if (root) {
			node_refresh_locked(root, &w);
			fs_super_add_locked(sb, root);
		}
	}
	if (err)
		fs_super_put_locked(sb);
	fs_unlock(fs);
	return err ? ERR_PTR(err) : sb;
}
