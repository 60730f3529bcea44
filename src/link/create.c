/* SPDX-License-Identifier: BSD-2-Clause */
/* create.c - LINK_CREATE: which programs may be attached how, and which kind of link that makes. */
#include "link/link.h"
#include "link/link_kind.h"
#include "link/perf_event.h"

/* Which type of program an attach type is for (kernel: attach_type_to_prog_type); 0 = none. */
static const u8 prog_type_of_attach[] = {
	[BPF_CGROUP_INET_INGRESS] = BPF_PROG_TYPE_CGROUP_SKB,
	[BPF_CGROUP_INET_EGRESS] = BPF_PROG_TYPE_CGROUP_SKB,
	[BPF_CGROUP_INET_SOCK_CREATE] = BPF_PROG_TYPE_CGROUP_SOCK,
	[BPF_CGROUP_INET_SOCK_RELEASE] = BPF_PROG_TYPE_CGROUP_SOCK,
	[BPF_CGROUP_INET4_POST_BIND] = BPF_PROG_TYPE_CGROUP_SOCK,
	[BPF_CGROUP_INET6_POST_BIND] = BPF_PROG_TYPE_CGROUP_SOCK,
	[BPF_CGROUP_INET4_BIND] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_INET6_BIND] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_INET4_CONNECT] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_INET6_CONNECT] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_INET4_GETPEERNAME] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_INET6_GETPEERNAME] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_INET4_GETSOCKNAME] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_INET6_GETSOCKNAME] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_UDP4_SENDMSG] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_UDP6_SENDMSG] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_UDP4_RECVMSG] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_UDP6_RECVMSG] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	[BPF_CGROUP_SOCK_OPS] = BPF_PROG_TYPE_SOCK_OPS,
	[BPF_CGROUP_DEVICE] = BPF_PROG_TYPE_CGROUP_DEVICE,
	[BPF_SK_MSG_VERDICT] = BPF_PROG_TYPE_SK_MSG,
	[BPF_SK_SKB_STREAM_PARSER] = BPF_PROG_TYPE_SK_SKB,
	[BPF_SK_SKB_STREAM_VERDICT] = BPF_PROG_TYPE_SK_SKB,
	[BPF_SK_SKB_VERDICT] = BPF_PROG_TYPE_SK_SKB,
	[BPF_LIRC_MODE2] = BPF_PROG_TYPE_LIRC_MODE2,
	[BPF_FLOW_DISSECTOR] = BPF_PROG_TYPE_FLOW_DISSECTOR,
	[BPF_CGROUP_SYSCTL] = BPF_PROG_TYPE_CGROUP_SYSCTL,
	[BPF_CGROUP_GETSOCKOPT] = BPF_PROG_TYPE_CGROUP_SOCKOPT,
	[BPF_CGROUP_SETSOCKOPT] = BPF_PROG_TYPE_CGROUP_SOCKOPT,
	[BPF_TRACE_ITER] = BPF_PROG_TYPE_TRACING,
	[BPF_TRACE_RAW_TP] = BPF_PROG_TYPE_TRACING,
	[BPF_TRACE_FENTRY] = BPF_PROG_TYPE_TRACING,
	[BPF_TRACE_FEXIT] = BPF_PROG_TYPE_TRACING,
	[BPF_MODIFY_RETURN] = BPF_PROG_TYPE_TRACING,
	[BPF_LSM_MAC] = BPF_PROG_TYPE_LSM,
	[BPF_LSM_CGROUP] = BPF_PROG_TYPE_LSM,
	[BPF_SK_LOOKUP] = BPF_PROG_TYPE_SK_LOOKUP,
	[BPF_XDP] = BPF_PROG_TYPE_XDP,
};

static u32 attach_to_prog_type(u32 attach)
{
	if (attach == BPF_TRACE_VIEW || attach == BPF_TRACE_VIEW_WRITE) /* far from the others */
		return BPF_PROG_TYPE_TRACING;
	return attach < ARRAY_SIZE(prog_type_of_attach) ? prog_type_of_attach[attach] : 0;
}

