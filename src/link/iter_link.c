/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_LINK_TYPE_ITER: a program and what it iterates over. */
#include <stdlib.h>
#include "link/iter_link.h"
#include "link/link_kind.h"

static void release(struct bpf_link *link)
{
	struct iter_link *l = iter_link_of(link);

	if (l->target->detach && l->aux)
		l->target->detach(l->aux);
	l->aux = NULL;
}

static void dealloc(struct bpf_link *link)
{
	free(iter_link_of(link));
}

static int fill_info(const struct bpf_link *link, struct bpf_link_info *info,
		     int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	const struct iter_link *l = iter_link_of((struct bpf_link *)link);
	int err = link_put_name(l->target->name, info->iter.target_name,
				&info->iter.target_name_len, str_out, arg);

	if (err || !l->target->fill_info)
		return err;
	return l->target->fill_info(l->aux, info);
}

const struct bpf_link_ops iter_link_ops = {
	.name = "iter",
	.release = release,
	.dealloc = dealloc,
	.update_prog = link_replace_prog,
	.fill_info = fill_info,
};

/* What the caller gave in iter_info; nothing given is all zeroes. */
static int get_info(const union bpf_attr *attr, const union bpf_iter_link_info *from,
		    union bpf_iter_link_info *to)
{
	memset(to, 0, sizeof(*to));
	if (!attr->link_create.iter_info != !attr->link_create.iter_info_len)
		return -EINVAL;
	if (!attr->link_create.iter_info)
		return 0;
	if (!from)
		return -EFAULT;
	memcpy(to, from, min((size_t)attr->link_create.iter_info_len, sizeof(*to)));
	return 0;
}

struct bpf_link *iter_link_create(const struct link_create_env *env, const union bpf_attr *attr,
				  struct bpf_prog *prog, const union bpf_iter_link_info *iter_info)
{
	const struct iter_target *target;
	union bpf_iter_link_info info;
	struct iter_link *l;
	int err;

	if (attr->link_create.target_fd || attr->link_create.flags)
		return ERR_PTR(-EINVAL);
	err = get_info(attr, iter_info, &info);
	if (err)
		return ERR_PTR(err);
	target = prog->aux->attach_func_name ? iter_target_by_func(prog->aux->attach_func_name)
					     : NULL;
	if (!target)
		return ERR_PTR(-ENOENT);
	if (prog->aux->sleepable && !(target->features & ITER_RESCHED))
		return ERR_PTR(-EINVAL);
	l = calloc(1, sizeof(*l));
	if (!l)
		return ERR_PTR(-ENOMEM);
	l->target = target;
	err = target->attach ? target->attach(env, &info, prog, &l->aux) : 0;
	if (err) {
		free(l);
		return ERR_PTR(err);
	}
	obj_get(&prog->obj);
	link_init(&l->link, BPF_LINK_TYPE_ITER, &iter_link_ops, prog);
	return &l->link;
}
