/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FS_CG_H
#define USERBPF_FS_CG_H
/*
 * cg.h - inside of the cgroup tree: what its inodes are, and the entries in groups.
 *
 * A group is known by device and inode number of its directory on the machine: they survive a
 * rename, and kernfs never gives a number twice. A machine without cgroups gets a tree of
 * directories of the service's own, which is used the same way.
 *
 * Nodes (inodes of kind cgroup) are found by what they stand for, so one that nobody holds can go
 * and come back with the same number. Each holds its parent directory, and the way to the host's file
 * is the names from the root; every use opens the directory and looks whether it is still the one.
 *
 * Entries (struct fs_expose) hang on struct fs_group, which exists while its group has any. All of
 * it is under fs->lock; host calls are made without it.
 */
#include <limits.h>
#include "fs/inode.h"

enum cg_what { CG_DIR, CG_FILE, CG_LINK, CG_ENTRY, CG_PROCS };
enum cg_group { CG_NONE, CG_V1, CG_V2, CG_OWN }; /* what kind of group a directory is */

struct cg_id {
	dev_t dev;
	u64 ino;
};

struct fs_group {
	struct fs_group *chain;
	struct cg_id id;
	int fd;		     /* O_PATH: says where it is now, and whether it is */
	int wd;		     /* watch of the directory above, cg_notice.c */
	enum cg_group group;
	struct list exposes; /* ascending id */
};

struct fs_expose {
	struct fs_expose *chain;
	struct list node;
	struct list files; /* open ones (struct entry_wait), to be woken */
	struct fs_group *group; /* NULL once gone */
	u64 id;
	u32 refs, hash;
	bool inherit;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec atime, mtime, ctime;
	struct fs_inode *pin; /* referenced; has the object as long as it is pinned */
	struct fs_watch watch;
	struct fs *fs;
	uid_t by_uid; /* who exposed it */
	pid_t by_pid;
	char by_comm[16];
	char name[];
};

struct cg_node {
	enum cg_what what;
	enum cg_group group;	/* CG_DIR: it, others: the directory's */
	struct cg_id id;	/* on the machine; entries and CG_PROCS: the group's */
	struct fs_inode *dir;	/* referenced; NULL: the root */
	char *name;		/* in @dir; both change when it is renamed */
	struct fs_expose *e;	/* CG_ENTRY, referenced */
};

/* Who polls an open file of an entry. */
struct entry_wait {
	struct list node;
	void (*wake)(void *arg); /* NULL: nobody */
	void *arg;
};

#define CG_PAST 64u

/* One per service. */
struct fs_cg {
	char *base;	/* absolute path of the tree on the machine */
	bool own;
	/* Other file systems than kernfs use inode numbers again: in own trees no group is made
	 * before one that was removed is known to have ended. */
	pthread_mutex_t own_changes;
	uid_t uid;	/* the service's */
	gid_t gid;
	struct fs_table groups, exposes;
	struct poller *poller; /* NULL: nobody waited yet */
	int event_fd; /* inotify; -1: there is none */
	u64 next_id;
	struct cg_past {	/* entries that ended, for whoever asks why */
		struct cg_id group;
		char name[FS_NAME_MAX + 1];
		const char *why;
		struct timespec when;
	} past[CG_PAST];
	u32 next_past;
	u32 sweep_at; /* look for groups that are gone when so many have entries */
	struct list members; /* own trees: processes that were put somewhere, procs.c */
};

/* One per instance: fs_super.priv. */
struct cg_super {
	struct fs_cgroup_options opt; /* strings are ours */
	char *path;	/* absolute path of its root on the machine */
	dev_t primary;	/* inode numbers of this hierarchy are the machine's */
	u32 nr_above;	/* groups above the root, nearest first */
	struct cg_id *above;
};

static inline struct cg_node *cg_node(const struct fs_inode *i) { return i->priv; }
static inline struct cg_super *cg_super(const struct fs_super *sb) { return sb->priv; }
static inline bool cg_same(struct cg_id a, struct cg_id b) { return a.dev == b.dev && a.ino == b.ino; }

/* cgroup.c */
/* What a node shall be */
struct cg_want {
	enum cg_what what;
	struct cg_id id;
	const char *name;
	enum cg_group group;
	struct fs_expose *e;
	const struct stat *st;
};
struct fs_inode *cg_node_new_locked(struct fs_super *sb, struct fs_inode *dir, u64 ino, const struct cg_want *w); /* NULL: no memory */
void cg_node_refresh_locked(struct fs_inode *i, const struct cg_want *w); /* attributes as they were found */
void cg_node_free(struct fs_inode *i);
u64 cg_ino_of(const struct fs_super *sb, const struct cg_want *w);
struct fs_inode *cg_lookup(struct fs_inode *dir, const struct cred *c, const char *name);
void cg_note_stat_locked(struct fs_inode *i, const struct stat *st);
void cg_dir_is_gone(struct fs_inode *dir); /* it ends, and what is exposed there, if the group did */
bool cg_shows_files(const struct fs_inode *i);
bool cg_is_owner(const struct fs_cg *cg, const struct cred *c); /* the service's own user */
int cg_may(struct fs_inode *i, const struct cred *c, int mask); /* by mode and owner as last seen */
int cg_dir_open(struct fs_inode *dir); /* O_PATH fd of the directory, or -ESTALE: it is no more, or has moved */
int cg_path(struct fs_inode *i, char path[PATH_MAX]); /* absolute, on the machine; -ENAMETOOLONG */
/* Directory (referenced; of the root itself) and name of @i as they are now. */
struct fs_inode *cg_place(struct fs_inode *i, char name[FS_NAME_MAX + 1]);
int cg_may_change(struct fs_inode *dir, const struct cred *c); /* make or remove entries */
enum cg_group cg_group_of(const struct fs_cg *cg, int fd); /* what kind of group the directory is */

