/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kfunc.c - calls of functions of the service (helper/kfunc.h): no prototype tells what the
 * arguments mean but the function's BTF. A pointer is the context, an object (a struct in the BTF
 * of the service), or plain memory: a scalar, a struct of scalars, or anything of the length that
 * the next argument, named ...__sz, gives. One named ...__nullable may be NULL.
 */
#include "verifier/kcall.h"

static bool is_scalar(const struct btf_type *t)
{
	return btf_type_is_int(t) || btf_type_is_any_enum(t);
}

static const char *name_of(const struct btf *btf, const struct btf_type *t)
{
	const char *name = btf_name_by_offset(btf, t->name_off);

	return name ? name : "";
}

/* The function that @in calls. NULL: none, message logged. */
static const struct btf_type *func_of(struct venv *env, const struct bpf_insn *in)
{
	const struct btf *btf = env->prog->vmlinux;
	const struct btf_type *t = btf ? btf_type_by_id(btf, in->imm) : NULL;

	if (!t || !btf_type_is_func(t)) {
		vlog(env, "kernel btf_id %u is not a function\n", in->imm);
		return NULL;
	}
	return t;
}

/* A call with an offset names the BTF of a module, by index of fd_array. None is ever loaded. */
static int module_btf(struct venv *env, s16 off)
{
	const struct vfy_env_ops *ops = env->prog->env;
	void *arg = env->prog->env_arg;
	struct btf *btf;
	int fd = -1, err;

	if (off < 0) {
		vlog(env, "negative offset disallowed for kernel module function call\n");
		return -EINVAL;
	}
	err = ops->fd_array ? ops->fd_array(arg, off, &fd) : -EPROTO;
	if (err == -EPROTO)
		vlog(env, "kfunc offset > 0 without fd_array is invalid\n");
	if (err)
		return err;
	btf = ops->btf_by_fd ? ops->btf_by_fd(arg, fd) : ERR_PTR(-EBADF);
	if (IS_ERR(btf)) {
		vlog(env, "invalid module BTF fd specified\n");
		return PTR_ERR(btf);
	}
	if (btf->kernel_btf && btf->base_btf)
		return -ENXIO; /* its types are known, the module is not there */
	vlog(env, "BTF fd for kfunc is not a module BTF\n");
	return -EINVAL;
}

int vfy_kfunc_named(struct venv *env, const struct bpf_insn *in)
{
	if (!env->prog->vmlinux) {
		vlog(env,
		     "calling kernel function is not supported without CONFIG_DEBUG_INFO_BTF\n");
		return -ENOTSUPP;
	}
	if (!env->prog->gpl_compatible) {
		vlog(env, "cannot call kernel function from non-GPL compatible program\n");
		return -EINVAL;
	}
	if (!in->imm && !in->off)
		return 0; /* a relocation against something absent: must turn out dead code */
	if (in->off) {
		int err = module_btf(env, in->off);

		vlog(env, "failed to find BTF for kernel function\n");
		return err;
	}
	return func_of(env, in) ? 0 : -EINVAL;
}

u32 vfy_kfunc_flags(struct venv *env, const struct bpf_insn *in)
{
	const struct btf *btf = env->prog->vmlinux;
	const struct btf_type *t;
	s32 row;

	if (!insn_is_call(in, BPF_PSEUDO_KFUNC_CALL) || !btf || in->off)
		return 0;
	t = btf_type_by_id(btf, in->imm);
	row = t && btf_type_is_func(t) ? kfunc_find(name_of(btf, t)) : -ENOENT;
	return row < 0 ? 0 : kfunc_row(row)->flags;
}

/* --- arguments --- */

/* The struct that @r points to. 0: to no object. */
static s32 object_of(struct venv *env, const struct vreg *r, const struct btf **btf)
{
	static const struct {
		u32 type;
		const char *name;
	} socks[] = {
		{PTR_TO_SOCKET, "sock"},
		{PTR_TO_SOCK_COMMON, "sock_common"},
		{PTR_TO_TCP_SOCK, "tcp_sock"},
	};

	*btf = env->prog->vmlinux;
	if (r->type == PTR_TO_BTF_ID) {
		*btf = r->btf;
		return r->btf_id;
	}
	for (u32 i = 0; i < ARRAY_SIZE(socks); i++)
		if (r->type == socks[i].type)
			return max(btf_find_by_name_kind(*btf, socks[i].name, BTF_KIND_STRUCT), 0);
	return 0;
}

