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

struct fs_file {
	struct fs_inode *inode; /* referenced */
	const struct fs_file_ops *ops;
	bool readable, writable, seekable;
	void *priv;
};

struct fs_file_ops {
	ssize_t (*read)(struct fs_file *f, char *buf, size_t len, u64 off);
	ssize_t (*write)(struct fs_file *f, pid_t writer, const char *buf, size_t len, u64 off); /* NULL: -EINVAL */
	u32 (*poll)(struct fs_file *f, void (*wake)(void *), void *wake_arg); /* NULL: always ready */
	void (*close)(struct fs_file *f);
};

/*
 * What an instance is: the operations of fs.h of the same name. NULL: -EPERM. Names were checked
 * (fs_name_check), directories are directories of this instance.
 */
struct fs_kind {
	const char *name;
	bool as_caller; /* needs to know who asks, and checks permissions itself, under FUSE too */
	/* operations on a directory that is no longer where it was are -ESTALE, so the host kernel may
	 * remember where directories are: it looks again then, and asks about nothing else twice */
	bool dirs_go_stale;
	struct fs_inode *(*lookup)(struct fs_inode *dir, const struct cred *c, const char *name);
	int (*mkdir)(struct fs_inode *dir, const struct cred *c, const char *name, mode_t mode, struct fs_inode **out);
	int (*symlink)(struct fs_inode *dir, const struct cred *c, const char *name, const char *target, struct fs_inode **out);
	int (*unlink)(struct fs_inode *dir, const struct cred *c, const char *name);
	int (*rmdir)(struct fs_inode *dir, const struct cred *c, const char *name);
	int (*rename)(struct fs_inode *od, const struct cred *c, const char *on, struct fs_inode *nd, const char *nn, unsigned int flags);
	int (*link)(struct fs_inode *i, const struct cred *c, struct fs_inode *dir, const char *name);
	int (*readlink)(struct fs_inode *i, char *buf, size_t len);
	int (*getattr)(struct fs_inode *i, struct stat *st); /* NULL: what is in memory */
	int (*setattr)(struct fs_inode *i, const struct cred *c, const struct stat *st, unsigned int set);
	int (*access)(struct fs_inode *i, const struct cred *c, int mask); /* NULL: by what is in memory */
	int (*readdir)(struct fs_inode *dir, const struct cred *c, u64 pos, fs_dir_cb *cb, void *arg);
	int (*pin)(struct fs_inode *dir, const struct cred *c, const char *name, struct obj *o, mode_t mode, bool internal);
	struct obj *(*pinned)(struct fs_inode *i, const struct cred *c, u32 want);
	int (*open)(struct fs_file *f, const struct cred *c, int flags); /* sets ops and priv */
	u32 (*magic)(struct fs_inode *i); /* statfs(2)'s f_type */
	void (*inode_free)(struct fs_inode *i); /* under lock; may be NULL */
	void (*super_free)(struct fs_super *sb); /* under lock; may be NULL */
};
extern const struct fs_kind fs_bpffs;

struct fs_inode {
	struct fs_inode *chain;
	struct fs_super *sb;
	u64 ino, refs;
	u32 nlink;
	mode_t type; /* S_IFMT of the mode; never changes, so no lock is needed */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec atime, mtime, ctime;
	struct obj *obj;	/* pinned object, one reference */
	char *target;		/* symlink */
	struct fs_inode *parent; /* directories; NULL once removed, root: itself */
	struct list entries;	/* directories */
	struct list watches;	/* in order of registration */
	bool ended;
	void *priv;		/* the kind's own */
};

struct fs_super {
	struct list node;
	struct fs *fs;
	const struct fs_kind *kind;
	void *priv; /* the kind's own */
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
	struct list ended; /* watches to call when the lock goes */
	struct fs_cg *cg;  /* NULL: no cgroup tree */
};

/* Gives up the lock and calls the watches of the inodes that ended under it. */
void fs_unlock(struct fs *fs);
void fs_inode_end_locked(struct fs_inode *i);

/* Objects to drop once the lock is gone; one operation drops at most two (rename over a pin). */
struct fs_drops {
	struct obj *obj[2];
	u32 nr;
};
void fs_drop(struct fs_drops *d);

/* An instance without inodes, in no list yet; NULL: no memory. fs_super_add_locked() makes it
 * known. */
struct fs_super *fs_super_new(struct fs *fs, const struct fs_kind *kind, const char *label);
void fs_super_put_locked(struct fs_super *sb);
void fs_super_add_locked(struct fs_super *sb, struct fs_inode *root);
struct fs_inode *fs_inode_find_locked(struct fs_super *sb, u64 ino);
void fs_cgroup_free(struct fs *fs);
int fs_table_init(struct fs_table *t);
/* Grows when full; a failure leaves longer chains, nothing worse. */
#define FS_TABLE_GROW(t, type, hash_of)                                                 \
	do {                                                                            \
		u32 _nr = (t)->nr * 2;                                                  \
		void **_new = (t)->count < (t)->nr ? NULL : calloc(_nr, sizeof(*_new)); \
		for (u32 _i = 0; _new && _i < (t)->nr; _i++) {                          \
			for (type *_n = (t)->bucket[_i], *_next; _n; _n = _next) {      \
				_next = _n->chain;                                      \
				_n->chain = _new[hash_of(_n) & (_nr - 1)];              \
				_new[hash_of(_n) & (_nr - 1)] = _n;                     \
			}                                                               \
		}                                                                       \
		if (_new) {                                                             \
			free((t)->bucket);                                              \
			(t)->bucket = _new;                                             \
			(t)->nr = _nr;                                                  \
		}                                                                       \
	} while (0)
/* Chains of nodes with a member chain; @hash_of as above */
#define FS_TABLE_ADD(t, type, hash_of, n)                                               \
	do {                                                                            \
		FS_TABLE_GROW(t, type, hash_of);                                        \
		(n)->chain = (t)->bucket[hash_of(n) & ((t)->nr - 1)];                   \
		(t)->bucket[hash_of(n) & ((t)->nr - 1)] = (n);                          \
		(t)->count++;                                                           \
	} while (0)
#define FS_TABLE_DEL(t, type, hash_of, n)                                               \
	do {                                                                            \
		type **_p = (type **)&(t)->bucket[hash_of(n) & ((t)->nr - 1)];          \
		while (*_p != (n))                                                      \
			_p = &(*_p)->chain;                                             \
		*_p = (n)->chain;                                                       \
		(t)->count--;                                                           \
	} while (0)

u32 fs_hash_name(u64 dir, const char *name);
u32 fs_hash_ino(u64 ino);
void fs_setattr_locked(struct fs_inode *i, const struct cred *c, const struct stat *st, unsigned int set);
int fs_setattr_check(const struct fs_inode *i, const struct cred *c, const struct stat *st, unsigned int set);
/* With that number and nothing else filled in; NULL: no memory. */
struct fs_inode *fs_inode_new_ino_locked(struct fs_super *sb, u64 ino, mode_t mode);
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

int fs_name_check(const char *name); /* -ENOENT, -ENAMETOOLONG, -EINVAL */
bool fs_is_dots(const char *name);
int bpffs_open(struct fs_file *f, const struct cred *c, int flags); /* file.c */

/* perm.c: @mask as in access(2) (R_OK ...). NULL credentials: allowed, the host kernel has
 * checked. */
int fs_access_locked(const struct fs_inode *i, const struct cred *c, int mask);
int fs_sticky_locked(const struct fs_inode *dir, const struct fs_inode *victim, const struct cred *c);
bool fs_owner_locked(const struct fs_inode *i, const struct cred *c);

#endif
