/* SPDX-License-Identifier: BSD-2-Clause */
/* calls.c - helper calls: arguments against the prototype, what the call changes, what it
 * returns. */
#include "helper/format.h"
#include "helper/kfunc.h"
#include "isa/disasm.h"
#include "verifier/vfy.h"

#define MAX_ERRNO_RET 4095

/* --- what registers an argument kind takes --- */

#define TYPES(...)                    \
	{                             \
		__VA_ARGS__, NOT_INIT \
	}
#define MEM_TYPES                                                                          \
	PTR_TO_STACK, PTR_TO_PACKET, PTR_TO_PACKET_META, PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE, \
		PTR_TO_MEM, PTR_TO_MEM | MEM_ALLOC_FLAG, PTR_TO_BUF

static const u32 arg_types[__BPF_ARG_TYPE_MAX][10] = {
	[ARG_CONST_MAP_PTR] = TYPES(CONST_PTR_TO_MAP),
	[ARG_PTR_TO_MAP_KEY] = TYPES(PTR_TO_STACK, PTR_TO_PACKET, PTR_TO_PACKET_META,
				     PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE),
	[ARG_PTR_TO_MAP_VALUE] = TYPES(PTR_TO_STACK, PTR_TO_PACKET, PTR_TO_PACKET_META,
				       PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE),
	[ARG_PTR_TO_MEM] = TYPES(MEM_TYPES),
	[ARG_CONST_SIZE] = TYPES(SCALAR_VALUE),
	[ARG_CONST_SIZE_OR_ZERO] = TYPES(SCALAR_VALUE),
	[ARG_PTR_TO_CTX] = TYPES(PTR_TO_CTX),
	[ARG_PTR_TO_SPIN_LOCK] = TYPES(PTR_TO_MAP_VALUE),
	[ARG_PTR_TO_SOCK_COMMON] =
		TYPES(PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK, PTR_TO_XDP_SOCK),
	[ARG_PTR_TO_INT] = TYPES(MEM_TYPES),
	[ARG_PTR_TO_LONG] = TYPES(MEM_TYPES),
	[ARG_PTR_TO_SOCKET] = TYPES(PTR_TO_SOCKET),
	[ARG_PTR_TO_BTF_ID] = TYPES(PTR_TO_BTF_ID),
	[ARG_PTR_TO_RINGBUF_MEM] = TYPES(PTR_TO_MEM | MEM_ALLOC_FLAG),
	[ARG_CONST_ALLOC_SIZE_OR_ZERO] = TYPES(SCALAR_VALUE),
	[ARG_PTR_TO_BTF_ID_SOCK_COMMON] = TYPES(PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK,
						PTR_TO_XDP_SOCK, PTR_TO_BTF_ID),
	[ARG_PTR_TO_PERCPU_BTF_ID] = TYPES(PTR_TO_BTF_ID | MEM_PERCPU),
	[ARG_PTR_TO_FUNC] = TYPES(PTR_TO_FUNC),
	[ARG_PTR_TO_STACK] = TYPES(PTR_TO_STACK),
	[ARG_PTR_TO_CONST_STR] = TYPES(PTR_TO_MAP_VALUE),
	[ARG_PTR_TO_KPTR] = TYPES(PTR_TO_MAP_VALUE),
	[ARG_PTR_TO_TIMER] = TYPES(PTR_TO_MAP_VALUE),
	[ARG_PTR_TO_DYNPTR] = TYPES(PTR_TO_STACK, CONST_PTR_TO_DYNPTR),
};

static bool is_pow2_mem(u32 arg)
{
	return type_base(arg) == ARG_PTR_TO_INT || type_base(arg) == ARG_PTR_TO_LONG;
}

/* Does the helper write through this argument? Without MEM_RDONLY we assume so for plain memory. */
static enum bpf_access_type arg_access(u32 arg)
{
	if (arg & MEM_UNINIT)
		return BPF_WRITE;
	if (type_base(arg) == ARG_PTR_TO_MEM && !(arg & MEM_RDONLY))
		return BPF_WRITE;
	return BPF_READ;
}

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

/* --- packet data that moves --- */

int vfy_pkt_changed(struct venv *env)
{
	/* the callers' packet pointers would have to go before the first round; not done */
	if (vfy_in_callback(env)) {
		vlog(env, "helpers that change packet data are not supported in callbacks\n");
		return -ENOTSUPP;
	}
	env->prog->changes_pkt_data = true;
	for_each_vreg(env->cur, r, {
		if (reg_is_pkt_any(r))
			reg_unknown(env, r);
	});
	return 0;
}

