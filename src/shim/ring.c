/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.c - waiting for records: epoll on the handle of a ring buffer, and waking who waits.
 *
 * The handle is an empty file, which epoll refuses (EPERM); what is watched in its place is an
 * eventfd of the service, one per map, that every writer of the map signals when the reader is to be
 * woken. It stays readable until somebody drains it: who is about to wait does, when the map has
 * nothing to read (shim_epoll_sweep()). So a reader that left records behind is woken again, as by
 * the kernel, and one that read all sleeps.
 *
 * Each (epoll fd, handle) has a copy of the eventfd of its own, since epoll tells what it watches by
 * number. It goes with EPOLL_CTL_DEL or when the epoll fd is closed here; not with the handle, as
 * in the kernel, where a mapping of the ring keeps the file.
 */
#include <poll.h>
#include <sys/epoll.h>
#include "exec/exec.h"
#include "base/raw.h"
#include "shim/guard.h"
#include "shim/shim.h"

#define HIGH_FD 700 /* out of the program's way */
#define BATCH	64

struct watch {
	int epfd; /* -1: free */
	int fd;	  /* the handle's number when it was added */
	int event;
	struct fd_obj *o;
	struct watch *next;
};

static struct {
	u32 lock;
	u32 nr; /* in use; atomic */
	struct watch *all;
} state;

static void lock(void)
{
	while (__atomic_exchange_n(&state.lock, 1, __ATOMIC_ACQUIRE))
		raw3(SYS_sched_yield, 0, 0, 0);
}

static void unlock(void)
{
	__atomic_store_n(&state.lock, 0, __ATOMIC_RELEASE);
}

void shim_ring_after_fork(void)
{
	unlock();
}

static inline void relax(void)
{
#if defined(__x86_64__)
	__asm__ volatile("pause");
#endif
}

static bool any_watch(void)
{
	return __atomic_load_n(&state.nr, __ATOMIC_RELAXED);
}

/* Of a USER_RINGBUF writers wait: it is ready when the eventfd can be written, that is, not full. */
static bool waits_for_room(const struct bpf_map *map)
{
	return map->map_type == BPF_MAP_TYPE_USER_RINGBUF;
}

static void set_ready(const struct bpf_map *map, int event)
{
	u64 n = 1;

	if (waits_for_room(map))
		raw_read(event, &n, sizeof(n));
	else
		raw_write(event, &n, sizeof(n));
}

static void set_idle(const struct bpf_map *map, int event)
{
	u64 n, full = UINT64_MAX - 1;

	map_signal_again(map);
	raw_read(event, &n, sizeof(n));
	if (waits_for_room(map))
		raw_write(event, &full, sizeof(full));
}

/* The map's eventfd, made by the service: new fd, or negative errno. */
static int fetch_event(const struct bpf_map *map, bool edges)
{
	struct msg_watch m = {.map_id = map->id, .always = edges || map->rdonly};
	struct iovec iov = {&m, sizeof(m)};
	struct client_req req = {
		.type = MSG_WATCH, .iov = &iov, .nr_iov = 1, .fds = &map->memfd, .nr_fds = 1};
	struct client_reply reply;
	int err = client_call(&shim.client, &req, &reply), fd = -EIO;

	if (err)
		return err;
	if (reply.result < 0)
		fd = reply.result;
	else if (reply.nr_fds)
		fd = raw_fcntl(reply.fds[0], F_DUPFD_CLOEXEC, HIGH_FD);
	client_done(&reply);
	return fd;
}

