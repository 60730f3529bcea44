/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FS_H
#define USERBPF_FS_H
/*
 * fs.h - an in-memory inode tree with per-kind operations (DESIGN D9); bpffs instances and the
 * cgroup tree stand on it, FUSE is an adapter (fuse*.c, the only files that include FUSE), and the
 * CLI's `cat` and `ls` use the same calls without FUSE.
 *
 * Two kinds of instances. A bpffs keeps everything in memory. A cgroup tree shows the machine's
 * groups: its directories and the host's files are looked at when somebody asks, and stand in
 * memory only while somebody holds them. Objects that are pinned in a bpffs can be exposed there:
 * an entry, which holds no reference, and ends when the object's pin does. Entries belong to the
 * group, not to the mount: every cgroup instance of a service shows the same ones.
 *
 * One mutex per struct fs protects the tree; it is never held across obj_put(), an iterator's
 * program, a read, a watch's callback or a call to the host's file system. Inodes are reference
 * counted: a directory entry holds one, each lookup (FUSE nlookup) and open file another. An inode
 * that carries an object holds one reference to it until its last link goes (unlink removes the pin
 * at once, as in the kernel).
 */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "base/list.h"
#include "obj/cred.h"
#include "obj/obj.h"

struct fs;	 /* all instances of one service */
struct fs_super; /* one mounted instance */
struct fs_inode;
struct fs_file;

/*
 * Where a file stands that shows an object outside of a bpffs. All of it stays valid until the
 * content is closed.
 */
struct fs_where {
	struct fs_super *super; /* instance it was opened through */
	struct fs_inode *inode; /* the file's own */
	u64 group_id;		/* the group's inode number on the machine: struct cgroup's kn->id */
	dev_t hierarchy;	/* device of the hierarchy */
	bool v2;
	bool own;		/* not a cgroup of the machine but one of the service's tree */
	const char *mount;	/* where the hierarchy's root is on the machine: "/sys/fs/cgroup/unified" */
	const char *group;	/* path from there: "/", "/a/b" */
};
/* Calls back for each process of the group, until nonzero. */
int fs_where_procs(const struct fs_where *w, int (*cb)(void *arg, pid_t pid), void *arg);

/* What src/fs needs from above (objects' contents): set by src/sys at start. */
struct fs_content_ops {
	/* Opens the readable content of @o. In a bpffs (@where is NULL) this happens at open(2):
	 * iterator link, BTF-typed map, or ERR_PTR(-EIO: nothing to read, as the kernel). Elsewhere
	 * at the first read or poll: ERR_PTR(-EIO: no show operation), -EACCES (not for such a place). */
	void *(*open)(void *arg, struct obj *o, const struct fs_where *where);
	ssize_t (*read)(void *arg, void *file, char *buf, size_t len, u64 off);
	void (*close)(void *arg, void *file);
	/* The rest may be NULL. write(2) to an exposed object @by who opened it (NULL: ourselves),
	 * where it has such an operation. Needs no open content. */
	bool (*takes_writes)(void *arg, struct obj *o);
	ssize_t (*write)(void *arg, struct obj *o, const struct fs_where *where, const struct cred *by, const char *buf, size_t len);
	/* EPOLL* that are there. @wake may be called from any thread, any number of times, until the
	 * content is closed: look again. */
	u32 (*poll)(void *arg, void *file, void (*wake)(void *wake_arg), void *wake_arg);
	/* Who waits for what @thread does has gone: it is to come back soon. */
	void (*interrupt)(void *arg, pthread_t thread);
	/* lines "what: value" on @o for `userbpf view why` */
	void (*describe)(void *arg, struct obj *o, FILE *out);
	void *arg;
};

struct fs *fs_new(const struct fs_content_ops *ops);
void fs_free(struct fs *fs);

/* Mount options of a bpffs, as the kernel parses them (mode=, uid=, gid=, unknown ones ignored)
 * plus ours (preload=MODE|off). -EINVAL. */
struct fs_options {
	mode_t mode;	 /* default 01777 */
	uid_t uid;
	gid_t gid;
	mode_t preload_mode; /* default 0600; (mode_t)-1: none */
};
#define FS_OPTIONS_DEFAULT { .mode = 01777, .uid = 0, .gid = 0, .preload_mode = 0600 }
/* Options in @text change @opt, which holds the defaults (or, for a remount, what is in force).
 * On error @opt stays, *bad: where in @text. */
int fs_parse_options(const char *text, struct fs_options *opt, const char **bad);

struct fs_super *fs_mount(struct fs *fs, const struct fs_options *opt, const char *label); /* new bpffs instance */
void fs_umount(struct fs_super *sb);	/* drops all pins of it */
struct fs_super *fs_super_by_dev(struct fs *fs, dev_t dev); /* referenced or NULL */
/* st_dev as clients see it, once FUSE is mounted. An instance may be mounted more than once
 * (several mount namespaces): one device each. */
