/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subprog.c - calls between subprograms. Static ones are walked in place with their own frame;
 * global ones were checked on their own, for any arguments that match their BTF, so a call only
 * checks the arguments.
 */
#include "verifier/vfy.h"

/* Context struct per program type: as its BTF names it, and as those who trace it see it. */
static const struct ctx_name {
	u32 type;
	const char *name, *alias, *inside;
} ctx_names[] = {
	{BPF_PROG_TYPE_SOCKET_FILTER, "__sk_buff", NULL, "sk_buff"},
	{BPF_PROG_TYPE_SCHED_CLS, "__sk_buff", NULL, "sk_buff"},
	{BPF_PROG_TYPE_SCHED_ACT, "__sk_buff", NULL, "sk_buff"},
	{BPF_PROG_TYPE_XDP, "xdp_md", NULL, "xdp_buff"},
	{BPF_PROG_TYPE_CGROUP_SKB, "__sk_buff", NULL, "sk_buff"},
	{BPF_PROG_TYPE_CGROUP_SOCK, "bpf_sock", NULL, "sock"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "bpf_sock_addr", NULL, "bpf_sock_addr_kern"},
	{BPF_PROG_TYPE_LWT_IN, "__sk_buff", NULL, "sk_buff"},
	{BPF_PROG_TYPE_LWT_OUT, "__sk_buff", NULL, "sk_buff"},
	{BPF_PROG_TYPE_LWT_XMIT, "__sk_buff", NULL, "sk_buff"},
	{BPF_PROG_TYPE_LWT_SEG6LOCAL, "__sk_buff", NULL, "sk_buff"},
	{BPF_PROG_TYPE_SOCK_OPS, "bpf_sock_ops", NULL, "bpf_sock_ops_kern"},
	{BPF_PROG_TYPE_SK_SKB, "__sk_buff", NULL, "sk_buff"},
	{BPF_PROG_TYPE_SK_MSG, "sk_msg_md", NULL, "sk_msg"},
	{BPF_PROG_TYPE_FLOW_DISSECTOR, "__sk_buff", NULL, "bpf_flow_dissector"},
	{BPF_PROG_TYPE_KPROBE, "bpf_user_pt_regs_t", "pt_regs", "pt_regs"},
	{BPF_PROG_TYPE_PERF_EVENT, "bpf_perf_event_data", NULL, "bpf_perf_event_data_kern"},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, "bpf_raw_tracepoint_args", NULL, NULL},
	{BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, "bpf_raw_tracepoint_args", NULL, NULL},
	{BPF_PROG_TYPE_CGROUP_DEVICE, "bpf_cgroup_dev_ctx", NULL, "bpf_cgroup_dev_ctx"},
	{BPF_PROG_TYPE_CGROUP_SYSCTL, "bpf_sysctl", NULL, "bpf_sysctl_kern"},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, "bpf_sockopt", NULL, "bpf_sockopt_kern"},
	{BPF_PROG_TYPE_SK_REUSEPORT, "sk_reuseport_md", NULL, "sk_reuseport_kern"},
	{BPF_PROG_TYPE_SK_LOOKUP, "bpf_sk_lookup", NULL, "bpf_sk_lookup_kern"},
};

static const struct ctx_name *ctx_name_of(u32 prog_type, const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, id, NULL);
	const struct ctx_name *c;
	const char *name;

	if (!t || !btf_type_is_struct(t))
		return NULL;
	name = btf_name_by_offset(btf, t->name_off);
	for (c = ctx_names; name && c < ctx_names + ARRAY_SIZE(ctx_names); c++)
		if (c->type == prog_type)
			return !strcmp(name, c->name) || (c->alias && !strcmp(name, c->alias))
				       ? c
				       : NULL;
	return NULL;
}

/* Is a pointer to @id the context of this program type? */
bool vfy_is_ctx_type(const struct venv *env, const struct btf *btf, u32 id)
{
	return ctx_name_of(env->prog->type, btf, id) != NULL;
}

const char *vfy_ctx_inside(u32 prog_type, const struct btf *btf, u32 id)
{
	const struct ctx_name *c = ctx_name_of(prog_type, btf, id);

	return c ? c->inside : NULL;
}

