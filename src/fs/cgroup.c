/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cgroup.c - the cgroup kind of instances: directories and what is in them (see cg.h).
 *
 * The machine's names come first; what it does not have may be an entry of ours.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include "fs/cg.h"

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

void cg_note_stat_locked(struct fs_inode *i, const struct stat *st)
{
	i->mode = st->st_mode;
	i->nlink = st->st_nlink;
	i->uid = st->st_uid;
	i->gid = st->st_gid;
	i->atime = st->st_atim;
	i->mtime = st->st_mtim;
	i->ctime = st->st_ctim;
}

void cg_dir_is_gone(struct fs_inode *dir)
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
		cg_note_stat_locked(dir, &st);
		unlock(dir);
		return fd;
	}
	err = fd < 0 ? -errno : -ENOENT;
	if (fd >= 0)
		close(fd);
	if (err != -ENOENT && err != -ENOTDIR)
		return err;
	cg_dir_is_gone(dir);
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

static u64 mix(u64 h, u64 v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

u64 cg_ino_of(const struct fs_super *sb, const struct cg_want *w)
{
	if (w->what <= CG_LINK && w->id.dev == cg_super(sb)->primary &&
	    (w->id.ino != FS_ROOT_INO || !sb->root))
		return w->id.ino;
	return mix(mix(mix(mix(1, w->what), w->id.dev), w->id.ino), w->e ? w->e->id : 0) |
	       CG_OWN_INO;
}

static bool is_wanted(const struct fs_inode *i, const struct fs_inode *dir, const struct cg_want *w)
{
	const struct cg_node *n = cg_node(i);

	if (w->what > CG_LINK && n->dir != dir)
		return false; /* of a group that had this number before */
	return n->what == w->what && cg_same(n->id, w->id) && n->e == w->e && !i->ended;
}

void cg_node_free(struct fs_inode *i)
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

struct fs_inode *cg_node_new_locked(struct fs_super *sb, struct fs_inode *dir, u64 ino,
				    const struct cg_want *w)
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

void cg_node_refresh_locked(struct fs_inode *i, const struct cg_want *w)
{
	struct stat st = {.st_nlink = 1};

	if (w->st)
		cg_note_stat_locked(i, w->st);
	if (!w->e)
		return;
	expose_stat_locked(w->e, &st);
	cg_note_stat_locked(i, &st);
}

/* The inode of what was found in @dir, referenced. */
static struct fs_inode *node_get_locked(struct fs_inode *dir, const struct cg_want *w)
{
	struct fs_super *sb = dir->sb;
	u64 ino = cg_ino_of(sb, w);
	struct fs_inode *i;
	int err;

	while ((i = fs_inode_find_locked(sb, ino)) && !is_wanted(i, dir, w))
		ino = mix(ino, 1) | CG_OWN_INO;
	if (i) {
		err = node_moved_locked(i, dir, w->name);
		if (err)
			return ERR_PTR(err);
		i->refs++;
	} else {
		i = cg_node_new_locked(sb, dir, ino, w);
		if (!i)
			return ERR_PTR(-ENOMEM);
	}
	cg_node_refresh_locked(i, w);
	return i;
}

/* --- who may --- */

bool cg_is_owner(const struct fs_cg *cg, const struct cred *c)
{
	return !c || c->uid == cg->uid;
}

int cg_may(struct fs_inode *i, const struct cred *c, int mask)
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
	return cg_is_owner(fs_of(dir)->cg, c) ? 0 : cg_may(dir, c, W_OK | X_OK);
}

/* --- lookup --- */

bool cg_shows_files(const struct fs_inode *i)
{
	return cg_super(i->sb)->opt.host_files;
}

static struct fs_inode *host_node(struct fs_inode *dir, int dirfd, const char *name,
				  const struct stat *st)
{
	struct cg_want w = {.id = {st->st_dev, st->st_ino},
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
	} else if (S_ISREG(st->st_mode) && cg_shows_files(dir)) {
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
	struct cg_want w = {.id = cg_node(dir)->id, .name = name, .group = cg_node(dir)->group};
	struct fs_inode *i = ERR_PTR(-ENOENT);
	bool inherited;
	struct stat st;

	if (w.group == CG_NONE)
		return i;
	lock(dir);
	if (w.group == CG_OWN && !strcmp(name, CG_PROCS_NAME)) {
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
	if (w.e || (w.what == CG_PROCS && cg_shows_files(dir)))
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

struct fs_inode *cg_lookup(struct fs_inode *dir, const struct cred *c, const char *name)
{
	struct fs_inode *i;
	int err;

	if (!fs_is_dots(name)) {
		i = look_at(dir, name);
		err = IS_ERR(i) ? 0 : cg_may(dir, c, X_OK); /* its attributes are fresh now */
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
