/* SPDX-License-Identifier: BSD-2-Clause */
/* Iterator target bpf_prog: every prog of the service, by id. */
#include "link/iter_target.h"

static void *start(struct obj_table *objs, const struct iter_aux *aux)
{
	return iter_objs_start(objs, OBJ_PROG);
}

static bool show(void *session, void *ctx)
{
	struct bpf_iter__bpf_prog *c = ctx;
	struct obj *o = iter_objs_show(session);

	c->prog = obj_to_prog(o);
	return o;
}

static struct vfy_ctx_arg args[] = {
	{.offset = offsetof(struct bpf_iter__bpf_prog, prog),
	 .reg_type = PTR_TO_BTF_ID | PTR_MAYBE_NULL},
};

const struct iter_target iter_target_bpf_prog = {
	.name = "bpf_prog",
	.ctx_size = sizeof(struct bpf_iter__bpf_prog),
	.ctx_args = args,
	.nr_ctx_args = ARRAY_SIZE(args),
	.ctx_types = {"bpf_prog"},
	.start = start,
	.show = show,
	.next = iter_objs_next,
	.pause = iter_objs_pause,
	.stop = iter_objs_stop,
};
