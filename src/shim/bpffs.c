/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include "shim/bpffs.h"
#include "base/raw.h"

/* A line of mountinfo: "36 35 0:98 / /mnt rw,... [tags] - type source options" */
static bool line_is_ours(char *line, dev_t dev, const char *type)
{
	unsigned int maj, min;
	char *dash = strstr(line, " - ");

	if (!dash || strncmp(dash + 3, type, strlen(type)) || dash[3 + strlen(type)] != ' ')
		return false;
	return sscanf(line, "%*d %*d %u:%u", &maj, &min) == 2 && makedev(maj, min) == dev;
}

static bool mounted_by_us(dev_t dev, const char *type)
{
	int fd = raw_openat(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC, 0);
	char buf[8192];
	size_t have = 0;
	bool ours = false;
	long n;

	while (fd >= 0 && !ours && (n = raw_read(fd, buf + have, sizeof(buf) - 1 - have)) > 0) {
		char *line = buf, *nl;

		have += n;
		buf[have] = '\0';
		while (!ours && (nl = strchr(line, '\n'))) {
			*nl = '\0';
			ours = line_is_ours(line, dev, type);
			line = nl + 1;
		}
		have -= line - buf;
		memmove(buf, line, have);
		if (have == sizeof(buf) - 1)
			have = 0; /* a line that long is not ours */
	}
	if (fd >= 0)
		raw_close(fd);
	return ours;
}

static bool is_type(int fd, const char *path, const char *type)
{
	struct statfs fs;
	struct stat st;

	if (path ? raw3(SYS_statfs, path, &fs, 0) : raw3(SYS_fstatfs, fd, &fs, 0))
		return false;
	if ((u32)fs.f_type != FUSE_MAGIC_NR)
		return false;
	if (path ? raw4(SYS_newfstatat, AT_FDCWD, path, &st, 0) : raw_fstat(fd, &st))
		return false;
	return mounted_by_us(st.st_dev, type);
}

bool bpffs_is(int fd, const char *path)
{
	return is_type(fd, path, BPFFS_FUSE_TYPE);
}

bool cgroup_is(const char *path)
{
	return is_type(-1, path, CGROUP_FUSE_TYPE);
}

static int send_mount(struct client *c, u32 type, u32 flags, const int *fds, u32 nr_fds,
		      const char *label, const char *options)
{
	struct msg_mount m = {
		.flags = flags, .options_len = strlen(options) + 1, .label_len = strlen(label) + 1};
	struct iovec iov[] = {
		{&m, sizeof(m)}, {(void *)options, m.options_len}, {(void *)label, m.label_len}};
	struct client_req req = {
		.type = type, .iov = iov, .nr_iov = 3, .fds = fds, .nr_fds = nr_fds};
	struct client_reply reply;
	int err = client_call(c, &req, &reply);

	if (err)
		return err;
	err = min(reply.result, 0);
	client_done(&reply);
	return err;
}

int bpffs_announce(struct client *c, u32 flags, int fuse_fd, int root_fd, const char *label,
		   const char *options)
{
	int fds[] = {fuse_fd, root_fd};

	return send_mount(c, MSG_MOUNT, flags, fds, 2, label, options ?: "");
}

int bpffs_mount_virtual(struct client *c, const char *label, const char *options)
{
	return send_mount(c, MSG_MOUNT, MOUNT_SHARED, NULL, 0, label, options ?: "");
}

/* The mount point's full name, as the service shows it. */
static void label_of(int root_fd, const char *dir, char *label, size_t cap)
{
	char link[40];
	long n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", root_fd);
	n = raw_readlinkat(AT_FDCWD, link, label, cap - 1);
	if (n <= 0)
		n = snprintf(label, cap, "%s", dir);
	label[min(n, (long)cap - 1)] = '\0';
}

static int remount(struct client *c, const char *dir, const char *options)
{
	int fd = raw_openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC, 0), err;
	char label[4096];

	if (fd < 0)
		return fd;
	label_of(fd, dir, label, sizeof(label));
	err = bpffs_is(fd, NULL) ? send_mount(c, MSG_REMOUNT, 0, &fd, 1, label, options ?: "")
				 : -EINVAL;
	raw_close(fd);
	return err;
}

static int do_mount(struct client *c, u32 how, const char *source, const char *dir,
		    unsigned long flags, const char *options)
{
	int fuse, root, err;
	char text[4096];

	fuse = raw_openat(AT_FDCWD, "/dev/fuse", O_RDWR | O_CLOEXEC, 0);
	if (fuse < 0)
		return -ENODEV;
	/* a cgroup tree wants to know who asks, and checks by itself */
	snprintf(text, sizeof(text), "fd=%d,rootmode=40755,user_id=%ld,group_id=%ld,allow_other%s",
		 fuse, raw3(SYS_geteuid, 0, 0, 0), raw3(SYS_getegid, 0, 0, 0),
		 how & MOUNT_CGROUP ? "" : ",default_permissions");
	err = raw6(SYS_mount, (long)source, (long)dir,
		   (long)(how & MOUNT_CGROUP ? CGROUP_FUSE_TYPE : BPFFS_FUSE_TYPE), flags,
		   (long)text, 0);
	if (err)
		goto out;
	root = raw_openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	err = root;
	if (root >= 0) {
		label_of(root, dir, text, sizeof(text));
		err = bpffs_announce(c, how, fuse, root, text, options);
		raw_close(root);
	}
	if (err < 0)
		raw3(SYS_umount2, dir, MNT_DETACH, 0);
out:
	raw_close(fuse);
	return min(err, 0);
}

int bpffs_mount(struct client *c, const char *source, const char *dir, unsigned long flags,
		const char *options)
{
	if (flags & MS_REMOUNT)
		return remount(c, dir, options);
	return do_mount(c, 0, source && *source ? source : "bpf", dir, flags, options);
}

int bpffs_mount_shared(struct client *c, const char *dir)
{
	return do_mount(c, MOUNT_SHARED, "bpf", dir, 0, "");
}

int cgroup_mount(struct client *c, const char *dir, bool shared, const char *options)
{
	return do_mount(c, MOUNT_CGROUP | (shared ? MOUNT_SHARED : 0), "cgroup", dir, 0, options);
}
