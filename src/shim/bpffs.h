/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SHIM_BPFFS_H
#define USERBPF_SHIM_BPFFS_H
/*
 * bpffs.h - bpffs instances as a client process sees them: FUSE mounts of type "fuse.bpf" that the
 * service answers. The process that mounts opens /dev/fuse and calls mount(2) in its own
 * namespaces; the service only gets the fd. Shared by shim and CLI.
 */
#include <sys/vfs.h>
#include "shim/client.h"

#define BPFFS_FUSE_TYPE "fuse.bpf"
#define CGROUP_FUSE_TYPE "fuse.cgroup"
#define FUSE_MAGIC_NR	0x65735546

/* Is the file behind @fd (with @path NULL) or at @path on one of our mounts? */
bool bpffs_is(int fd, const char *path);
/*
 * mount(2) of type bpf; with MS_REMOUNT it applies options and restores preload files. 0 or
 * negative errno as mount(2) would give; -ENODEV: no /dev/fuse here.
 */
int bpffs_mount(struct client *c, const char *source, const char *dir, unsigned long flags,
		const char *options);
/* One more mount of the service's default instance (`userbpf run`: all commands see the same
 * files). */
int bpffs_mount_shared(struct client *c, const char *dir);
/* A mount of the service's default cgroup tree, or (@shared false) a tree of its own with @options. */
int cgroup_mount(struct client *c, const char *dir, bool shared, const char *options);
bool cgroup_is(const char *path);
/* Tells the service about an instance without FUSE: only text paths below @label reach it. */
int bpffs_mount_virtual(struct client *c, const char *label, const char *options);
/* For mounters other than ourselves (fusermount3): gives the service a mounted fd. */
int bpffs_announce(struct client *c, u32 flags, int fuse_fd, int root_fd, const char *label,
		   const char *options); /* @flags: MOUNT_* */

/* Shim only: result @r of statfs(2) on a path or fd, and *st, as a bpffs would have it. */
long bpffs_fix_statfs(int fd, const char *path, long r, struct statfs *st);

#endif
