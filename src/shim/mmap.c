/* SPDX-License-Identifier: BSD-2-Clause */
/* mmap.c - mmap of a map handle: the part of the map's memory that holds the values, under the
 * kernel's conditions. */
#include "shim/raw.h"
#include "shim/shim.h"

#define PAGE 4096ull

/* As the kernel checks: the open mode of the fd, the kind, the sharing, the freeze, the flags, the
 * size. */
static int allowed(const struct fd_obj *o, size_t len, int prot, int flags, off_t off)
{
	const struct bpf_map *map = o->map;
	bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;

	if (!len || off & (off_t)(PAGE - 1))
		return -EINVAL;
	if (!(o->perm & 1) || (shared && prot & PROT_WRITE && !(o->perm & 2)))
		return -EACCES;
	if (prot & PROT_EXEC)
		return -EPERM;
	if (o->kind != FD_MAP)
		return -ENODEV;
	if (!map || !map_can_mmap(map))
		return -ENOTSUPP;
	if (!shared || !(o->perm & 2)) /* mm takes VM_SHARED away from files not open for writing */
		return -EINVAL;
	if (prot & PROT_WRITE && READ_ONCE(map->shm->frozen))
		return -EPERM;
	if (prot & PROT_WRITE && map->map_flags & BPF_F_RDONLY_PROG)
		return -EACCES;
	if (!(map->map_flags & BPF_F_MMAPABLE))
		return -EINVAL;
	if (off < 0 || off + round_up((u64)len, PAGE) >
			       round_up((u64)map->max_entries * map->elem_stride, PAGE))
		return -EINVAL;
	return 0;
}

/* A fresh fd of the map's memory: what the view has was perhaps closed by the program. */
static int memory_of(int fd, const struct fd_obj *o)
{
	struct fd_obj again = {0};
	struct map_attr attr;
	int memfd = -1, err = shim_describe(NULL, fd, &again, &attr, &memfd);

	if (err || memfd < 0)
		return err ?: -ENOTSUPP;
	return memfd;
}

/*
 * Read-only mappings are made from a read-only fd, so that mprotect() cannot turn them writable and
 * F_SEAL_WRITE does not count them.
 */
static long map_values(const struct fd_obj *o, int memfd, void *addr, size_t len, int prot,
		       int flags, off_t off)
{
	char path[40];
	long ret;
	int fd = memfd;

	if (!(prot & PROT_WRITE)) {
		shim_fd_path(path, memfd);
		fd = raw_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
		if (fd < 0)
			fd = memfd;
	}
	ret = (long)raw_mmap(addr, len, prot, flags, fd, o->map->value_off + off);
	if (fd != memfd)
		raw_close(fd);
	return ret;
}

long shim_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	struct fd_obj *o = fdtab_get(shim.fds, fd);
	int memfd;
	long ret;

	if (IS_ERR(o))
		return SHIM_ELSEWHERE;
	ret = allowed(o, len, prot, flags, off);
	if (ret)
		goto out;
	memfd = memory_of(fd, o);
	ret = memfd;
	if (memfd >= 0) {
		ret = map_values(o, memfd, addr, len, prot, flags, off);
		raw_close(memfd);
	}
out:
	fdtab_put(shim.fds, o);
	return ret;
}
