/* SPDX-License-Identifier: BSD-2-Clause */
/* Iterator target bpf_map: every map of the service, by id. */
#include "link/iter_target.h"

static void *start(struct obj_table *objs, const struct iter_aux *aux)
{
	return iter_objs_start(objs, OBJ_MAP);
}

static bool show(void *session, void *ctx)
{
	struct bpf_iter__bpf_map *c = ctx;
	struct obj *o = iter_objs_show(session);

	c->map = o ? &obj_to_map(o)->map : NULL;
	return o;
}

static struct vfy_ctx_arg args[] = {
	{.offset = offsetof(struct bpf_iter__bpf_map, map),
	 .reg_type = PTR_TO_BTF_ID | PTR_MAYBE_NULL},
};

const struct iter_target iter_target_bpf_map = {
	.name = "bpf_map",
	.ctx_size = sizeof(struct bpf_iter__bpf_map),
	.ctx_args = args,
	.nr_ctx_args = ARRAY_SIZE(args),
	.ctx_types = {"bpf_map"},
	.start = start,
	.show = show,
	.next = iter_objs_next,
	.pause = iter_objs_pause,
	.stop = iter_objs_stop,
};
