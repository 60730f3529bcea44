/* SPDX-License-Identifier: BSD-2-Clause */
/* calls.c - helper calls: what they change beyond their arguments (args.c), and what they return. */
#include "helper/format.h"
#include "isa/disasm.h"
#include "verifier/vfy.h"

#define MAX_ERRNO_RET 4095

/* --- the groups of helpers with a meaning of their own --- */

static bool acquires(s32 id, const struct bpf_map *map)
{
	switch (id) {
	case BPF_FUNC_sk_lookup_tcp:
	case BPF_FUNC_sk_lookup_udp:
	case BPF_FUNC_skc_lookup_tcp:
	case BPF_FUNC_ringbuf_reserve:
	case BPF_FUNC_kptr_xchg: return true;
	case BPF_FUNC_map_lookup_elem:
		return map && (map->map_type == BPF_MAP_TYPE_SOCKMAP ||
			       map->map_type == BPF_MAP_TYPE_SOCKHASH);
	}
	return false;
}

static bool casts_ptr(s32 id)
{
	switch (id) {
	case BPF_FUNC_tcp_sock:
	case BPF_FUNC_sk_fullsock:
	case BPF_FUNC_skc_to_tcp_sock:
	case BPF_FUNC_skc_to_tcp6_sock:
	case BPF_FUNC_skc_to_udp6_sock:
	case BPF_FUNC_skc_to_mptcp_sock:
	case BPF_FUNC_skc_to_tcp_timewait_sock:
	case BPF_FUNC_skc_to_tcp_request_sock: return true;
	}
	return false;
}

static bool returns_size(s32 id)
{
	return id == BPF_FUNC_get_stack || id == BPF_FUNC_get_task_stack ||
	       id == BPF_FUNC_probe_read_str || id == BPF_FUNC_probe_read_kernel_str ||
	       id == BPF_FUNC_probe_read_user_str;
}

static bool records_map(s32 id)
{
	switch (id) {
	case BPF_FUNC_tail_call:
	case BPF_FUNC_map_lookup_elem:
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
	case BPF_FUNC_map_push_elem:
	case BPF_FUNC_map_pop_elem:
	case BPF_FUNC_map_peek_elem:
	case BPF_FUNC_for_each_map_elem:
	case BPF_FUNC_redirect_map:
	case BPF_FUNC_map_lookup_percpu_elem: return true;
	}
	return false;
}

static bool writes_map(s32 id)
{
	return id == BPF_FUNC_map_delete_elem || id == BPF_FUNC_map_update_elem ||
	       id == BPF_FUNC_map_push_elem || id == BPF_FUNC_map_pop_elem;
}
/* --- after the arguments --- */

static int record_map(struct venv *env, s32 idx, const struct vcall *call)
{
	struct vinsn *vi = &env->vi[idx];

	if (!records_map(call->func_id))
		return 0;
	if (!call->map) {
		vlog(env, "kernel subsystem misconfigured verifier\n");
		return -EINVAL;
	}
	if ((call->map->map_flags & BPF_F_RDONLY_PROG) && writes_map(call->func_id)) {
		vlog(env, "write into map forbidden\n");
		return -EACCES;
	}
	if (!vi->call_map)
		vi->call_map = call->map;
	else if (vi->call_map != call->map)
		vi->call_map = VFY_MAP_MANY;
	return 0;
}

static int release(struct venv *env, const struct vcall *call)
{
	int err = -EINVAL;

	if (type_base(call->fn->arg[call->release_reg - 1]) == ARG_PTR_TO_DYNPTR)
		err = vfy_dynptr_released(env, call);
	else if (call->ref_id)
		err = vfy_ref_release(env, call->ref_id);
	else if (reg_is_null(vfy_reg(env, call->release_reg)))
		err = 0;
	if (err)
		vlog(env, "func %s#%d reference has not been acquired before\n",
		     disasm_helper_name(call->func_id), call->func_id);
	return err;
}

static void ret_ptr(struct vreg *r, u32 type, u32 flags)
{
	reg_known(r, 0);
	r->type = type | flags;
}

