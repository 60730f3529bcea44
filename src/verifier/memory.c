/* SPDX-License-Identifier: BSD-2-Clause */
/* memory.c - accesses through pointers, a function per kind of memory, and what a load yields. */
#include "verifier/region.h"

/* An access under way. */
struct access {
	s32 insn;
	u32 regno;
	struct vreg *reg;
	s32 off; /* the register's constant offset included */
	s32 size;
	enum bpf_access_type type;
	s32 value; /* register loaded or stored, -1: none */
	u32 kptr;  /* what is accessed (vfy_kptr_note()) */
};

/* --- one function per kind of memory --- */

static bool store_leaks(struct venv *env, const struct access *a, const char *where)
{
	if (a->type != BPF_WRITE || a->value < 0 || !reg_leaks(env, a->value))
		return false;
	vlog(env, "R%d leaks addr into %s\n", a->value, where);
	return true;
}

static void loads_unknown(struct venv *env, const struct access *a)
{
	if (a->type == BPF_READ && a->value >= 0)
		reg_unknown(env, vfy_reg(env, a->value));
}

static int cannot_write(struct venv *env, const struct access *a)
{
	vlog(env, "R%d cannot write into %s\n", a->regno, vfy_type_text(env, a->reg->type));
	return -EACCES;
}

static int access_map_key(struct venv *env, struct access *a)
{
	int err;

	if (a->type == BPF_WRITE) {
		vlog(env, "write to change key R%d not allowed\n", a->regno);
		return -EACCES;
	}
	err = region_access(env, a->regno, a->off, a->size, a->reg->map->key_size, false);
	if (!err)
		loads_unknown(env, a);
	return err;
}

/* Contents of a constant map are known numbers. 1: loaded. */
static int load_const_map(struct venv *env, struct access *a)
{
	struct vreg *r = a->reg, *d = vfy_reg(env, a->value);
	struct bpf_map *map = r->map;
	u64 v = 0;
	void *p;

	if (!tnum_is_const(r->var) || !vfy_map_is_const(map) || !map->ops->direct_value)
		return 0;
	p = map->ops->direct_value(map, a->off + (u32)r->var.value);
	if (!p)
		return -EINVAL;
	memcpy(&v, p, a->size);
	d->type = SCALAR_VALUE;
	reg_known(d, v);
	return 1;
}

static int access_map_value(struct venv *env, struct access *a)
{
	const struct vkptr *k;
	int err;

	if (store_leaks(env, a, "map"))
		return -EACCES;
	err = region_map_allowed(env, a->reg, a->off, a->size, a->type);
	if (!err)
		err = vfy_map_access(env, a->regno, a->off, a->size, false, SRC_INSN);
	k = !err && tnum_is_const(a->reg->var)
		    ? vfy_kptr_at(env, a->reg->map, a->off + a->reg->var.value)
		    : NULL;
	if (k) {
		a->kptr = k->type;
		return vfy_kptr_access(env, a->insn, a->value, k);
	}
	if (err || a->type != BPF_READ || a->value < 0)
		return err;
	err = load_const_map(env, a);
	if (!err)
		loads_unknown(env, a);
	return min(err, 0);
}

static int access_mem(struct venv *env, struct access *a)
{
	int err;

	if (a->reg->type & PTR_MAYBE_NULL) {
		vlog(env, "R%d invalid mem access '%s'\n", a->regno,
		     vfy_type_text(env, a->reg->type));
		return -EACCES;
	}
	if (a->type == BPF_WRITE && (a->reg->type & MEM_RDONLY))
		return cannot_write(env, a);
	if (store_leaks(env, a, "mem"))
		return -EACCES;
	err = region_access(env, a->regno, a->off, a->size, a->reg->mem_size, false);
	if (!err)
		loads_unknown(env, a);
	return err;
}

static int access_ctx(struct venv *env, struct access *a)
{
	struct insn_access_aux info = {.reg_type = SCALAR_VALUE, .log = env->log};
	struct vreg *d;
	int err;

	if (store_leaks(env, a, "ctx"))
		return -EACCES;
	err = vfy_ptr_off(env, a->reg, a->regno, false);
	if (err)
		return err;
	if (!env->ops->is_valid_access ||
	    !env->ops->is_valid_access(a->off, a->size, a->type, env->prog, &info)) {
		vlog(env, "invalid bpf_context access off=%d size=%d\n", a->off, a->size);
		vfy_log_linfo(env, a->insn, "; ");
		return -EACCES;
	}
	if (type_base(info.reg_type) != PTR_TO_BTF_ID)
		env->aux[a->insn].ctx_field_size = info.ctx_field_size;
	env->prog->max_ctx_offset = max(env->prog->max_ctx_offset, (u32)(a->off + a->size));
	if (a->type != BPF_READ || a->value < 0)
		return 0;
	d = vfy_reg(env, a->value);
	if (info.reg_type == SCALAR_VALUE) {
		reg_unknown(env, d);
		return 0;
	}
	reg_known(d, 0);
	d->type = info.reg_type;
	if (info.reg_type & PTR_MAYBE_NULL)
		d->id = ++env->id_gen;
	if (type_base(info.reg_type) == PTR_TO_BTF_ID) {
		d->btf = info.btf;
		d->btf_id = info.btf_id;
	}
	return 0;
}