static bool param_named(const struct kcall *call, u32 i, const char *name, bool suffix)
{
	const char *s = btf_name_by_offset(call->btf, btf_params(call->proto)[i].name_off);
	size_t n = s ? strlen(s) : 0, len = strlen(name);

	return n >= len && (suffix || n == len) && !strcmp(s + n - len, name);
}

/* A constant called rdonly_buf_size or rdwr_buf_size is the size of the memory the function
 * returns. */
static int scalar_arg(struct venv *env, u32 i, struct kcall *call)
{
	const struct vreg *r = vfy_reg(env, i + 1);
	bool rdonly = param_named(call, i, "rdonly_buf_size", false);

	if (r->type != SCALAR_VALUE) {
		vlog(env, "R%d is not a scalar\n", i + 1);
		return -EINVAL;
	}
	if (!rdonly && !param_named(call, i, "rdwr_buf_size", false))
		return 0;
	if (call->mem_size) {
		vlog(env, "2 or more rdonly/rdwr_buf_size parameters for kfunc");
		return -EINVAL;
	}
	if (!tnum_is_const(r->var)) {
		vlog(env, "R%d is not a const\n", i + 1);
		return -EINVAL;
	}
	if (r->var.value > UINT32_MAX) {
		vlog(env, "R%d rdonly/rdwr_buf_size exceeds u32 max\n", i + 1);
		return -EINVAL;
	}
	call->mem_size = r->var.value;
	call->mem_rdonly = rdonly;
	return vfy_precise(env, i + 1);
}

/* A struct of scalars, arrays of scalars, and such structs, nested four deep at most. */
static bool scalar_struct(struct venv *env, const struct btf *btf, const struct btf_type *t,
			  u32 depth)
{
	const struct btf_type *m;

	if (!btf_type_is_struct(t))
		return false;
	for (u32 i = 0; i < btf_type_vlen(t); i++) {
		m = btf_type_skip_modifiers(btf, btf_members(t)[i].type, NULL);
		if (m && btf_type_is_struct(m)) {
			if (depth >= 3) {
				vlog(env, "max struct nesting depth exceeded\n");
				return false;
			}
			if (!scalar_struct(env, btf, m, depth + 1))
				return false;
			continue;
		}
		if (m && btf_type_kind(m) == BTF_KIND_ARRAY) {
			if (!btf_array(m)->nelems)
				return false;
			m = btf_type_skip_modifiers(btf, btf_array(m)->type, NULL);
		}
		if (!m || !is_scalar(m))
			return false;
	}
	return true;
}

/* Kernels let NULL pass for memory of any size; a function need not expect it. */
static int real_mem(struct venv *env, u32 regno, u32 size)
{
	const struct vreg *mem = vfy_reg(env, regno);

	if (size && (reg_is_null(mem) || (mem->type & PTR_MAYBE_NULL))) {
		vlog(env, "R%d type=%s expected=%s\n", regno, vfy_type_text(env, mem->type),
		     vfy_type_text(env, PTR_TO_STACK));
		return -EACCES;
	}
	return vfy_mem_arg(env, regno, size);
}

/* Memory of the length in the next register, whatever that is. */
static int sized_mem(struct venv *env, u32 regno)
{
	const struct vreg *len = vfy_reg(env, regno + 1);
	int err;

	if (len->type != SCALAR_VALUE) {
		vlog(env, "R%d is not a scalar\n", regno + 1);
		return -EINVAL;
	}
	if (len->smin64 < 0) {
		vlog(env, "R%d min value is negative, either use unsigned or 'var &= const'\n",
		     regno + 1);
		return -EACCES;
	}
	if (len->umax64 >= VFY_MAX_VAR_SIZE) {
		vlog(env, "R%d unbounded memory access, use 'var &= const' or 'if (var < const)'\n",
		     regno + 1);
		return -EACCES;
	}
	err = real_mem(env, regno, len->umax64);
	return err ? err : vfy_precise(env, regno + 1);
}

