/* SPDX-License-Identifier: BSD-2-Clause */
/* cg_change.c - groups made, removed and renamed: the machine does that, with the caller's rights. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "fs/cg.h"

static struct fs *fs_of(const struct fs_inode *i)
{
	return i->sb->fs;
}

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

int cg_mkdir(struct fs_inode *dir, const struct cred *c, const char *name, mode_t mode,
	     struct fs_inode **out)
{
	struct change ch = {.call = call_mkdir, .dir = dir, .name = name, .mode = mode & 01777};
	struct fs_inode *i = cg_lookup(dir, NULL, name);
	int err = IS_ERR(i) ? PTR_ERR(i) : -EEXIST;

	fs_inode_put(i, 1);
	if (err == -ENOENT && cg_node(dir)->group == CG_OWN && !strcmp(name, CG_PROCS_NAME))
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

int cg_rmdir(struct fs_inode *dir, const struct cred *c, const char *name)
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
		cg_dir_is_gone(i);
	own_unlock(dir);
	fs_inode_put(i, 1);
	return err;
}

int cg_unlink(struct fs_inode *dir, const struct cred *c, const char *name)
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

int cg_rename(struct fs_inode *od, const struct cred *c, const char *on, struct fs_inode *nd,
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
