/* SPDX-License-Identifier: BSD-2-Clause */
/* region.c - is it inside? Bounds and alignment of accesses, and who may read or write what. */
#include "verifier/region.h"

#define MAP_MAY_READ(m)	 (!((m)->map_flags & BPF_F_WRONLY_PROG))
#define MAP_MAY_WRITE(m) (!((m)->map_flags & BPF_F_RDONLY_PROG))

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
int region_access(struct venv *env, u32 regno, s32 off, s32 size, u32 region, bool zero_ok)
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
	int err = region_access(env, regno, off, size, r->map->value_size, zero_ok);

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

int region_map_allowed(struct venv *env, const struct vreg *r, s32 off, s32 size,
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

int region_packet(struct venv *env, u32 regno, s32 off, s32 size, bool zero_ok)
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
	return !call || call->pkt_access;
}

int region_offset(struct venv *env, const struct vreg *r, u32 regno, s32 off, s32 size,
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

int region_buffer(struct venv *env, u32 regno, s32 off, s32 size, enum bpf_access_type t)
{
	struct vreg *r = vfy_reg(env, regno);

	if (!(r->type & MEM_RDONLY))
		return region_offset(env, r, regno, off, size, "rdwr", &env->prog->max_rdwr_access);
	if (t == BPF_WRITE) {
		vlog(env, "R%d cannot write into %s\n", regno, vfy_type_text(env, r->type));
		return -EACCES;
	}
	return region_offset(env, r, regno, off, size, "rdonly", &env->prog->max_rdonly_access);
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
