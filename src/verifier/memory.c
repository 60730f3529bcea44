/* SPDX-License-Identifier: BSD-2-Clause */
/* memory.c - accesses through pointers: bounds, alignment, who may read or write what, and what
 * a load yields. */
#include "verifier/vfy.h"

#define MAP_MAY_READ(m)	 (!((m)->map_flags & BPF_F_WRONLY_PROG))
#define MAP_MAY_WRITE(m) (!((m)->map_flags & BPF_F_RDONLY_PROG))

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

/* --- regions of known size --- */

static int in_region(struct venv *env, u32 regno, s64 off, s32 size, u32 region, bool zero_ok)
{
	struct vreg *r = vfy_reg(env, regno);

	if (off >= 0 && (size > 0 || (!size && zero_ok)) && (u64)off + size <= region)
		return 0;
	switch (r->type) {
	case PTR_TO_MAP_KEY:
		vlog(env, "invalid access to map key, key_size=%d off=%d size=%d\n", region,
		     (int)off, size);
		break;
	case PTR_TO_MAP_VALUE:
		vlog(env, "invalid access to map value, value_size=%d off=%d size=%d\n", region,
		     (int)off, size);
		break;
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META:
	case PTR_TO_PACKET_END:
		vlog(env, "invalid access to packet, off=%d size=%d, R%d(id=%d,off=%d,r=%d)\n",
		     (int)off, size, regno, r->id, (int)off, region);
		break;
	default:
		vlog(env, "invalid access to memory, mem_size=%u off=%d size=%d\n", region,
		     (int)off, size);
	}
	return -EACCES;
}

/* With a variable offset: both ends must be inside. */
static int in_region_var(struct venv *env, u32 regno, s32 off, s32 size, u32 region, bool zero_ok)
{
	struct vreg *r = vfy_reg(env, regno);
	s64 least;
	int err;

	if (r->smin64 < 0 && (r->smin64 == INT64_MIN ||
			      (least = off + r->smin64, least != (s32)least) || least < 0)) {
		vlog(env,
		     "R%d min value is negative, either use unsigned index or do a if (index >=0) check.\n",
		     regno);
		return -EACCES;
	}
	if (r->smin64 >
	    INT32_MAX) { /* cannot be represented in what follows; beyond every region */
		vlog(env, "R%d min value is outside of the allowed memory range\n", regno);
		return -EACCES;
	}
	err = in_region(env, regno, r->smin64 + off, size, region, zero_ok);
	if (err) {
		vlog(env, "R%d min value is outside of the allowed memory range\n", regno);
		return err;
	}
	if (r->umax64 >= VFY_MAX_VAR_OFF) {
		vlog(env,
		     "R%d unbounded memory access, make sure to bounds check any such access\n",
		     regno);
		return -EACCES;
	}
	err = in_region(env, regno, (s64)r->umax64 + off, size, region, zero_ok);
	if (err)
		vlog(env, "R%d max value is outside of the allowed memory range\n", regno);
	return err;
}

/* May [off, off + size) of the variable pointer touch @bytes bytes at @field? */
static bool touches(const struct vreg *r, s32 off, s32 size, s32 field, u32 bytes)
{
	return r->smin64 + off < (s64)field + bytes && field < (s64)r->umax64 + off + size;
}

int vfy_map_access(struct venv *env, u32 regno, s32 off, s32 size, bool zero_ok, enum vsrc src)
{
	struct vreg *r = vfy_reg(env, regno);
	const struct vmap_fields *f;
	int err = in_region_var(env, regno, off, size, r->map->value_size, zero_ok);

	if (err || !r->map->btf)
		return err;
	f = vfy_map_fields(env, r->map);
	if (f->lock_off >= 0 && touches(r, off, size, f->lock_off, sizeof(struct bpf_spin_lock))) {
		vlog(env, "bpf_spin_lock cannot be accessed directly by load/store\n");
		return -EACCES;
	}
	if (f->timer_off >= 0 && touches(r, off, size, f->timer_off, sizeof(struct bpf_timer))) {
		vlog(env, "bpf_timer cannot be accessed directly by load/store\n");
		return -EACCES;
	}
	err = vfy_graph_touch(env, r, r->smin64 + off, (s64)r->umax64 + off + size,
			      "%s cannot be accessed directly by load/store\n");
	return err ? err : vfy_kptr_touch(env, r, f, off, size, src);
}

static int map_direction(struct venv *env, const struct vreg *r, s32 off, s32 size,
			 enum bpf_access_type t)
{
	if (t == BPF_WRITE ? MAP_MAY_WRITE(r->map) : MAP_MAY_READ(r->map))
		return 0;
	vlog(env, "%s map forbidden, value_size=%d off=%d size=%d\n",
	     t == BPF_WRITE ? "write into" : "read from", r->map->value_size, off, size);
	return -EACCES;
}

bool vfy_map_is_const(const struct bpf_map *map)
{
	return (map->map_flags & BPF_F_RDONLY_PROG) && READ_ONCE(map->frozen);
}

