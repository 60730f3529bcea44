/* SPDX-License-Identifier: BSD-2-Clause */
/* cg_attr.c - attributes in the cgroup tree: the machine's are asked for each time and changed as the
 * caller, an entry's are those of the entry in all groups that show it. */
#include <fcntl.h>
#include <sys/stat.h>
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
		cg_note_stat_locked(i, &host);
	fs_stat_locked(i, st);
	unlock(i);
	return err;
}

int cg_getattr(struct fs_inode *i, struct stat *st)
{
	struct cg_node *n = cg_node(i);
	int err = 0;

	if (n->what <= CG_LINK)
		return getattr_host(i, st);
	lock(i);
	if (n->e && !expose_alive_locked(n->e))
		err = -ENOENT;
	if (n->e)
		cg_node_refresh_locked(i, &(struct cg_want){.e = n->e});
	fs_stat_locked(i, st);
	unlock(i);
	return err;
}

int cg_access(struct fs_inode *i, const struct cred *c, int mask)
{
	struct stat st;
	int err = cg_getattr(i, &st);

	if (err || !mask)
		return err;
	if (S_ISDIR(st.st_mode) && cg_is_owner(fs_of(i)->cg, c) && cg_node(i)->group != CG_NONE)
		mask &= ~W_OK; /* may make entries */
	return cg_may(i, c, mask);
}

static int wanted(const struct fs_file *f)
{
	return (f->readable ? R_OK : 0) | (f->writable ? W_OK : 0);
}

int cg_open_check(const struct fs_file *f, const struct cred *c)
{
	struct fs_inode *i = f->inode;
	int err;

	pthread_mutex_lock(&i->sb->fs->lock);
	err = fs_access_locked(i, c, wanted(f));
	fs_unlock(i->sb->fs);
	return err;
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

int cg_setattr(struct fs_inode *i, const struct cred *c, const struct stat *st, unsigned int set)
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

int cg_readlink(struct fs_inode *i, char *buf, size_t len)
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