int fs_super_add_dev(struct fs_super *sb, dev_t dev);
void fs_super_del_dev(struct fs_super *sb, dev_t dev);
u32 fs_super_devs(struct fs_super *sb); /* how many; 0: text paths only */
struct fs_super *fs_super_next(struct fs *fs, struct fs_super *prev); /* referenced walk for status */
const char *fs_super_label(struct fs_super *sb);
struct fs_super *fs_super_get(struct fs_super *sb);
void fs_super_put(struct fs_super *sb); /* gives back what fs_super_by_dev, fs_super_by_path, fs_super_next or fs_super_get gave */
u32 fs_super_id(struct fs_super *sb);
const struct fs_options *fs_super_options(struct fs_super *sb);
void fs_super_remount(struct fs_super *sb, const struct fs_options *opt); /* applies mode, uid and gid to the root */
/* Instance whose label is the longest prefix of absolute @path; *rest: the path inside it.
 * Referenced or NULL. */
struct fs_super *fs_super_by_path(struct fs *fs, const char *path, const char **rest);
#define FS_ROOT_INO 1u /* names the root, which may have another number of its own; nobody else has it */
struct fs_inode *fs_root(struct fs_super *sb); /* referenced; NULL after fs_umount() */

struct fs_inode *fs_inode_by_ino(struct fs_super *sb, u64 ino); /* referenced or NULL */
struct fs_inode *fs_inode_get(struct fs_inode *i);
void fs_inode_put(struct fs_inode *i, u64 n);
/* Absolute path inside an instance ("/a/b"), symlinks followed except the last when @nofollow;
 * for machines without FUSE. ERR_PTR. */
struct fs_inode *fs_walk(struct fs_super *sb, const struct cred *c, const char *path, bool nofollow);

/* Directory operations. Permission checks (mode, sticky bit, CAP_DAC_OVERRIDE) done here when @c
 * is not NULL. Names: 1..255 bytes, no '/'. */
struct fs_inode *fs_lookup(struct fs_inode *dir, const struct cred *c, const char *name); /* referenced or ERR_PTR(-ENOENT) */
int fs_mkdir(struct fs_inode *dir, const struct cred *c, const char *name, mode_t mode, struct fs_inode **out);
int fs_symlink(struct fs_inode *dir, const struct cred *c, const char *name, const char *target, struct fs_inode **out);
int fs_unlink(struct fs_inode *dir, const struct cred *c, const char *name);
int fs_rmdir(struct fs_inode *dir, const struct cred *c, const char *name);
int fs_rename(struct fs_inode *od, const struct cred *c, const char *on, struct fs_inode *nd, const char *nn, unsigned int flags);
int fs_link(struct fs_inode *inode, const struct cred *c, struct fs_inode *dir, const char *name); /* kernel bpffs: simple_link */
int fs_readlink(struct fs_inode *i, char *buf, size_t len); /* length */
int fs_getattr(struct fs_inode *i, struct stat *st);
#define FS_SET_MODE 1u
#define FS_SET_UID 2u
#define FS_SET_GID 4u
#define FS_SET_TIMES 8u
int fs_setattr(struct fs_inode *i, const struct cred *c, const struct stat *st, unsigned int set);
typedef int fs_dir_cb(void *arg, const char *name, const struct stat *st, u64 next);
/* entries from position @pos on ("." and ".." included); cb returns nonzero to stop. Stable
 * while others change the directory. st_nlink 0: only number and type are known. */
int fs_readdir(struct fs_inode *dir, const struct cred *c, u64 pos, fs_dir_cb *cb, void *arg);
int fs_statfs(struct fs_super *sb, struct statvfs *st);
u64 fs_group_id(struct fs_inode *i); /* of the group a directory is: its inode number on the machine */
u32 fs_magic(struct fs_inode *i); /* f_type where an instance imitates more than one; 0: its own */

/* Pins: OBJ_PIN (kernel: bpf_obj_pin_user). @internal allows dots (preload). Takes its own
 * reference of @o. -EEXIST, -EPERM (dots) ... */
int fs_pin(struct fs_inode *dir, const struct cred *c, const char *name, struct obj *o, mode_t mode, bool internal);
/* OBJ_GET: object behind a pin, referenced; checks file permissions for @want (HANDLE_*).
 * -EACCES: not an object of bpffs, -EPERM ... */
struct obj *fs_pinned(struct fs_inode *i, const struct cred *c, u32 want);

/* access(2): @mask of R_OK ... */
int fs_access(struct fs_inode *i, const struct cred *c, int mask);

