/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FDTAB_H
#define USERBPF_FDTAB_H
/*
 * fdtab.h - what the process's fds mean: fd -> object behind a handle, learnt from the service once
 * (MSG_HANDLE), or with the fd when the service made it. Then a map's memory is asked for, mapped and kept when it is first needed:
 * many a map is only made and handed on.
 *
 * Entries are positive only ("this fd is a handle of map 7, read-only") and are dropped when the
 * number is closed or replaced; the interposed calls see to that. Readers take no lock: they load
 * the entry, take a reference on its record or say that they hold it, and look again whether the entry is still there.
 * Records come from a pool that never shrinks, so a reader that lost the race touches a record,
 * only not the one it wanted.
 *
 * A map's view (mapping of its memfd) is shared by all fds and program images that refer to the
 * same memory with the same permission, and goes with the last of them. After fork() everything
 * stays valid in the child, since mappings and fds are inherited.
 */
#include "map/map.h"

enum fd_kind { FD_PROG, FD_MAP, FD_LINK, FD_BTF, FD_PERF = 5, FD_PERF_RING = 6 }; /* values of enum obj_kind on the wire */

struct fdtab;
struct exec_image;
struct inner_cache;

struct fd_obj {
	u32 refs; /* 0: in the free list */
	u32 kind, perm, id, type;
	bool unmapped;		 /* FD_MAP: what the service said with the fd, without the memory: sizes and ops of @view count */
	bool updated;		 /* unmapped: the service was asked to update an element; atomic */
	u64 dev, ino;		 /* handle's identity (not for views made for images) */
	struct bpf_map *map;	 /* FD_MAP: bound view, or NULL when this process cannot have one */
	u64 shm_dev, memory_ino; /* of the map's memory */
	u64 shm_ino;		 /* the same, once the view is in the list of maps */
	struct exec_image *image; /* FD_PROG: set once it was run here; atomic */
	struct inner_cache *inner; /* maps of maps: what was found inside (inner.c); atomic */
	u32 event; /* maps with events: eventfd that wakes their readers, once it was needed; atomic */
	struct fd_obj *heap; /* of objects that values own; referenced, atomic */
	struct fd_obj *next;	  /* free list, or list of maps */
	struct bpf_map view;
};

/* What the table asks the service; 0 or negative errno. @memfd: new fd or -1, owned by the table.
 */
struct fd_source {
	int (*describe)(void *arg, int fd, struct fd_obj *out, struct map_attr *attr, int *memfd);
	void (*put_image)(struct exec_image *img);
	void (*put_inner)(struct inner_cache *inner);
	void *arg;
};

struct fdtab *fdtab_new(const struct fd_source *src); /* NULL: no memory */
void fdtab_after_fork(struct fdtab *t); /* in the child: locks held by other threads of the parent
					   are free again */

/* The cached entry of @fd, referenced, or NULL; no lock, no system call. */
struct fd_obj *fdtab_peek(struct fdtab *t, int fd);
/*
 * The same for a moment, without a reference: until fdtab_release(), one at a time per thread
 * (hold.h). NULL too for a map that is not mapped, and when there is no memory.
 */
struct fd_obj *fdtab_hold(struct fdtab *t, int fd);
void fdtab_release(void);
/* The same as fdtab_peek(), asking the service when nothing is cached: ERR_PTR(-EBADF: not an open fd; -EINVAL: no
 * handle; -EIO ...) */
struct fd_obj *fdtab_get(struct fdtab *t, int fd);
/* The same when kind, permission and sizes are enough: a map may be unmapped yet. */
struct fd_obj *fdtab_get_shape(struct fdtab *t, int fd);
/* @fd is new, and the service said what it is. @memfd: a map's memory (borrowed), or -1. */
void fdtab_tell(struct fdtab *t, int fd, const struct fd_obj *what, const struct map_attr *attr, int memfd);
/* A map that was never touched: true once, for a first update that the service may as well make. */
bool fdtab_first_update(struct fdtab *t, int fd);
/* The memory behind the view of @o, as an fd of the table's; -1: there is none, or the program took it away. */
int fdtab_memory(const struct fd_obj *o);
void fdtab_put(struct fdtab *t, struct fd_obj *o);
/* @fd was closed or replaced. */
void fdtab_drop(struct fdtab *t, unsigned int fd);
void fdtab_drop_range(struct fdtab *t, unsigned int first, unsigned int last);
/* Is @fd the memory of one of our views? */
bool fdtab_owns_fd(struct fdtab *t, int fd);
unsigned int fdtab_next_fd(struct fdtab *t,
			   unsigned int first); /* lowest such fd from @first on; ~0u: none */
/* A view for @attr on @memfd (borrowed), shared with what is there already; ERR_PTR. */
struct fd_obj *fdtab_map_view(struct fdtab *t, const struct map_attr *attr, int memfd, bool rdonly);

#endif