static bool is_scalar_type(const struct btf_type *t)
{
	return btf_type_is_int(t) || btf_type_is_any_enum(t);
}

/* The prototype of subprogram @n with at most five arguments, or NULL with *err set. */
static const struct btf_type *proto_of(struct venv *env, u32 n, const char **name, int *err)
{
	const struct btf *btf = env->prog->btf;
	const struct btf_type *t;

	*err = -EINVAL;
	*name = "";
	if (!env->prog->func_info_cnt)
		return NULL;
	*err = -EFAULT;
	t = btf_type_by_id(btf, env->prog->func_info[n].type_id);
	if (!t || !btf_type_is_func(t))
		return NULL;
	*name = btf_name_by_offset(btf, t->name_off);
	t = btf_type_by_id(btf, t->type);
	if (!t || !btf_type_is_func_proto(t))
		return NULL;
	*err = 0;
	return t;
}

/* --- arguments of a call --- */

/* Memory of @size bytes behind @regno, readable and writable; a pointer that may be NULL counts
 * as the memory. */
int vfy_mem_arg(struct venv *env, u32 regno, u32 size)
{
	struct vreg *r = vfy_reg(env, regno), saved;
	bool maybe = r->type & PTR_MAYBE_NULL;
	int err;

	if (reg_is_null(r))
		return vfy_precise(env, regno);
	saved = *r;
	if (maybe)
		vfy_not_null(env, r);
	err = vfy_helper_mem(env, regno, size, BPF_READ, true, NULL);
	if (!err)
		err = vfy_helper_mem(env, regno, size, BPF_WRITE, true, NULL);
	if (maybe) {
		r = vfy_reg(env, regno);
		reg_copy(r, &saved);
	}
	return err;
}

static int match_ptr(struct venv *env, u32 i, const struct btf_type *t, struct vreg *r, bool mem_ok,
		     bool call, const char *func, u32 func_id)
{
	const struct btf *btf = env->prog->btf;
	const struct btf_type *to = btf_type_skip_modifiers(btf, t->type, NULL), *sized;
	const char *name = to ? btf_name_by_offset(btf, to->name_off) : "";
	u32 size = 0;
	int err;

	err = vfy_arg_offset(env, r, i + 1);
	if (err)
		return err;
	if (vfy_is_ctx_type(env, btf, t->type)) {
		if (r->type == PTR_TO_CTX)
			return 0;
		log_printf(env->log, "arg#%d expected pointer to ctx, but got %s\n", i,
			   vfy_kind_name(t));
		return -EINVAL;
	}
	if (!mem_ok || !call) {
		vlog(env, "reg type unsupported for arg#%d function %s#%d\n", i, func, func_id);
		return -EINVAL;
	}
	sized = to ? btf_resolve_size(btf, to, &size) : ERR_PTR(-EINVAL);
	if (IS_ERR(sized)) {
		vlog(env, "arg#%d reference type('%s %s') size cannot be determined: %ld\n", i,
		     to ? vfy_kind_name(to) : "", name ? name : "", PTR_ERR(sized));
		return -EINVAL;
	}
	return vfy_mem_arg(env, i + 1, size) ? -EINVAL : 0;
}

static int match_args(struct venv *env, u32 n, struct vreg *regs, bool call)
{
	const struct btf *btf = env->prog->btf;
	const struct btf_type *proto, *t;
	const char *name;
	u32 id;
	int err;

	proto = proto_of(env, n, &name, &err);
	if (!proto)
		return err;
	id = env->prog->func_info[n].type_id;
	if (btf_type_vlen(proto) > 5) {
		vlog(env, "Function %s has %d > %d args\n", name, btf_type_vlen(proto), 5);
		return -EINVAL;
	}
	for (u32 i = 0; i < btf_type_vlen(proto) && !err; i++) {
		t = btf_type_skip_modifiers(btf, btf_params(proto)[i].type, NULL);
		if (!t)
			return -EINVAL;
		if (is_scalar_type(t)) {
			if (regs[i + 1].type == SCALAR_VALUE)
				continue;
			vlog(env, "R%d is not a scalar\n", i + 1);
			return -EINVAL;
		}
		if (!btf_type_is_ptr(t)) {
			vlog(env, "Unrecognized arg#%d type %s\n", i, vfy_kind_name(t));
			return -EINVAL;
		}
		err = match_ptr(env, i, t, &regs[i + 1], env->funcs[n].linkage == BTF_FUNC_GLOBAL,
				call, name, id);
	}
	return err;
}

