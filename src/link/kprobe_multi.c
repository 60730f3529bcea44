/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_LINK_TYPE_KPROBE_MULTI: one program at many functions, each with a cookie of its own. Functions
 * are those of the service, and of system calls of processes.
 */
#include <stdlib.h>
#include "link/link_kind.h"
#include "link/trace_event.h"

#define MANY 1024u /* functions there are, and more */

struct place {
	struct hook_user user; /* user.hook: a function of the service */
	s32 nr;		       /* else: a system call */
	u64 addr, cookie;
};

struct multi_link {
	struct bpf_link link;
	struct probes *probes;
	u64 first_probe;
	u32 nr_probes;
	u32 flags, nr;
	struct place *places;
};

static struct multi_link *multi_link_of(const struct bpf_link *l)
{
	return container_of(l, struct multi_link, link);
}

static void detach(struct multi_link *l)
{
	for (u32 i = 0; i < l->nr; i++)
		if (l->places[i].user.hook)
			hook_detach(&l->places[i].user);
	if (l->nr_probes)
		probes_del(l->probes, l->first_probe, l->nr_probes);
}

static void release(struct bpf_link *link)
{
	detach(multi_link_of(link));
}

static void multi_free(struct multi_link *l)
{
	free(l->places);
	free(l);
}

static void dealloc(struct bpf_link *link)
{
	multi_free(multi_link_of(link));
}

static int put_u64s(const struct multi_link *l, u64 uaddr, u32 n, bool cookies,
		    int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	for (u32 i = 0; i < n; i++) {
		u64 v = cookies ? l->places[i].cookie : l->places[i].addr;

		if (link_put_bytes(&v, sizeof(v), uaddr + i * sizeof(v), str_out, arg))
			return -EFAULT;
	}
	return 0;
}

/* As Linux 6.6 began to tell; cookies 6.9. */
static int fill_info(const struct bpf_link *link, struct bpf_link_info *info,
		     int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	struct bpf_link_info_long *to = link_info_long(info);
	const struct multi_link *l = multi_link_of(link);
	u32 room = to->kprobe_multi.count;
	int err = 0;

	if (!to->kprobe_multi.addrs != !room || (to->kprobe_multi.cookies && !room))
		return -EINVAL;
	to->kprobe_multi.count = l->nr;
	to->kprobe_multi.flags = l->flags;
	to->kprobe_multi.missed = 0;
	if (to->kprobe_multi.cookies)
		err = put_u64s(l, to->kprobe_multi.cookies, min(room, l->nr), true, str_out, arg);
	if (!err && to->kprobe_multi.addrs)
		err = put_u64s(l, to->kprobe_multi.addrs, min(room, l->nr), false, str_out, arg);
	return err ? err : room && room < l->nr ? -ENOSPC : 0;
}

static const struct bpf_link_ops multi_link_ops = {
	.name = "kprobe_multi", .release = release, .dealloc = dealloc, .fill_info = fill_info};

/* --- which functions --- */

static int place_by_name(const struct link_create_env *env, struct place *p, const char *name)
{
	struct hook *h = hook_function(env->hooks, name);

	p->nr = h ? -1 : syscall_by_func(name);
	p->user.hook = h;
	p->addr = h ? hook_point_addr(hook_point_of(h)) : syscall_func_addr(p->nr);
	return h || p->nr >= 0 ? 0 : -ESRCH;
}

static int place_by_addr(const struct link_create_env *env, struct place *p, u64 addr)
{
	p->addr = addr;
	p->user.hook = hook_function_at(env->hooks, addr);
	p->nr = p->user.hook ? -1 : syscall_by_addr(addr);
	return p->user.hook || p->nr >= 0 ? 0 : -EINVAL;
}

static int find_place(const struct link_create_env *env, const union bpf_attr *attr, u32 i,
		      struct place *p)
{
	u64 syms = attr->link_create.kprobe_multi.syms, v;
	char name[128];

	if (env->copy_in(env->arg, &v,
			 (syms ? syms : attr->link_create.kprobe_multi.addrs) + i * sizeof(v),
			 sizeof(v)))
		return -EFAULT;
	if (!syms)
		return place_by_addr(env, p, v);
	if (env->copy_str(env->arg, name, v, sizeof(name)) < 0)
		return -EFAULT;
	return place_by_name(env, p, name);
}