typedef struct bpf_link *(*create_fn)(const struct link_create_env *env, const union bpf_attr *attr,
				      struct bpf_prog *prog,
				      const union bpf_iter_link_info *iter_info);

/* What the kernel answers when it was built without the subsystem such programs attach to. */
static struct bpf_link *no_such_hook(const struct link_create_env *env, const union bpf_attr *attr,
				     struct bpf_prog *prog,
				     const union bpf_iter_link_info *iter_info)
{
	return ERR_PTR(-EINVAL);
}

static struct bpf_link *perf(const struct link_create_env *env, const union bpf_attr *attr,
			     struct bpf_prog *prog, const union bpf_iter_link_info *iter_info)
{
	if (attr->link_create.attach_type == BPF_TRACE_KPROBE_MULTI)
		return kprobe_multi_link_create(env, attr, prog);
	if (attr->link_create.attach_type == BPF_TRACE_UPROBE_MULTI_NR)
		return uprobe_multi_link_create(env, attr, prog);
	return perf_link_create(env, attr, prog);
}

/* Around a function of the service; programs and functions of processes have none around. */
static struct bpf_link *trampoline(const struct link_create_env *env, const union bpf_attr *attr,
				   struct bpf_prog *prog, const union bpf_iter_link_info *iter_info)
{
	bool ext = prog->type == BPF_PROG_TYPE_EXT;

	if (!!attr->link_create.target_fd != !!attr->link_create.target_btf_id ||
	    (attr->link_create.target_fd && !ext) || (ext && prog->expected_attach_type))
		return ERR_PTR(-EINVAL);
	return tracing_link_create(env, prog, attr->link_create.tracing.cookie);
}

static struct bpf_link *tracing(const struct link_create_env *env, const union bpf_attr *attr,
				struct bpf_prog *prog, const union bpf_iter_link_info *iter_info)
{
	if (attr->link_create.attach_type != prog->expected_attach_type)
		return ERR_PTR(-EINVAL);
	if (prog->expected_attach_type == BPF_TRACE_ITER)
		return iter_link_create(env, attr, prog, iter_info);
	if (prog->expected_attach_type == BPF_TRACE_VIEW ||
	    prog->expected_attach_type == BPF_TRACE_VIEW_WRITE)
		return view_link_create(env, attr, prog);
	if (prog->expected_attach_type == BPF_TRACE_RAW_TP)
		return raw_tp_link_create(env, prog->aux->attach_func_name ?: "", prog,
					  attr->link_create.tracing.cookie);
	if (prog->expected_attach_type == BPF_LSM_CGROUP)
		return ERR_PTR(-EINVAL);
	return trampoline(env, attr, prog, iter_info);
}

/* Kernel: bpf_prog_attach_check_attach_type() and the checks of link_create() itself. */
enum attach_check {
	ATTACH_BY_TYPE = 0,  /* the attach type is one for this program type */
	ATTACH_ANY = 1,	     /* the kind checks */
	ATTACH_PERF = 2,     /* BPF_PERF_EVENT only */
	ATTACH_KPROBE = 4,   /* BPF_PERF_EVENT or BPF_TRACE_KPROBE_MULTI, as loaded */
	ATTACH_EXPECTED = 8, /* exactly the one it was loaded for */
	ATTACH_NET_ADMIN = 16,
};

