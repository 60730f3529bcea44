/* SPDX-License-Identifier: BSD-2-Clause */
/* map_obj.c - maps as objects: their life, whoever holds them, and waiting for elements. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "prog/map_obj.h"

static void set_id(struct obj *o, u32 id)
{
	struct map_obj *m = obj_to_map(o);

	m->map.id = id;
	m->map.attr.id = id;
}

static u32 program_refs(struct obj_table *t, const struct map_obj *m)
{
	struct obj *o;
	u32 n = 0;

	for (u32 id = 1; (o = obj_next(t, OBJ_PROG, id)); obj_put(o)) {
		id = o->id + 1;
		n += o->class->holds ? o->class->holds(o, &m->obj) : 0;
	}
	return n;
}

bool map_obj_has_user(struct map_obj *m)
{
	return !m->obj.table ||
	       __atomic_load_n(&m->obj.refs, __ATOMIC_ACQUIRE) > program_refs(m->obj.table, m) + 1;
}

/*
 * A prog array that only programs hold any more is emptied, and timers in values of such a map go:
 * nobody could reach it, and a program in an array it uses would never go (kernel: the user reference
 * count of a map). @o is the caller's reference, the one that is no program's.
 */
static void dropped(struct obj *o)
{
	struct map_obj *m = obj_to_map(o);
	u32 timers = __atomic_load_n(&m->nr_timers, __ATOMIC_ACQUIRE);
	bool mine;

	if ((!READ_ONCE(m->nr_progs) && !timers) || map_obj_has_user(m))
		return;
	if (timers)
		m->drop_timers(m);
	if (!READ_ONCE(m->nr_progs))
		return;
	/* the programs that go now drop the map themselves: once is enough */
	pthread_mutex_lock(&m->lock);
	mine = !m->clearing;
	m->clearing = true;
	pthread_mutex_unlock(&m->lock);
	if (!mine)
		return;
	m->drop_progs(m);
	m->clearing = false;
}

static void release(struct obj *o)
{
	struct map_obj *m = obj_to_map(o);

	if (m->drop_progs)
		m->drop_progs(m);
	map_obj_clear_inner(m);
	if (m->nr_timers)
		m->drop_timers(m);
	map_free_fields(&m->map);
}

static void map_obj_free(struct obj *o)
{
	struct map_obj *m = obj_to_map(o);

	if (m->map.heap)
		obj_put(&map_obj_of(m->map.heap)->obj);
	map_close(&m->map);
	if (m->event >= 0)
		close(m->event);
	btf_put(m->map.btf);
	if (m->map.inner_map_meta)
		btf_put(m->map.inner_map_meta->btf);
	free(m->map.inner_map_meta);
	idr_free(&m->inner);
	pthread_mutex_destroy(&m->lock);
	free(m->map.targets);
	free(m);
}

const struct obj_class map_class = {
	.name = "map",
	.kind = OBJ_MAP,
	.set_id = set_id,
	.release = release,
	.free = map_obj_free,
	.dropped = dropped,
};

/* --- waiting for elements --- */

static int event_of(struct map_obj *m)
{
	pthread_mutex_lock(&m->lock);
	if (m->event < 0) {
		m->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (m->event >= 0)
			__atomic_store_n(&m->map.shm->watched, WATCHED, __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&m->lock);
	return m->event < 0 ? -errno : m->event;
}

int map_obj_watch(struct map_obj *m, bool always)
{
	int fd = m->map.ops->events ? event_of(m) : -EINVAL;

	if (fd < 0)
		return fd;
	if (always)
		__atomic_store_n(&m->map.shm->watched, WATCHED_ALWAYS, __ATOMIC_SEQ_CST);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

void map_obj_wake(struct map_obj *m)
{
	int event = __atomic_load_n(&m->event, __ATOMIC_ACQUIRE);
	u64 n = 1;
	ssize_t done = 0;

	/* of a USER_RINGBUF writers wait: for the counter not to be full (shim/ring.c) */
	if (event >= 0)
		done = m->map.map_type == BPF_MAP_TYPE_USER_RINGBUF ? read(event, &n, sizeof(n))
								    : write(event, &n, sizeof(n));
	(void)done; /* nothing to do: it says so already */
}

static u64 boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Slots for programs; as much memory as the kernel would ask for, so refused when the machine has
 * not got it. */
static int alloc_targets(struct bpf_map *map)
{
	if (map->map_type != BPF_MAP_TYPE_PROG_ARRAY)
		return 0;
	if ((u64)map->max_entries * sizeof(void *) >
	    (u64)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE))
		return -ENOMEM;
	map->targets = calloc(map->max_entries, sizeof(void *));
	return map->targets ? 0 : -ENOMEM;
}

struct map_obj *map_obj_new(const struct map_attr *attr, struct btf *btf, u32 key_id, u32 value_id)
{
	struct map_obj *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return ERR_PTR(-ENOMEM);
	err = map_open(&m->map, attr);
	if (err)
		goto fail_free;
	err = alloc_targets(&m->map);
	if (err)
		goto fail_close;
	obj_init(&m->obj, &map_class);
	m->event = -1;
	pthread_mutex_init(&m->lock, NULL);
	m->map.priv = m;
	m->load_time = boot_ns();
	if (btf) {
		m->map.btf = btf_get(btf);
		m->map.btf_key_type_id = key_id;
		m->map.btf_value_type_id = value_id;
	}
	return m;

fail_close:
	map_close(&m->map);
fail_free:
	free(m);
	return ERR_PTR(err);
}
