/* SPDX-License-Identifier: BSD-2-Clause */
/* layout.c - access by id and name, and the size of types. All of it works on hostile BTF that
 * passed the checks. */
#include <limits.h>

#include "btf/priv.h"

static const char *const kind_names[NR_BTF_KINDS] = {
	[BTF_KIND_UNKN] = "UNKNOWN",	  [BTF_KIND_INT] = "INT",
	[BTF_KIND_PTR] = "PTR",		  [BTF_KIND_ARRAY] = "ARRAY",
	[BTF_KIND_STRUCT] = "STRUCT",	  [BTF_KIND_UNION] = "UNION",
	[BTF_KIND_ENUM] = "ENUM",	  [BTF_KIND_FWD] = "FWD",
	[BTF_KIND_TYPEDEF] = "TYPEDEF",	  [BTF_KIND_VOLATILE] = "VOLATILE",
	[BTF_KIND_CONST] = "CONST",	  [BTF_KIND_RESTRICT] = "RESTRICT",
	[BTF_KIND_FUNC] = "FUNC",	  [BTF_KIND_FUNC_PROTO] = "FUNC_PROTO",
	[BTF_KIND_VAR] = "VAR",		  [BTF_KIND_DATASEC] = "DATASEC",
	[BTF_KIND_FLOAT] = "FLOAT",	  [BTF_KIND_DECL_TAG] = "DECL_TAG",
	[BTF_KIND_TYPE_TAG] = "TYPE_TAG", [BTF_KIND_ENUM64] = "ENUM64",
};

const char *btf_kind_name(u32 kind)
{
	return kind < NR_BTF_KINDS ? kind_names[kind] : "UNKNOWN";
}

u32 btf_nr_types(const struct btf *btf)
{
	u32 total = 0;

	for (; btf; btf = btf->base_btf)
		total += btf->nr_types;
	return total;
}

const struct btf_type *btf_type_by_id(const struct btf *btf, u32 id)
{
	while (id < btf->start_id)
		btf = btf->base_btf;
	id -= btf->start_id;
	return id < btf->nr_types ? btf->types[id] : NULL;
}

const char *btf_name_by_offset(const struct btf *btf, u32 off)
{
	while (off < btf->start_str_off)
		btf = btf->base_btf;
	off -= btf->start_str_off;
	return off < btf->hdr.str_len ? btf->strings + off : NULL;
}

const char *btf_type_name(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_type_by_id(btf, id);
	const char *name = t ? btf_name_by_offset(btf, t->name_off) : NULL;

	return name ? name : "";
}

const char *btf_text_name(const struct btf *btf, u32 off)
{
	const char *name;

	if (!off)
		return "(anon)";
	name = btf_name_by_offset(btf, off);
	return name ? name : "(invalid-name-offset)";
}

bool btf_isalpha(u8 c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

bool btf_isprint(u8 c)
{
	return (c >= 0x20 && c < 0x7f) || c >= 0xa0;
}

/* --- following references --- */

const struct btf_type *btf_type_skip_modifiers(const struct btf *btf, u32 id, u32 *res_id)
{
	const struct btf_type *t = btf_type_by_id(btf, id);

	while (t && btf_kind_in(t, K_MODIFIER)) {
		id = t->type;
		t = btf_type_by_id(btf, id);
	}
	if (res_id)
		*res_id = id;
	return t;
}

const struct btf_type *btf_type_resolve_ptr(const struct btf *btf, u32 id, u32 *res_id)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, id, NULL);

	return t && btf_type_is_ptr(t) ? btf_type_skip_modifiers(btf, t->type, res_id) : NULL;
}

const struct btf_type *btf_type_resolve_func_ptr(const struct btf *btf, u32 id, u32 *res_id)
{
	const struct btf_type *t = btf_type_resolve_ptr(btf, id, res_id);

	return t && btf_type_is_func_proto(t) ? t : NULL;
}

u32 btf_resolved_id(const struct btf *btf, u32 id)
{
	while (id < btf->start_id)
		btf = btf->base_btf;
	return btf->resolved_ids[id - btf->start_id];
}

/* --- sizes --- */

