/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cred.c - the peer's identity (DESIGN D13).
 *
 * uid and pid are those of connect(2). Capabilities are read anew for every request, since a
 * process may drop them; the pidfd makes sure that the pid still means the peer. They count when
 * they can matter here: in the service's own user namespace, or in one that the service's user owns
 * (userbpf run without root). A client whose /proc we may not read (set-uid, not dumpable) has
 * none.
 */
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "daemon/daemon.h"

#ifndef NS_GET_OWNER_UID
#define NS_GET_OWNER_UID _IO(0xb7, 0x4)
#endif

u64 cred_user_ns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) ? 0 : st.st_ino;
}

static bool admitted(const struct daemon *d, uid_t uid)
{
	return uid == d->uid || !uid || uid == d->allow_uid;
}

int cred_open(struct conn *c)
{
	struct ucred u;
	socklen_t len = sizeof(u);
	char path[32];

	c->pidfd = c->ns = -1;
	if (getsockopt(c->sock, SOL_SOCKET, SO_PEERCRED, &u, &len) || !admitted(c->d, u.uid))
		return -EACCES;
	c->pid = u.pid;
	c->uid = u.uid;
	c->gid = u.gid;
	c->pidfd = u.pid > 0 ? syscall(SYS_pidfd_open, u.pid, 0) : -1;
	snprintf(path, sizeof(path), "/proc/%d/ns", u.pid);
	c->ns = u.pid > 0 ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	return 0;
}

void cred_close(struct conn *c)
{
	if (c->pidfd >= 0)
		close(c->pidfd);
	if (c->ns >= 0)
		close(c->ns);
}

bool cred_gone(const struct conn *c)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};

	return c->pidfd >= 0 && poll(&p, 1, 0) > 0;
}

static bool alive(const struct conn *c)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};

	return c->pidfd >= 0 && !poll(&p, 1, 0);
}

static bool owned_by(const struct conn *c, uid_t uid)
{
	int fd = openat(c->ns, "user", O_RDONLY | O_CLOEXEC);
	uid_t owner;
	bool yes;

	if (fd < 0)
		return false;
	yes = !ioctl(fd, NS_GET_OWNER_UID, &owner) && owner == uid;
	close(fd);
	return yes;
}

static bool ns_counts(struct conn *c)
{
	struct stat st;

	if (c->ns < 0 || fstatat(c->ns, "user", &st, 0))
		return false;
	if (st.st_ino == c->d->user_ns)
		return true;
	if (st.st_ino != c->ns_ino) {
		c->ns_counts = owned_by(c, c->d->uid);
		c->ns_ino = st.st_ino;
	}
	return c->ns_counts;
}

static u64 effective(pid_t pid)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, pid};
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d))
		return 0;
	return d[0].effective | (u64)d[1].effective << 32;
}

void cred_get(struct conn *c, struct cred *out)
{
	u64 caps = effective(c->pid);
	bool counts = caps && ns_counts(c),
	     here = alive(c); /* then it was the peer's, what was read before */

	if (!counts || !here)
		caps = 0;
	if (c->pid == __atomic_load_n(&c->d->preload.pid, __ATOMIC_ACQUIRE) && here)
		caps = ~0ull; /* our own driver */
	*out = (struct cred){.pid = c->pid,
			     .uid = c->uid,
			     .gid = c->gid,
			     .groups_of = here ? c->pid : 0,
			     .caps = caps,
			     .unpriv_disabled = c->d->unpriv};
}

static int read_map(pid_t pid, const char *what, struct fs_idmap *map)
{
	char path[48];
	FILE *f;

	memset(map, 0, sizeof(*map));
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (map->nr < FS_IDMAP_MAX &&
	       fscanf(f, "%u %u %u", &map->extent[map->nr].inside, &map->extent[map->nr].outside,
		      &map->extent[map->nr].count) == 3)
		map->nr++;
	fclose(f);
	return 0;
}

int cred_idmaps(pid_t pid, struct fs_idmap *uids, struct fs_idmap *gids)
{
	int err = read_map(pid, "uid_map", uids);

	return err ? err : read_map(pid, "gid_map", gids);
}

static int inode_of(int fd, u64 *ino)
{
	unsigned long long n;
	char path[40], line[128];
	int err = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "ino: %llu", &n) == 1) {
			*ino = n;
			err = 0;
		}
	}
	fclose(f);
	return err;
}

/*
 * Of an O_PATH fd a client passed. Only what the host kernel has cached: the path may be on a file
 * system whose server never answers. A FUSE mount made in a user namespace is closed to us, who are
 * outside of it; the kernel then still tells the device, and fdinfo the inode.
 */
int cred_stat_path(int fd, dev_t *dev, u64 *ino)
{
	struct statx st;
	int err = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &st) ? -errno : 0;

	*ino = st.stx_ino;
	if (err == -EACCES) {
		err = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) ? -errno : 0;
		if (!err)
			err = inode_of(fd, ino);
	}
	if (!err)
		*dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	return err;
}