/* *i: the argument; the next one when that belongs to it */
static int mem_arg(struct venv *env, u32 *i, const struct btf_type *to, const struct kcall *call)
{
	const struct btf *btf = call->btf;
	bool sized = *i + 1 < btf_type_vlen(call->proto) && param_named(call, *i + 1, "__sz", true);
	const struct btf_type *t;
	u32 size = 0;

	if (!is_scalar(to) && !scalar_struct(env, btf, to, 0) && !(sized && btf_type_is_void(to))) {
		vlog(env,
		     "arg#%d pointer type %s %s must point to %sscalar, or struct with scalar\n",
		     *i, vfy_kind_name(to), name_of(btf, to), sized ? "void, " : "");
		return -EINVAL;
	}
	if (sized) {
		if (!sized_mem(env, *i + 1))
			return vfy_use_reg(env, ++*i + 1, USE_SRC);
		vlog(env, "arg#%d arg#%d memory, len pair leads to invalid memory access\n", *i,
		     *i + 1);
		return -EINVAL;
	}
	t = btf_resolve_size(btf, to, &size);
	if (IS_ERR(t)) {
		vlog(env, "arg#%d reference type('%s %s') size cannot be determined: %ld\n", *i,
		     vfy_kind_name(to), name_of(btf, to), PTR_ERR(t));
		return -EINVAL;
	}
	return real_mem(env, *i + 1, size) ? -EINVAL : 0;
}

static int object_arg(struct venv *env, u32 i, const struct btf_type *to, u32 to_id,
		      struct kcall *call)
{
	struct vreg *r = vfy_reg(env, i + 1);
	const struct btf *btf;
	const struct btf_type *have;
	u32 id = object_of(env, r, &btf);
	bool release = (call->fn->flags & KF_RELEASE) && r->ref_id;

	if (!btf_type_is_struct(to)) {
		vlog(env, "kernel function %s args#%d pointer type %s %s is not supported\n",
		     call->fn->name, i, vfy_kind_name(to), name_of(call->btf, to));
		return -EINVAL;
	}
	have = btf_type_skip_modifiers(btf, id, &id);
	if (!have || !btf_struct_ids_match(env->log, btf, id, r->off, call->btf, to_id,
					   release || (call->fn->flags & KF_TRUSTED_ARGS))) {
		vlog(env,
		     "kernel function %s args#%d expected pointer to %s %s but R%d has a pointer to %s %s\n",
		     call->fn->name, i, vfy_kind_name(to), name_of(call->btf, to), i + 1,
		     have ? vfy_kind_name(have) : "", have ? name_of(btf, have) : "");
		return -EINVAL;
	}
	if (release)
		call->release_reg = i + 1;
	return 0;
}

/* A field of a map value that owns a reference. */
static int kptr_arg(struct venv *env, const struct btf_type *to, const struct kcall *call)
{
	const struct vreg *r = vfy_reg(env, 1);
	const struct btf *btf = call->btf;
	const struct vkptr *k;
	u32 id;

	if (r->type != PTR_TO_MAP_VALUE) {
		vlog(env, "arg#0 expected pointer to map value\n");
		return -EINVAL;
	}
	if (!tnum_is_const(r->var)) {
		vlog(env, "arg#0 must have constant offset\n");
		return -EINVAL;
	}
	k = vfy_kptr_at(env, r->map, r->off + r->var.value);
	if (!k || !k->ref) {
		vlog(env, "arg#0 no referenced kptr at map value offset=%llu\n",
		     (unsigned long long)(r->off + r->var.value));
		return -EINVAL;
	}
	if (!btf_type_is_ptr(to)) {
		vlog(env, "arg#0 BTF type must be a double pointer\n");
		return -EINVAL;
	}
	to = btf_type_skip_modifiers(btf, to->type, &id);
	if (!to || !btf_type_is_struct(to)) {
		vlog(env, "kernel function %s args#0 pointer type %s %s is not supported\n",
		     call->fn->name, to ? vfy_kind_name(to) : "UNKNOWN",
		     to ? name_of(btf, to) : "");
		return -EINVAL;
	}
	if (btf_struct_ids_match(env->log, btf, id, 0, env->prog->vmlinux, k->btf_id, true))
		return 0;
	vlog(env, "kernel function %s args#0 expected pointer to %s %s\n", call->fn->name,
	     vfy_kind_name(to), name_of(btf, to));
	return -EINVAL;
}

