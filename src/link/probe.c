/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "link/probe.h"

struct probes {
	pthread_mutex_t lock;
	struct list list; /* by id */
	u32 count;
	u64 last_id;
	const struct probe_ops *ops;
	void *arg;
};

struct probes *probes_new(void)
{
	struct probes *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	list_init(&ps->list);
	pthread_mutex_init(&ps->lock, NULL);
	return ps;
}

void probes_free(struct probes *ps)
{
	if (!ps)
		return;
	pthread_mutex_destroy(&ps->lock);
	free(ps);
}

void probes_set_ops(struct probes *ps, const struct probe_ops *ops, void *arg)
{
	pthread_mutex_lock(&ps->lock);
	ps->ops = ops;
	ps->arg = arg;
	pthread_mutex_unlock(&ps->lock);
}

/* --- one probe --- */

struct probe *probe_get(struct probe *p)
{
	__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void probe_put(struct probe *p)
{
	if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (p->prog)
		obj_put(&p->prog->obj);
	if (p->point.file >= 0)
		close(p->point.file);
	free((char *)p->point.path);
	free(p);
}

static bool has_file(const struct probe_point *pt)
{
	return pt->kind == PROBE_UPROBE || pt->kind == PROBE_URETPROBE;
}

static struct probe *probe_new(const struct probe_spec *spec, struct bpf_prog *prog)
{
	struct probe *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	if (!p)
		return ERR_PTR(-ENOMEM);
	p->refs = 1;
	list_init(&p->node);
	p->point = spec->point;
	p->point.file = -1;
	p->point.path = NULL;
	p->cookie = spec->cookie;
	if (has_file(&spec->point)) {
		p->point.path = strdup(spec->point.path);
		if (!p->point.path)
			goto fail;
		p->point.file = fcntl(spec->point.file, F_DUPFD_CLOEXEC, 0);
		err = p->point.file < 0 ? -errno : 0;
		if (err)
			goto fail;
	}
	p->prog = prog;
	obj_get(&prog->obj);
	return p;
fail:
	probe_put(p);
	return ERR_PTR(err);
}

/* --- many --- */

static void put_all(struct probe **p, u32 n)
{
	for (u32 i = 0; i < n; i++)
		probe_put(p[i]);
	free(p);
}

static struct probe **make_all(const struct probe_spec *spec, u32 n, struct bpf_prog *prog)
{
	struct probe **p = calloc(n ? n : 1, sizeof(*p));

	for (u32 i = 0; p && i < n; i++) {
		p[i] = probe_new(&spec[i], prog);
		if (IS_ERR(p[i])) {
			void *err = p[i];

			put_all(p, i);
			return err;
		}
	}
	return p ? p : ERR_PTR(-ENOMEM);
}

static u64 enlist(struct probes *ps, struct probe **p, u32 n)
{
	u64 first;

	pthread_mutex_lock(&ps->lock);
	first = ps->last_id + 1;
	for (u32 i = 0; i < n; i++) {
		p[i]->id = ++ps->last_id;
		list_add_tail(&ps->list, &probe_get(p[i])->node);
	}
	ps->count += n;
	pthread_mutex_unlock(&ps->lock);
	return first;
}

/* The list's references of those that are still in it are the caller's then, in @out: how many. */
static u32 delist(struct probes *ps, u64 first, u32 n, struct probe **out)
{
	struct probe *p, *next;
	u32 found = 0;

	pthread_mutex_lock(&ps->lock);
	list_for_each_safe(p, next, &ps->list, node) {
		if (p->id - first < n) {
			list_del(&p->node);
			ps->count--;
			out[found++] = p;
		}
	}
	pthread_mutex_unlock(&ps->lock);
	return found;
}

static void put_list(struct probes *ps, u64 first, u32 n)
{
	struct probe *p;

	for (u32 i = 0; i < n; i++)
		if (delist(ps, first + i, 1, &p))
			probe_put(p);
}

int probes_add(struct probes *ps, const struct probe_spec *spec, u32 n, struct bpf_prog *prog,
	       u64 *first)
{
	struct probe **p;
	int err;

	if (!ps || !ps->ops)
		return -EOPNOTSUPP;
	p = make_all(spec, n, prog);
	if (IS_ERR(p))
		return PTR_ERR(p);
	*first = enlist(ps, p, n);
	err = ps->ops->added(ps->arg, p, n);
	if (err)
		put_list(ps, *first, n);
	put_all(p, n);
	return err;
}

/* For who has no memory for many: one at a time. */
static void del_each(struct probes *ps, u64 first, u32 n)
{
	struct probe *p;

	for (u32 i = 0; i < n; i++) {
		if (!delist(ps, first + i, 1, &p))
			continue;
		ps->ops->removed(ps->arg, &p, 1);
		probe_put(p);
	}
}

void probes_del(struct probes *ps, u64 first, u32 n)
{
	struct probe **p = n > 1 ? calloc(n, sizeof(*p)) : NULL;
	u32 found;

	if (!p) {
		del_each(ps, first, n);
		return;
	}
	found = delist(ps, first, n, p);
	if (found)
		ps->ops->removed(ps->arg, p, found);
	put_all(p, found);
}

struct probe *probes_next(struct probes *ps, u64 after)
{
	struct probe *p, *got = NULL;

	pthread_mutex_lock(&ps->lock);
	list_for_each(p, &ps->list, node) {
		if (p->id > after) {
			got = probe_get(p);
			break;
		}
	}
	pthread_mutex_unlock(&ps->lock);
	return got;
}

u32 probes_count(struct probes *ps)
{
	u32 n;

	pthread_mutex_lock(&ps->lock);
	n = ps->count;
	pthread_mutex_unlock(&ps->lock);
	return n;
}