/* Content, as open/read/write/poll/release of the file. */
struct fs_file *fs_open(struct fs_inode *i, const struct cred *c, int flags); /* ERR_PTR */
ssize_t fs_read(struct fs_file *f, char *buf, size_t len, u64 off);
ssize_t fs_write(struct fs_file *f, pid_t writer, const char *buf, size_t len, u64 off); /* rights are those of who opened it */
/* EPOLL*; @wake as in struct fs_content_ops, until fs_close() */
u32 fs_poll(struct fs_file *f, void (*wake)(void *wake_arg), void *wake_arg);
void fs_close(struct fs_file *f);

/*
 * Watching an inode end: in a bpffs when its last link goes (unlink, rmdir, rename over it,
 * unmount), in a cgroup tree when group, host file or entry is found gone, whoever still has it
 * open. gone() is called once per watch, in the order of registration, by the thread that ended the
 * inode, before its operation returns, with no lock held, and before the object that was pinned
 * there loses the reference. A watch keeps a reference of the inode until then.
 */
struct fs_watch {
	struct list node;
	struct fs_inode *inode; /* NULL: not registered (any more) */
	void (*gone)(struct fs_watch *w); /* set by the caller; w->inode is NULL again; may free @w */
};
int fs_watch_inode(struct fs_inode *i, struct fs_watch *w); /* -ENOENT: it has ended */
bool fs_unwatch_inode(struct fs *fs, struct fs_watch *w); /* true: gone() was not and will not be called */
/* The bpffs inode @o was first pinned to, referenced; NULL: not pinned, or that one was unlinked. */
struct fs_inode *fs_obj_inode(struct fs *fs, struct obj *o);

/*
 * The cgroup tree. Groups are those of the machine below @host ("/sys/fs/cgroup"); where it has
 * none, directories below @own, which has to exist. An instance shows all of it or what is below one
 * group. fs_pin() into a group exposes an object: -ENXIO when it is not pinned in a bpffs, -EPERM
 * outside of groups and against the name policy, -EEXIST. fs_pinned() of an entry is -EACCES.
 *
 * The host's own files are opened with the caller's rights, in the thread that serves it. Who may
 * write a group's directory may expose there; the service's own user may everywhere, since it
 * shows in the service's mounts only.
 */
struct fs_cgroup_options {
	char root[1024];   /* group, a path from the tree's root; "": all */
	char prefix[64];   /* what names of new entries have to begin with */
	bool host_files;   /* the machine's own files show, too */
	bool inherit;	   /* a pin shows in all groups below, each with its own content */
};
#define FS_CGROUP_OPTIONS_DEFAULT { .root = "" }
int fs_parse_cgroup_options(const char *text, struct fs_cgroup_options *opt, const char **bad);
int fs_cgroup_init(struct fs *fs, const char *host, const char *own);
struct fs_super *fs_mount_cgroup(struct fs *fs, const struct fs_cgroup_options *opt, const char *label);
bool fs_super_is_cgroup(const struct fs_super *sb);
int fs_expose(struct fs_inode *dir, const struct cred *c, const char *name, struct obj *o, mode_t mode, bool inherit);
void fs_cgroup_sweep(struct fs *fs); /* entries of groups that are gone */
/* Readable when some went: call fs_cgroup_notice(). -1: there is no such fd. */
int fs_cgroup_event_fd(struct fs *fs);
void fs_cgroup_notice(struct fs *fs);
/* Says what stands behind the file at @path, or why none is there. */
int fs_why(struct fs_super *sb, const struct cred *c, const char *path, FILE *out);

/*
 * Ids in the tree are those of the service's user namespace; a mount's are those of the namespace
 * it was made in. One says how to get to the other (as /proc/PID/uid_map: inside, outside, count).
 * Empty: the same. Ids without a mapping become the overflow id.
 */
#define FS_IDMAP_MAX 8u
struct fs_idmap {
	u32 nr;
	struct {
		u32 inside, outside, count;
	} extent[FS_IDMAP_MAX];
};
u32 fs_idmap_inside(const struct fs_idmap *map, u32 outside);
u32 fs_idmap_outside(const struct fs_idmap *map, u32 inside);

/*
 * fuse.c: serves @sb on an already opened and mounted /dev/fuse fd in threads of its own until
 * unmount. Takes over the fd, also on failure. @unmounted is called once, in one of these threads,
 * when the mount ended by itself; fs_fuse_stop() (from elsewhere) is due in any case. Id maps may
 * be NULL.
 */
struct fs_fuse;
struct fs_fuse *fs_fuse_serve(struct fs_super *sb, int fuse_fd, const struct fs_idmap *uids, const struct fs_idmap *gids, void (*unmounted)(void *arg),
			      void *arg); /* ERR_PTR */
void fs_fuse_stop(struct fs_fuse *f);

#endif