static int ptr_arg(struct venv *env, u32 *i, const struct btf_type *t, struct kcall *call)
{
	u32 regno = *i + 1, to_id;
	const struct btf_type *to = btf_type_skip_modifiers(call->btf, t->type, &to_id);
	const struct vreg *r = vfy_reg(env, regno);
	const struct btf *btf;
	bool object = object_of(env, r, &btf), trusted = call->fn->flags & KF_TRUSTED_ARGS;
	int err;

	if (!to)
		return -EINVAL;
	/* 6.7. A path with another number must not end where this one went on. */
	if (reg_is_null(r) && param_named(call, *i, "__nullable", true))
		return vfy_precise(env, regno);
	if (trusted && object && !r->ref_id) {
		vlog(env, "R%d must be referenced\n", regno);
		return -EINVAL;
	}
	if (r->type == PTR_TO_BTF_ID && r->off &&
	    (trusted || ((call->fn->flags & KF_RELEASE) && r->ref_id))) {
		vlog(env, "R%d must have zero offset when passed to release func\n", regno);
		return -EINVAL;
	}
	err = vfy_arg_offset(env, r, regno);
	if (!err)
		err = vfy_arg_reference(env, regno, &call->ref_id);
	if (err)
		return err;
	if (!*i && (call->fn->flags & KF_KPTR_GET))
		return kptr_arg(env, to, call);
	if (vfy_is_ctx_type(env, call->btf, t->type)) {
		if (r->type == PTR_TO_CTX)
			return 0;
		vlog(env, "arg#%d expected pointer to ctx, but got %s\n", *i, vfy_kind_name(t));
		return -EINVAL;
	}
	return object ? object_arg(env, *i, to, to_id, call) : mem_arg(env, i, to, call);
}

static int iter_arg(struct venv *env, const struct btf_type *t, struct kcall *call, s32 idx)
{
	call->iter.btf = call->btf;
	if (!btf_type_skip_modifiers(call->btf, t->type, &call->iter.btf_id))
		return -EINVAL;
	return vfy_iter_arg(env, 1, call->fn->flags, idx, &call->iter);
}

static int check_args(struct venv *env, struct kcall *call, s32 idx)
{
	const struct btf_type *t;
	u32 first;
	int err = 0;

	if (btf_type_vlen(call->proto) > 5) {
		vlog(env, "Function %s has %d > %d args\n", call->fn->name,
		     btf_type_vlen(call->proto), 5);
		return -EINVAL;
	}
	for (u32 i = 0; i < btf_type_vlen(call->proto) && !err; i++) {
		first = i;
		t = btf_type_skip_modifiers(call->btf, btf_params(call->proto)[i].type, NULL);
		if (t && kcall_op(call)) {
			err = vfy_owned_arg(env, i, t, call);
			continue;
		}
		if (t && is_scalar(t)) {
			err = scalar_arg(env, i, call);
		} else if (t && btf_type_is_ptr(t) && !i && (call->fn->flags & KF_ITER)) {
			err = iter_arg(env, t, call, idx);
		} else if (t && btf_type_is_ptr(t)) {
			err = ptr_arg(env, &i, t, call);
		} else {
			vlog(env, "Unrecognized arg#%d type %s\n", i,
			     t ? vfy_kind_name(t) : "UNKNOWN");
			return -EINVAL;
		}
		if (!err)
			err = vfy_use_reg(env, first + 1, USE_SRC);
	}
	if (err)
		return err;
	/* what is not an object (a record of a ring buffer) is not the function's to release,
	 * even where 6.1 would let it */
	if ((call->fn->flags & KF_RELEASE) && !call->release_reg) {
		vlog(env, "release kernel function %s expects refcounted PTR_TO_BTF_ID\n",
		     call->fn->name);
		return -EINVAL;
	}
	if ((call->fn->flags & KF_SLEEPABLE) && !vfy_may_sleep(env)) {
		vlog(env, "kernel function %s is sleepable but the program is not\n",
		     call->fn->name);
		return -EINVAL;
	}
	return 0;
}

/* --- what it returns --- */

