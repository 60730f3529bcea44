/* SPDX-License-Identifier: BSD-2-Clause */
/* kptr.c - pointers tagged kptr and kptr_ref in the values of a map. */
#include "btf/btf.h"

/* 1: *out is it, 0: an ordinary field, or negative errno. */
static int kptr_of(const struct btf *btf, u32 type, u32 off, struct btf_kptr *out)
{
	const struct btf_type *t = btf_type_by_id(btf, type), *next;
	const char *tag;

	/* the kernel looks at the member's own type: a modifier or typedef hides the tag */
	if (!t || !btf_type_is_ptr(t))
		return 0;
	t = btf_type_by_id(btf, t->type);
	if (!t || btf_type_kind(t) != BTF_KIND_TYPE_TAG)
		return 0;
	next = btf_type_by_id(btf, t->type);
	if (!next || btf_type_kind(next) == BTF_KIND_TYPE_TAG)
		return -EINVAL;
	tag = btf_name_by_offset(btf, t->name_off);
	if (!tag || (strcmp(tag, "kptr") && strcmp(tag, "kptr_ref")))
		return -EINVAL;
	t = btf_type_skip_modifiers(btf, t->type, &out->type_id);
	if (!t || !btf_type_is_struct(t))
		return -EINVAL;
	out->off = off;
	out->ref = !strcmp(tag, "kptr_ref");
	return 1;
}

static int field(const struct btf *btf, const struct btf_type *value, u32 i, struct btf_kptr *out)
{
	const struct btf_var_secinfo *v = (const struct btf_var_secinfo *)(value + 1) + i;
	const struct btf_member *m = btf_members(value) + i;
	const struct btf_type *var;
	int found;
	u32 bit;

	if (btf_type_kind(value) == BTF_KIND_DATASEC) {
		var = btf_type_by_id(btf, v->type);
		if (!var)
			return -EINVAL;
		bit = v->offset * 8;
		found = kptr_of(btf, var->type, v->offset, out);
	} else {
		bit = btf_member_bit_offset(value, m);
		found = kptr_of(btf, m->type, bit / 8, out);
	}
	/* 6.1 gives up at any member that is not aligned so, later kernels at pointers only */
	return found && bit % 64 ? -EINVAL : found;
}

int btf_find_kptrs(const struct btf *btf, u32 value_id, struct btf_kptr kptr[BTF_MAX_KPTRS])
{
	const struct btf_type *value = btf_type_skip_modifiers(btf, value_id, NULL);
	struct btf_kptr one;
	u32 n = 0;
	int found;

	if (!value || (!btf_type_is_struct(value) && btf_type_kind(value) != BTF_KIND_DATASEC))
		return -EINVAL;
	for (u32 i = 0; i < btf_type_vlen(value); i++) {
		found = field(btf, value, i, &one);
		if (found < 0)
			return found;
		if (found && n == BTF_MAX_KPTRS)
			return -E2BIG;
		if (found)
			kptr[n++] = one;
	}
	return n;
}