/* By program type. A type that is not here cannot be attached by a link. */
static const struct link_rule {
	u8 check;
	create_fn create;
} rules[] = {
	[BPF_PROG_TYPE_EXT] = {ATTACH_ANY, trampoline},
	[BPF_PROG_TYPE_TRACING] = {ATTACH_BY_TYPE, tracing},
	[BPF_PROG_TYPE_LSM] = {ATTACH_BY_TYPE, tracing},
	[BPF_PROG_TYPE_PERF_EVENT] = {ATTACH_PERF, perf},
	[BPF_PROG_TYPE_TRACEPOINT] = {ATTACH_PERF, perf},
	[BPF_PROG_TYPE_KPROBE] = {ATTACH_KPROBE, perf},
	[BPF_PROG_TYPE_CGROUP_SKB] = {ATTACH_BY_TYPE | ATTACH_NET_ADMIN, no_such_hook},
	[BPF_PROG_TYPE_CGROUP_SOCK] = {ATTACH_EXPECTED, no_such_hook},
	[BPF_PROG_TYPE_CGROUP_SOCK_ADDR] = {ATTACH_EXPECTED, no_such_hook},
	[BPF_PROG_TYPE_CGROUP_SOCKOPT] = {ATTACH_EXPECTED, no_such_hook},
	[BPF_PROG_TYPE_SK_LOOKUP] = {ATTACH_EXPECTED, no_such_hook},
};

static int check_attach(const struct link_create_env *env, u32 attach, const struct bpf_prog *prog,
			u8 check)
{
	u32 type;

	if (check & ATTACH_NET_ADMIN && !cred_has(env->cred, CAP_NET_ADMIN))
		return -EPERM;
	if (check & ATTACH_EXPECTED && attach != prog->expected_attach_type)
		return -EINVAL;
	if (check & ATTACH_ANY)
		return 0;
	if (check & ATTACH_PERF)
		return attach == BPF_PERF_EVENT ? 0 : -EINVAL;
	if (check & ATTACH_KPROBE) {
		if (prog->expected_attach_type == BPF_TRACE_KPROBE_MULTI &&
		    attach != BPF_TRACE_KPROBE_MULTI)
			return -EINVAL;
		if (prog->expected_attach_type == BPF_TRACE_UPROBE_MULTI_NR &&
		    attach != BPF_TRACE_UPROBE_MULTI_NR)
			return -EINVAL;
		return attach == BPF_PERF_EVENT || attach == BPF_TRACE_KPROBE_MULTI ||
				       attach == BPF_TRACE_UPROBE_MULTI_NR
			       ? 0
			       : -EINVAL;
	}
	type = attach_to_prog_type(attach);
	return type && type == prog->type ? 0 : -EINVAL;
}

/* Only one kind has members behind the others. */
static bool tail_is_zero(const union bpf_attr *attr)
{
	const u8 *p = (const u8 *)attr;
	u32 from = offsetofend(union bpf_attr, link_create.kprobe_multi.cookies);

	if (attr->link_create.attach_type == BPF_TRACE_UPROBE_MULTI_NR)
		return true;
	for (u32 i = from; i < BPF_ATTR_LINK_KIND + sizeof(struct link_create_uprobe_multi); i++)
		if (p[i])
			return false;
	return true;
}

struct bpf_link *link_create(const struct link_create_env *env, const union bpf_attr *attr,
			     struct bpf_prog *prog, const union bpf_iter_link_info *iter_info)
{
	const struct link_rule *rule = prog->type < ARRAY_SIZE(rules) ? &rules[prog->type] : NULL;
	int err;

	if (!rule || !rule->create || !tail_is_zero(attr))
		return ERR_PTR(-EINVAL);
	err = check_attach(env, attr->link_create.attach_type, prog, rule->check);
	if (err)
		return ERR_PTR(err);
	return rule->create(env, attr, prog, iter_info);
}

struct bpf_link *link_create_raw(const struct link_create_env *env, const char *name,
				 struct bpf_prog *prog, u64 cookie)
{
	if (!name && prog->expected_attach_type != BPF_TRACE_RAW_TP)
		return tracing_link_create(env, prog, cookie);
	return raw_tp_link_create(env, name ? name : prog->aux->attach_func_name ?: "", prog,
				  cookie);
}