static int ret_struct(struct venv *env, struct vreg *r, const struct vcall *call, u32 flags)
{
	struct btf *vmlinux = env->prog->vmlinux;
	s32 id = call->kptr ? (s32)call->kptr->btf_id
		 : call->fn->ret_btf && vmlinux
			 ? btf_find_by_name_kind(vmlinux, call->fn->ret_btf, BTF_KIND_STRUCT)
			 : 0;

	if (id <= 0) {
		vlog(env, "invalid return type %u of func %s#%d\n", RET_PTR_TO_BTF_ID,
		     disasm_helper_name(call->func_id), call->func_id);
		return -EINVAL;
	}
	ret_ptr(r, PTR_TO_BTF_ID, flags);
	r->btf = vmlinux;
	r->btf_id = id;
	return 0;
}

static int ret_mem_or_struct(struct venv *env, struct vreg *r, const struct vcall *call, u32 flags)
{
	const struct btf_type *t = btf_type_skip_modifiers(call->btf, call->btf_id, NULL), *sized;
	u32 size = 0;

	if (t && btf_type_is_struct(t)) {
		ret_ptr(r, PTR_TO_BTF_ID, flags & ~MEM_RDONLY);
		r->btf = call->btf;
		r->btf_id = call->btf_id;
		return 0;
	}
	sized = t ? btf_resolve_size(call->btf, t, &size) : ERR_PTR(-EINVAL);
	if (IS_ERR(sized)) {
		vlog(env, "unable to resolve the size of type '%s': %ld\n",
		     vfy_btf_name(call->btf, call->btf_id), PTR_ERR(sized));
		return -EINVAL;
	}
	ret_ptr(r, PTR_TO_MEM, flags);
	r->mem_size = size;
	return 0;
}

static int set_return(struct venv *env, const struct vcall *call)
{
	struct vreg *r = vfy_reg(env, 0);
	u32 flags = type_flags(call->fn->ret);
	int err = 0;

	switch (type_base(call->fn->ret)) {
	case RET_INTEGER: reg_unknown(env, r); break;
	case RET_VOID: r->type = NOT_INIT; break;
	case RET_PTR_TO_MAP_VALUE:
		if (!call->map) {
			vlog(env, "kernel subsystem misconfigured verifier\n");
			return -EINVAL;
		}
		ret_ptr(r, PTR_TO_MAP_VALUE, flags);
		r->map = call->map;
		r->map_uid = call->map_uid;
		if (!(flags & PTR_MAYBE_NULL))
			vfy_new_value(env, r);
		break;
	case RET_PTR_TO_SOCKET: ret_ptr(r, PTR_TO_SOCKET, flags); break;
	case RET_PTR_TO_SOCK_COMMON: ret_ptr(r, PTR_TO_SOCK_COMMON, flags); break;
	case RET_PTR_TO_TCP_SOCK: ret_ptr(r, PTR_TO_TCP_SOCK, flags); break;
	case RET_PTR_TO_MEM:
		ret_ptr(r, PTR_TO_MEM, flags);
		r->mem_size = call->mem_size;
		r->dynptr_id = call->dynptr_id;
		break;
	case RET_PTR_TO_MEM_OR_BTF_ID: err = ret_mem_or_struct(env, r, call, flags); break;
	case RET_PTR_TO_BTF_ID: err = ret_struct(env, r, call, flags); break;
	default:
		vlog(env, "unknown return type %u of func %s#%d\n", type_base(call->fn->ret),
		     disasm_helper_name(call->func_id), call->func_id);
		return -EINVAL;
	}
	if (!err && (r->type & PTR_MAYBE_NULL))
		r->id = ++env->id_gen;
	return err;
}

static int set_reference(struct venv *env, s32 idx, const struct vcall *call)
{
	struct vreg *r = vfy_reg(env, 0);
	int id;

	if (casts_ptr(call->func_id)) {
		r->ref_id = call->ref_id;
	} else if (call->func_id == BPF_FUNC_dynptr_data) {
		r->ref_id = call->dynptr_ref;
	} else if (acquires(call->func_id, call->map)) {
		id = vfy_ref_acquire(env, idx);
		if (id < 0)
			return id;
		r->id = r->ref_id = id;
	}
	return 0;
}

