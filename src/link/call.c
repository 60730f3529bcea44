/* SPDX-License-Identifier: BSD-2-Clause */
/* call.c - how the service calls programs of links: what they can reach stays until they return. */
#include <urcu/urcu-bp.h>
#include "link/link_kind.h"

struct bpf_prog *link_prog(struct bpf_link *link)
{
	struct bpf_prog *prog;

	pthread_mutex_lock(&link->lock);
	prog = link->prog;
	obj_get(&prog->obj);
	pthread_mutex_unlock(&link->lock);
	return prog;
}

/* Maps found in maps of maps stay while the reader is inside. */
static bool uses_inner(const struct exec_image *img)
{
	for (u32 i = 0; i < img->nr_maps; i++)
		if (img->maps[i]->ops->map_values)
			return true;
	return false;
}

u64 link_run(struct bpf_prog *prog, void *ctx, struct exec_run *r)
{
	bool sleepable = prog->aux->sleepable && !uses_inner(prog->image);
	u64 ret, t0 = prog_clock();

	if (!sleepable)
		urcu_bp_read_lock();
	ret = exec_run(prog->image, ctx, r);
	if (!sleepable)
		urcu_bp_read_unlock();
	prog_account(prog, 1, prog_clock() - t0);
	return ret;
}

int link_call(struct bpf_prog *prog, void *ctx, const struct exec_host *host, u64 *ret)
{
	struct exec_run r = {.host = host};
	struct limit l;

	limit_begin(limits_of(host), &l, &r.head);
	*ret = link_run(prog, ctx, &r);
	return limit_end(limits_of(host), &l);
}
