/* SPDX-License-Identifier: BSD-2-Clause */
/* view.c - reading a view: one run of the program, its text handed out piece by piece. */
#include <stdlib.h>
#include <sys/epoll.h>
#include "helper/cgroup_view.h"
#include "link/link_kind.h"
#include "link/view_events.h"
#include "link/view_link.h"

#define FIRST_SIZE 4096u

struct view_file {
	pthread_mutex_t lock;
	const struct view_target *target;
	struct bpf_link *link; /* referenced when it owns the subject */
	struct bpf_prog *prog; /* referenced */
	void *object;	       /* of the place, or NULL */
	struct view_env env;
	struct seq_file seq;
	struct view_watch watch;
	bool ran, served, refused;
};

/* From @was to @size bytes: false when all readers together have too much then. */
static bool account(const struct view_env *env, size_t was, size_t size)
{
	u64 add = (size < VIEW_COUNTED ? 0 : size) - (was < VIEW_COUNTED ? 0 : was);

	if (!env->held || __atomic_add_fetch(env->held, add, __ATOMIC_RELAXED) <= VIEW_HELD_MAX ||
	    size < was)
		return true;
	__atomic_sub_fetch(env->held, add, __ATOMIC_RELAXED);
	return false;
}

/* More room for the program's text; what is there stays. */
static bool grow(struct seq_file *m, size_t more)
{
	struct view_file *f = container_of(m, struct view_file, seq);
	size_t size = m->size ? m->size : FIRST_SIZE;
	char *buf;

	if (more > VIEW_MAX || m->count + more >= VIEW_MAX)
		return false;
	while (size <= m->count + more)
		size *= 2;
	f->refused = !account(&f->env, m->size, size);
	if (f->refused)
		return false;
	buf = realloc(m->buf, size);
	if (!buf) {
		account(&f->env, size, m->size);
		return false;
	}
	m->buf = buf;
	m->size = size;
	return true;
}

struct view_file *view_open(struct bpf_link *link, void *object, const struct view_env *env)
{
	struct view_link *l = view_link_of(link);
	struct view_file *f;

	if (link->ops != &view_link_ops || l->target->attach_type != BPF_TRACE_VIEW ||
	    l->target->by_place != !!object)
		return ERR_PTR(-EINVAL);
	f = calloc(1, sizeof(*f));
	if (!f)
		return ERR_PTR(-ENOMEM);
	pthread_mutex_init(&f->lock, NULL);
	f->target = l->target;
	f->object = object;
	f->env = *env;
	f->seq.grow = grow;
	if (!object) {
		obj_get(&link->obj);
		f->link = link;
	}
	f->prog = link_prog(link);
	if (object && env->events)
		view_watch(env->events, &f->watch, ((struct cgroup *)object)->kn->id);
	return f;
}

void view_close(struct view_file *f)
{
	view_unwatch(&f->watch);
	obj_put(&f->prog->obj);
	if (f->link)
		obj_put(&f->link->obj);
	pthread_mutex_destroy(&f->lock);
	account(&f->env, f->seq.size, 0);
	free(f->seq.buf);
	free(f);
}

static int run_on(struct view_file *f, void *object)
{
	struct {
		u64 seq, object;
	} ctx = {(uintptr_t)&f->seq, (uintptr_t)object};

	u64 ret;
	int err;

	f->seq.count = 0;
	f->refused = false;
	err = link_call(f->prog, &ctx, f->env.host, &ret);
	if (err)
		return err;
	if ((u32)ret)
		return -EAGAIN;
	if (!seq_has_overflowed(&f->seq))
		return 0;
	return f->refused ? -ENOMEM : -E2BIG;
}

static int run(struct view_file *f)
{
	const struct view_target *t = f->target;
	void *subject = f->link ? view_link_of(f->link)->subject : f->object;
	void *object = t->get ? t->get(subject) : subject;
	int err;

	if (IS_ERR(object))
		return PTR_ERR(object);
	if (!f->seq.size && !grow(&f->seq, 0))
		err = -ENOMEM;
	else
		err = run_on(f, object);
	if (t->put)
		t->put(object);
	return err;
}

static ssize_t read_locked(struct view_file *f, char *buf, size_t len, u64 off)
{
	int err;

	if (!f->ran || (!off && f->served)) {
		f->served = false;
		view_watch_read(&f->watch);
		err = run(f);
		f->ran = !err;
		if (err)
			return err;
	}
	f->served = true;
	if (off >= f->seq.count)
		return 0;
	len = min(len, f->seq.count - (size_t)off);
	memcpy(buf, f->seq.buf + off, len);
	return len;
}

ssize_t view_read(struct view_file *f, char *buf, size_t len, u64 off)
{
	ssize_t n;

	pthread_mutex_lock(&f->lock);
	n = read_locked(f, buf, len, off);
	pthread_mutex_unlock(&f->lock);
	return n;
}

u32 view_poll(struct view_file *f, void (*wake)(void *arg), void *arg)
{
	u32 ready = EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM; /* as kernfs */

	return view_watch_poll(&f->watch, wake, arg) ? ready | EPOLLPRI | EPOLLERR : ready;
}
