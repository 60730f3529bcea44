/* SPDX-License-Identifier: BSD-2-Clause */
/* fuse_req.c - a request: whose it is, and its answer when there is only an errno. */
#include "fs/fuse_priv.h"
#include <linux/capability.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct fs_fuse *fuse_ctx_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

u64 fuse_user_ns(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

/* Capabilities count in our own user namespace only. */
static u64 caps_of(struct fs_fuse *f, pid_t pid)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, pid};
	struct __user_cap_data_struct d[2];
	char path[32];
	u64 caps;

	if (pid <= 0 || syscall(SYS_capget, &h, d))
		return 0;
	caps = d[0].effective | (u64)d[1].effective << 32;
	if (!caps)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	return fuse_user_ns(path) == f->user_ns ? caps : 0;
}

/* Who asks, in *c; NULL when the kernel has checked what they may. */
const struct cred *fuse_who(fuse_req_t req, struct cred *c)
{
	const struct fuse_ctx *u = fuse_req_ctx(req);
	struct fs_fuse *f = fuse_ctx_of(req);

	if (!f->sb->kind->as_caller)
		return NULL;
	*c = (struct cred){.pid = u->pid,
			   .groups_of = u->pid, /* it waits for us */
			   .uid = fs_idmap_outside(&f->uids, u->uid),
			   .gid = fs_idmap_outside(&f->gids, u->gid),
			   .caps = caps_of(f, u->pid)};
	return c;
}

void fuse_reply_errno(fuse_req_t req, int err)
{
	fuse_reply_err(req, -err);
}
