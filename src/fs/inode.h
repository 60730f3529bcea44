/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FS_INODE_H
#define USERBPF_FS_INODE_H
/*
 * inode.h - inside of src/fs: inodes, directory entries and the tables that find them.
 *
 * A directory's entries are listed newest first, as the kernel's libfs does; each has a sequence
 * number, from which its readdir position comes, so positions stay valid while entries come and go.
 * Two hash tables per instance find inodes by number and entries by (directory, name).
 *
 * References: inode->refs counts entries, callers, open files and the FUSE lookups. Each inode
 * holds one reference to its super. All of it is under fs->lock; functions with the suffix _locked
 * expect it held. Objects whose reference has to go are put on a struct fs_drops and dropped after
 * unlocking.
 */
#include <pthread.h>
#include "base/list.h"
#include "fs/fs.h"

#define FS_NAME_MAX 255u
#define FS_DEVS_MAX 64u

struct fs_table {
	void **bucket;	/* chains of nodes; nr buckets, a power of two */
	u32 nr, count;
};

struct fs_entry {
	struct list node;	 /* dir->entries */
	struct fs_entry *chain;
	struct fs_inode *dir, *inode;
	u64 seq;
	u32 hash;
	char name[];
};

struct fs_inode {
	struct fs_inode *chain;
	struct fs_super *sb;
	u64 ino, refs;
	u32 nlink;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec atime, mtime, ctime;
	struct obj *obj;	/* pinned object, one reference */
	char *target;		/* symlink */
	struct fs_inode *parent; /* directories; NULL once removed, root: itself */
	struct list entries;	/* directories */
};

struct fs_super {
	struct list node;
	struct fs *fs;
	u64 refs;
	u32 id;
	bool dead;
	dev_t dev[FS_DEVS_MAX];
	u32 nr_devs;
	char *label;
	struct fs_options opt;
	struct fs_inode *root;
	struct fs_table inodes, entries;
	u64 next_ino, next_seq;
};

struct fs {
	pthread_mutex_t lock;
	struct list supers; /* ascending id */
	u32 next_id;
	struct fs_content_ops content;
};

/* Objects to drop once the lock is gone; one operation drops at most two (rename over a pin). */
struct fs_drops {
	struct obj *obj[2];
	u32 nr;
};
void fs_drop(struct fs_drops *d);

struct fs_inode *fs_inode_new_locked(struct fs_super *sb, struct fs_inode *dir, const struct cred *c, mode_t mode);
void fs_inode_put_locked(struct fs_inode *i, u64 n);
struct fs_entry *fs_entry_find_locked(struct fs_inode *dir, const char *name);
struct fs_entry *fs_entry_new(const char *name); /* unlinked, NULL: no memory */
void fs_entry_hash_locked(struct fs_inode *dir, struct fs_entry *e); /* @e->inode is set; the entry holds a reference of @dir */
void fs_entry_unhash_locked(struct fs_entry *e);
void fs_entry_add_locked(struct fs_inode *dir, struct fs_entry *e, struct fs_inode *i); /* hashes, takes a reference and counts the link */
void fs_entry_remove_locked(struct fs_entry *e, struct fs_drops *d); /* undoes that; frees @e */
void fs_touch(struct fs_inode *i, bool m, bool c);
void fs_stat_locked(const struct fs_inode *i, struct stat *st);

/* perm.c: @mask as in access(2) (R_OK ...). NULL credentials: allowed, the host kernel has
 * checked. */
int fs_access_locked(const struct fs_inode *i, const struct cred *c, int mask);
int fs_sticky_locked(const struct fs_inode *dir, const struct fs_inode *victim, const struct cred *c);
bool fs_owner_locked(const struct fs_inode *i, const struct cred *c);

#endif