/*
 * Size of @t: multi-dimensional arrays are seen as one row of @nelems elements of type @elem.
 * Returns the outermost array, or the type behind the modifiers; *type_id is set only when
 * modifiers were skipped.
 */
const struct btf_type *btf_resolve_elem(const struct btf *btf, const struct btf_type *t, u32 *size,
					const struct btf_type **elem, u32 *elem_id, u32 *nelems,
					u32 *type_id)
{
	const struct btf_type *outer = NULL;
	u32 n = 1, skipped = 0, last_elem = 0, bytes = 0;
	int i;

	for (i = 0; i < BTF_RESOLVE_DEPTH && t; i++) {
		if (btf_kind_in(t, (K_SIZE & ~K(DATASEC)) | K(PTR))) {
			bytes = btf_type_is_ptr(t) ? sizeof(void *) : t->size;
			break;
		}
		if (btf_kind_in(t, K_MODIFIER)) {
			skipped = t->type;
			t = btf_type_by_id(btf, skipped);
		} else if (btf_kind_in(t, K(ARRAY))) {
			if (!outer)
				outer = t;
			if (__builtin_mul_overflow(n, btf_array(t)->nelems, &n))
				return ERR_PTR(-EINVAL);
			last_elem = btf_array(t)->type;
			t = btf_type_by_id(btf, last_elem);
		} else {
			return ERR_PTR(-EINVAL);
		}
	}
	if (i == BTF_RESOLVE_DEPTH || !t || __builtin_mul_overflow(n, bytes, size))
		return ERR_PTR(-EINVAL);
	if (nelems)
		*nelems = n;
	if (elem)
		*elem = t;
	if (elem_id)
		*elem_id = last_elem;
	if (type_id && skipped)
		*type_id = skipped;
	return outer ? outer : t;
}

const struct btf_type *btf_resolve_size(const struct btf *btf, const struct btf_type *t, u32 *size)
{
	return btf_resolve_elem(btf, t, size, NULL, NULL, NULL, NULL);
}

static bool array_size(const struct btf *btf, const struct btf_type *t, u32 id, u32 *size)
{
	while (id < btf->start_id)
		btf = btf->base_btf;
	if (btf->resolved_sizes) {
		*size = btf->resolved_sizes[id - btf->start_id];
		return true;
	}
	return !IS_ERR(btf_resolve_size(btf, t, size)); /* kernel BTF is not resolved up front */
}

static bool own_size(const struct btf *btf, const struct btf_type *t, u32 id, u32 *size)
{
	if (btf_kind_in(t, K_SIZE)) {
		*size = t->size;
		return true;
	}
	if (btf_type_is_ptr(t)) {
		*size = sizeof(void *);
		return true;
	}
	return btf_kind_in(t, K(ARRAY)) && array_size(btf, t, id, size);
}

static u32 behind(const struct btf *btf, const struct btf_type *t, u32 id)
{
	const struct btf *owner = btf;

	while (id < owner->start_id)
		owner = owner->base_btf;
	if (owner->resolved_ids)
		return owner->resolved_ids[id - owner->start_id];
	btf_type_skip_modifiers(btf, t->type, &id);
	return id;
}

const struct btf_type *btf_type_id_size(const struct btf *btf, u32 *id, u32 *ret_size)
{
	const struct btf_type *t = btf_type_by_id(btf, *id);
	u32 at = *id, size = 0;

	if (!t || btf_kind_in(t, K_NOSIZE))
		return NULL;
	if (btf_kind_in(t, K_MODIFIER | K(VAR))) {
		at = behind(btf, t, at);
		t = btf_type_by_id(btf, at);
	}
	if (!t || !own_size(btf, t, at, &size))
		return NULL;
	*id = at;
	if (ret_size)
		*ret_size = size;
	return t;
}

/* An int that is no bitfield in disguise: whole bytes, 1 2 4 8 or 16 of them. */
bool btf_int_is_regular(const struct btf_type *t)
{
	u32 data = btf_int_data(t), bits = BTF_INT_BITS(data), bytes = BITS_UP(bits);

	if (BITS_IN_BYTE(bits) || BTF_INT_OFFSET(data))
		return false;
	return bytes && bytes <= 16 && !(bytes & (bytes - 1));
}
