/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctx.c - contexts that are an array of u64 arguments of a function known by BTF (tracing, lsm,
 * iter, raw_tp with BTF): what a load of argument n yields.
 */
#include "verifier/vfy.h"

#define MAX_BPF_FUNC_ARGS 5

static u32 type_size(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, id, NULL), *sized;
	u32 size = 8;

	if (!t || btf_type_is_ptr(t))
		return 8;
	sized = btf_resolve_size(btf, t, &size);
	return IS_ERR(sized) ? 8 : size;
}

/* Arguments that are structs take more than one u64. */
static u32 arg_index(const struct btf *btf, const struct btf_type *proto, u32 off)
{
	u32 at = 0, n;

	if (!proto)
		return off / 8;
	n = btf_type_vlen(proto);
	for (u32 i = 0; i < n; i++) {
		at += round_up(type_size(btf, btf_params(proto)[i].type), 8);
		if (off < at)
			return i;
	}
	return off < at + (proto->type ? round_up(type_size(btf, proto->type), 8) : 8) ? n : n + 1;
}

static bool is_small_int(const struct btf_type *t)
{
	return btf_type_is_int(t) && t->size <= 8 && !(t->size & (t->size - 1));
}

static bool no_argument(const struct vfy_prog *prog, struct log *log, u32 arg)
{
	log_printf(log, "func '%s' doesn't have %d-th argument\n",
		   prog->attach_func_name ? prog->attach_func_name : "", arg + 1);
	return false;
}

/* The "argument" after the last: the return value, for those who run after the function. 1:
 * yields a scalar as it is; NULL: refused */
static const struct btf_type *return_type(const struct vfy_prog *prog, const struct btf *btf,
					  const struct btf_type *proto, struct log *log, u32 arg,
					  bool *scalar)
{
	const struct btf_type *t;

	switch (prog->expected_attach_type) {
	case BPF_LSM_CGROUP:
	case BPF_LSM_MAC:
	case BPF_TRACE_FEXIT:
		*scalar = !proto;
		return proto ? btf_type_by_id(btf, proto->type) : NULL;
	case BPF_MODIFY_RETURN:
		t = proto ? btf_type_skip_modifiers(btf, proto->type, NULL) : NULL;
		if (t && is_small_int(t))
			return t;
		if (t)
			log_printf(log, "ret type %s not allowed for fmod_ret\n", vfy_kind_name(t));
		return NULL;
	default: no_argument(prog, log, arg); return NULL;
	}
}

static const struct vfy_ctx_arg *target_arg(const struct vfy_prog *prog, u32 off, bool buf)
{
	for (u32 i = 0; i < prog->nr_ctx_args; i++) {
		const struct vfy_ctx_arg *a = &prog->ctx_args[i];
		bool is_buf = type_base(a->reg_type) == PTR_TO_BUF;

		if (a->offset == off && (!buf || is_buf))
			return a;
	}
	return NULL;
}

static bool points_to_int(const struct btf *btf, const struct btf_type *ptr)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, ptr->type, NULL);

	return t && btf_type_is_int(t);
}

static bool struct_ptr(const struct vfy_prog *prog, struct btf *btf, const struct btf_type *ptr,
		       u32 arg, struct insn_access_aux *info)
{
	const struct btf_type *t = btf_type_by_id(btf, ptr->type);
	const char *tag, *func = prog->attach_func_name ? prog->attach_func_name : "";

	info->reg_type = PTR_TO_BTF_ID;
	info->btf = btf;
	if (t && btf_type_kind(t) == BTF_KIND_TYPE_TAG) {
		tag = btf_name_by_offset(btf, t->name_off);
		if (tag && !strcmp(tag, "user"))
			info->reg_type |= MEM_USER;
		if (tag && !strcmp(tag, "percpu"))
			info->reg_type |= MEM_PERCPU;
	}
	t = btf_type_skip_modifiers(btf, ptr->type, &info->btf_id);
	if (!t || !btf_type_is_struct(t)) {
		log_printf(info->log, "func '%s' arg%d type %s is not a struct\n", func, arg,
			   t ? vfy_kind_name(t) : "UNKNOWN");
		return false;
	}
	log_printf(info->log, "func '%s' arg%d has btf_id %d type %s '%s'\n", func, arg,
		   info->btf_id, vfy_kind_name(t), vfy_btf_name(btf, info->btf_id));
	return true;
}