int vfy_subprog_match(struct venv *env, u32 n, struct vreg *regs, bool call)
{
	int err;

	if (!env->prog->func_info_cnt || env->funcs[n].unreliable)
		return -EINVAL;
	err = match_args(env, n, regs, call);
	if (err)
		env->funcs[n].unreliable = true;
	return err;
}

/* --- entry of a global function: registers from its BTF --- */

static int entry_arg(struct venv *env, u32 i, const struct btf_type *t, struct vreg *r,
		     const char *func)
{
	const struct btf *btf = env->prog->btf;
	const struct btf_type *to, *sized;
	const char *name;
	u32 size = 0;

	if (is_scalar_type(t)) {
		reg_unknown(env, r);
		return 0;
	}
	if (!btf_type_is_ptr(t)) {
		vlog(env, "Arg#%d type %s in %s() is not supported yet.\n", i, vfy_kind_name(t),
		     func);
		return -EINVAL;
	}
	if (vfy_is_ctx_type(env, btf, t->type)) {
		reg_known(r, 0);
		r->type = PTR_TO_CTX;
		return 0;
	}
	to = btf_type_skip_modifiers(btf, t->type, NULL);
	sized = to ? btf_resolve_size(btf, to, &size) : ERR_PTR(-EINVAL);
	if (IS_ERR(sized)) {
		name = to ? btf_name_by_offset(btf, to->name_off) : "";
		vlog(env, "arg#%d reference type('%s %s') size cannot be determined: %ld\n", i,
		     to ? vfy_kind_name(to) : "", name ? name : "", PTR_ERR(sized));
		return -EINVAL;
	}
	reg_known(r, 0);
	r->type = PTR_TO_MEM | PTR_MAYBE_NULL;
	r->mem_size = size;
	r->id = ++env->id_gen;
	return 0;
}

int vfy_subprog_args(struct venv *env, u32 n, struct vframe *f)
{
	const struct btf *btf = env->prog->btf;
	const struct btf_type *proto, *t;
	const char *name;
	int err;

	proto = proto_of(env, n, &name, &err);
	if (!proto)
		return err;
	if (vlog_level(env) & (LOG_LEVEL1 | LOG_LEVEL2))
		vlog(env, "Validating %s() func#%d...\n", name, n);
	if (env->funcs[n].unreliable) {
		vlog(env, "Verifier bug in function %s()\n", name);
		return -EFAULT;
	}
	if (btf_type_vlen(proto) > 5) {
		vlog(env, "Global function %s() with %d > %d args. Buggy compiler.\n", name,
		     btf_type_vlen(proto), 5);
		return -EINVAL;
	}
	t = btf_type_skip_modifiers(btf, proto->type, NULL);
	if (!t || !is_scalar_type(t)) {
		vlog(env, "Global function %s() doesn't return scalar. Only those are supported.\n",
		     name);
		return -EINVAL;
	}
	for (u32 i = 0; i < btf_type_vlen(proto) && !err; i++) {
		t = btf_type_skip_modifiers(btf, btf_params(proto)[i].type, NULL);
		err = t ? entry_arg(env, i, t, &f->regs[i + 1], name) : -EINVAL;
	}
	return err;
}

/* --- call and exit --- */

/* Arguments that a global function was found to match are read: a path with others must not end
 * where one with these went on (6.1 forgets). */
static void pass_args(struct venv *env, u32 n)
{
	const struct btf_type *proto;
	const char *name;
	int err;

	proto = proto_of(env, n, &name, &err);
	for (u32 i = 0; proto && i < btf_type_vlen(proto); i++)
		vfy_mark_read(env, vfy_reg(env, i + 1));
}

