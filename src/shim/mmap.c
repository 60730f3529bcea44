/* SPDX-License-Identifier: BSD-2-Clause */
/* mmap.c - mmap of a map handle: the part of the map's memory that its kind shows (struct map_window),
 * under the kernel's conditions. */
#include "base/raw.h"
#include "map/perf_ring.h"
#include "shim/shim.h"

#define PAGE 4096ull

/* What the kind shows, in the order the kernel asks. */
static int within(const struct map_window *w, u64 len, int prot, off_t off)
{
	u64 end = off + round_up(len, PAGE);

	if (!w->len)
		return -EINVAL;
	if (prot & PROT_WRITE && ((u64)off < w->write_from || end > w->write_to))
		return w->outside;
	return off < 0 || end > w->len ? -EINVAL : 0;
}

/* The buffer of a perf event is as large as it is mapped. */
static int perf_allowed(const struct fd_obj *o, struct map_window *w, u64 len, bool shared,
			off_t off)
{
	if (!shared || off || !o->map)
		return -EINVAL;
	o->map->ops->window(o->map, w);
	return map_perf_ring_mapped(o->map, len);
}

/* As the kernel checks: the open mode of the fd, the kind, the sharing, the freeze, the flags, the
 * size. */
static int allowed(const struct fd_obj *o, struct map_window *w, size_t len, int prot, int flags,
		   off_t off)
{
	const struct bpf_map *map = o->map;
	bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;

	if (!len || off & (off_t)(PAGE - 1))
		return -EINVAL;
	if (!(o->perm & 1) || (shared && prot & PROT_WRITE && !(o->perm & 2)))
		return -EACCES;
	if (prot & PROT_EXEC)
		return -EPERM;
	if (o->kind == FD_PERF_RING)
		return perf_allowed(o, w, len, shared, off);
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
	map->ops->window(map, w);
	return within(w, len, prot, off);
}

/* A fresh fd of the map's memory: the program closed what the view has. */
static int memory_of(int fd, const struct fd_obj *o)
{
	struct fd_obj again = {0};
	struct map_attr attr;
	int memfd = -1, err = shim_describe(NULL, fd, &again, &attr, &memfd);

	if (err || memfd < 0)
		return err ?: -ENOTSUPP;
	return memfd;
}

struct mapping {
	const struct map_window *w;
	u64 base; /* of the window in the memory */
	int prot, flags, fd;
};

/* Two mappings, side by side at @addr (NULL: anywhere). */
static long map_twice(const struct mapping *m, char *addr, u64 len, u64 off)
{
	u64 first = off < m->w->twice ? m->w->twice - off : 0;
	u64 again = m->base + off + first - m->w->back;
	int fixed = (m->flags & ~MAP_FIXED_NOREPLACE) | MAP_FIXED;
	long at, err = 0;

	at = (long)raw_mmap(addr, len, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
				    (m->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)),
			    -1, 0);
	if (IS_ERR((void *)at))
		return at;
	if (first)
		err = (long)raw_mmap((void *)at, first, m->prot, fixed, m->fd, m->base + off);
	if (!IS_ERR((void *)err))
		err = (long)raw_mmap((char *)at + first, len - first, m->prot, fixed, m->fd, again);
	if (!IS_ERR((void *)err))
		return at;
	raw_munmap((void *)at, len);
	return err;
}

/*
 * Read-only mappings are made from a read-only fd, so that mprotect() cannot turn them writable and
 * F_SEAL_WRITE does not count them.
 */
static long map_window(struct mapping *m, void *addr, size_t len, off_t off)
{
	char path[40];
	int memfd = m->fd;
	long ret;

	if (!(m->prot & PROT_WRITE)) {
		shim_fd_path(path, memfd);
		m->fd = raw_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
		if (m->fd < 0)
			m->fd = memfd;
	}
	if (m->w->twice && off + len > m->w->twice)
		ret = map_twice(m, addr, round_up((u64)len, PAGE), off);
	else
		ret = (long)raw_mmap(addr, len, m->prot, m->flags, m->fd, m->base + off);
	if (m->fd != memfd)
		raw_close(m->fd);
	return ret;
}

long shim_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	struct fd_obj *o = fdtab_get(shim.fds, fd);
	struct map_window w;
	struct mapping m;
	int memfd, own;
	long ret;

	if (IS_ERR(o))
		return SHIM_ELSEWHERE;
	ret = allowed(o, &w, len, prot, flags, off);
	if (ret)
		goto out;
	own = fdtab_memory(o);
	memfd = own >= 0 ? own : memory_of(fd, o);
	ret = memfd;
	if (memfd >= 0) {
		m = (struct mapping){&w, o->map->value_off, prot, flags, memfd};
		ret = map_window(&m, addr, len, off);
		if (own < 0)
			raw_close(memfd);
	}
out:
	fdtab_put(shim.fds, o);
	return ret;
}
