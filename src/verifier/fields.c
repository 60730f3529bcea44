/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields.c - fields of map values that are not the program's to touch as it likes: locks, timers,
 * pointers. Where they are is found out once per map; a helper is about the one its argument points to.
 */
#include "verifier/vfy.h"

/* --- where they are --- */

static void note(s32 *slot, s32 off)
{
	*slot = *slot == -ENOENT ? off : -E2BIG;
}

static void scan_field(const struct btf *btf, u32 type, u32 off, struct vmap_fields *f)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, type, NULL);
	const char *name;

	if (!t)
		return;
	if (btf_type_kind(t) != BTF_KIND_STRUCT)
		return;
	name = btf_name_by_offset(btf, t->name_off);
	if (name && !strcmp(name, "bpf_spin_lock") && t->size == sizeof(struct bpf_spin_lock))
		note(&f->lock_off, off % 4 ? -EINVAL : (s32)off);
	else if (name && !strcmp(name, "bpf_timer") && t->size == sizeof(struct bpf_timer))
		note(&f->timer_off, off % 8 ? -EINVAL : (s32)off);
}

static void scan_value(const struct bpf_map *map, struct vmap_fields *f)
{
	const struct btf *btf = map->btf;
	const struct btf_type *t = btf_type_skip_modifiers(btf, map->btf_value_type_id, NULL);

	if (!t)
		return;
	if (btf_type_kind(t) == BTF_KIND_STRUCT) {
		for (u32 i = 0; i < btf_type_vlen(t); i++)
			scan_field(btf, btf_members(t)[i].type,
				   btf_member_bit_offset(t, &btf_members(t)[i]) / 8, f);
	} else if (btf_type_kind(t) == BTF_KIND_DATASEC) {
		const struct btf_var_secinfo *v = (const void *)(t + 1);

		for (u32 i = 0; i < btf_type_vlen(t); i++) {
			const struct btf_type *var = btf_type_by_id(btf, v[i].type);

			if (var)
				scan_field(btf, var->type, v[i].offset, f);
		}
	} else {
		f->lock_off = f->timer_off = -EINVAL;
	}
}

static int scan_one(struct venv *env, const struct bpf_map *map)
{
	struct vmap_fields *f;

	if (!map || !map->btf || vfy_map_fields(env, map))
		return 0;
	f = vmem_alloc(&env->mem, sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = (struct vmap_fields){
		.next = env->fields, .map = map, .lock_off = -ENOENT, .timer_off = -ENOENT};
	if (map->btf_value_type_id) {
		scan_value(map, f);
		vfy_kptr_scan(env, map, f);
		if (btf_find_graph(map->btf, map->btf_value_type_id, BTF_GRAPH_IN_MAPS, &f->graph))
			f->graph.nr = 0;
	}
	env->fields = f;
	return 0;
}

int vfy_map_scan(struct venv *env, const struct bpf_map *map)
{
	int err = scan_one(env, map);

	return err ? err : scan_one(env, map->inner_map_meta);
}

const struct vmap_fields *vfy_map_fields(const struct venv *env, const struct bpf_map *map)
{
	const struct vmap_fields *f = env->fields;

	while (f && f->map != map)
		f = f->next;
	return f;
}

/* --- the one that is meant --- */

int vfy_field_place(struct venv *env, u32 regno, const char *what, const char *user, s64 *off)
{
	const struct vreg *r = vfy_reg(env, regno);

	if (!tnum_is_const(r->var)) {
		vlog(env, "R%d doesn't have constant offset. %s has to be at the constant offset\n",
		     regno, what);
		return -EACCES;
	}
	if (!r->map->btf) {
		vlog(env, "map '%s' has to have BTF in order to use %s\n", r->map->name, user);
		return -EACCES;
	}
	*off = (s64)r->var.value + r->off;
	return 0;
}

int vfy_field_only(struct venv *env, const struct bpf_map *map, s32 at, const char *what)
{
	if (at >= 0)
		return 0;
	if (at == -E2BIG)
		vlog(env, "map '%s' has more than one 'struct %s'\n", map->name, what);
	else if (at == -ENOENT)
		vlog(env, "map '%s' doesn't have 'struct %s'\n", map->name, what);
	else
		vlog(env, "map '%s' is not a struct type or %s is mangled\n", map->name, what);
	return -EACCES;
}