static int packet_access(struct venv *env, u32 regno, s32 off, s32 size, bool zero_ok)
{
	struct vreg *r = vfy_reg(env, regno);
	int err;

	if (r->smin64 < 0) {
		vlog(env,
		     "R%d min value is negative, either use unsigned index or do a if (index >=0) check.\n",
		     regno);
		return -EACCES;
	}
	err = r->range < 0 ? -EINVAL : in_region(env, regno, off, size, r->range, zero_ok);
	if (err) {
		vlog(env, "R%d offset is outside of the packet\n", regno);
		return err;
	}
	env->prog->max_pkt_offset =
		max(env->prog->max_pkt_offset, (u32)(off + r->umax64 + size - 1));
	return 0;
}

bool vfy_pkt_allowed(struct venv *env, const struct vcall *call, enum bpf_access_type t)
{
	if (t == BPF_WRITE ? !env->ops->packet_write
			   : !env->ops->packet_read && !env->ops->packet_write)
		return false;
	if (call)
		return call->pkt_access;
	env->direct_write = true;
	return true;
}

/* --- alignment and offsets --- */

static int pkt_align(struct venv *env, const struct vreg *r, s32 off, s32 size)
{
	const int ip_align = 2;
	char buf[48];

	if (tnum_aligned(tnum_add(r->var, tnum_const(ip_align + r->off + off)), size))
		return 0;
	vlog(env, "misaligned packet access off %d+%s+%d+%d size %d\n", ip_align,
	     tnum_text(buf, r->var), r->off, off, size);
	return -EACCES;
}

int vfy_ptr_align(struct venv *env, const struct vreg *r, s32 off, s32 size, bool once)
{
	static const char *const names[__BPF_REG_TYPE_MAX] = {
		[PTR_TO_FLOW_KEYS] = "flow keys ",
		[PTR_TO_MAP_KEY] = "key ",
		[PTR_TO_MAP_VALUE] = "value ",
		[PTR_TO_CTX] = "context ",
		[PTR_TO_STACK] = "stack ",
		[PTR_TO_SOCKET] = "sock ",
		[PTR_TO_SOCK_COMMON] = "sock_common ",
		[PTR_TO_TCP_SOCK] = "tcp_sock ",
		[PTR_TO_XDP_SOCK] = "xdp_sock ",
	};
	const char *name = r->type < __BPF_REG_TYPE_MAX && names[r->type] ? names[r->type] : "";
	char buf[48];

	/* spill tracking needs aligned stack accesses */
	if (size == 1 || !(env->strict_align || once || r->type == PTR_TO_STACK))
		return 0;
	if (type_is_pkt(r->type))
		return env->strict_align || once ? pkt_align(env, r, off, size) : 0;
	if (tnum_aligned(tnum_add(r->var, tnum_const((s64)r->off + off)), size))
		return 0;
	vlog(env, "misaligned %saccess off %s+%d+%d size %d\n", name, tnum_text(buf, r->var),
	     r->off, off, size);
	return -EACCES;
}

int vfy_ptr_off(struct venv *env, const struct vreg *r, u32 regno, bool fixed_ok)
{
	char buf[48];

	if (r->off < 0) {
		vlog(env, "negative offset %s ptr R%d off=%d disallowed\n",
		     vfy_type_text(env, r->type), regno, r->off);
		return -EACCES;
	}
	if (r->off && !fixed_ok) {
		vlog(env, "dereference of modified %s ptr R%d off=%d disallowed\n",
		     vfy_type_text(env, r->type), regno, r->off);
		return -EACCES;
	}
	if (!tnum_is(r->var, 0)) {
		vlog(env, "variable %s access var_off=%s disallowed\n", vfy_type_text(env, r->type),
		     tnum_text(buf, r->var));
		return -EACCES;
	}
	return 0;
}

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
	err = in_region_var(env, a->regno, a->off, a->size, a->reg->map->key_size, false);
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
	err = map_direction(env, a->reg, a->off, a->size, a->type);
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
	err = in_region_var(env, a->regno, a->off, a->size, a->reg->mem_size, false);
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
	err = packet_access(env, a->regno, a->off, a->size, false);
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

static int buffer_offset(struct venv *env, const struct vreg *r, u32 regno, s32 off, s32 size,
			 const char *kind, u32 *most)
{
	char buf[48];

	if (off < 0) {
		vlog(env, "R%d invalid %s buffer access: off=%d, size=%d\n", regno, kind, off,
		     size);
		return -EACCES;
	}
	if (!tnum_is(r->var, 0)) {
		vlog(env, "R%d invalid variable buffer offset: off=%d, var_off=%s\n", regno, off,
		     tnum_text(buf, r->var));
		return -EACCES;
	}
	*most = max(*most, (u32)(off + size));
	return 0;
}

static int access_tp_buffer(struct venv *env, struct access *a)
{
	int err = buffer_offset(env, a->reg, a->regno, a->off, a->size, "tracepoint",
				&env->prog->max_tp_access);

	if (!err)
		loads_unknown(env, a);
	return err;
}