static int access_stack(struct venv *env, struct access *a)
{
	int err = vfy_stack_bounds(env, a->regno, a->off, a->size, SRC_INSN, a->type);

	if (err)
		return err;
	if (a->type == BPF_READ)
		return vfy_stack_read(env, a->regno, a->off, a->size, a->value);
	return vfy_stack_write(env, a->regno, a->off, a->size, a->value, a->insn);
}

static int access_packet(struct venv *env, struct access *a)
{
	int err;

	if (a->type == BPF_WRITE && !vfy_pkt_allowed(env, NULL, BPF_WRITE)) {
		vlog(env, "cannot write into packet\n");
		return -EACCES;
	}
	if (store_leaks(env, a, "packet"))
		return -EACCES;
	err = region_packet(env, a->regno, a->off, a->size, false);
	if (!err)
		loads_unknown(env, a);
	return err;
}

static int access_flow_keys(struct venv *env, struct access *a)
{
	if (store_leaks(env, a, "flow keys"))
		return -EACCES;
	if (a->off < 0 || (u64)a->off + a->size > sizeof(struct bpf_flow_keys)) {
		vlog(env, "invalid access to flow keys off=%d size=%d\n", a->off, a->size);
		return -EACCES;
	}
	loads_unknown(env, a);
	return 0;
}

static int access_sock(struct venv *env, struct access *a)
{
	u32 field = 0;

	if (a->type == BPF_WRITE)
		return cannot_write(env, a);
	if (a->reg->smin64 < 0) {
		vlog(env,
		     "R%d min value is negative, either use unsigned index or do a if (index >=0) check.\n",
		     a->regno);
		return -EACCES;
	}
	if (!vfy_sock_access(a->reg->type, a->off, a->size, &field)) {
		vlog(env, "R%d invalid %s access off=%d size=%d\n", a->regno,
		     vfy_type_text(env, a->reg->type), a->off, a->size);
		return -EACCES;
	}
	env->aux[a->insn].ctx_field_size = field;
	loads_unknown(env, a);
	return 0;
}

static int access_tp_buffer(struct venv *env, struct access *a)
{
	int err = region_offset(env, a->reg, a->regno, a->off, a->size, "tracepoint",
				&env->prog->max_tp_access);

	if (!err)
		loads_unknown(env, a);
	return err;
}

static int access_buf(struct venv *env, struct access *a)
{
	int err = region_buffer(env, a->regno, a->off, a->size, a->type);

	if (!err)
		loads_unknown(env, a);
	return err;
}

/* What a load of a struct's bytes yields: a number or a pointer to another struct. */
static int walk_struct(struct venv *env, struct access *a, struct btf *btf,
		       const struct btf_type *t, u32 inherit)
{
	u32 next = 0, flags = 0;
	int kind = btf_struct_walk(env->log, btf, t, a->off, a->size, &next, &flags);

	if (kind == BTF_WALK_ERROR)
		return (s32)next < 0 ? (s32)next : -EACCES;
	if (a->value < 0)
		return 0;
	if (kind == BTF_WALK_PTR)
		reg_btf_ptr(env, vfy_reg(env, a->value), btf, next, flags | inherit);
	else
		reg_unknown(env, vfy_reg(env, a->value));
	return 0;
}

static int access_object(struct venv *env, struct access *a)
{
	int err;

	if (store_leaks(env, a, "mem"))
		return -EACCES;
	err = vfy_object_access(env, a->reg, a->off, a->size);
	if (!err)
		loads_unknown(env, a);
	return err;
}

static int access_btf(struct venv *env, struct access *a)
{
	struct vreg *r = a->reg;
	const struct btf_type *t = btf_type_by_id(r->btf, r->btf_id);
	const char *name = vfy_btf_name(r->btf, r->btf_id);
	char buf[48];

	if (a->off < 0) {
		vlog(env, "R%d is ptr_%s invalid negative access: off=%d\n", a->regno, name,
		     a->off);
		return -EACCES;
	}
	if (!tnum_is(r->var, 0)) {
		vlog(env, "R%d is ptr_%s invalid variable offset: off=%d, var_off=%s\n", a->regno,
		     name, a->off, tnum_text(buf, r->var));
		return -EACCES;
	}
	if (r->type & (MEM_USER | MEM_PERCPU)) {
		vlog(env, "R%d is ptr_%s access %s memory: off=%d\n", a->regno, name,
		     r->type & MEM_USER ? "user" : "percpu", a->off);
		return -EACCES;
	}
	if (!t)
		return -EACCES;
	if (vfy_is_object(r->type))
		return access_object(env, a);
	if (a->type == BPF_WRITE) {
		if (env->ops->btf_struct_access)
			return env->ops->btf_struct_access(env->log, r->btf, t, a->off, a->size);
		vlog(env, "only read is supported\n");
		return -EACCES;
	}
	env->aux[a->insn].probe_mem = true;
	return walk_struct(env, a, r->btf, t, r->type & PTR_UNTRUSTED);
}

