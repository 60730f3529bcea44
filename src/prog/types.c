/* SPDX-License-Identifier: BSD-2-Clause */
#include "exec/test_run.h"
#include "prog/ctx.h"

#define PROG_TYPE(NAME, lower, groups, run, net, perf)                                                            \
	[BPF_PROG_TYPE_##NAME] = { .name = #lower, .type = BPF_PROG_TYPE_##NAME, .ops = &lower##_ops,             \
				   .helper_groups = groups, .test_run = run, .needs_net_admin = net, .needs_perfmon = perf },
static const struct prog_type types[] = {
#include "prog/types.def"
};
#undef PROG_TYPE

const struct prog_type *prog_type_of(u32 type)
{
	return type < ARRAY_SIZE(types) && types[type].ops ? &types[type] : NULL;
}

/* An extension is checked as what it replaces. */
static enum bpf_prog_type resolve_type(const struct vfy_prog *prog)
{
	const struct bpf_prog *dst = prog->dst_prog;

	return prog->type == BPF_PROG_TYPE_EXT && dst ? dst->type : prog->type;
}

const struct helper_proto *prog_helper(u32 id, const struct vfy_prog *prog)
{
	const struct prog_type *t = prog_type_of(resolve_type(prog));
	u32 groups = HG_BASE;

	if (!t)
		return NULL;
	groups |= t->helper_groups;
	if (cred_bpf(prog->cred)) {
		groups |= HG_BPF;
		if (cred_perfmon(prog->cred))
			groups |= HG_PERFMON;
	}
	if (t->type == BPF_PROG_TYPE_TRACING && prog->expected_attach_type == BPF_TRACE_ITER)
		groups |= HG_ITER;
	if (prog->sleepable)
		groups |= HG_SLEEPABLE;
	/* the kernel wants CAP_PERFMON for sys_bpf of syscall programs */
	if (t->type == BPF_PROG_TYPE_SYSCALL && id == BPF_FUNC_sys_bpf && !cred_perfmon(prog->cred))
		return NULL;
	return helper_for(id, groups);
}
