/* SPDX-License-Identifier: BSD-2-Clause */
#include "helper/pidfd_cache.h"
#include "shim/fdtab.h"
#include "shim/hold.h"
#include "base/raw.h"

#define LEAF_BITS 10
#define LEAF_FDS  (1u << LEAF_BITS)
#define NR_LEAVES 1024u
#define MAX_FDS	  (LEAF_FDS * NR_LEAVES)
#define BATCH	  32
#define HIGH_FD	  700 /* out of the program's way */

struct fdtab {
	struct fd_obj **leaf[NR_LEAVES]; /* made on demand, never freed; atomic */
	struct fd_source src;
	u32 lock; /* spin lock over what follows; held for a few instructions */
	struct fd_obj *free;
	struct fd_obj *maps; /* records with a view */
};

static void *page_alloc(size_t len)
{
	void *p = raw_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return IS_ERR(p) ? NULL : p;
}

static void lock(struct fdtab *t)
{
	while (__atomic_exchange_n(&t->lock, 1, __ATOMIC_ACQUIRE))
		raw3(SYS_sched_yield, 0, 0, 0);
}

static void unlock(struct fdtab *t)
{
	__atomic_store_n(&t->lock, 0, __ATOMIC_RELEASE);
}

struct fdtab *fdtab_new(const struct fd_source *src)
{
	struct fdtab *t = page_alloc(sizeof(*t));

	if (t)
		t->src = *src;
	hold_init();
	return t;
}

void fdtab_after_fork(struct fdtab *t)
{
	unlock(t);
	hold_after_fork();
}

static struct fd_obj **entry_of(struct fdtab *t, unsigned int fd, bool make)
{
	struct fd_obj **leaf, **seen = NULL;

