/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inner.c - maps found inside maps of maps by programs that run here. A map's memory says which id
 * is behind a key; which map that is, the service says, once: each view of a map of maps keeps what
 * it was told, by id.
 *
 * Programs look up without lock, so what a cache lets go is kept until no program runs here: it is
 * retired, and dropped by whoever leaves last. The id in shared memory is a hint that others may
 * have written. All it can do is to name another map that the service has shown for the same map
 * of maps, of the same shape.
 */
#include "exec/exec.h"
#include "base/raw.h"
#include "shim/shim.h"

#define CACHE_SETS 128u
#define CACHE_WAYS 4u
#define PAGE	   4096u

struct inner_cache {
	struct fd_obj *view[CACHE_SETS][CACHE_WAYS]; /* atomic; the view's id is the key */
};

struct retired {
	struct retired *next;
	u32 nr;
	struct fd_obj *view[(PAGE - 16) / 8];
};
_Static_assert(sizeof(struct retired) == PAGE, "a page");

static struct {
	u32 lock;
	u32 running; /* programs */
	u32 next_way;
	struct retired *retired;
} state;

static __thread u32 depth __attribute__((tls_model("initial-exec")));

static void lock(void)
{
	while (__atomic_exchange_n(&state.lock, 1, __ATOMIC_ACQUIRE))
		raw3(SYS_sched_yield, 0, 0, 0);
}

static void unlock(void)
{
	__atomic_store_n(&state.lock, 0, __ATOMIC_RELEASE);
}

void shim_run_begin(void)
{
	lock();
	state.running++;
	unlock();
	depth++;
}

static void drop_retired(struct retired *r)
{
	while (r) {
		struct retired *next = r->next;

		for (u32 i = 0; i < r->nr; i++)
			fdtab_put(shim.fds, r->view[i]);
		raw_munmap(r, sizeof(*r));
		r = next;
	}
}

void shim_run_end(void)
{
	struct retired *gone = NULL;

	depth--;
	lock();
	if (!--state.running) {
		gone = state.retired;
		state.retired = NULL;
	}
	unlock();
	drop_retired(gone);
}

/* The child has this thread's programs only. */
void shim_inner_after_fork(void)
{
	state.running = depth;
	unlock();
}

/* With the lock held. Without memory for the list the view stays for good. */
static void retire(struct fd_obj *view)
{
	struct retired *r = state.retired;

	if (!view)
		return;
	if (!r || r->nr == ARRAY_SIZE(r->view)) {
		r = raw_mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
		if (IS_ERR(r))
			return;
		r->next = state.retired;
		state.retired = r;
	}
	r->view[r->nr++] = view;
}

static struct fd_obj **set_of(struct inner_cache *c, u32 id)
{
	return c->view[id % CACHE_SETS];
}

static struct fd_obj *cache_find(struct inner_cache *c, u32 id)
{
	struct fd_obj **set = set_of(c, id), *v;

	for (u32 i = 0; i < CACHE_WAYS; i++) {
		v = __atomic_load_n(&set[i], __ATOMIC_ACQUIRE);
		if (v && v->id == id)
			return v;
	}
	return NULL;
}

static struct inner_cache *cache_of(struct fd_obj *outer)
{
	struct inner_cache *c = __atomic_load_n(&outer->inner, __ATOMIC_ACQUIRE), *none = NULL;

	if (c)
		return c;
	c = raw_mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (IS_ERR(c))
		return NULL;
	if (__atomic_compare_exchange_n(&outer->inner, &none, c, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return c;
	raw_munmap(c, sizeof(*c));
	return none;
}

void shim_inner_put(struct inner_cache *c)
{
	for (u32 i = 0; i < CACHE_SETS * CACHE_WAYS; i++)
		fdtab_put(shim.fds, set_of(c, i)[i / CACHE_SETS]);
	raw_munmap(c, sizeof(*c));
}

/* Takes over the reference of @view; -> the one that is in the cache now. */
static struct fd_obj *cache_keep(struct inner_cache *c, struct fd_obj *view)
{
	struct fd_obj **set = set_of(c, view->id), *there;
	u32 way = CACHE_WAYS;

	lock();
	there = cache_find(c, view->id);
	for (u32 i = 0; i < CACHE_WAYS; i++)
		if (!set[i])
			way = i;
	if (way == CACHE_WAYS)
		way = state.next_way++ % CACHE_WAYS;
	if (there) {
		retire(view);
	} else {
		retire(set[way]);
		__atomic_store_n(&set[way], view, __ATOMIC_RELEASE);
	}
	unlock();
	return there ?: view;
}

static struct fd_obj *view_of_reply(const struct client_reply *reply, u32 id)
{
	const struct msg_map *m = reply->body;

	if (reply->result < 0)
		return ERR_PTR(reply->result);
	if (reply->len < sizeof(*m) || m->index >= reply->nr_fds || m->attr.id != id)
		return ERR_PTR(-EIO);
	return fdtab_map_view(shim.fds, &m->attr, reply->fds[m->index], m->flags & MSG_MAP_RDONLY);
}

static struct fd_obj *fetch(const struct bpf_map *outer, u32 id)
{
	struct msg_inner_map body = {.map_id = outer->id, .inner_id = id};
	struct iovec iov = {&body, sizeof(body)};
	struct client_req req = {
		.type = MSG_INNER_MAP, .iov = &iov, .nr_iov = 1, .fds = &outer->memfd, .nr_fds = 1};
	struct client_reply reply;
	struct fd_obj *view;
	int err = client_call(&shim.client, &req, &reply);

	if (err)
		return ERR_PTR(err);
	view = view_of_reply(&reply, id);
	client_done(&reply);
	return view;
}

struct bpf_map *shim_inner_map(struct exec_run *run, struct bpf_map *outer, u32 id)
{
	struct inner_cache *c = cache_of(outer->priv);
	struct fd_obj *view = c ? cache_find(c, id) : NULL;

	if (likely(view != NULL))
		return view->map;
	if (!c)
		return NULL;
	view = fetch(outer, id);
	return IS_ERR(view) ? NULL : cache_keep(c, view)->map;
}
