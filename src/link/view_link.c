/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_LINK_TYPE_VIEW: a program and what its files are about. */
#include <stdlib.h>
#include "link/link_kind.h"
#include "link/view_link.h"

static void release(struct bpf_link *link)
{
	struct view_link *l = view_link_of(link);

	if (l->target->untie && l->subject)
		l->target->untie(l->subject, l);
	if (l->target->detach && l->subject)
		l->target->detach(l->subject);
	l->subject = NULL;
}

static void dealloc(struct bpf_link *link)
{
	free(view_link_of(link));
}

/* What is written arrives in a buffer of one size. */
static int check_access(const struct bpf_prog *prog)
{
	return prog->aux->max_rdonly_access > VIEW_WRITE_MAX ? -EACCES : 0;
}

static int update_prog(struct bpf_link *link, struct bpf_prog *new_prog, struct bpf_prog *old_prog)
{
	int err = check_access(new_prog);

	return err ? err : link_replace_prog(link, new_prog, old_prog);
}

static int fill_info(const struct bpf_link *link, struct bpf_link_info *info,
		     int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	const struct view_link *l = view_link_of((struct bpf_link *)link);
	int err = link_put_name(l->target->name, info->iter.target_name,
				&info->iter.target_name_len, str_out, arg);

	if (!err && l->target->fill_info)
		l->target->fill_info(l->subject, info);
	return err;
}

const struct bpf_link_ops view_link_ops = {
	.name = "view",
	.release = release,
	.dealloc = dealloc,
	.update_prog = update_prog,
	.fill_info = fill_info,
};

const struct view_target *view_link_target(struct bpf_link *link)
{
	return link->ops == &view_link_ops ? view_link_of(link)->target : NULL;
}

/* Nothing but target_fd is given: iter_info and its length are zero. */
static int check_attr(const union bpf_attr *attr, const struct view_target *t)
{
	if (attr->link_create.flags || attr->link_create.iter_info ||
	    attr->link_create.iter_info_len)
		return -EINVAL;
	return (attr->link_create.target_fd ? !!t->attach : t->by_place) ? 0 : -EINVAL;
}

static int attach(struct view_link *l, const struct link_create_env *env, int fd)
{
	return fd ? l->target->attach(env, fd, &l->subject) : 0;
}

struct bpf_link *view_link_create(const struct link_create_env *env, const union bpf_attr *attr,
				  struct bpf_prog *prog)
{
	const char *func = prog->aux->attach_func_name;
	const struct view_target *t =
		func ? view_target_by_func(prog->expected_attach_type, func) : NULL;
	struct view_link *l;
	int err;

	if (!t)
		return ERR_PTR(-ENOENT);
	err = check_attr(attr, t);
	if (!err)
		err = check_access(prog);
	if (err)
		return ERR_PTR(err);
	l = calloc(1, sizeof(*l));
	if (!l)
		return ERR_PTR(-ENOMEM);
	l->target = t;
	err = attach(l, env, attr->link_create.target_fd);
	if (err) {
		free(l);
		return ERR_PTR(err);
	}
	obj_get(&prog->obj);
	link_init(&l->link, BPF_LINK_TYPE_VIEW, &view_link_ops, prog);
	err = t->tie && l->subject ? t->tie(l->subject, l) : 0;
	if (!err)
		return &l->link;
	obj_put(&l->link.obj);
	return ERR_PTR(err);
}