static int return_ptr(struct venv *env, const struct btf_type *t, const struct kcall *call, s32 idx)
{
	struct vreg *r = vfy_reg(env, 0);
	u32 to_id;
	const struct btf_type *to = btf_type_skip_modifiers(call->btf, t->type, &to_id);
	int id;

	if ((call->fn->flags & KF_ITER_NEXT) && to && is_scalar(to)) {
		reg_known(r, 0);
		r->type = PTR_TO_MEM | MEM_RDONLY;
		r->mem_size = to->size;
		r->ref_id = call->iter.ref_id;
	} else if (to && btf_type_is_struct(to)) {
		reg_btf_ptr(env, r, env->prog->vmlinux, to_id, 0);
	} else if (call->mem_size) {
		reg_known(r, 0);
		r->type = PTR_TO_MEM | (call->mem_rdonly ? MEM_RDONLY : 0);
		r->mem_size = call->mem_size;
		r->ref_id = call->ref_id; /* gone when that is released */
	} else {
		vlog(env, "kernel function %s returns pointer type %s %s is not supported\n",
		     call->fn->name, to ? vfy_kind_name(to) : "UNKNOWN",
		     to ? name_of(call->btf, to) : "");
		return -EINVAL;
	}
	if (call->fn->flags & KF_RET_NULL) {
		r->type |= PTR_MAYBE_NULL;
		r->id = ++env->id_gen;
	}
	if (call->fn->flags & KF_ACQUIRE) {
		id = vfy_ref_acquire(env, idx);
		if (id < 0)
			return id;
		r->id = r->ref_id = id;
	}
	return 0;
}

static int set_return(struct venv *env, const struct kcall *call, s32 idx)
{
	const struct btf_type *t = btf_type_skip_modifiers(call->btf, call->proto->type, NULL), *to;
	struct vreg *r = vfy_reg(env, 0);

	if (!t)
		return -EINVAL;
	if (kcall_op(call) && btf_type_is_ptr(t))
		return vfy_owned_return(env, idx, call);
	to = btf_type_is_ptr(t) ? btf_type_skip_modifiers(call->btf, t->type, NULL) : NULL;
	if ((call->fn->flags & KF_ACQUIRE) && !(to && btf_type_is_struct(to))) {
		vlog(env, "acquire kernel function does not return PTR_TO_BTF_ID\n");
		return -EINVAL;
	}
	if (btf_type_is_ptr(t))
		return return_ptr(env, t, call, idx);
	if (is_scalar(t))
		reg_unknown(env, r);
	else
		r->type = NOT_INIT; /* void */
	return 0;
}

int vfy_kfunc_call(struct venv *env, const struct bpf_insn *in, s32 idx)
{
	struct kcall call = {.btf = env->prog->vmlinux, .id = in->imm};
	const struct btf_type *func;
	s32 row;
	int err;

	if (!in->imm) {
		vlog(env, "invalid kernel function call not eliminated in verifier pass\n");
		return -EINVAL;
	}
	func = func_of(env, in);
	call.proto = func ? btf_type_by_id(call.btf, func->type) : NULL;
	if (!call.proto || !btf_type_is_func_proto(call.proto))
		return -EINVAL;
	row = kfunc_find(name_of(call.btf, func));
	call.fn = row < 0 ? NULL : kfunc_row(row);
	if (!call.fn || !(call.fn->types >> env->prog->type & 1)) {
		vlog(env, "calling kernel function %s is not allowed\n", name_of(call.btf, func));
		return -EACCES;
	}
	if ((call.fn->flags & KF_DESTRUCTIVE) && !cred_has(env->prog->cred, CAP_SYS_BOOT)) {
		vlog(env, "destructive kfunc calls require CAP_SYS_BOOT capabilities\n");
		return -EACCES;
	}
	err = check_args(env, &call, idx);
	if (err)
		return err;
	if (call.release_reg) {
		err = vfy_ref_release(env, call.ref_id);
		if (err) {
			vlog(env, "kfunc %s#%d reference has not been acquired before\n",
			     call.fn->name, call.id);
			return err;
		}
	}
	if (kcall_op(&call)) {
		err = vfy_owned_effects(env, idx, &call);
		if (err)
			return err;
	}
	if (call.fn->flags & KF_ITER_DESTROY) {
		err = vfy_iter_destroy(env, &call.iter);
		if (err)
			return err;
	}
	env->aux[idx].kfunc = row + 1;
	vfy_clobber_caller_saved(env, vfy_frame(env));
	err = set_return(env, &call, idx);
	return err || !(call.fn->flags & KF_ITER_NEXT) ? err : vfy_iter_next(env, idx, &call.iter);
}
