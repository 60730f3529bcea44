/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * path.c - pathnames of OBJ_PIN and OBJ_GET, resolved in the program's own view (DESIGN D9), and
 * statfs of a bpffs. USERBPF_VIRTUAL names the directory that stands for a bpffs where /dev/fuse is
 * missing; the service then goes by the text.
 */
#include <stdio.h>
#include "shim/bpffs.h"
#include "shim/guard.h"
#include "base/raw.h"
#include "shim/shim.h"

#define PATH_CAP	 4096
#define TRACEFS_MAGIC_NR 0x74726163

static bool below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (path[len] == '/' || !path[len]);
}

bool shim_is_virtual(const char *path)
{
	return shim.virtual_root && below(path, shim.virtual_root);
}

/* Where the last component starts (past trailing slashes cut off); the kernel's answer when there
 * is nothing to create. */
static int split(char *path, char **name, bool *slash)
{
	size_t len = strlen(path);
	char *last;

	while (len && path[len - 1] == '/')
		len--;
	*slash = path[len] == '/';
	if (!len)
		return path[0] ? -EEXIST : -ENOENT;
	path[len] = '\0';
	last = strrchr(path, '/');
	*name = last ? last + 1 : path;
	return !strcmp(*name, ".") || !strcmp(*name, "..") ? -EEXIST : 0;
}

/* The parent directory of what shall be created, opened; kernel: filename_create(). */
static int open_parent(const char *text, char *name_out, size_t cap)
{
	char path[PATH_CAP], *name;
	struct stat st;
	bool slash;
	int err, fd;

	memcpy(path, text, strlen(text) + 1);
	err = split(path, &name, &slash);
	if (err)
		return err;
	if (strlen(name) >= cap)
		return -ENAMETOOLONG;
	memcpy(name_out, name, strlen(name) + 1);
	if (name == path)
		memcpy(path, ".", 2);
	else
		name[name == path + 1 ? 0 : -1] = '\0';
	fd = raw_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	if (!raw4(SYS_newfstatat, fd, name_out, &st, AT_SYMLINK_NOFOLLOW))
		err = -EEXIST;
	else if (slash)
		err = -ENOENT;
	if (!err)
		return fd;
	raw_close(fd);
	return err;
}

/* Text as the service sees it: absolute. */
static int read_text(char *text, u64 upath)
{
	long len = guard_read_str(text, upath, PATH_CAP), cwd_len;
	char cwd[PATH_CAP];

	if (len < 0) {
		text[0] = '\0';
		return len;
	}
	if (len == 1)
		return -ENOENT;
	if (text[0] == '/' || !shim.virtual_root)
		return 0;
	cwd_len = raw3(SYS_getcwd, cwd, sizeof(cwd), 0);
	if (cwd_len <= 0 || cwd_len + len > PATH_CAP)
		return 0;
	cwd[cwd_len - 1] = '/';
	memmove(text + cwd_len, text, len);
	memcpy(text, cwd, cwd_len);
	return 0;
}

int shim_path_body(char *body, size_t cap, u64 upath, bool pin, int index, int *fd)
{
	struct msg_path *m = (void *)body;
	char text[PATH_CAP], name[256] = "";
	int err = read_text(text, upath);

	*fd = -1;
	if (!err) {
		*fd = pin ? open_parent(text, name, sizeof(name))
			  : raw_openat(AT_FDCWD, text, O_PATH | O_CLOEXEC, 0);
		err = min(*fd, 0);
	}
	if (*fd < 0)
		*fd = -1;
	*m = (struct msg_path){
		.index = *fd >= 0 ? index : -1,
		.error = err,
		.text_len = strlen(text) + 1,
		.name_len = strlen(name) + 1,
	};
	if (sizeof(*m) + m->text_len + m->name_len > cap)
		return -ENAMETOOLONG;
	memcpy(m + 1, text, m->text_len);
	memcpy((char *)(m + 1) + m->text_len, name, m->name_len);
	return sizeof(*m) + m->text_len + m->name_len;
}

/* mkdir(2), rmdir(2), unlink(2) below a bpffs without FUSE; SHIM_ELSEWHERE: some other path */
long shim_virtual_op(u32 type, const char *path, u32 flags)
{
	struct msg_fs_req head = {.flags = flags};
	struct iovec iov[] = {{&head, sizeof(head)}, {(void *)path, 0}};
	struct client_req req = {.type = type, .iov = iov, .nr_iov = 2};
	struct client_reply reply;
	int ret;

	if (!path || !shim_is_virtual(path))
		return SHIM_ELSEWHERE;
	if (type == MSG_FS_MKDIR && strspn(path + strlen(shim.virtual_root), "/") ==
					    strlen(path) - strlen(shim.virtual_root))
		return -EEXIST; /* the root itself; its parent is none of the service's */
	iov[1].iov_len = head.path_len = strlen(path) + 1;
	ret = client_call(&shim.client, &req, &reply);
	if (ret)
		return ret;
	ret = reply.result;
	client_done(&reply);
	return ret;
}

/* Does the text name a directory or file of the instance without FUSE? */
static bool virtual_exists(const char *path)
{
	struct msg_fs_req head = {.flags = FS_LS_SELF, .path_len = strlen(path) + 1};
	struct iovec iov[] = {{&head, sizeof(head)}, {(void *)path, head.path_len}};
	struct client_req req = {.type = MSG_FS_LS, .iov = iov, .nr_iov = 2};
	struct client_reply reply;
	bool exists;

	if (client_call(&shim.client, &req, &reply))
		return false;
	exists = reply.result >= 0;
	while (reply.result >= 0 && reply.len)
		if (client_next(&reply)) {
			client_broken(&reply);
			break;
		}
	client_done(&reply);
	return exists;
}

long bpffs_fix_statfs(int fd, const char *path, long r, struct statfs *st)
{
	if (path && shim_is_virtual(path)) {
		if (!virtual_exists(path))
			return -ENOENT;
		if (r)
			memset(st, 0, sizeof(*st));
		st->f_type = BPF_FS_MAGIC_NR;
		return 0;
	}
	if (!r && (u32)st->f_type == FUSE_MAGIC_NR && st->f_ffree == STATFS_MARK) {
		st->f_type = st->f_files; /* a cgroup tree of ours */
		st->f_files = st->f_ffree = st->f_bfree = 0;
	}
	if (!r && path &&
	    (!strcmp(path, "/sys/kernel/tracing") || !strcmp(path, "/sys/kernel/debug/tracing")))
		st->f_type = TRACEFS_MAGIC_NR; /* a directory of the service's */
	if (!r && (u32)st->f_type == FUSE_MAGIC_NR && bpffs_is(fd, path))
		st->f_type = BPF_FS_MAGIC_NR;
	return r;
}