static void refine_return(struct venv *env, const struct vcall *call)
{
	struct vreg *r = vfy_reg(env, 0);

	if (call->fn->ret != RET_INTEGER || !returns_size(call->func_id))
		return;
	r->smax64 = call->msize_max;
	r->smax32 = call->msize_max;
	r->smin64 = r->smin32 = -MAX_ERRNO_RET;
	reg_sync(r);
}

/* Memory on the stack that the helper fills is data now. */
static int fill_raw(struct venv *env, s32 idx, const struct vcall *call)
{
	int err = 0;

	for (s32 i = 0; i < call->raw_size && !err; i++)
		err = vfy_mem(env, idx, call->raw_reg, i, BPF_B, BPF_WRITE, -1, false);
	return err;
}

/* bpf_snprintf: the format is a constant, so it can be checked against the number of arguments. */
static int check_format(struct venv *env)
{
	const struct vreg *fmt = vfy_reg(env, 3), *len = vfy_reg(env, 5);
	u32 off = fmt->off + (u32)fmt->var.value;
	const char *s = fmt->map->ops->direct_value(fmt->map, off);

	if (len->var.value % 8)
		return -EINVAL;
	if (s && bprintf_check(s, fmt->map->value_size - off, len->var.value / 8) >= 0)
		return 0;
	vlog(env, "Invalid format string\n");
	return -EINVAL;
}

/* bpf_loop() with one known callback and no flags on every path will become a loop in the
 * program (inline_loop.c). */
static int note_loop(struct venv *env, s32 idx, u32 subprog)
{
	struct vinsn *vi = &env->vi[idx];

	if (vi->loop == LOOP_NOT)
		return 0;
	if (!reg_is_null(vfy_reg(env, 4)) || (vi->loop && vi->loop != subprog)) {
		vi->loop = LOOP_NOT;
		return 0;
	}
	vi->loop = subprog;
	return vfy_precise(env,
			   4); /* a path with other flags must not end at a state of this one */
}

/* Only where a function is entered or left. */
static int check_func_ip(struct venv *env)
{
	const char *name = disasm_helper_name(BPF_FUNC_get_func_ip);
	const struct vfy_prog *p = env->prog;

	if (p->type == BPF_PROG_TYPE_KPROBE)
		return 0;
	if (p->type != BPF_PROG_TYPE_TRACING) {
		vlog(env, "func %s#%d not supported for program type %d\n", name,
		     BPF_FUNC_get_func_ip, p->type);
		return -ENOTSUPP;
	}
	if (p->expected_attach_type == BPF_TRACE_FENTRY ||
	    p->expected_attach_type == BPF_TRACE_FEXIT ||
	    p->expected_attach_type == BPF_MODIFY_RETURN)
		return 0;
	vlog(env, "func %s#%d supported only for fentry/fexit/fmod_ret programs\n", name,
	     BPF_FUNC_get_func_ip);
	return -ENOTSUPP;
}

static int special(struct venv *env, s32 idx, struct vcall *call)
{
	int err;

	switch (call->func_id) {
	case BPF_FUNC_loop:
		err = note_loop(env, idx, call->subprog);
		if (err)
			return err;
		break;
	case BPF_FUNC_tail_call:
		env->prog->uses_tail_call = true;
		err = vfy_ref_leak(env);
		if (err)
			vlog(env, "tail_call would lead to reference leak\n");
		return err;
	case BPF_FUNC_get_local_storage:
		if (reg_is_null(vfy_reg(env, 2)))
			return vfy_precise(env, 2);
		vlog(env, "get_local_storage() doesn't support non-zero flags\n");
		return -EINVAL;
	case BPF_FUNC_snprintf: return check_format(env);
	case BPF_FUNC_timer_set_callback: return vfy_timer_callback(env, call);
	case BPF_FUNC_get_func_ip: return check_func_ip(env);
	case BPF_FUNC_set_retval:
		if (env->prog->expected_attach_type != BPF_LSM_CGROUP ||
		    !env->prog->attach_func_proto || env->prog->attach_func_proto->type)
			return 0;
		vlog(env,
		     "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n");
		return -EINVAL;
	case BPF_FUNC_dynptr_from_mem:
		if (vfy_reg(env, 1)->type == PTR_TO_MAP_VALUE)
			return 0;
		vlog(env, "Unsupported reg type %s for bpf_dynptr_from_mem data\n",
		     vfy_type_text(env, vfy_reg(env, 1)->type));
		return -EACCES;
	case BPF_FUNC_get_stackid:
	case BPF_FUNC_get_task_stack:
	case BPF_FUNC_get_stack: env->prog->has_callchain = true; return 0;
	case BPF_FUNC_override_return: env->prog->kprobe_override = true; return 0;
	}
	return vfy_calls_back(call->func_id) ? vfy_callback(env, idx, call->subprog, call) : 0;
}

