/* SPDX-License-Identifier: BSD-2-Clause */
#include "exec/test_run.h"
#include "prog/ctx.h"
#include "prog/load.h"

#define PROG_TYPE(NAME, lower, groups, run, net, perf)          \
	[BPF_PROG_TYPE_##NAME] = {.name = #lower,               \
				  .type = BPF_PROG_TYPE_##NAME, \
				  .ops = &lower##_ops,          \
				  .helper_groups = groups,      \
				  .test_run = run,              \
				  .needs_net_admin = net,       \
				  .needs_perfmon = perf},
static const struct prog_type types[] = {
#include "prog/types.def"
};
#undef PROG_TYPE

const struct prog_type *prog_type_of(u32 type)
{
	return type < ARRAY_SIZE(types) && types[type].ops ? &types[type] : NULL;
}

enum bpf_prog_type prog_type_resolved(const struct bpf_prog *prog)
{
	const struct bpf_prog *dst = prog->aux->dst_prog;

	return prog->type == BPF_PROG_TYPE_EXT && dst ? dst->type : prog->type;
}

/* What a group would give and 6.1 does not. */
static const struct helper_gap {
	enum bpf_prog_type type;
	enum bpf_func_id id;
} gaps[] = {
	{BPF_PROG_TYPE_CGROUP_DEVICE, BPF_FUNC_ktime_get_coarse_ns},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_FUNC_ktime_get_coarse_ns},
	{BPF_PROG_TYPE_SYSCALL, BPF_FUNC_get_attach_cookie},
};

/* Helpers that only some attach types of their program types have. */
static bool attach_lacks(enum bpf_prog_type type, enum bpf_attach_type attach, u32 id)
{
	switch (id) {
	case BPF_FUNC_bind:
		return attach != BPF_CGROUP_INET4_CONNECT && attach != BPF_CGROUP_INET6_CONNECT;
	case BPF_FUNC_setsockopt:
	case BPF_FUNC_getsockopt:
		return type == BPF_PROG_TYPE_CGROUP_SOCKOPT && attach != BPF_CGROUP_SETSOCKOPT;
	case BPF_FUNC_get_retval:
	case BPF_FUNC_set_retval:
		return attach == BPF_CGROUP_UDP4_RECVMSG || attach == BPF_CGROUP_UDP6_RECVMSG ||
		       attach == BPF_CGROUP_INET4_GETPEERNAME ||
		       attach == BPF_CGROUP_INET6_GETPEERNAME ||
		       attach == BPF_CGROUP_INET4_GETSOCKNAME ||
		       attach == BPF_CGROUP_INET6_GETSOCKNAME;
	}
	return false;
}

/* Options of a socket are within reach at some hooks only. */
static bool lsm_lacks(const struct vfy_prog *prog, u32 id)
{
	return (id == BPF_FUNC_setsockopt || id == BPF_FUNC_getsockopt) &&
	       !(prog->attach_func_name && hook_has_sockopt(prog->attach_func_name));
}

/* Of the helpers a tracing program has, may it call this one where it is? */
bool prog_helper_allowed(u32 id, const struct vfy_prog *prog)
{
	const char *func = prog->attach_func_name ? prog->attach_func_name : "";
	enum bpf_attach_type at = prog->expected_attach_type;

	switch (id) {
	case BPF_FUNC_d_path:
		if (prog->type == BPF_PROG_TYPE_LSM)
			return hook_sleepable(prog->type, func);
		return prog_writes_file(prog->type, at) || hook_has_path(func);
	case BPF_FUNC_inode_storage_get:
	case BPF_FUNC_inode_storage_delete: return prog->type == BPF_PROG_TYPE_LSM;
	case BPF_FUNC_sk_storage_get:
	case BPF_FUNC_sk_storage_delete:
		if (prog->type == BPF_PROG_TYPE_LSM || prog->target_type)
			return prog->type == BPF_PROG_TYPE_LSM;
		if (at == BPF_TRACE_FENTRY || at == BPF_TRACE_FEXIT)
			return strncmp(func, "bpf_sk_storage", strlen("bpf_sk_storage")) != 0;
		return prog_writes_file(prog->type, at) || at == BPF_TRACE_RAW_TP;
	}
	return true;
}

static bool has_trampoline(enum bpf_prog_type type, enum bpf_attach_type attach)
{
	return type == BPF_PROG_TYPE_LSM
		       ? attach == BPF_LSM_MAC
		       : type == BPF_PROG_TYPE_TRACING &&
				 (attach == BPF_TRACE_FENTRY || attach == BPF_TRACE_FEXIT ||
				  attach == BPF_MODIFY_RETURN);
}

static bool is_gap(enum bpf_prog_type type, enum bpf_attach_type attach, u32 id)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(gaps); i++)
		if (gaps[i].type == type && gaps[i].id == id)
			return true;
	/* cookies come with trampolines, and since 6.10 with raw tracepoints */
	return (type == BPF_PROG_TYPE_TRACING && id == BPF_FUNC_get_attach_cookie &&
		prog_writes_file(type, attach)) ||
	       attach_lacks(type, attach, id);
}

/* Helpers that give away pointers into the kernel's structs. */
static bool wants_perfmon(u32 id)
{
	switch (id) {
	case BPF_FUNC_skc_to_tcp_sock:
	case BPF_FUNC_skc_to_tcp6_sock:
	case BPF_FUNC_skc_to_tcp_timewait_sock:
	case BPF_FUNC_skc_to_tcp_request_sock:
	case BPF_FUNC_skc_to_udp6_sock:
	case BPF_FUNC_skc_to_unix_sock:
	case BPF_FUNC_skc_to_mptcp_sock: return true;
	}
	return false;
}

const struct helper_proto *prog_helper(u32 id, const struct vfy_prog *prog)
{
	const struct prog_type *t = prog_type_of(prog->type);
	u32 groups = HG_BASE;

	if (!t || is_gap(t->type, prog->expected_attach_type, id))
		return NULL;
	if (wants_perfmon(id) && !cred_perfmon(prog->cred))
		return NULL;
	groups |= t->helper_groups;
	if (cred_bpf(prog->cred)) {
		groups |= HG_BPF;
		if (cred_perfmon(prog->cred))
			groups |= HG_PERFMON;
	}
	if (prog_writes_file(t->type, prog->expected_attach_type))
		groups |= HG_ITER;
	if (prog->sleepable)
		groups |= HG_SLEEPABLE;
	if (has_trampoline(t->type, prog->expected_attach_type))
		groups |= HG_TRAMPOLINE;
	if (t->type == BPF_PROG_TYPE_LSM && prog->expected_attach_type == BPF_LSM_CGROUP &&
	    !lsm_lacks(prog, id))
		groups |= HG_LSM_CGROUP;
	/* the kernel wants CAP_PERFMON for sys_bpf of syscall programs */
	if (t->type == BPF_PROG_TYPE_SYSCALL && id == BPF_FUNC_sys_bpf && !cred_perfmon(prog->cred))
		return NULL;
	return helper_for(id, groups);
}
