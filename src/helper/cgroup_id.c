/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "abi/compat.h"
#include "helper/cgroup_id.h"

#define V2_LINE "0::"

/* The process's path in the v2 hierarchy, "/" for the root; NULL: it has none. */
static const char *own_path(char *buf, size_t size)
{
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, buf, size - 1);
	char *line, *end;

	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return NULL;
	buf[len] = '\0';
	for (line = buf; line && strncmp(line, V2_LINE, strlen(V2_LINE));
	     line = end ? end + 1 : NULL)
		end = strchr(line, '\n');
	if (!line || !*line)
		return NULL;
	line += strlen(V2_LINE);
	end = strchr(line, '\n');
	if (!end)
		return NULL; /* longer than the buffer */
	*end = '\0';
	return *line == '/' ? line : NULL;
}

/* Length of the first @level names of @path; -1: it has fewer. */
static s64 prefix(const char *path, s32 level)
{
	const char *at = path;

	for (; level > 0 && *at == '/' && at[1]; level--) {
		at = strchr(at + 1, '/');
		if (!at)
			at = path + strlen(path);
	}
	return level > 0 ? -1 : at - path;
}

/* A mirror of the machine's tree says so in another field: FUSE has none for it. */
static bool is_v2(const struct statfs *fs)
{
	return fs->f_type == CGROUP2_SUPER_MAGIC ||
	       (fs->f_ffree == STATFS_MARK && fs->f_files == CGROUP2_SUPER_MAGIC);
}

/* Straight to the kernel: who interposes statfs(2) hides what a mirror says. */
static bool look(const char *path, struct statfs *fs)
{
	return !syscall(SYS_statfs, path, fs) && is_v2(fs);
}

/* The id of the directory that is open as @fd, or at @path. */
static u64 id_of(const struct statfs *fs, const char *path, int fd)
{
	struct stat st;

	if (!is_v2(fs) || (path ? stat(path, &st) : fstat(fd, &st)) || !S_ISDIR(st.st_mode))
		return 0;
	return fs->f_ffree == STATFS_MARK ? (u64)fs->f_bfree : st.st_ino;
}

static u64 inode_at(const char *mount, const char *path, size_t len)
{
	char name[512];
	struct statfs fs;

	if (strlen(mount) + len >= sizeof(name) || !look(mount, &fs))
		return 0;
	strcpy(name, mount);
	strncat(name, path, len);
	return look(name, &fs) ? id_of(&fs, name, -1) : 0;
}

u64 cgroup_id_current(s32 level)
{
	int saved = errno;
	char buf[1024];
	const char *path = own_path(buf, sizeof(buf));
	s64 len = !path ? -1 : level < 0 ? (s64)strlen(path) : prefix(path, level);
	u64 id = 0;

	if (len >= 0)
		id = inode_at("/sys/fs/cgroup", path, (size_t)len)
			     ?: inode_at("/sys/fs/cgroup/unified", path, (size_t)len);
	errno = saved;
	return id;
}

u64 cgroup_id_fd(int fd)
{
	int saved = errno;
	struct statfs fs;
	u64 id = syscall(SYS_fstatfs, fd, &fs) ? 0 : id_of(&fs, NULL, fd);

	errno = saved;
	return id;
}

bool cgroup_id_has_current(u64 id)
{
	s32 level = 0;
	u64 at;

	while (id && (at = cgroup_id_current(level)) && at != id)
		level++;
	return id && at;
}

bool cgroup_id_mirrored(const char *path, u64 *id)
{
	struct statfs fs;

	if (!look(path, &fs) || fs.f_ffree != STATFS_MARK)
		return false;
	*id = (u64)fs.f_bfree;
	return true;
}
