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

/* Only a program for the same target may take over (kernel: bpf_iter_link_replace). */
static int update_prog(struct bpf_link *link, struct bpf_prog *new_prog, struct bpf_prog *old_prog)
{
	struct bpf_prog *cur;
	int err = 0;

	pthread_mutex_lock(&link->lock);
	cur = link->prog;
	if (old_prog && cur != old_prog)
		err = -EPERM;
	else if (cur->type != new_prog->type ||
		 cur->expected_attach_type != new_prog->expected_attach_type ||
		 cur->aux->attach_btf_id != new_prog->aux->attach_btf_id)
		err = -EINVAL;
	else
		WRITE_ONCE(link->prog, new_prog);
	pthread_mutex_unlock(&link->lock);
	if (!err)
		obj_put(&cur->obj);
	return err;
}

static int put_name(const char *name, struct bpf_link_info *info,
		    int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	u64 ubuf = info->iter.target_name;
	u32 room = info->iter.target_name_len, need = strlen(name) + 1;
	char cut[BPF_OBJ_NAME_LEN * 2];
	int err;

	if (!room != !ubuf)
		return -EINVAL;
	info->iter.target_name_len = need;
	if (!ubuf)
		return 0;
	if (room >= need)
		return str_out(arg, ubuf, name, need);
	room = min(room, (u32)sizeof(cut));
	memcpy(cut, name, room - 1);
	cut[room - 1] = 0;
	err = str_out(arg, ubuf, cut, room);
	return err ? err : -ENOSPC;
}

static int fill_info(const struct bpf_link *link, struct bpf_link_info *info,
		     int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	const struct iter_link *l = iter_link_of((struct bpf_link *)link);
	int err = put_name(l->target->name, info, str_out, arg);

	if (err || !l->target->fill_info)
		return err;
	return l->target->fill_info(l->aux, info);
}

const struct bpf_link_ops iter_link_ops = {
	.name = "iter",
	.release = release,
	.dealloc = dealloc,
	.update_prog = update_prog,
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
