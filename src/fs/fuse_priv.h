/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FS_FUSE_PRIV_H
#define USERBPF_FS_FUSE_PRIV_H
/*
 * fuse_priv.h - what the parts of the FUSE adapter share: fuse.c (the session and its threads),
 * fuse_inode.c (requests about inodes and directories, and what the host kernel holds of them),
 * fuse_file.c (open files), fuse_req.c (who asks). They are the only files that include FUSE.
 */
#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include <pthread.h>
#include "fs/inode.h"

#define LOOKUP_BUCKETS 512u

struct fuse_lookup; /* fuse_inode.c */

struct fs_fuse {
	struct fs_super *sb;
	struct fs_idmap uids, gids;
	u64 user_ns; /* our own */
	struct fuse_lookup *lookups[LOOKUP_BUCKETS];
	struct fuse_session *se;
	int fd, stop_fd;
	pthread_t first;
	pthread_mutex_t lock;
	pthread_cond_t gone;
	u32 workers, idle;
	bool stopping;
	struct list files; /* open ones: an aborted connection does not release them */
	void (*unmounted)(void *arg);
	void *arg;
};

/* fuse_req.c */
struct fs_fuse *fuse_ctx_of(fuse_req_t req);
u64 fuse_user_ns(const char *path); /* number of a user namespace; 0: cannot be seen */
void fuse_reply_errno(fuse_req_t req, int err); /* 0 or negative */
const struct cred *fuse_who(fuse_req_t req, struct cred *c); /* who asks, in *c; NULL when the kernel has checked what they may */

/* fuse_inode.c */
struct fs_inode *fuse_node(fuse_req_t req, fuse_ino_t ino); /* referenced; NULL: there is none, answered */
void fuse_forget_all(struct fs_fuse *f);
void fuse_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void fuse_op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n);
void fuse_op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *f);
void fuse_op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fuse_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi);
void fuse_op_readlink(fuse_req_t req, fuse_ino_t ino);
void fuse_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void fuse_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void fuse_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void fuse_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void fuse_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void fuse_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void fuse_op_rename(fuse_req_t req, fuse_ino_t op, const char *on, fuse_ino_t np, const char *nn, unsigned int flags);
void fuse_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void fuse_op_access(fuse_req_t req, fuse_ino_t ino, int mask);
void fuse_op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fuse_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void fuse_op_statfs(fuse_req_t req, fuse_ino_t ino);

/* fuse_file.c */
void fuse_close_all(struct fs_fuse *f); /* files that an aborted connection did not release */
void fuse_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fuse_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void fuse_op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off, struct fuse_file_info *fi);
void fuse_op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph);
void fuse_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

#endif