/* Adds what the instruction may do to what its function may do. Anything new? */
static bool add_effects(struct venv *env, s32 i, struct vfunc *f)
{
	const struct bpf_insn *in = &env->insns[i];
	const struct helper_proto *fn = NULL;
	const struct vfunc was = *f;
	s32 n;

	if (insn_is_call(in, 0)) {
		fn = helper_by_id(in->imm);
		/* the program that is called in its place may do that, too */
		f->changes_pkt |= in->imm == BPF_FUNC_tail_call;
		f->changes_pkt |= fn && (fn->flags & HELPER_CHANGES_PKT);
		f->sleeps |= fn && (fn->flags & HELPER_SLEEP);
	} else if (insn_is_call(in, BPF_PSEUDO_KFUNC_CALL)) {
		f->sleeps |= (vfy_kfunc_flags(env, in) & KF_SLEEPABLE) != 0;
	} else if (insn_is_call(in, BPF_PSEUDO_CALL) || insn_is_func_ptr(in)) {
		n = vfy_find_subprog(env, i + in->imm + 1);
		f->changes_pkt |= n >= 0 && env->funcs[n].changes_pkt;
		f->sleeps |= n >= 0 && env->funcs[n].sleeps;
	}
	return f->changes_pkt != was.changes_pkt || f->sleeps != was.sleeps;
}

void vfy_find_effects(struct venv *env)
{
	bool more = true;

	while (more) {
		more = false;
		for (u32 n = 0; n < env->nr_subprogs; n++)
			for (u32 i = env->subprogs[n].start; i < env->subprogs[n + 1].start; i++)
				more |= add_effects(env, i, &env->funcs[n]);
	}
}

/* A timer's callback does not, whoever set it. */
bool vfy_may_sleep(const struct venv *env)
{
	return env->prog->sleepable && !env->cur->frame[0]->in_async;
}

/* --- arguments --- */

static int type_mismatch(struct venv *env, u32 regno, const u32 *types)
{
	u32 i;

	vlog(env, "R%d type=%s expected=", regno, vfy_type_text(env, vfy_reg(env, regno)->type));
	for (i = 0; types[i + 1] != NOT_INIT; i++)
		vlog(env, "%s, ", vfy_type_text(env, types[i]));
	vlog(env, "%s\n", vfy_type_text(env, types[i]));
	return -EACCES;
}

/* A PTR_TO_BTF_ID must be (or begin with) the struct the helper wants. */
static int check_struct(struct venv *env, u32 regno, u32 arg, const struct vcall *call)
{
	struct vreg *r = vfy_reg(env, regno);
	const char *want = type_base(arg) == ARG_PTR_TO_BTF_ID_SOCK_COMMON
				   ? "sock_common"
				   : call->fn->arg_btf[regno - 1];
	struct btf *vmlinux = env->prog->vmlinux;
	bool strict = (arg & OBJ_RELEASE) && call->func_id != BPF_FUNC_sk_release;
	s32 id = want && vmlinux ? btf_find_by_name_kind(vmlinux, want, BTF_KIND_STRUCT) : -ENOENT;

	if (call->kptr)
		return vfy_kptr_match(env, call->kptr, regno) ? -EACCES : 0;
	if (id > 0 &&
	    btf_struct_ids_match(env->log, r->btf, r->btf_id, r->off, vmlinux, id, strict))
		return 0;
	vlog(env, "R%d is of type %s but %s is expected\n", regno, vfy_btf_name(r->btf, r->btf_id),
	     want ? want : "?");
	return -EACCES;
}

static int check_type(struct venv *env, u32 regno, u32 arg, const struct vcall *call)
{
	struct vreg *r = vfy_reg(env, regno);
	const u32 *types = type_base(arg) < __BPF_ARG_TYPE_MAX ? arg_types[type_base(arg)] : NULL;
	u32 type = r->type;

	if (!types || types[0] == NOT_INIT) {
		vlog(env, "verifier internal error: unsupported arg type %d\n", arg);
		return -EFAULT;
	}
	if (arg & MEM_RDONLY)
		type &= ~MEM_RDONLY;
	if (arg & PTR_MAYBE_NULL)
		type &= ~PTR_MAYBE_NULL;
	for (u32 i = 0; types[i] != NOT_INIT; i++)
		if (types[i] == type)
			return type_base(type) == PTR_TO_BTF_ID &&
					       type_base(arg) != ARG_PTR_TO_PERCPU_BTF_ID
				       ? check_struct(env, regno, arg, call)
				       : 0;
	return type_mismatch(env, regno, types);
}