static int call_global(struct venv *env, u32 n, int err)
{
	struct vframe *f = vfy_frame(env);

	if (err) {
		vlog(env, "Caller passes invalid args into func#%d\n", n);
		return err;
	}
	/* later kernels; 6.1 forgets this, and that packets move */
	if (env->funcs[n].sleeps && !vfy_may_sleep(env)) {
		vlog(env, "func#%d might sleep where the program may not\n", n);
		return -EINVAL;
	}
	if (vlog_level(env) & (LOG_LEVEL1 | LOG_LEVEL2))
		vlog(env, "Func#%d is global and valid. Skipping.\n", n);
	pass_args(env, n);
	vfy_clobber_caller_saved(env, f);
	reg_unknown(env, &f->regs[0]);
	return env->funcs[n].changes_pkt ? vfy_pkt_changed(env) : 0;
}

int vfy_subprog_call(struct venv *env, struct bpf_insn *insn, s32 *idx)
{
	s32 n = vfy_find_subprog(env, *idx + insn->imm + 1);
	struct vframe *caller = vfy_frame(env), *callee;
	struct vstate *st = env->cur;
	int err;

	if (n < 0) {
		vlog(env, "verifier bug. No program starts at insn %d\n", *idx + insn->imm + 1);
		return -EFAULT;
	}
	if (st->curframe + 1 >= MAX_CALL_FRAMES) {
		vlog(env, "the call stack of %d frames is too deep\n", st->curframe + 2);
		return -E2BIG;
	}
	err = vfy_subprog_match(env, n, caller->regs, true);
	if (err == -EFAULT)
		return err;
	if (env->subprogs[n].is_global)
		return call_global(env, n, err);
	callee = vfy_frame_new(env, *idx, st->curframe + 1, n);
	if (!callee)
		return -ENOMEM;
	st->frame[st->curframe + 1] = callee;
	err = vfy_frame_copy_refs(env, callee, caller);
	if (err)
		return err;
	for (u32 i = 1; i <= 5; i++)
		callee->regs[i] = caller->regs[i];
	vfy_clobber_caller_saved(env, caller);
	st->curframe++;
	*idx = env->subprogs[n].start - 1;
	if (vlog_level(env) & (LOG_LEVEL1 | LOG_LEVEL2)) {
		vlog(env, "caller:\n");
		vfy_log_frame(env, caller, true);
		vlog(env, "callee:\n");
		vfy_log_frame(env, callee, true);
	}
	return 0;
}

static int callback_value(struct venv *env, struct vframe *callee)
{
	struct vreg *r0 = &callee->regs[0];
	int err;

	if (r0->type != SCALAR_VALUE) {
		vlog(env, "R0 not a scalar value\n");
		return -EACCES;
	}
	vfy_mark_read(env, r0);
	err = vfy_precise(env, 0);
	if (err)
		return err;
	if (!tnum_contains(callee->cb_range, r0->var)) {
		vfy_log_bad_scalar(env, r0, callee->cb_range, "callback return", "R0");
		return -EINVAL;
	}
	return vfy_callback_exit(env, callee);
}

int vfy_subprog_exit(struct venv *env, s32 *idx)
{
	struct vstate *st = env->cur;
	struct vframe *callee = vfy_frame(env), *caller = st->frame[st->curframe - 1];
	int err;

	if (callee->regs[0].type == PTR_TO_STACK) {
		vlog(env, "cannot return stack pointer to the caller\n");
		return -EINVAL;
	}
	if (callee->in_callback) {
		err = callback_value(env, callee);
		return err ? err : 1;
	}
	caller->regs[0] = callee->regs[0];
	err = vfy_frame_copy_refs(env, caller, callee);
	if (err)
		return err;
	*idx = callee->callsite + 1;
	if (vlog_level(env) & (LOG_LEVEL1 | LOG_LEVEL2)) {
		vlog(env, "returning from callee:\n");
		vfy_log_frame(env, callee, true);
		vlog(env, "to caller at %d:\n", *idx);
		vfy_log_frame(env, caller, true);
	}
	vfy_frame_free(env, callee);
	st->frame[st->curframe--] = NULL;
	return 0;
}
