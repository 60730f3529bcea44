/* SPDX-License-Identifier: BSD-2-Clause */
/* map_btf.c - what BTF says of a map's keys and values: does it fit, and which fields of values have a
 * meaning of their own? */
#include "map/kptr.h"
#include "prog/map_obj.h"

static bool is_array_kind(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_ARRAY || map_type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* A plain 32-bit integer. */
static int check_int_key(const struct btf_type *key)
{
	u32 int_data;

	if (!btf_type_is_int(key))
		return -EINVAL;
	int_data = *(const u32 *)(key + 1);
	return BTF_INT_BITS(int_data) != 32 || BTF_INT_OFFSET(int_data) ? -EINVAL : 0;
}

/* Key of an array: such an integer, or nothing at all for the one-element arrays of global data. */
static int check_array_key(const struct map_attr *attr, const struct btf_type *key,
			   const struct btf_type *value)
{
	if (!btf_type_is_void(key))
		return check_int_key(key);
	return attr->map_type != BPF_MAP_TYPE_ARRAY || attr->max_entries != 1 ||
			       btf_type_kind(value) != BTF_KIND_DATASEC
		       ? -EINVAL
		       : 0;
}

/* Value fields with a meaning of their own, and the kinds that may hold them (6.1). */
static const struct special {
	const char *name;
	u32 size, align;
	int err; /* of other kinds */
	u32 attr_field;
	u64 kinds;
} specials[] = {
	{"bpf_spin_lock", sizeof(struct bpf_spin_lock), 4, -ENOTSUPP,
	 offsetof(struct map_attr, lock_at),
	 1ull << BPF_MAP_TYPE_HASH | 1ull << BPF_MAP_TYPE_ARRAY |
		 1ull << BPF_MAP_TYPE_CGROUP_STORAGE | 1ull << BPF_MAP_TYPE_SK_STORAGE |
		 1ull << BPF_MAP_TYPE_INODE_STORAGE | 1ull << BPF_MAP_TYPE_TASK_STORAGE |
		 1ull << BPF_MAP_TYPE_CGRP_STORAGE},
	{"bpf_timer", sizeof(struct bpf_timer), 8, -EOPNOTSUPP, offsetof(struct map_attr, timer_at),
	 1ull << BPF_MAP_TYPE_HASH | 1ull << BPF_MAP_TYPE_ARRAY},
};

#define NR_SPECIALS ARRAY_SIZE(specials)

/* Where each special field lies: 0 none, 1 + offset, or -1: several, misplaced. */
struct fields {
	s64 at[NR_SPECIALS];
};

static void note_field(const struct btf *btf, u32 id, u32 off, struct fields *f)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, id, NULL);
	const char *name;

	if (!t || btf_type_kind(t) != BTF_KIND_STRUCT)
		return;
	name = btf_name_by_offset(btf, t->name_off);
	for (size_t i = 0; i < NR_SPECIALS; i++)
		if (t->size == specials[i].size && name && !strcmp(name, specials[i].name))
			f->at[i] = f->at[i] || off % specials[i].align ? -1 : (s64)off + 1;
}

static int find_fields(const struct btf *btf, const struct btf_type *value, struct fields *f)
{
	bool datasec = btf_type_kind(value) == BTF_KIND_DATASEC;
	u32 n = btf_type_vlen(value);

	*f = (struct fields){};
	if (!datasec && btf_type_kind(value) != BTF_KIND_STRUCT)
		return 0;
	for (u32 i = 0; i < n; i++) {
		const struct btf_var_secinfo *v = (const struct btf_var_secinfo *)(value + 1) + i;
		const struct btf_member *m = btf_members(value) + i;
		const struct btf_type *var = datasec ? btf_type_by_id(btf, v->type) : NULL;

		if (datasec && !var)
			return -EINVAL;
		note_field(btf, datasec ? var->type : m->type,
			   datasec ? v->offset : btf_member_bit_offset(value, m) / 8, f);
	}
	return 0;
}

static int check_fields(const struct map_attr *attr, const struct btf *btf,
			const struct btf_type *value)
{
	struct fields f;
	int err = find_fields(btf, value, &f);

	if (err)
		return err;
	for (size_t i = 0; i < NR_SPECIALS; i++) {
		if (f.at[i] <= 0)
			continue;
		if (attr->map_flags & BPF_F_RDONLY_PROG)
			return -EACCES;
		if (!(specials[i].kinds >> attr->map_type & 1))
			return specials[i].err;
		if (f.at[i] - 1 + specials[i].size > attr->value_size)
			return -EFAULT;
	}
	return 0;
}