static int check_offset(struct venv *env, u32 regno, u32 arg)
{
	const struct vreg *r = vfy_reg(env, regno);
	bool fixed_ok = false;

	switch (r->type) {
	case PTR_TO_STACK:
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META:
	case PTR_TO_MAP_KEY:
	case PTR_TO_MAP_VALUE:
	case PTR_TO_MEM:
	case PTR_TO_MEM | MEM_RDONLY:
	case PTR_TO_MEM | MEM_ALLOC_FLAG:
	case PTR_TO_BUF:
	case PTR_TO_BUF | MEM_RDONLY:
	case SCALAR_VALUE:
		if (type_base(arg) != ARG_PTR_TO_RINGBUF_MEM)
			return 0;
		break;
	case PTR_TO_BTF_ID:
		if ((arg & OBJ_RELEASE) && r->off) {
			vlog(env, "R%d must have zero offset when passed to release func\n", regno);
			return -EINVAL;
		}
		fixed_ok = true;
		break;
	}
	return vfy_ptr_off(env, r, regno, fixed_ok);
}

static int note_reference(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	const struct vreg *r = vfy_reg(env, regno);

	if (type_base(arg) == ARG_PTR_TO_DYNPTR)
		return 0; /* the reference is the object's, not the pointer's */
	if (arg & OBJ_RELEASE) {
		if (!r->ref_id && !reg_is_null(r)) {
			vlog(env, "R%d must be referenced when passed to release function\n",
			     regno);
			return -EINVAL;
		}
		if (call->release_reg) {
			vlog(env, "verifier internal error: more than one release argument\n");
			return -EFAULT;
		}
		call->release_reg = regno;
	}
	if (r->ref_id) {
		if (call->ref_id) {
			vlog(env,
			     "verifier internal error: more than one arg with ref_obj_id R%d %u %u\n",
			     regno, r->ref_id, call->ref_id);
			return -EFAULT;
		}
		call->ref_id = r->ref_id;
	}
	return 0;
}

static int spin_lock(struct venv *env, u32 regno, bool lock)
{
	struct vreg *r = vfy_reg(env, regno);
	struct bpf_map *map = r->map;
	struct vstate *st = env->cur;
	s64 off = (s64)r->var.value + r->off;
	s32 at;

	if (!tnum_is_const(r->var)) {
		vlog(env,
		     "R%d doesn't have constant offset. bpf_spin_lock has to be at the constant offset\n",
		     regno);
		return -EACCES;
	}
	if (!map->btf) {
		vlog(env, "map '%s' has to have BTF in order to use bpf_spin_lock\n", map->name);
		return -EACCES;
	}
	at = vfy_map_fields(env, map)->lock_off;
	if (at < 0) {
		if (at == -E2BIG)
			vlog(env, "map '%s' has more than one 'struct bpf_spin_lock'\n", map->name);
		else if (at == -ENOENT)
			vlog(env, "map '%s' doesn't have 'struct bpf_spin_lock'\n", map->name);
		else
			vlog(env, "map '%s' is not a struct type or bpf_spin_lock is mangled\n",
			     map->name);
		return -EACCES;
	}
	if (at != off) {
		vlog(env, "off %lld doesn't point to 'struct bpf_spin_lock'\n", (long long)off);
		return -EACCES;
	}
	if (lock ? st->lock_id != 0 : st->lock_id == 0) {
		vlog(env, lock ? "Locking two bpf_spin_locks are not allowed\n"
			       : "bpf_spin_unlock without taking a lock\n");
		return -EACCES;
	}
	if (!lock && st->lock_id != r->id) {
		vlog(env, "bpf_spin_unlock of different lock\n");
		return -EACCES;
	}
	st->lock_id = lock ? r->id : 0;
	return 0;
}