static int find_all(const struct link_create_env *env, const union bpf_attr *attr,
		    struct multi_link *l)
{
	u64 cookies = attr->link_create.kprobe_multi.cookies;
	int err = 0;

	for (u32 i = 0; i < l->nr && !err; i++) {
		struct place *p = &l->places[i];

		if (cookies && env->copy_in(env->arg, &p->cookie, cookies + i * sizeof(u64),
					    sizeof(p->cookie)))
			return -EFAULT;
		err = find_place(env, attr, i, p);
	}
	return err;
}

/* System calls can be left out, and some functions of the service. */
static bool may_override(const struct multi_link *l)
{
	for (u32 i = 0; i < l->nr; i++) {
		const struct hook *h = l->places[i].user.hook;

		if (h && !(hook_point_of(h)->flags & FUNC_INJECT))
			return false;
	}
	return true;
}

/* --- attaching --- */

static int attach_hooks(struct multi_link *l)
{
	bool ret = l->flags & BPF_F_KPROBE_MULTI_RETURN;
	u32 i;
	int err = 0;

	for (i = 0; i < l->nr && !err; i++) {
		struct place *p = &l->places[i];

		p->user.prog = l->link.prog;
		p->user.cookie = p->cookie;
		p->user.how = ret ? HOOK_KRETPROBE : HOOK_KPROBE;
		if (p->user.hook)
			err = hook_attach(p->user.hook, &p->user);
	}
	/* what was not reached is no user */
	for (i -= err != 0; err && i < l->nr; i++)
		l->places[i].user.hook = NULL;
	return err;
}

static int attach_probes(struct multi_link *l)
{
	bool ret = l->flags & BPF_F_KPROBE_MULTI_RETURN;
	struct probe_spec *specs = calloc(l->nr, sizeof(*specs));
	u32 n = 0;
	int err = 0;

	if (!specs)
		return -ENOMEM;
	for (u32 i = 0; i < l->nr; i++) {
		if (l->places[i].nr < 0)
			continue;
		specs[n].point =
			(struct probe_point){.kind = ret ? PROBE_SYS_KRETPROBE : PROBE_SYS_KPROBE,
					     .nr = l->places[i].nr,
					     .cpu = -1,
					     .file = -1};
		specs[n++].cookie = l->places[i].cookie;
	}
	if (n)
		err = probes_add(l->probes, specs, n, l->link.prog, &l->first_probe);
	l->nr_probes = err ? 0 : n;
	free(specs);
	return err;
}

static int attach(struct multi_link *l)
{
	int err = attach_hooks(l);

	if (!err)
		err = attach_probes(l);
	if (err)
		detach(l);
	return err;
}

static int check(const union bpf_attr *attr, const struct bpf_prog *prog)
{
	const u32 flags = attr->link_create.kprobe_multi.flags;

	if (prog->expected_attach_type != BPF_TRACE_KPROBE_MULTI || prog->aux->sleepable ||
	    flags & ~BPF_F_KPROBE_MULTI_RETURN)
		return -EINVAL;
	if (!attr->link_create.kprobe_multi.addrs == !attr->link_create.kprobe_multi.syms ||
	    !attr->link_create.kprobe_multi.cnt)
		return -EINVAL;
	if (attr->link_create.kprobe_multi.cnt > MANY)
		return attr->link_create.kprobe_multi.syms ? -ESRCH
							   : -EINVAL; /* one is no function */
	return 0;
}

struct bpf_link *kprobe_multi_link_create(const struct link_create_env *env,
					  const union bpf_attr *attr, struct bpf_prog *prog)
{
	int err = check(attr, prog);
	struct multi_link *l;

	if (err)
		return ERR_PTR(err);
	l = calloc(1, sizeof(*l));
	if (!l)
		return ERR_PTR(-ENOMEM);
	l->nr = attr->link_create.kprobe_multi.cnt;
	l->flags = attr->link_create.kprobe_multi.flags;
	l->probes = env->probes;
	l->places = calloc(l->nr, sizeof(*l->places));
	obj_get(&prog->obj);
	link_init(&l->link, BPF_LINK_TYPE_KPROBE_MULTI, &multi_link_ops, prog);
	err = l->places ? find_all(env, attr, l) : -ENOMEM;
	if (!err && prog->kprobe_override && !may_override(l))
		err = -EINVAL;
	if (!err)
		err = attach(l);
	if (!err)
		return &l->link;
	link_discard(&l->link);
	multi_free(l);
	return ERR_PTR(err);
}