void map_obj_note_fields(struct map_attr *attr, const struct btf *btf, u32 value_id)
{
	const struct btf_type *value;
	struct fields f;
	u32 size;

	value = btf_type_id_size(btf, &value_id, &size);
	if (IS_ERR_OR_NULL(value) || find_fields(btf, value, &f))
		return;
	for (size_t i = 0; i < NR_SPECIALS; i++)
		if (f.at[i] > 0)
			*(u32 *)((char *)attr + specials[i].attr_field) = f.at[i];
}

/*
 * Pointers to objects of the service. As in the kernel tags that mean nothing are no error: the map
 * has no such pointers then. -> how many
 */
static u32 find_kptrs(struct map_kptr *out, const struct btf *btf, u32 value_id,
		      const struct btf *vmlinux)
{
	struct btf_kptr k[BTF_MAX_KPTRS];
	int n = vmlinux ? btf_find_kptrs(btf, value_id, k) : 0;

	for (int i = 0; i < n; i++) {
		const struct btf_type *t = btf_type_by_id(btf, k[i].type_id);
		const char *name = t ? btf_name_by_offset(btf, t->name_off) : NULL;
		u32 type = name ? kptr_type_of(name) : KPTR_OTHER;

		if (!name || btf_find_by_name_kind(vmlinux, name, btf_type_kind(t)) < 0 ||
		    (k[i].ref && !kptr_dtor(type)))
			return 0;
		out[i] = (struct map_kptr){.off = k[i].off, .type = type, .ref = k[i].ref};
	}
	return max(n, 0);
}

int map_obj_note_kptrs(struct map_attr *attr, const struct btf *btf, u32 value_id,
		       const struct btf *vmlinux, bool capable)
{
	const u64 kinds = 1ull << BPF_MAP_TYPE_HASH | 1ull << BPF_MAP_TYPE_LRU_HASH |
			  1ull << BPF_MAP_TYPE_ARRAY | 1ull << BPF_MAP_TYPE_PERCPU_ARRAY;

	attr->nr_kptrs = find_kptrs(attr->kptr, btf, value_id, vmlinux);
	if (!attr->nr_kptrs)
		return 0;
	if (!capable)
		return -EPERM;
	if (attr->map_flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))
		return -EACCES;
	return kinds >> attr->map_type & 1 ? 0 : -EOPNOTSUPP;
}

/* As the kernel does it, fields that make no sense are none. */
int map_obj_note_roots(struct map_attr *attr, const struct btf *btf, u32 value_id, bool capable)
{
	const u64 kinds = 1ull << BPF_MAP_TYPE_HASH | 1ull << BPF_MAP_TYPE_LRU_HASH |
			  1ull << BPF_MAP_TYPE_ARRAY;
	struct btf_graph g;

	if (btf_find_graph(btf, value_id, BTF_GRAPH_IN_MAPS, &g) || !btf_graph_owns(&g))
		return 0;
	if (!capable)
		return -EPERM;
	if (attr->map_flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))
		return -EACCES;
	if (!(kinds >> attr->map_type & 1))
		return -EOPNOTSUPP;
	for (u32 i = 0; i < g.nr && attr->nr_roots < MAP_MAX_ROOTS; i++)
		if (g.field[i].kind != BTF_GRAPH_LOCK)
			attr->root[attr->nr_roots++] = g.field[i].off;
	return btf_check_owners(btf, &g);
}

int map_obj_check_btf(const struct map_attr *attr, const struct btf *btf, u32 key_id, u32 value_id)
{
	const struct btf_type *key, *value;
	u32 size;
	int err;

	if (key_id) {
		key = btf_type_id_size(btf, &key_id, &size);
		if (IS_ERR_OR_NULL(key) || size != attr->key_size)
			return -EINVAL;
	} else {
		key = btf_type_by_id(btf, 0);
		if (!key ||
		    !(is_array_kind(attr->map_type) || attr->map_type == BPF_MAP_TYPE_BLOOM_FILTER))
			return -EINVAL;
	}
	value = btf_type_id_size(btf, &value_id, &size);
	if (IS_ERR_OR_NULL(value) || size != attr->value_size)
		return -EINVAL;
	err = check_fields(attr, btf, value);
	if (err)
		return err;
	switch (attr->map_type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY: return check_array_key(attr, key, value);
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_CGRP_STORAGE: return check_int_key(key);
	case BPF_MAP_TYPE_BLOOM_FILTER: return btf_type_is_void(key) ? 0 : -EINVAL;
	case BPF_MAP_TYPE_LPM_TRIE: return btf_type_kind(key) == BTF_KIND_STRUCT ? 0 : -EINVAL;
	}
	return 0;
}
