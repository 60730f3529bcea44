/* SPDX-License-Identifier: BSD-2-Clause */
/* args.c - arguments of helper calls: may the register have the type the prototype says, and what
 * does it mean to the call? */
#include "verifier/vfy.h"

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
	[ARG_PTR_TO_SPIN_LOCK] = TYPES(PTR_TO_MAP_VALUE, PTR_TO_BTF_ID | MEM_ALLOC),
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
/* --- may it be passed? --- */

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
			return type_base(type) == PTR_TO_BTF_ID && !vfy_is_object(type) &&
					       type_base(arg) != ARG_PTR_TO_PERCPU_BTF_ID
				       ? check_struct(env, regno, arg, call)
				       : 0;
	return type_mismatch(env, regno, types);
}

/* Pointers to memory may be anywhere in it, other kinds must be unmodified. */
static bool may_be_moved(u32 type)
{
	switch (type) {
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
	case SCALAR_VALUE: return true;
	}
	return false;
}

int vfy_arg_offset(struct venv *env, const struct vreg *r, u32 regno)
{
	return may_be_moved(r->type)
		       ? 0
		       : vfy_ptr_off(env, r, regno,
				     r->type == PTR_TO_BTF_ID || vfy_is_object(r->type));
}

static int check_offset(struct venv *env, u32 regno, u32 arg)
{
	const struct vreg *r = vfy_reg(env, regno);

	if (r->type == PTR_TO_BTF_ID && (arg & OBJ_RELEASE) && r->off) {
		vlog(env, "R%d must have zero offset when passed to release func\n", regno);
		return -EINVAL;
	}
	if (type_base(arg) == ARG_PTR_TO_RINGBUF_MEM && may_be_moved(r->type))
		return vfy_ptr_off(env, r, regno, false);
	return vfy_arg_offset(env, r, regno);
}

int vfy_arg_reference(struct venv *env, u32 regno, u32 *ref_id)
{
	const struct vreg *r = vfy_reg(env, regno);

	if (!r->ref_id)
		return 0;
	if (*ref_id) {
		vlog(env, "verifier internal error: more than one arg with ref_obj_id R%d %u %u\n",
		     regno, r->ref_id, *ref_id);
		return -EFAULT;
	}
	*ref_id = r->ref_id;
	return 0;
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
	return vfy_arg_reference(env, regno, &call->ref_id);
}

/* [size] bytes at the pointer before it, for the whole range of the size. */
static int size_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	bool zero_ok = type_base(arg) == ARG_CONST_SIZE_OR_ZERO;
	struct vreg *r = vfy_reg(env, regno);
	enum bpf_access_type t;
	struct vcall *raw = tnum_is_const(r->var) ? call : NULL;
	int err;

	if (regno < 2)
		return -EFAULT;
	t = arg_access(call->fn->arg[regno - 2]);
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

static int map_ptr_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
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
static int const_str_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
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

/* Memory as large as the map's keys or values are. */
static int element_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	bool key = type_base(arg) == ARG_PTR_TO_MAP_KEY;

	if (!key && (arg & PTR_MAYBE_NULL) && reg_is_null(vfy_reg(env, regno)))
		return 0;
	if (!call->map) {
		vlog(env, "invalid map_ptr to access map->%s\n", key ? "key" : "value");
		return -EACCES;
	}
	if (key)
		return vfy_helper_mem(env, regno, call->map->key_size, BPF_READ, false, NULL);
	call->raw_mode = arg & MEM_UNINIT;
	return vfy_helper_mem(env, regno, call->map->value_size, arg_access(arg), false, call);
}

static int percpu_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	const struct vreg *r = vfy_reg(env, regno);

	if (!r->btf_id) {
		vlog(env, "Helper has invalid btf_id in R%d\n", regno);
		return -EACCES;
	}
	call->btf = r->btf;
	call->btf_id = r->btf_id;
	return 0;
}

static int func_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	call->subprog = vfy_reg(env, regno)->subprog;
	return 0;
}

/* The size that follows says how much of it. */
static int mem_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	if (arg & MEM_FIXED_SIZE)
		return -EFAULT; /* prototypes carry no size */
	call->raw_mode = arg & MEM_UNINIT;
	return 0;
}

static int alloc_size_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	const struct vreg *r = vfy_reg(env, regno);

	if (!tnum_is_const(r->var)) {
		vlog(env, "R%d is not a known constant'\n", regno);
		return -EACCES;
	}
	call->mem_size = r->var.value;
	return vfy_precise(env, regno);
}

/* What an argument means, once its register is of a possible type; others mean nothing more. */
static int (*const meaning[__BPF_ARG_TYPE_MAX])(struct venv *env, u32 regno, u32 arg,
						struct vcall *call) = {
	[ARG_CONST_MAP_PTR] = map_ptr_arg,
	[ARG_PTR_TO_MAP_KEY] = element_arg,
	[ARG_PTR_TO_MAP_VALUE] = element_arg,
	[ARG_PTR_TO_PERCPU_BTF_ID] = percpu_arg,
	[ARG_PTR_TO_SPIN_LOCK] = vfy_lock_arg,
	[ARG_PTR_TO_FUNC] = func_arg,
	[ARG_PTR_TO_MEM] = mem_arg,
	[ARG_PTR_TO_INT] = fixed_mem_arg,
	[ARG_PTR_TO_LONG] = fixed_mem_arg,
	[ARG_CONST_SIZE] = size_arg,
	[ARG_CONST_SIZE_OR_ZERO] = size_arg,
	[ARG_CONST_ALLOC_SIZE_OR_ZERO] = alloc_size_arg,
	[ARG_PTR_TO_CONST_STR] = const_str_arg,
	[ARG_PTR_TO_TIMER] = vfy_timer_arg,
	[ARG_PTR_TO_KPTR] = vfy_kptr_arg,
	[ARG_PTR_TO_DYNPTR] = vfy_dynptr_arg,
};

static int use_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	u32 base = type_base(arg);

	return base < ARRAY_SIZE(meaning) && meaning[base] ? meaning[base](env, regno, arg, call)
							   : 0;
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

int vfy_helper_arg(struct venv *env, u32 i, struct vcall *call)
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