static int find_proto(struct venv *env, s32 id, struct vcall *call)
{
	const char *name = disasm_helper_name(id);

	if (id < 0 || id >= HELPER_IDS_END) {
		vlog(env, "invalid func %s#%d\n", name, id);
		return -EINVAL;
	}
	call->func_id = id;
	call->fn = env->ops->helper ? env->ops->helper(id, env->prog) : NULL;
	if (!call->fn) {
		vlog(env, "unknown func %s#%d\n", name, id);
		return -EINVAL;
	}
	if (!env->prog->gpl_compatible && (call->fn->flags & HELPER_GPL)) {
		vlog(env, "cannot call GPL-restricted function from non-GPL compatible program\n");
		return -EINVAL;
	}
	if (env->ops->helper_allowed && !env->ops->helper_allowed(id, env->prog)) {
		vlog(env, "helper call is not allowed in probe\n");
		return -EINVAL;
	}
	if ((call->fn->flags & HELPER_SLEEP) && !vfy_may_sleep(env)) {
		vlog(env, "helper call might sleep in a non-sleepable prog\n");
		return -EINVAL;
	}
	if ((call->fn->flags & HELPER_CHANGES_PKT) &&
	    type_base(call->fn->arg[0]) != ARG_PTR_TO_CTX) {
		vlog(env, "kernel subsystem misconfigured func %s#%d: r1 != ctx\n", name, id);
		return -EINVAL;
	}
	call->pkt_access = call->fn->flags & HELPER_PKT_ACCESS;
	return 0;
}

/*
 * A tail call in a subprogram returns to the caller what the other program returned, after that did
 * with the packet what it wanted. (6.1 walks only the tail call that fails.) 1: the path ends.
 */
static int tail_call_taken(struct venv *env, s32 *idx)
{
	int err;

	if (!vfy_push(env, *idx + 1, *idx, false))
		return -EFAULT;
	err = vfy_pkt_changed(env);
	if (err)
		return err;
	reg_unknown(env, vfy_reg(env, 0));
	env->scratched_regs |= 1;
	err = vfy_subprog_exit(env, idx);
	if (!err)
		--*idx;
	return err;
}

int vfy_helper_call(struct venv *env, struct bpf_insn *insn, s32 *idx)
{
	struct vcall call = {0};
	s32 at = *idx;
	int err;

	err = find_proto(env, insn->imm, &call);
	for (u32 i = 0; i < 5 && !err; i++)
		err = vfy_helper_arg(env, i, &call);
	if (!err)
		err = record_map(env, at, &call);
	if (!err)
		err = fill_raw(env, at, &call);
	if (!err && call.new_dynptr)
		err = vfy_dynptr_made(env, at, &call);
	if (!err && call.release_reg)
		err = release(env, &call);
	if (!err)
		err = special(env, at, &call);
	if (err)
		return err;
	vfy_clobber_caller_saved(env, vfy_frame(env));
	err = set_return(env, &call);
	if (!err)
		err = set_reference(env, at, &call);
	if (err)
		return err;
	refine_return(env, &call);
	err = vfy_map_func(env, call.map, call.func_id);
	if (err)
		return err;
	if (call.fn->flags & HELPER_CHANGES_PKT)
		return vfy_pkt_changed(env);
	return call.func_id == BPF_FUNC_tail_call && env->cur->curframe ? tail_call_taken(env, idx)
									: 0;
}