static int buf_access(struct venv *env, u32 regno, s32 off, s32 size, enum bpf_access_type t)
{
	struct vreg *r = vfy_reg(env, regno);

	if (!(r->type & MEM_RDONLY))
		return buffer_offset(env, r, regno, off, size, "rdwr", &env->prog->max_rdwr_access);
	if (t == BPF_WRITE) {
		vlog(env, "R%d cannot write into %s\n", regno, vfy_type_text(env, r->type));
		return -EACCES;
	}
	return buffer_offset(env, r, regno, off, size, "rdonly", &env->prog->max_rdonly_access);
}

static int access_buf(struct venv *env, struct access *a)
{
	int err = buf_access(env, a->regno, a->off, a->size, a->type);

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

/* --- atomic operations --- */

static bool atomic_known(s32 imm)
{
	switch (imm & ~BPF_FETCH) {
	case BPF_ADD:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR: return true;
	}
	return imm == BPF_XCHG || imm == BPF_CMPXCHG;
}

int vfy_atomic(struct venv *env, s32 idx, struct bpf_insn *in)
{
	u8 size = BPF_SIZE(in->code);
	s32 load = -1;
	u32 t;
	int err;

	if (!atomic_known(in->imm)) {
		vlog(env, "BPF_ATOMIC uses invalid atomic opcode %02x\n", in->imm);
		return -EINVAL;
	}
	if (size != BPF_W && size != BPF_DW) {
		vlog(env, "invalid atomic operand size\n");
		return -EINVAL;
	}
	err = vfy_use_reg(env, in->src_reg, USE_SRC);
	if (!err)
		err = vfy_use_reg(env, in->dst_reg, USE_SRC);
	if (!err && in->imm == BPF_CMPXCHG)
		err = vfy_use_reg(env, 0, USE_SRC);
	if (err)
		return err;
	if ((in->imm == BPF_CMPXCHG && reg_leaks(env, 0)) || reg_leaks(env, in->src_reg)) {
		vlog(env, "R%d leaks addr into mem\n",
		     in->imm == BPF_CMPXCHG && reg_leaks(env, 0) ? 0 : in->src_reg);
		return -EACCES;
	}
	t = vfy_reg(env, in->dst_reg)->type;
	if (t == PTR_TO_CTX || type_is_pkt(t) || t == PTR_TO_FLOW_KEYS || type_is_sock(t)) {
		vlog(env, "BPF_ATOMIC stores into R%d %s is not allowed\n", in->dst_reg,
		     vfy_type_text(env, t));
		return -EACCES;
	}
	if (in->imm & BPF_FETCH) {
		load = in->imm == BPF_CMPXCHG ? 0 : in->src_reg;
		err = vfy_use_reg(env, load, USE_DST);
		if (err)
			return err;
	}
	err = vfy_mem(env, idx, in->dst_reg, in->off, size, BPF_READ, -1, true);
	if (!err && load >= 0)
		err = vfy_mem(env, idx, in->dst_reg, in->off, size, BPF_READ, load, true);
	if (!err)
		err = vfy_mem(env, idx, in->dst_reg, in->off, size, BPF_WRITE, -1, true);
	return err;
}

/* --- memory handed to helpers --- */

static int helper_ctx(struct venv *env, u32 regno, s32 size, enum bpf_access_type t, bool zero_ok)
{
	if (!size)
		return zero_ok ? 0 : -EACCES;
	return vfy_mem(env, env->insn_idx, regno, size - 1, BPF_B, t, -1, false);
}

int vfy_helper_mem(struct venv *env, u32 regno, s32 size, enum bpf_access_type t, bool zero_ok,
		   struct vcall *call)
{
	struct vreg *r = vfy_reg(env, regno);
	u32 base = type_base(r->type);
	int err;

	if (t == BPF_WRITE &&
	    (base == PTR_TO_MAP_KEY || (base == PTR_TO_MEM && (r->type & MEM_RDONLY)))) {
		vlog(env, "R%d cannot write into %s\n", regno, vfy_type_text(env, r->type));
		return -EACCES;
	}
	switch (base) {
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META: return packet_access(env, regno, r->off, size, zero_ok);
	case PTR_TO_MAP_KEY:
		return in_region_var(env, regno, r->off, size, r->map->key_size, false);
	case PTR_TO_MAP_VALUE:
		err = map_direction(env, r, r->off, size, t);
		return err ? err : vfy_map_access(env, regno, r->off, size, zero_ok, SRC_HELPER);
	case PTR_TO_MEM: return in_region_var(env, regno, r->off, size, r->mem_size, zero_ok);
	case PTR_TO_BUF: return buf_access(env, regno, r->off, size, t);
	case PTR_TO_STACK:
		return vfy_stack_range(env, regno, r->off, size, zero_ok, SRC_HELPER, t, call);
	case PTR_TO_CTX:
		/* only where the context is the memory the program sees */
		if (!env->ops->convert_ctx_access)
			return helper_ctx(env, regno, size, t, zero_ok);
		break;
	}
	if (zero_ok && !size && reg_is_null(r))
		return 0;
	vlog(env, "R%d type=%s expected=%s\n", regno, vfy_type_text(env, r->type),
	     vfy_type_text(env, PTR_TO_STACK));
	return -EACCES;
}
