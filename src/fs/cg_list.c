/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cg_list.c - what is in a directory of the cgroup tree: the machine's names, read from where it
 * stopped, then entries by id.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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
	return d->type == DT_DIR || d->type == DT_LNK || (d->type == DT_REG && cg_shows_files(dir));
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
		list[k].st.st_ino = CG_OWN_INO | list[k].id;
		if (cb(arg, list[k].name, &list[k].st, POS_ENTRY + list[k].id))
			break;
	}
	free(list);
	return 0;
}

static int list_all(struct fs_inode *dir, int fd, u64 pos, fs_dir_cb *cb, void *arg)
{
	static const struct stat procs = {.st_ino = CG_OWN_INO, .st_mode = S_IFREG | 0644};
	int err = 0;

	if (pos < 2)
		err = list_dots(dir, pos, cb, arg);
	if (!err && pos < POS_ENTRY)
		err = list_host(dir, fd, pos, cb, arg);
	if (!err && pos < POS_ENTRY && cg_node(dir)->group == CG_OWN && cg_shows_files(dir))
		err = cb(arg, CG_PROCS_NAME, &procs, POS_ENTRY);
	if (!err && cg_node(dir)->group != CG_NONE)
		err = list_entries(dir, fd, pos < POS_ENTRY ? 0 : pos - POS_ENTRY, cb, arg);
	return min(err, 0);
}

int cg_readdir(struct fs_inode *dir, const struct cred *c, u64 pos, fs_dir_cb *cb, void *arg)
{
	int path = cg_dir_open(dir), fd, err;

	if (path < 0)
		return path;
	err = cg_may(dir, c, R_OK);
	if (!err) {
		fd = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = fd < 0 ? -errno : list_all(dir, fd, pos, cb, arg);
		if (fd >= 0)
			close(fd);
	}
	close(path);
	return err;
}
