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

int view_check_access(const struct bpf_prog *prog)
{
	return prog->aux->max_rdonly_access > VIEW_WRITE_MAX ? -EACCES : 0;
}

static int update_prog(struct bpf_link *link, struct bpf_prog *new_prog, struct bpf_prog *old_prog)
{
	int err = view_check_access(new_prog);

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