/* The kernel's own struct of a map kind, for messages. All begin with struct bpf_map, which is
 * what ours have in BTF. */
static const char *map_struct_name(u32 map_type)
{
	switch (map_type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS: return "bpf_array";
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_HASH_OF_MAPS: return "bpf_htab";
	}
	return "bpf_map";
}

/* Fields of a map itself, as the iterator programs read them. */
static int access_map_ptr(struct venv *env, struct access *a)
{
	const char *name = map_struct_name(a->reg->map->map_type);
	struct btf *btf = env->prog->vmlinux;
	char buf[48];
	s32 id;

	if (!env->ptr_to_map) {
		vlog(env, "%s access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN\n", name);
		return -EPERM;
	}
	if (a->off < 0) {
		vlog(env, "R%d is %s invalid negative access: off=%d\n", a->regno, name, a->off);
		return -EACCES;
	}
	if (a->type != BPF_READ) {
		vlog(env, "only read from %s is supported\n", name);
		return -EACCES;
	}
	if (!tnum_is(a->reg->var, 0)) {
		vlog(env, "variable map_ptr access var_off=%s disallowed\n",
		     tnum_text(buf, a->reg->var));
		return -EACCES;
	}
	id = btf ? btf_find_by_name_kind(btf, "bpf_map", BTF_KIND_STRUCT) : -ENOENT;
	if (id < 0) {
		vlog(env, "map_ptr access not supported without CONFIG_DEBUG_INFO_BTF\n");
		return -ENOTSUPP;
	}
	env->aux[a->insn].probe_mem = true;
	return walk_struct(env, a, btf, btf_type_by_id(btf, id), 0);
}

static int access_other(struct venv *env, struct access *a)
{
	vlog(env, "R%d invalid mem access '%s'\n", a->regno, vfy_type_text(env, a->reg->type));
	return -EACCES;
}

/* Which function looks at accesses through @type; pointers that may be NULL have none. */
static int (*access_fn(u32 type))(struct venv *, struct access *)
{
	static int (*const plain[__BPF_REG_TYPE_MAX])(struct venv *, struct access *) = {
		[PTR_TO_MAP_KEY] = access_map_key,
		[PTR_TO_MAP_VALUE] = access_map_value,
		[PTR_TO_CTX] = access_ctx,
		[PTR_TO_STACK] = access_stack,
		[PTR_TO_PACKET] = access_packet,
		[PTR_TO_PACKET_META] = access_packet,
		[PTR_TO_FLOW_KEYS] = access_flow_keys,
		[PTR_TO_SOCKET] = access_sock,
		[PTR_TO_SOCK_COMMON] = access_sock,
		[PTR_TO_TCP_SOCK] = access_sock,
		[PTR_TO_XDP_SOCK] = access_sock,
		[PTR_TO_TP_BUFFER] = access_tp_buffer,
		[CONST_PTR_TO_MAP] = access_map_ptr,
	};

	switch (type_base(type)) {
	case PTR_TO_MEM: return access_mem;
	case PTR_TO_BTF_ID: return type & PTR_MAYBE_NULL ? access_other : access_btf;
	case PTR_TO_BUF: return type & PTR_MAYBE_NULL ? access_other : access_buf;
	}
	return type < __BPF_REG_TYPE_MAX && plain[type] ? plain[type] : access_other;
}

static s32 size_of(u8 bpf_size)
{
	switch (bpf_size) {
	case BPF_B: return 1;
	case BPF_H: return 2;
	case BPF_W: return 4;
	}
	return 8;
}

int vfy_mem(struct venv *env, s32 idx, u32 regno, s32 off, u8 bpf_size, enum bpf_access_type t,
	    s32 value, bool aligned)
{
	struct access a = {.insn = idx,
			   .regno = regno,
			   .reg = vfy_reg(env, regno),
			   .type = t,
			   .value = value,
			   .kptr = VFY_NO_KPTR};
	struct vreg *d;
	int err;

	a.size = size_of(bpf_size);
	err = vfy_ptr_align(env, a.reg, off, a.size, aligned);
	if (err)
		return err;
	a.off = off + a.reg->off;
	err = access_fn(a.reg->type)(env, &a);
	if (!err)
		err = vfy_kptr_note(env, idx, a.kptr);
	if (err || t != BPF_READ || value < 0 || a.size == 8)
		return err;
	d = vfy_reg(env, value);
	if (d->type == SCALAR_VALUE)
		reg_truncate(d, a.size);
	return 0;
}
