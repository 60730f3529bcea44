/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK_CREATE of a view: the target is found by the program's function, and looks at what target_fd names. */
#include <stdlib.h>
#include "link/view_link.h"

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
		err = view_check_access(prog);
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