/* [size] bytes at the pointer before it, for the whole range of the size. */
static int size_arg(struct venv *env, u32 regno, bool zero_ok, struct vcall *call)
{
	struct vreg *r = vfy_reg(env, regno);
	enum bpf_access_type t = arg_access(call->fn->arg[regno - 2]);
	struct vcall *raw = tnum_is_const(r->var) ? call : NULL;
	int err;

	call->msize_max = r->umax64;
	if (r->smin64 < 0) {
		vlog(env, "R%d min value is negative, either use unsigned or 'var &= const'\n",
		     regno);
		return -EACCES;
	}
	if (!r->umin64) {
		err = vfy_helper_mem(env, regno - 1, 0, t, zero_ok, raw);
		if (err)
			return err;
	}
	if (r->umax64 >= VFY_MAX_VAR_SIZE) {
		vlog(env, "R%d unbounded memory access, use 'var &= const' or 'if (var < const)'\n",
		     regno);
		return -EACCES;
	}
	/* where NULL may be passed it goes with size 0; the kernel (6.18, too) takes pointers
	 * that may be NULL with any size */
	if (r->umax64 && (vfy_reg(env, regno - 1)->type & PTR_MAYBE_NULL)) {
		vlog(env, "R%d invalid mem access '%s'\n", regno - 1,
		     vfy_type_text(env, vfy_reg(env, regno - 1)->type));
		return -EACCES;
	}
	err = vfy_helper_mem(env, regno - 1, r->umax64, t, zero_ok, raw);
	return err ? err : vfy_precise(env, regno);
}

static int map_ptr_arg(struct venv *env, u32 regno, struct vcall *call)
{
	const struct vreg *r = vfy_reg(env, regno);

	if (call->map && (call->map != r->map || call->map_uid != r->map_uid)) {
		vlog(env,
		     "timer pointer in R1 map_uid=%d doesn't match map pointer in R2 map_uid=%d\n",
		     (int)call->map_uid, (int)r->map_uid);
		return -EINVAL;
	}
	call->map = r->map;
	call->map_uid = r->map_uid;
	return 0;
}

/* A string constant in a frozen map. */
static int const_str_arg(struct venv *env, u32 regno)
{
	const struct vreg *r = vfy_reg(env, regno);
	struct bpf_map *map = r->map;
	const char *s;
	u32 off;
	int err;

	if (!vfy_map_is_const(map)) {
		vlog(env, "R%d does not point to a readonly map'\n", regno);
		return -EACCES;
	}
	if (!tnum_is_const(r->var)) {
		vlog(env, "R%d is not a constant address'\n", regno);
		return -EACCES;
	}
	if (!map->ops->direct_value) {
		vlog(env, "no direct value access support for this map type\n");
		return -EACCES;
	}
	err = vfy_map_access(env, regno, r->off, map->value_size - r->off, false, SRC_HELPER);
	if (err)
		return err;
	off = r->off + (u32)r->var.value;
	s = map->ops->direct_value(map, off);
	if (!s) {
		vlog(env, "direct value access on string failed\n");
		return -EINVAL;
	}
	if (!memchr(s, 0, map->value_size - off)) {
		vlog(env, "string is not zero-terminated\n");
		return -EINVAL;
	}
	return 0;
}

static int fixed_mem_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	u32 size = type_base(arg) == ARG_PTR_TO_INT ? 4 : 8;
	int err;

	/* the kernel's strtol & co.: result memory, aligned, need not be initialised */
	call->raw_mode = true;
	err = vfy_helper_mem(env, regno, size, BPF_WRITE, false, call);
	return err ? err : vfy_ptr_align(env, vfy_reg(env, regno), 0, size, true);
}

