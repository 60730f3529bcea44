/* SPDX-License-Identifier: BSD-2-Clause */
/* return.c - what a program, a function or a callback may return. */
#include "verifier/vfy.h"

#define ANY_ATTACH UINT32_MAX

/* Numbers that programs of a type may return; the first row that fits counts. Other types: any. */
static const struct {
	u32 type, attach;
	u8 least, most;
} returns[] = {
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_RECVMSG, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_RECVMSG, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETPEERNAME, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_GETPEERNAME, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETSOCKNAME, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_GETSOCKNAME, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND, 0, 3},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_BIND, 0, 3},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, 0, 3},
	{BPF_PROG_TYPE_CGROUP_SKB, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_SOCK_OPS, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_CGROUP_DEVICE, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_CGROUP_SYSCTL, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_SK_LOOKUP, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, 0, 0},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, 0, 0},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0, 1},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_VIEW, 0, 1},
	{BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP, 0, 1},
};

static bool is_void_cgroup_hook(const struct vfy_prog *p)
{
	return p->type == BPF_PROG_TYPE_LSM && p->expected_attach_type == BPF_LSM_CGROUP &&
	       p->attach_func_proto && !p->attach_func_proto->type;
}

/* What R0 must be at the end of the program. */
static struct tnum return_range(const struct vfy_prog *p, int *err)
{
	u32 attach = p->expected_attach_type;

	if (p->type == BPF_PROG_TYPE_RAW_TRACEPOINT && p->attach_btf_id)
		return tnum_const(0);
	if (is_void_cgroup_hook(p))
		return tnum_const(1);
	for (u32 i = 0; i < ARRAY_SIZE(returns); i++)
		if (returns[i].type == p->type &&
		    (returns[i].attach == ANY_ATTACH || returns[i].attach == attach))
			return tnum_range(returns[i].least, returns[i].most);
	if (p->type == BPF_PROG_TYPE_TRACING && attach != BPF_TRACE_RAW_TP &&
	    attach != BPF_MODIFY_RETURN && attach != BPF_TRACE_VIEW_WRITE)
		*err = -ENOTSUPP;
	return TNUM_UNKNOWN;
}

static int need_scalar(struct venv *env, const struct vreg *r, const char *fmt)
{
	if (r->type == SCALAR_VALUE)
		return 0;
	if (log_on(env->log))
		log_printf(env->log, "%s(%s)\n", fmt, vfy_type_text(env, r->type));
	return -EINVAL;
}

/* The result is in @range, and a path with another must not end where this one went on (6.1
 * forgets). */
static int in_range(struct venv *env, struct tnum range, const char *where)
{
	struct vreg *r = vfy_reg(env, 0);

	if (tnum_contains(range, r->var))
		return vfy_precise(env, 0);
	vfy_log_bad_scalar(env, r, range, where, "R0");
	return -EINVAL;
}

static int callback_result(struct venv *env)
{
	int err = need_scalar(env, vfy_reg(env, 0),
			      "In async callback the register R0 is not a known value ");

	return err ? err : in_range(env, tnum_const(0), "async callback");
}

static int program_result(struct venv *env)
{
	int err = 0;
	struct tnum range = return_range(env->prog, &err);

	if (err || tnum_is_unknown(range))
		return err;
	err = need_scalar(env, vfy_reg(env, 0),
			  "At program exit the register R0 is not a known value ");
	if (err)
		return err;
	err = in_range(env, range, "program exit");
	if (err == -EINVAL && is_void_cgroup_hook(env->prog))
		vlog(env,
		     "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n");
	return err;
}

/* Attached to functions that return nothing. */
static bool result_is_ignored(const struct vfy_prog *p)
{
	bool hook = p->type == BPF_PROG_TYPE_STRUCT_OPS ||
		    (p->type == BPF_PROG_TYPE_LSM && p->expected_attach_type != BPF_LSM_CGROUP);

	return hook && p->attach_func_proto && !p->attach_func_proto->type;
}

int vfy_return_code(struct venv *env)
{
	const struct vframe *f = env->cur->frame[0];
	int err;

	if (!f->subprog && result_is_ignored(env->prog))
		return 0;
	err = vfy_use_reg(env, 0, USE_SRC);
	if (err)
		return err;
	if (reg_leaks(env, 0)) {
		vlog(env, "R0 leaks addr as return value\n");
		return -EACCES;
	}
	if (f->in_async)
		return callback_result(env);
	if (f->subprog)
		return need_scalar(env, vfy_reg(env, 0),
				   "At subprogram exit the register R0 is not a scalar value ");
	return program_result(env);
}
