/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_LINK_TYPE_TRACING: a program around a function of the service (fentry, fmod_ret, fexit). */
#include <stdlib.h>
#include "link/link_kind.h"

struct tracing_link {
	struct bpf_link link;
	struct hook_user user;
};

static struct tracing_link *tracing_link_of(const struct bpf_link *l)
{
	return container_of(l, struct tracing_link, link);
}

static void release(struct bpf_link *link)
{
	hook_detach(&tracing_link_of(link)->user);
}

static void dealloc(struct bpf_link *link)
{
	free(tracing_link_of(link));
}

static int fill_info(const struct bpf_link *link, struct bpf_link_info *info,
		     int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	const struct bpf_prog *prog = link->prog;

	info->tracing.attach_type = prog->expected_attach_type;
	info->tracing.target_obj_id = prog->aux->attach_btf ? prog->aux->attach_btf->id : 0;
	info->tracing.target_btf_id = prog->aux->attach_btf_id;
	link_info_long(info)->tracing.cookie = tracing_link_of(link)->user.cookie;
	return 0;
}

static const struct bpf_link_ops tracing_link_ops = {
	.name = "tracing", .release = release, .dealloc = dealloc, .fill_info = fill_info};

static const struct {
	u32 attach;
	enum hook_how how;
} hows[] = {
	{BPF_TRACE_FENTRY, HOOK_FENTRY},
	{BPF_TRACE_FEXIT, HOOK_FEXIT},
	{BPF_MODIFY_RETURN, HOOK_FMOD_RET},
};

/* Where such a program goes: a function of the service's own BTF. */
static struct hook *place_of(const struct link_create_env *env, const struct bpf_prog *prog)
{
	if (prog->type != BPF_PROG_TYPE_TRACING || prog->aux->dst_prog ||
	    !prog->aux->attach_func_name)
		return NULL;
	return hook_function(env->hooks, prog->aux->attach_func_name);
}

struct bpf_link *tracing_link_create(const struct link_create_env *env, struct bpf_prog *prog,
				     u64 cookie)
{
	struct hook *h = place_of(env, prog);
	struct tracing_link *l;
	int err = -ENOTSUPP;

	if (!h)
		return ERR_PTR(-ENOTSUPP);
	l = calloc(1, sizeof(*l));
	if (!l)
		return ERR_PTR(-ENOMEM);
	l->user = (struct hook_user){.prog = prog, .cookie = cookie};
	obj_get(&prog->obj);
	link_init(&l->link, BPF_LINK_TYPE_TRACING, &tracing_link_ops, prog);
	for (u32 i = 0; i < ARRAY_SIZE(hows); i++) {
		if (hows[i].attach != (u32)prog->expected_attach_type)
			continue;
		l->user.how = hows[i].how;
		err = hook_attach(h, &l->user);
	}
	if (!err)
		return &l->link;
	link_discard(&l->link);
	free(l);
	return ERR_PTR(err);
}