#define CG_PROCS_NAME "cgroup.procs"
#define CG_OWN_INO    (1ull << 63) /* numbers of ours; the machine's stay below */

/* cg_attr.c, cg_change.c, cg_list.c: operations of struct fs_kind */
int cg_getattr(struct fs_inode *i, struct stat *st);
int cg_setattr(struct fs_inode *i, const struct cred *c, const struct stat *st, unsigned int set);
int cg_access(struct fs_inode *i, const struct cred *c, int mask);
int cg_readlink(struct fs_inode *i, char *buf, size_t len);
int cg_mkdir(struct fs_inode *dir, const struct cred *c, const char *name, mode_t mode, struct fs_inode **out);
int cg_rmdir(struct fs_inode *dir, const struct cred *c, const char *name);
int cg_unlink(struct fs_inode *dir, const struct cred *c, const char *name);
int cg_rename(struct fs_inode *od, const struct cred *c, const char *on, struct fs_inode *nd, const char *nn, unsigned int flags);
int cg_readdir(struct fs_inode *dir, const struct cred *c, u64 pos, fs_dir_cb *cb, void *arg);

/* expose.c. Names that ancestors pass on are visible, too: *inherited. */
struct fs_expose *expose_find_locked(struct fs_inode *dir, const char *name, bool *inherited);
/* Takes over @fd, of the group's directory (O_PATH); @wd: notice_watch() of it. */
int expose_new(struct fs_inode *dir, const struct cred *c, const char *name, struct obj *o, mode_t mode, bool inherit, int fd, int wd);
int expose_remove(struct fs_expose *e, const char *why); /* -ENODEV: was gone already */
bool expose_is_at(struct fs_expose *e, struct cg_id group); /* made in that group, or gone */
void expose_get_locked(struct fs_expose *e);
void expose_put_locked(struct fs_expose *e);
struct obj *expose_obj(struct fs_expose *e); /* referenced; NULL: gone */
bool expose_alive_locked(const struct fs_expose *e);
struct expose_seen {
	u64 id;
	char name[FS_NAME_MAX + 1];
	struct stat st;
};
/* Visible entries of @dir with an id above @after, ascending; caller frees. -ENOMEM */
int expose_list(struct fs_inode *dir, u64 after, struct expose_seen **list, u32 *nr);
void expose_stat_locked(const struct fs_expose *e, struct stat *st);
void expose_group_gone(struct fs *fs, struct cg_id id); /* its entries go, if it is */
void expose_sweep(struct fs *fs, int wd); /* groups of that watch; -1: all */

/* cg_notice.c */
int notice_watch(struct fs_cg *cg, int fd); /* for the end of the group whose directory @fd is: a watch, or -1 */

/* cg_open.c, and a file for each kind of node that has content */
int cg_open(struct fs_file *f, const struct cred *c, int flags);
int cg_host_open(struct fs_file *f, const struct cred *c, int flags);
int cg_entry_open(struct fs_file *f, const struct cred *c);
int cg_procs_open(struct fs_file *f, const struct cred *c);
int cg_open_check(const struct fs_file *f, const struct cred *c); /* may they, by mode and owner as last seen? */
bool cg_is_rm(const char *buf, size_t len);

/* procs.c: membership in own trees */
int procs_each(struct fs *fs, struct cg_id group, bool root, int (*cb)(void *arg, pid_t pid), void *arg);
int procs_move(struct fs *fs, const struct cred *c, pid_t pid, struct cg_id group);
void procs_free(struct fs *fs);

/* poller.c: wakes once when one of @events (EPOLL*) happens to @fd; again after the next call */
struct cg_wait {
	struct list node;
	struct poller *poller; /* NULL: not registered */
	void (*wake)(void *arg);
	void *arg;
};
int poller_wait(struct fs *fs, struct cg_wait *w, int fd, u32 events);
void poller_drop(struct cg_wait *w, int fd);
void poller_free(struct poller *p);

/* caller.c: this thread acts with the rights of @c, at most our own, until caller_end(). */
struct caller {
	bool ids, caps;
	u32 effective[2];
};
int caller_begin(struct caller *as, const struct cred *c, bool change); /* -EACCES: we cannot, and @change asks for more than to read */
void caller_end(struct caller *as);

#endif