/* What an argument means, once its register is of a possible type. */
static int use_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	struct vreg *r = vfy_reg(env, regno);
	u32 base = type_base(arg);

	switch (base) {
	case ARG_CONST_MAP_PTR: return map_ptr_arg(env, regno, call);
	case ARG_PTR_TO_MAP_KEY:
	case ARG_PTR_TO_MAP_VALUE:
		if (base == ARG_PTR_TO_MAP_VALUE && (arg & PTR_MAYBE_NULL) && reg_is_null(r))
			return 0;
		if (!call->map) {
			vlog(env, "invalid map_ptr to access map->%s\n",
			     base == ARG_PTR_TO_MAP_KEY ? "key" : "value");
			return -EACCES;
		}
		if (base == ARG_PTR_TO_MAP_KEY)
			return vfy_helper_mem(env, regno, call->map->key_size, BPF_READ, false,
					      NULL);
		call->raw_mode = arg & MEM_UNINIT;
		return vfy_helper_mem(env, regno, call->map->value_size, arg_access(arg), false,
				      call);
	case ARG_PTR_TO_PERCPU_BTF_ID:
		if (!r->btf_id) {
			vlog(env, "Helper has invalid btf_id in R%d\n", regno);
			return -EACCES;
		}
		call->btf = r->btf;
		call->btf_id = r->btf_id;
		return 0;
	case ARG_PTR_TO_SPIN_LOCK:
		return spin_lock(env, regno, call->func_id == BPF_FUNC_spin_lock);
	case ARG_PTR_TO_FUNC: call->subprog = r->subprog; return 0;
	case ARG_PTR_TO_MEM:
		if (arg & MEM_FIXED_SIZE)
			return -EFAULT; /* prototypes carry no size */
		call->raw_mode = arg & MEM_UNINIT;
		return 0;
	case ARG_PTR_TO_INT:
	case ARG_PTR_TO_LONG: return fixed_mem_arg(env, regno, arg, call);
	case ARG_CONST_SIZE:
	case ARG_CONST_SIZE_OR_ZERO:
		return regno < 2 ? -EFAULT
				 : size_arg(env, regno, base == ARG_CONST_SIZE_OR_ZERO, call);
	case ARG_CONST_ALLOC_SIZE_OR_ZERO:
		if (!tnum_is_const(r->var)) {
			vlog(env, "R%d is not a known constant'\n", regno);
			return -EACCES;
		}
		call->mem_size = r->var.value;
		return vfy_precise(env, regno);
	case ARG_PTR_TO_CONST_STR: return const_str_arg(env, regno);
	case ARG_PTR_TO_TIMER: return vfy_timer_arg(env, regno, call) ? -EACCES : 0;
	case ARG_PTR_TO_KPTR: return vfy_kptr_arg(env, regno, call) ? -EACCES : 0;
	case ARG_PTR_TO_DYNPTR: return vfy_dynptr_arg(env, regno, arg, call);
	}
	return 0;
}

/* Socket maps store sockets, not bytes. */
static int map_value_arg(struct venv *env, struct vcall *call, u32 *arg)
{
	if (!call->map) {
		vlog(env, "invalid map_ptr to access map->type\n");
		return -EACCES;
	}
	if (call->map->map_type == BPF_MAP_TYPE_SOCKMAP ||
	    call->map->map_type == BPF_MAP_TYPE_SOCKHASH) {
		if (*arg != ARG_PTR_TO_MAP_VALUE) {
			vlog(env, "invalid arg_type for sockmap/sockhash\n");
			return -EINVAL;
		}
		*arg = ARG_PTR_TO_BTF_ID_SOCK_COMMON;
	} else if (call->map->map_type == BPF_MAP_TYPE_BLOOM_FILTER &&
		   call->func_id == BPF_FUNC_map_peek_elem) {
		*arg = ARG_PTR_TO_MAP_VALUE;
	}
	return 0;
}

static int check_arg(struct venv *env, u32 i, struct vcall *call)
{
	u32 regno = i + 1, arg = call->fn->arg[i];
	struct vreg *r = vfy_reg(env, regno);
	int err;

	if (arg == ARG_DONTCARE)
		return 0;
	err = vfy_use_reg(env, regno, USE_SRC);
	if (err)
		return err;
	if (arg == ARG_ANYTHING) {
		if (!reg_leaks(env, regno))
			return 0;
		vlog(env, "R%d leaks addr into helper function\n", regno);
		return -EACCES;
	}
	if (type_is_pkt(type_base(r->type)) && !vfy_pkt_allowed(env, call, BPF_READ)) {
		vlog(env, "helper access to the packet is not allowed\n");
		return -EACCES;
	}
	if (type_base(arg) == ARG_PTR_TO_MAP_VALUE) {
		err = map_value_arg(env, call, &arg);
		if (err)
			return err;
	}
	if (reg_is_null(r) && (arg & PTR_MAYBE_NULL)) {
		/* another number must not pass for it (6.1 forgets) */
		err = vfy_precise(env, regno);
		if (err || is_pow2_mem(arg))
			return err;
	} else {
		err = check_type(env, regno, arg, call);
		if (!err)
			err = check_offset(env, regno, arg);
		if (err)
			return err;
	}
	err = note_reference(env, regno, arg, call);
	return err ? err : use_arg(env, regno, arg, call);
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
 * program (rewrite.c). */
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

	if (id < 0 || id >= __BPF_FUNC_MAX_ID) {
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
		err = check_arg(env, i, &call);
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