/* What a program got as its context is, to those who trace it, the struct behind that. */
static bool traced_ctx(const struct vfy_prog *prog, const struct btf *btf,
		       const struct btf_type *ptr, struct insn_access_aux *info)
{
	const char *name = vfy_ctx_inside(prog->target_type, btf, ptr->type);
	s32 id = name && prog->vmlinux ? btf_find_by_name_kind(prog->vmlinux, name, BTF_KIND_STRUCT)
				       : 0;

	if (id <= 0)
		return false;
	info->reg_type = PTR_TO_BTF_ID;
	info->btf = prog->vmlinux;
	info->btf_id = id;
	return true;
}

/* An argument of pointer type. */
static bool pointer_arg(const struct vfy_prog *prog, struct btf *btf, const struct btf_type *ptr,
			u32 off, u32 arg, struct insn_access_aux *info)
{
	const struct vfy_ctx_arg *a = target_arg(prog, off, true);

	if (a) {
		info->reg_type = a->reg_type;
		return true;
	}
	if (!ptr->type || points_to_int(btf, ptr))
		return true; /* nothing to walk: a number */
	a = target_arg(prog, off, false);
	if (!a && prog->target_type)
		return traced_ctx(prog, btf, ptr, info);
	if (!a)
		return struct_ptr(prog, btf, ptr, arg, info);
	if (!a->btf_id) {
		log_printf(info->log, "invalid btf_id for context argument offset %u\n", off);
		return false;
	}
	info->reg_type = a->reg_type;
	info->btf = a->btf ? a->btf : prog->vmlinux;
	info->btf_id = a->btf_id;
	return true;
}

static const struct btf_type *without_modifiers(const struct btf *btf, const struct btf_type *t)
{
	u32 kinds = 1u << BTF_KIND_TYPEDEF | 1u << BTF_KIND_CONST | 1u << BTF_KIND_VOLATILE |
		    1u << BTF_KIND_RESTRICT | 1u << BTF_KIND_TYPE_TAG;

	while (t && (kinds >> btf_type_kind(t) & 1))
		t = btf_type_by_id(btf, t->type);
	return t;
}

bool vfy_btf_ctx_access(int off, int size, enum bpf_access_type type, const struct vfy_prog *prog,
			struct insn_access_aux *info)
{
	struct btf *btf = prog->attach_btf ? prog->attach_btf : prog->vmlinux;
	const struct btf_type *proto = prog->attach_func_proto, *t;
	const char *func = prog->attach_func_name ? prog->attach_func_name : "", *name;
	/* the type of a raw tracepoint (btf_trace_...) has a first argument "void *__data" that
	 * programs do not see */
	u32 hidden =
		proto && btf_type_vlen(proto) && prog->expected_attach_type == BPF_TRACE_RAW_TP;
	bool number = false;
	u32 arg, nr;

	if (off < 0)
		return false;
	if (off % 8) {
		log_printf(info->log, "func '%s' offset %d is not multiple of 8\n", func, off);
		return false;
	}
	if (proto && !btf)
		return false;
	arg = arg_index(btf, proto, off);
	nr = proto ? btf_type_vlen(proto) - hidden : MAX_BPF_FUNC_ARGS;
	if (arg > nr)
		return no_argument(prog, info->log, arg);
	if (arg == nr)
		t = return_type(prog, btf, proto, info->log, arg, &number);
	else if (proto)
		t = btf_type_by_id(btf, btf_params(proto)[arg + hidden].type);
	else
		return true;
	t = without_modifiers(btf, t);
	if (!t)
		return number;
	if (is_small_int(t) || btf_type_is_any_enum(t) || btf_type_kind(t) == BTF_KIND_STRUCT)
		return true;
	if (!btf_type_is_ptr(t)) {
		name = btf_name_by_offset(btf, t->name_off);
		log_printf(info->log,
			   "func '%s' arg%d '%s' has type %s. Only pointer access is allowed\n",
			   func, arg, name ? name : "", vfy_kind_name(t));
		return false;
	}
	return pointer_arg(prog, btf, t, off, arg, info);
}
