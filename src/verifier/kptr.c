/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kptr.c - map values with pointers to objects of the service. A field that owns no reference is
 * loaded and stored by instructions, one that does is loaded so, too, but changed by
 * bpf_kptr_xchg() only. What is loaded is untrusted: the object may be gone.
 *
 * At run time such a field holds a number (map/kptr.h), so an instruction must know what it
 * accesses: a field of one type on all paths, or anything else on all paths.
 */
#include "map/kptr.h"
#include "verifier/vfy.h"

void vfy_kptr_scan(struct venv *env, const struct bpf_map *map, struct vmap_fields *f)
{
	const struct btf *vmlinux = env->prog->vmlinux;
	struct btf_kptr k[BTF_MAX_KPTRS];
	s32 n = btf_find_kptrs(map->btf, map->btf_value_type_id, k), id;

	f->nr_kptrs = n;
	for (s32 i = 0; i < n; i++) {
		const struct btf_type *t = btf_type_by_id(map->btf, k[i].type_id);
		const char *name = t ? btf_name_by_offset(map->btf, t->name_off) : NULL;
		u32 type = name ? kptr_type_of(name) : KPTR_OTHER;

		id = name && vmlinux ? btf_find_by_name_kind(vmlinux, name, btf_type_kind(t))
				     : -ENOENT;
		if (id < 0 || (k[i].ref && !kptr_dtor(type))) {
			f->nr_kptrs = -ENOENT;
			return;
		}
		f->kptr[i] = (struct vkptr){
			.off = k[i].off, .btf_id = id, .type = type, .ref = k[i].ref};
	}
}

const struct vkptr *vfy_kptr_at(struct venv *env, const struct bpf_map *map, u64 off)
{
	const struct vmap_fields *f = vfy_map_fields(env, map);

	for (s32 i = 0; f && i < f->nr_kptrs; i++)
		if (f->kptr[i].off == off)
			return &f->kptr[i];
	return NULL;
}

int vfy_kptr_touch(struct venv *env, const struct vreg *r, const struct vmap_fields *f, s32 off,
		   s32 size, enum vsrc src)
{
	for (s32 i = 0; i < f->nr_kptrs; i++) {
		u32 p = f->kptr[i].off;

		if (r->smin64 + off >= (s64)p + 8 || (s64)p >= (s64)r->umax64 + off + size)
			continue;
		if (src != SRC_INSN) {
			vlog(env, "kptr cannot be accessed indirectly by helper\n");
			return -EACCES;
		}
		if (!tnum_is_const(r->var)) {
			vlog(env, "kptr access cannot have variable offset\n");
			return -EACCES;
		}
		if (p != off + r->var.value) {
			vlog(env, "kptr access misaligned expected=%u off=%llu\n", p,
			     (unsigned long long)(off + r->var.value));
			return -EACCES;
		}
		if (size != 8) {
			vlog(env, "kptr access size must be BPF_DW\n");
			return -EACCES;
		}
		break;
	}
	return 0;
}

/* Is what the register points to what the field may hold? */
int vfy_kptr_match(struct venv *env, const struct vkptr *k, u32 regno)
{
	const struct vreg *r = vfy_reg(env, regno);
	struct btf *vmlinux = env->prog->vmlinux;
	const char *want = vfy_btf_name(vmlinux, k->btf_id), *have = "";
	u32 flags = PTR_MAYBE_NULL | (k->ref ? 0 : PTR_UNTRUSTED);

	if (type_base(r->type) == PTR_TO_BTF_ID && !(type_flags(r->type) & ~flags)) {
		if (!r->btf->kernel_btf) {
			vlog(env, "R%d must point to kernel BTF\n", regno);
			return -EINVAL;
		}
		have = vfy_btf_name(r->btf, r->btf_id);
		if (vfy_ptr_off(env, r, regno, true))
			return -EACCES;
		if (btf_struct_ids_match(env->log, r->btf, r->btf_id, r->off, vmlinux, k->btf_id,
					 k->ref))
			return 0;
	}
	vlog(env, "invalid kptr access, R%d type=%s%s ", regno, vfy_type_text(env, r->type), have);
	vlog(env, "expected=%s%s", vfy_type_text(env, PTR_TO_BTF_ID), want);
	if (k->ref)
		vlog(env, "\n");
	else
		vlog(env, " or %s%s\n", vfy_type_text(env, PTR_TO_BTF_ID | PTR_UNTRUSTED), want);
	return -EINVAL;
}

int vfy_kptr_note(struct venv *env, s32 idx, u32 type)
{
	u16 *seen = &env->aux[idx].kptr;

	if (!*seen)
		*seen = type + 1;
	if (*seen == type + 1)
		return 0;
	vlog(env, "same insn cannot be used with different pointers\n");
	return -EINVAL;
}

int vfy_kptr_access(struct venv *env, s32 idx, s32 value, const struct vkptr *k)
{
	const struct bpf_insn *in = &env->insns[idx];
	u8 class = BPF_CLASS(in->code);
	struct vreg *r;

	if (BPF_MODE(in->code) != BPF_MEM) {
		vlog(env, "kptr in map can only be accessed using BPF_MEM instruction mode\n");
		return -EACCES;
	}
	if (class != BPF_LDX && k->ref) {
		vlog(env, "store to referenced kptr disallowed\n");
		return -EACCES;
	}
	if (class == BPF_LDX) {
		r = vfy_reg(env, value);
		reg_btf_ptr(env, r, env->prog->vmlinux, k->btf_id, PTR_MAYBE_NULL | PTR_UNTRUSTED);
		r->id = ++env->id_gen;
	} else if (class == BPF_STX) {
		if (reg_is_null(vfy_reg(env, value)))
			return vfy_precise(env, value);
		if (vfy_kptr_match(env, k, value))
			return -EACCES;
	} else if (class == BPF_ST) {
		if (in->imm) {
			vlog(env, "BPF_ST imm must be 0 when storing to kptr at off=%u\n", k->off);
			return -EACCES;
		}
	} else {
		vlog(env, "kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST\n");
		return -EACCES;
	}
	return 0;
}

/* The field bpf_kptr_xchg() is about. */
int vfy_kptr_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	const struct bpf_map *map = vfy_reg(env, regno)->map;
	s64 off;
	s32 n;
	int err = vfy_field_place(env, regno, "kptr", "bpf_kptr_xchg", &off);

	if (err)
		return err;
	n = vfy_map_fields(env, map)->nr_kptrs;
	if (n <= 0) {
		if (n == -E2BIG)
			vlog(env, "map '%s' has more than %d kptr\n", map->name, BTF_MAX_KPTRS);
		else
			vlog(env, "map '%s' has no valid kptr\n", map->name);
		return -EACCES;
	}
	call->map = vfy_reg(env, regno)->map;
	call->kptr = vfy_kptr_at(env, map, off);
	if (!call->kptr) {
		vlog(env, "off=%d doesn't point to kptr\n", (int)off);
		return -EACCES;
	}
	if (!call->kptr->ref) {
		vlog(env, "off=%d kptr isn't referenced kptr\n", (int)off);
		return -EACCES;
	}
	return vfy_kptr_note(env, env->insn_idx, call->kptr->type) ? -EACCES : 0;
}