	if (fd >= MAX_FDS)
		return NULL;
	leaf = __atomic_load_n(&t->leaf[fd >> LEAF_BITS], __ATOMIC_ACQUIRE);
	if (!leaf && make) {
		leaf = page_alloc(LEAF_FDS * sizeof(*leaf));
		if (leaf &&
		    !__atomic_compare_exchange_n(&t->leaf[fd >> LEAF_BITS], &seen, leaf, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			raw_munmap(leaf, LEAF_FDS * sizeof(*leaf));
			leaf = seen;
		}
	}
	return leaf ? &leaf[fd & (LEAF_FDS - 1)] : NULL;
}

static bool ref_unless_zero(struct fd_obj *o)
{
	u32 n = __atomic_load_n(&o->refs, __ATOMIC_RELAXED);

	while (n)
		if (__atomic_compare_exchange_n(&o->refs, &n, n + 1, true, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

struct fd_obj *fdtab_peek(struct fdtab *t, int fd)
{
	struct fd_obj **e = entry_of(t, fd, false), *o;

	while (e && (o = __atomic_load_n(e, __ATOMIC_ACQUIRE))) {
		if (!ref_unless_zero(o))
			continue; /* being dropped right now */
		if (likely(__atomic_load_n(e, __ATOMIC_ACQUIRE) == o))
			return o;
		fdtab_put(t, o);
	}
	return NULL;
}

struct fd_obj *fdtab_hold(struct fdtab *t, int fd)
{
	struct fd_obj **leaf, **e, *o;

	if (unlikely((unsigned int)fd >= MAX_FDS || !hold_ready()))
		return NULL;
	leaf = __atomic_load_n(&t->leaf[(unsigned int)fd >> LEAF_BITS], __ATOMIC_ACQUIRE);
	if (unlikely(!leaf))
		return NULL;
	e = &leaf[fd & (LEAF_FDS - 1)];
	while ((o = __atomic_load_n(e, __ATOMIC_ACQUIRE))) {
		hold_set(o);
		if (likely(__atomic_load_n(e, __ATOMIC_ACQUIRE) == o))
			break;
	}
	if (likely(o && !o->unmapped))
		return o;
	hold_clear();
	return NULL;
}

void fdtab_release(void)
{
	hold_clear();
}

/* The reference of an entry that stands in the table no more. */
static void put_entry(struct fdtab *t, struct fd_obj *o)
{
	/* held for ever: then it stays for ever */
	if (o && hold_wait(o))
		fdtab_put(t, o);
}

/* A record with one reference. */
static struct fd_obj *record_new(struct fdtab *t)
{
	struct fd_obj *o;

	lock(t);
	o = t->free;
	if (!o) {
		o = page_alloc(BATCH * sizeof(*o));
		if (o)
			for (u32 i = 0; i + 1 < BATCH; i++)
				o[i].next = &o[i + 1];
	}
	if (o)
		t->free = o->next;
	unlock(t);
	if (o) {
		memset((char *)o + sizeof(o->refs), 0, sizeof(*o) - sizeof(o->refs));
		__atomic_store_n(&o->refs, 1, __ATOMIC_RELEASE);
	}
	return o;
}

static void maps_unlink(struct fdtab *t, struct fd_obj *o)
{
	struct fd_obj **p = &t->maps;

	while (*p && *p != o)
		p = &(*p)->next;
	if (*p)
		*p = o->next;
}

/* The memory's fd, unless the program closed it and has something else there. */
static bool memfd_intact(const struct fd_obj *o)
{
	struct stat st;

	return o->view.memfd >= 0 && !raw_fstat(o->view.memfd, &st) && st.st_ino == o->memory_ino &&
	       st.st_dev == o->shm_dev;
}

static void view_close(struct fd_obj *o)
{
	if (!memfd_intact(o))
		o->view.memfd = -1;
	if (o->event)
		raw_close(o->event);
	map_close(&o->view);
}

bool fdtab_owns_fd(struct fdtab *t, int fd)
{
	bool owns = false;

	lock(t);
	for (struct fd_obj *o = t->maps; o && !owns; o = o->next)
		owns = (o->view.memfd == fd && memfd_intact(o)) || (int)o->event == fd;
	unlock(t);
	return owns;
}

unsigned int fdtab_next_fd(struct fdtab *t, unsigned int first)
{
	unsigned int lowest = ~0u;

	lock(t);
	for (struct fd_obj *o = t->maps; o; o = o->next) {
		int fd = o->view.memfd;

		if (o->event >= first && o->event < lowest && o->event)
			lowest = o->event;
		if (fd >= 0 && (unsigned int)fd >= first && (unsigned int)fd < lowest &&
		    memfd_intact(o))
			lowest = fd;
	}
	unlock(t);
	return lowest;
}

void fdtab_put(struct fdtab *t, struct fd_obj *o)
{
	if (!o || __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (o->shm_ino) {
		lock(t);
		maps_unlink(t, o);
		unlock(t);
	}
	if (o->map && o->map == &o->view)
		view_close(o);
	else if (o->map)
		fdtab_put(t, o->map->priv);
	if (o->image && t->src.put_image)
		t->src.put_image(o->image);
	if (o->inner && t->src.put_inner)
		t->src.put_inner(o->inner);
	if (o->heap)
		fdtab_put(t, o->heap);
	o->map = NULL;
	o->heap = NULL;
	o->image = NULL;
	o->inner = NULL;
	lock(t);
	o->next = t->free;
	t->free = o;
	unlock(t);
}

static struct fd_obj *view_find(struct fdtab *t, u64 dev, u64 ino, bool rdonly)
{
	for (struct fd_obj *o = t->maps; o; o = o->next)
		if (o->shm_dev == dev && o->shm_ino == ino && o->view.rdonly == rdonly &&
		    ref_unless_zero(o))
			return o;
	return NULL;
}

struct fd_obj *fdtab_map_view(struct fdtab *t, const struct map_attr *attr, int memfd, bool rdonly)
{
	const struct bpf_map_ops *ops = map_ops_of(attr->map_type);
	struct fd_obj *o, *twin;
	struct stat st;
	int err = raw_fstat(memfd, &st);

	if (err)
		return ERR_PTR(err);
	rdonly |= ops && ops->fd_values; /* the service writes those */
	lock(t);
	o = view_find(t, st.st_dev, st.st_ino, rdonly);
	unlock(t);
	if (o)
		return o;
	o = record_new(t);
	if (!o)
		return ERR_PTR(-ENOMEM);
	o->kind = FD_MAP;
	o->id = attr->id;
	err = map_bind(&o->view, attr, memfd, rdonly);
	if (err) {
		fdtab_put(t, o);
		return ERR_PTR(err);
	}
	o->map = &o->view;
	o->view.priv = o;
	if ((o->view.ops->fd_values || o->view.ops->events || attr->timer_at) &&
	    o->view.memfd < 0) /* to show the service when a program asks what is inside ... */
		o->view.memfd = max((int)raw_fcntl(memfd, F_DUPFD_CLOEXEC, HIGH_FD), -1);
	o->shm_dev = st.st_dev;
	o->memory_ino = st.st_ino;
	lock(t);
	twin = view_find(t, st.st_dev, st.st_ino, rdonly);
	if (!twin) {
		o->shm_ino = st.st_ino;
		o->next = t->maps;
		t->maps = o;
	}
	unlock(t);
	if (!twin)
		return o;
	fdtab_put(t, o);
	return twin;
}

static struct fd_obj *learn(struct fdtab *t, int fd)
{
	struct map_attr attr;
	struct fd_obj *o = record_new(t), *view;
	int memfd = -1, err;

	if (!o)
		return ERR_PTR(-ENOMEM);
	err = t->src.describe(t->src.arg, fd, o, &attr, &memfd);
	if (!err && memfd >= 0) { /* of a map, or a perf event's buffer */
		view = fdtab_map_view(t, &attr, memfd, !(o->perm & 2));
		o->map = IS_ERR(view) ? NULL
				      : view->map; /* without a view the service does the work */
	}
	if (memfd >= 0)
		raw_close(memfd);
	if (!err)
		return o;
	fdtab_put(t, o);
	return ERR_PTR(err);
}

/* The service is asked, and what it says stands in the table in place of @old (unmapped, or NULL). */
static struct fd_obj *ask(struct fdtab *t, int fd, struct fd_obj *old)
{
	struct stat before, after;
	struct fd_obj *o, **e, *seen = old;

	if (raw_fstat(fd, &before))
		return ERR_PTR(-EBADF);
	/* a handle is an empty memfd; anything else is no business of the service */
	if (!S_ISREG(before.st_mode) || before.st_size)
		return ERR_PTR(-EINVAL);
	o = learn(t, fd);
	if (IS_ERR(o))
		return o;
	/* cached only when the number still means the same file */
	e = entry_of(t, fd, true);
	if (e && !raw_fstat(fd, &after) && after.st_ino == before.st_ino &&
	    after.st_dev == before.st_dev) {
		__atomic_add_fetch(&o->refs, 1, __ATOMIC_RELAXED);
		if (__atomic_compare_exchange_n(e, &seen, o, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			put_entry(t, old);
		else
			fdtab_put(t, o);
	}
	return o;
}

struct fd_obj *fdtab_get(struct fdtab *t, int fd)
{
	struct fd_obj *old = fdtab_peek(t, fd), *o;

	if (likely(old && !old->unmapped))
		return old;
	o = ask(t, fd, old);
	fdtab_put(t, old);
	return o;
}

struct fd_obj *fdtab_get_shape(struct fdtab *t, int fd)
{
	return fdtab_peek(t, fd) ?: ask(t, fd, NULL);
}

void fdtab_tell(struct fdtab *t, int fd, const struct fd_obj *what, const struct map_attr *attr,
		int memfd)
{
	struct fd_obj **e = entry_of(t, fd, true), *o, *view, *none = NULL;

	if (!e || (what->kind == FD_MAP && !map_ops_of(attr->map_type)))
		return; /* who needs it asks */
	o = record_new(t);
	if (!o)
		return;
	o->kind = what->kind;
	o->perm = what->perm;
	o->id = what->id;
	o->type = what->type;
	o->dev = what->dev;
	o->ino = what->ino;
	if (o->kind == FD_MAP && memfd >= 0) {
		view = fdtab_map_view(t, attr, memfd, !(o->perm & 2));
		o->map = IS_ERR(view) ? NULL : view->map;
	}
	if (o->kind == FD_MAP && !o->map) {
		o->unmapped = true;
		o->view.ops = map_ops_of(attr->map_type);
		o->view.key_size = attr->key_size;
		o->view.value_size = attr->value_size;
		o->view.attr = *attr;
	}
	if (!__atomic_compare_exchange_n(e, &none, o, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		fdtab_put(t, o);
}

bool fdtab_first_update(struct fdtab *t, int fd)
{
	struct fd_obj *o = fdtab_peek(t, fd);
	bool first = o && o->unmapped && !o->view.ops->caller_update && !o->view.ops->owner_keys &&
		     !__atomic_exchange_n(&o->updated, true, __ATOMIC_RELAXED);

	fdtab_put(t, o);
	return first;
}

int fdtab_memory(const struct fd_obj *o)
{
	const struct fd_obj *view = o->map ? o->map->priv : NULL;

	return view && !view->view.rdonly && memfd_intact(view) ? view->view.memfd : -1;
}

void fdtab_drop(struct fdtab *t, unsigned int fd)
{
	struct fd_obj **e = entry_of(t, fd, false), *o;

	pidfd_cache_closed(fd, fd);
	if (!e || !__atomic_load_n(e, __ATOMIC_RELAXED))
		return;
	o = __atomic_exchange_n(e, NULL, __ATOMIC_SEQ_CST);
	put_entry(t, o);
}

void fdtab_drop_range(struct fdtab *t, unsigned int first, unsigned int last)
{
	pidfd_cache_closed(first, last);
	for (u64 fd = first; fd <= last && fd < MAX_FDS; fd++) {
		if (!__atomic_load_n(&t->leaf[fd >> LEAF_BITS], __ATOMIC_RELAXED))
			fd |= LEAF_FDS - 1;
		else
			fdtab_drop(t, fd);
	}
}