/* The eventfd that a view has, for as long as the view is there; negative errno. */
static int view_event(const struct bpf_map *map)
{
	struct fd_obj *view = map->priv;
	u32 none = 0, event = __atomic_load_n(&view->event, __ATOMIC_ACQUIRE);
	int fd;

	if (event)
		return event;
	fd = fetch_event(map, false);
	if (fd < 0)
		return fd;
	if (__atomic_compare_exchange_n(&view->event, &none, (u32)fd, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return fd;
	raw_close(fd);
	return none;
}

/* exec_host.wake. A reader that keeps up has read all before each record; it is told once until it waits again. */
void shim_wake(struct exec_run *run, struct bpf_map *map)
{
	int event;

	if (!waits_for_room(map) && !map_signal(map))
		return;
	event = view_event(map);
	if (event >= 0)
		set_ready(map, event);
	else
		map_signal_again(map);
}

/* --- epoll --- */

static struct watch *find(int epfd, int fd)
{
	for (struct watch *w = state.all; w; w = w->next)
		if (w->epfd == epfd && w->fd == fd)
			return w;
	return NULL;
}

/* A free entry: -1 marks them, so zeroed memory is made so. */
static struct watch *entry_new(void)
{
	struct watch *w = find(-1, -1);

	if (w)
		return w;
	w = raw_mmap(NULL, BATCH * sizeof(*w), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	if (IS_ERR(w))
		return NULL;
	for (u32 i = 0; i < BATCH; i++)
		w[i] = (struct watch){-1, -1, -1, NULL, i + 1 < BATCH ? &w[i + 1] : state.all};
	state.all = w;
	return w;
}

/* With the lock. */
static struct fd_obj *entry_free(struct watch *w)
{
	struct fd_obj *o = w->o;

	raw_close(w->event);
	*w = (struct watch){-1, -1, -1, NULL, w->next};
	__atomic_sub_fetch(&state.nr, 1, __ATOMIC_RELAXED);
	return o;
}

/* Ready exactly when the map is; what comes meanwhile is seen. */
static void level_event(const struct bpf_map *map, int event)
{
	if (map->ops->ready(map))
		return;
	set_idle(map, event);
	if (map->ops->ready(map))
		set_ready(map, event);
}

static void level(const struct watch *w)
{
	level_event(w->o->map, w->event);
}

static bool any_ready(void)
{
	bool ready = false;

	lock();
	for (struct watch *w = state.all; w && !ready; w = w->next)
		ready = w->epfd >= 0 && w->o->map->ops->ready(w->o->map);
	unlock();
	return ready;
}

/*
 * A reader that is faster than its writer has nothing to read again and again; to sleep and to be
 * woken costs both of them more than some microseconds of looking.
 */
#define LOOKS 40
#define PAUSE 40

static void look_for_some(void)
{
	for (u32 i = 0; i < LOOKS && !any_ready(); i++)
		for (u32 j = 0; j < PAUSE; j++)
			relax();
}

void shim_epoll_sweep(bool waits)
{
	if (likely(!any_watch()))
		return;
	if (waits)
		look_for_some();
	lock();
	for (struct watch *w = state.all; w; w = w->next)
		if (w->epfd >= 0)
			level(w);
	unlock();
}

static long ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	return raw4(SYS_epoll_ctl, epfd, op, fd, ev);
}

/* Takes over @o and @event when it succeeds. With the lock. */
static long add(int epfd, int fd, struct fd_obj *o, int event, struct epoll_event *ev)
{
	struct watch *w;
	long ret;

	if (find(epfd, fd))
		return -EEXIST;
	w = entry_new();
	if (!w)
		return -ENOMEM;
	ret = ctl(epfd, EPOLL_CTL_ADD, event, ev);
	if (ret)
		return ret;
	*w = (struct watch){epfd, fd, event, o, w->next};
	__atomic_add_fetch(&state.nr, 1, __ATOMIC_RELAXED);
	if (o->map->ops->ready(o->map))
		set_ready(o->map, event);
	else
		level(w);
	return 0;
}

static bool can_wait(const struct fd_obj *o)
{
	return (o->kind == FD_MAP || o->kind == FD_PERF_RING) && o->map && o->map->ops->events;
}

static bool wants_edges(const struct epoll_event *ev)
{
	u32 events = 0;

	return !guard_read_fast(&events, (u64)(uintptr_t)&ev->events, sizeof(events)) &&
	       events & EPOLLET;
}

static bool is_ring(int fd)
{
	struct fd_obj *o = fdtab_get(shim.fds, fd);
	bool yes;

	if (IS_ERR(o))
		return false;
	yes = can_wait(o);
	fdtab_put(shim.fds, o);
	return yes;
}

static long add_map(int epfd, int fd, struct epoll_event *ev)
{
	struct fd_obj *o = fdtab_get(shim.fds, fd);
	long ret = -EPERM;
	int event;

	if (IS_ERR(o))
		return SHIM_ELSEWHERE;
	if (!can_wait(o))
		goto fail_put;
	event = fetch_event(o->map, wants_edges(ev));
	ret = event;
	if (event < 0)
		goto fail_put;
	lock();
	ret = add(epfd, fd, o, event, ev);
	unlock();
	if (!ret)
		return 0;
	raw_close(event);
fail_put:
	fdtab_put(shim.fds, o);
	return ret;
}

/* The kernel has refused the file: is it a handle that can be waited for? */
long shim_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	struct fd_obj *gone = NULL;
	struct watch *w;
	long ret = -ENOENT;

	if (op == EPOLL_CTL_ADD)
		return add_map(epfd, fd, ev);
	if (!is_ring(fd))
		return SHIM_ELSEWHERE;
	lock();
	w = find(epfd, fd);
	if (w)
		ret = ctl(epfd, op, w->event, ev);
	if (w && !ret && op == EPOLL_CTL_MOD && wants_edges(ev) && !w->o->map->rdonly)
		__atomic_store_n(&w->o->map->shm->watched, WATCHED_ALWAYS, __ATOMIC_SEQ_CST);
	if (w && !ret && op == EPOLL_CTL_DEL)
		gone = entry_free(w);
	unlock();
	fdtab_put(shim.fds, gone);
	return ret;
}

/* One that belongs to an epoll fd of that range. With the lock. */
static struct watch *watch_of(unsigned int first, unsigned int last)
{
	for (struct watch *w = state.all; w; w = w->next)
		if (w->epfd >= 0 && (unsigned int)w->epfd >= first && (unsigned int)w->epfd <= last)
			return w;
	return NULL;
}

void shim_epoll_drop(unsigned int first, unsigned int last)
{
	struct watch *w;

	if (likely(!any_watch()))
		return;
	do {
		struct fd_obj *o = NULL;

		lock();
		w = watch_of(first, last);
		if (w) {
			ctl(w->epfd, EPOLL_CTL_DEL, w->event, NULL);
			o = entry_free(w);
		}
		unlock();
		fdtab_put(shim.fds, o);
	} while (w);
}

unsigned int shim_epoll_next_fd(unsigned int first)
{
	unsigned int lowest = ~0u;

	if (likely(!any_watch()))
		return lowest;
	lock();
	for (struct watch *w = state.all; w; w = w->next)
		if (w->epfd >= 0 && (unsigned int)w->event >= first &&
		    (unsigned int)w->event < lowest)
			lowest = w->event;
	unlock();
	return lowest;
}

/* --- poll --- */

/* What stands for @p when it is a handle that can be waited for: its eventfd, and which events mean it. */
static bool stand_in(struct pollfd *p)
{
	struct fd_obj *o = p->fd < 0 ? NULL : fdtab_peek(shim.fds, p->fd);
	int event = -1;

	if (o && o->unmapped) { /* nobody has touched it yet */
		fdtab_put(shim.fds, o);
		o = fdtab_get(shim.fds, p->fd);
		o = IS_ERR(o) ? NULL : o;
	}
	if (o && can_wait(o)) {
		event = view_event(o->map);
		if (event >= 0 && o->map->ops->ready(o->map))
			set_ready(o->map, event);
		else if (event >= 0)
			level_event(o->map, event);
		p->events &= waits_for_room(o->map) ? POLLOUT | POLLWRNORM : POLLIN | POLLRDNORM;
	}
	fdtab_put(shim.fds, o);
	if (event < 0)
		return false;
	p->fd = event;
	return true;
}

bool shim_poll_begin(struct pollfd *fds, unsigned long nr)
{
	bool any = false;

	for (unsigned long i = 0; i < nr; i++)
		any |= stand_in(&fds[i]);
	return any;
}
