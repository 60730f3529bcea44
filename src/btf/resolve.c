/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve.c - the second phase: what a record refers to exists, is of a kind that makes sense
 * there, has a size where one is needed, and no type contains itself. A depth-first walk over an
 * explicit stack of BTF_RESOLVE_DEPTH records, so recursion is bounded.
 *
 * Where a walk may stop depends on where it began (mode): seen from a pointer, a struct is a leaf;
 * seen from a struct, a pointer is. That is what lets `struct a { struct a *next; }` through and
 * still finds loops made of pointers alone. Results go to btf->resolved_ids (what is behind
 * modifiers) and btf->resolved_sizes (of arrays).
 */
#include <limits.h>
#include <stdlib.h>

#include "btf/priv.h"

enum { NOT_VISITED, VISITED, RESOLVED };

static bool is_leaf(const struct btf_env *env, const struct btf_type *t)
{
	static const u32 inner[] = {
		[RESOLVE_TBD] = K_NEEDS_RESOLVE,
		[RESOLVE_PTR] = K_MODIFIER | K(PTR),
		[RESOLVE_AGGREGATE] = K_MODIFIER | K(ARRAY) | K_STRUCT,
	};

	return !btf_kind_in(t, inner[env->mode]);
}

static bool is_resolved(const struct btf_env *env, u32 id)
{
	return id < env->btf->start_id || env->visit[id - env->btf->start_id] == RESOLVED;
}

static bool must_visit(const struct btf_env *env, const struct btf_type *t, u32 id)
{
	return !is_leaf(env, t) && !is_resolved(env, id);
}

static int push(struct btf_env *env, const struct btf_type *t, u32 id)
{
	const struct btf *btf = env->btf;

	if (env->depth == BTF_RESOLVE_DEPTH)
		return -E2BIG;
	if (id < btf->start_id || env->visit[id - btf->start_id] != NOT_VISITED)
		return -EEXIST;
	env->visit[id - btf->start_id] = VISITED;
	env->stack[env->depth++] = (struct btf_vertex){.t = t, .id = id};
	if (env->mode == RESOLVE_TBD && btf_type_is_ptr(t))
		env->mode = RESOLVE_PTR;
	else if (env->mode == RESOLVE_TBD && btf_kind_in(t, K_STRUCT | K(ARRAY)))
		env->mode = RESOLVE_AGGREGATE;
	return 0;
}

static int pop(struct btf_env *env, u32 resolved_id, u32 resolved_size)
{
	u32 at = env->stack[--env->depth].id - env->btf->start_id;

	env->btf->resolved_ids[at] = resolved_id;
	env->btf->resolved_sizes[at] = resolved_size;
	env->visit[at] = RESOLVED;
	return 0;
}

/* --- members of structs: does the member's type fit where the member is? --- */

struct place {
	const struct btf_type *t; /* the struct */
	const struct btf_member *m;
	u32 off, bits; /* bit offset, bitfield size */
	bool kflag;
};

static int bad_member(struct btf_env *env, const struct place *p, const char *reason)
{
	return btf_refuse_member(env, p->t, p->m, reason);
}

static int bits_fit(struct btf_env *env, const struct place *p, u32 off, u32 nr_bits)
{
	u32 first = BITS_DOWN(off), bits = nr_bits + BITS_IN_BYTE(off);

	if (bits > INT128_BITS)
		return bad_member(env, p, "nr_copy_bits exceeds 128");
	if (p->t->size < first || p->t->size - first < BITS_UP(bits))
		return bad_member(env, p, "Member exceeds struct_size");
	return 0;
}

static int int_bitfield_fits(struct btf_env *env, const struct place *p, const struct btf_type *mt)
{
	u32 int_bits = BTF_INT_BITS(btf_int_data(mt));

	if (!btf_int_is_regular(mt))
		return bad_member(env, p, "Invalid member base type");
	if (!p->bits && BITS_IN_BYTE(p->off))
		return bad_member(env, p, "Invalid member offset");
	if (p->bits > int_bits)
		return bad_member(env, p, "Invalid member bitfield_size");
	return bits_fit(env, p, p->off, p->bits ? p->bits : int_bits);
}

static int int_fits(struct btf_env *env, const struct place *p, const struct btf_type *mt,
		    u32 mt_id)
{
	u32 data = btf_int_data(mt);

	if (p->kflag)
		return int_bitfield_fits(env, p, mt);
	if (UINT_MAX - p->off < BTF_INT_OFFSET(data))
		return bad_member(env, p, "bits_offset exceeds U32_MAX");
	return bits_fit(env, p, p->off + BTF_INT_OFFSET(data), BTF_INT_BITS(data));
}

static int enum_fits(struct btf_env *env, const struct place *p, const struct btf_type *mt,
		     u32 mt_id)
{
	const u32 int_bits = 32;

	if (!p->bits && BITS_IN_BYTE(p->off))
		return bad_member(env, p, "Member is not byte aligned");
	if (p->kflag) { /* whatever the enum's own size */
		if (p->bits > int_bits)
			return bad_member(env, p, "Invalid member bitfield_size");
		if (p->t->size < BITS_UP(p->off + (p->bits ? p->bits : int_bits)))
			return bad_member(env, p, "Member exceeds struct_size");
	} else if (p->t->size - BITS_DOWN(p->off) < mt->size) {
		return bad_member(env, p, "Member exceeds struct_size");
	}
	return 0;
}

static int float_fits(struct btf_env *env, const struct place *p, const struct btf_type *mt,
		      u32 mt_id)
{
	u32 align = min(mt->size, (u32)sizeof(void *)) * 8;

	if (p->off % align)
		return bad_member(env, p, "Member is not properly aligned");
	return p->off / 8 + (u64)mt->size > p->t->size
		       ? bad_member(env, p, "Member exceeds struct_size")
		       : 0;
}

/* pointers, arrays, structs: whole bytes, and inside */
static int bytes_fit(struct btf_env *env, const struct place *p, const struct btf_type *mt,
		     u32 mt_id)
{
	u32 size = 0;

	if (BITS_IN_BYTE(p->off))
		return bad_member(env, p, "Member is not byte aligned");
	btf_type_id_size(env->btf, &mt_id, &size);
	return p->t->size - BITS_DOWN(p->off) < size
		       ? bad_member(env, p, "Member exceeds struct_size")
		       : 0;
}

static const struct {
	int (*fits)(struct btf_env *env, const struct place *p, const struct btf_type *mt,
		    u32 mt_id);
	bool bitfield; /* may be one */
} members[NR_BTF_KINDS] = {
	[BTF_KIND_INT] = {int_fits, true},	[BTF_KIND_ENUM] = {enum_fits, true},
	[BTF_KIND_ENUM64] = {enum_fits, true},	[BTF_KIND_FLOAT] = {float_fits, false},
	[BTF_KIND_PTR] = {bytes_fit, false},	[BTF_KIND_ARRAY] = {bytes_fit, false},
	[BTF_KIND_STRUCT] = {bytes_fit, false}, [BTF_KIND_UNION] = {bytes_fit, false},
};

static int check_member(struct btf_env *env, const struct btf_type *t, const struct btf_member *m)
{
	struct btf_member behind = *m;
	struct place p = {
		.t = t,
		.m = m,
		.off = btf_member_bit_offset(t, m),
		.bits = btf_member_bitfield_size(t, m),
		.kflag = btf_type_kflag(t),
	};
	const struct btf_type *mt = btf_type_by_id(env->btf, m->type);

	if (btf_kind_in(mt, K_MODIFIER)) {
		mt = btf_type_id_size(env->btf, &behind.type, NULL);
		if (!mt)
			return bad_member(env, &p, "Invalid member");
		p.m = &behind; /* the log then names the type behind the modifiers, as the kernel's does */
	}
	if (!members[btf_type_kind(mt)].fits)
		return btf_refuse_fmt(env, t, false,
				      p.kflag ? "Unsupported check_kflag_member"
					      : "Unsupported check_member");
	if (p.bits && !members[btf_type_kind(mt)].bitfield)
		return bad_member(env, &p, "Invalid member bitfield_size");
	return members[btf_type_kind(mt)].fits(env, &p, mt, p.m->type);
}

/* --- one step per kind: push what has to be resolved first, or pop with the result --- */

static int step_struct(struct btf_env *env, struct btf_vertex *v)
{
	const struct btf_member *m = btf_members(v->t);
	u32 i, n = btf_type_vlen(v->t);
	int err;

	/* the member we had to wait for */
	if (v->next_member) {
		err = check_member(env, v->t, m + v->next_member - 1);
		if (err)
			return err;
	}
	for (i = v->next_member; i < n; i++) {
		const struct btf_type *mt = btf_type_by_id(env->btf, m[i].type);

		if (!mt || btf_kind_in(mt, K_NOSIZE | K_SOURCE_ONLY))
			return btf_refuse_member(env, v->t, m + i, "Invalid member");
		if (must_visit(env, mt, m[i].type)) {
			v->next_member = i + 1;
			return push(env, mt, m[i].type);
		}
		err = check_member(env, v->t, m + i);
		if (err)
			return err;
	}
	return pop(env, 0, 0);
}

static int step_array(struct btf_env *env, struct btf_vertex *v)
{
	const struct btf_array *a = btf_array(v->t);
	u32 index_id = a->index_type, elem_id = a->type, size, bytes;
	const struct btf_type *t = btf_type_by_id(env->btf, index_id);

	if (!t || btf_kind_in(t, K_NOSIZE | K_SOURCE_ONLY))
		return btf_refuse(env, v->t, "Invalid index");
	if (must_visit(env, t, index_id))
		return push(env, t, index_id);
	t = btf_type_id_size(env->btf, &index_id, NULL);
	if (!t || !btf_type_is_int(t) || !btf_int_is_regular(t))
		return btf_refuse(env, v->t, "Invalid index");

	t = btf_type_by_id(env->btf, elem_id);
	if (!t || btf_kind_in(t, K_NOSIZE | K_SOURCE_ONLY))
		return btf_refuse(env, v->t, "Invalid elem");
	if (must_visit(env, t, elem_id))
		return push(env, t, elem_id);
	t = btf_type_id_size(env->btf, &elem_id, &size);
	if (!t)
		return btf_refuse(env, v->t, "Invalid elem");
	if (btf_type_is_int(t) && !btf_int_is_regular(t))
		return btf_refuse(env, v->t, "Invalid array of int");
	if (__builtin_mul_overflow(size, a->nelems, &bytes))
		return btf_refuse(env, v->t, "Array size overflows U32_MAX");
	return pop(env, elem_id, bytes);
}

/* The pointer behind modifiers that a struct's walk stopped at: it may still lead back to where
 * we are. Nonzero: pushed or failed. */
static int follow_ptr(struct btf_env *env, const struct btf_type *next, u32 next_id, bool *pushed)
{
	u32 id;
	const struct btf_type *t;

	*pushed = false;
	if (!btf_kind_in(next, K_MODIFIER))
		return 0;
	id = btf_resolved_id(env->btf, next_id);
	t = btf_type_by_id(env->btf, id);
	if (!btf_type_is_ptr(t) || !must_visit(env, t, id))
		return 0;
	*pushed = true;
	return push(env, t, id);
}

static int step_ref(struct btf_env *env, struct btf_vertex *v)
{
	u32 next_id = v->t->type;
	const struct btf_type *next = btf_type_by_id(env->btf, next_id);
	bool is_var = btf_kind_in(v->t, K(VAR)), pushed;
	int err;

	if (!next || btf_kind_in(next, K_SOURCE_ONLY))
		return btf_refuse(env, v->t, "Invalid type_id");
	if (must_visit(env, next, next_id))
		return push(env, next, next_id);
	if (btf_kind_in(v->t, K(VAR) | K(PTR))) {
		err = follow_ptr(env, next, next_id, &pushed);
		if (err || pushed)
			return err;
	}
	if (!btf_type_id_size(env->btf, &next_id, NULL)) {
		if (is_var) /* a variable needs something concrete */
			return btf_refuse(env, v->t, "Invalid type_id");
		if (is_resolved(env, next_id)) {
			next_id = btf_resolved_id(env->btf, next_id);
			next = btf_type_by_id(env->btf, next_id);
		}
		/* "typedef void t", "const void *" ... */
		if (!next || !btf_kind_in(next, K(UNKN) | K(FWD) | K(FUNC_PROTO)))
			return btf_refuse(env, v->t, "Invalid type_id");
	}
	return pop(env, next_id, 0);
}

static int step_func(struct btf_env *env, struct btf_vertex *v)
{
	const struct btf_type *proto = btf_type_by_id(env->btf, v->t->type);
	u32 i, at = v->t->type - env->btf->start_id;
	bool seen;

	if (!proto || !btf_type_is_func_proto(proto))
		return btf_refuse(env, v->t, "Invalid type_id");
	seen = v->t->type < env->btf->start_id ||
	       env->named[at]; /* a million functions may share one long prototype */
	for (i = seen ? btf_type_vlen(proto) : 0; i < btf_type_vlen(proto); i++) {
		const struct btf_param *arg = btf_params(proto) + i;

		if (!arg->name_off && arg->type)
			return btf_refuse_fmt(env, v->t, true, "Invalid arg#%u", i + 1);
	}
	if (!seen)
		env->named[at] = true;
	return pop(env, v->t->type, 0);
}

static int step_datasec(struct btf_env *env, struct btf_vertex *v)
{
	const struct btf_var_secinfo *vsi = btf_secinfos(v->t);
	u32 i;

	env->mode = RESOLVE_TBD;
	for (i = v->next_member; i < btf_type_vlen(v->t); i++) {
		const struct btf_type *var = btf_type_by_id(env->btf, vsi[i].type);
		u32 id, size;

		if (!var || !btf_kind_in(var, K(VAR)))
			return btf_refuse_vsi(env, v->t, vsi + i, "Not a VAR kind member");
		if (must_visit(env, var, vsi[i].type)) {
			v->next_member = i + 1;
			return push(env, var, vsi[i].type);
		}
		id = var->type;
		if (!btf_type_id_size(env->btf, &id, &size))
			return btf_refuse_vsi(env, v->t, vsi + i, "Invalid type");
		if (vsi[i].size < size)
			return btf_refuse_vsi(env, v->t, vsi + i, "Invalid size");
	}
	return pop(env, 0, 0);
}

static int step_decl_tag(struct btf_env *env, struct btf_vertex *v)
{
	u32 next_id = v->t->type;
	const struct btf_type *target = btf_type_by_id(env->btf, next_id);
	s32 idx = btf_component_idx(v->t);

	if (!target || !btf_kind_in(target, K_TAG_TARGET))
		return btf_refuse(env, v->t, "Invalid type_id");
	if (must_visit(env, target, next_id))
		return push(env, target, next_id);
	if (idx != -1) {
		if (btf_type_is_func(target)) /* its arguments; a resolved func has a proto */
			target = btf_type_by_id(env->btf, target->type);
		else if (!btf_type_is_struct(target))
			return btf_refuse(env, v->t, "Invalid component_idx");
		if ((u32)idx >= btf_type_vlen(target))
			return btf_refuse(env, v->t, "Invalid component_idx");
	}
	return pop(env, next_id, 0);
}

static int (*const steps[NR_BTF_KINDS])(struct btf_env *env, struct btf_vertex *v) = {
	[BTF_KIND_PTR] = step_ref,	     [BTF_KIND_TYPEDEF] = step_ref,
	[BTF_KIND_VOLATILE] = step_ref,	     [BTF_KIND_CONST] = step_ref,
	[BTF_KIND_RESTRICT] = step_ref,	     [BTF_KIND_TYPE_TAG] = step_ref,
	[BTF_KIND_VAR] = step_ref,	     [BTF_KIND_ARRAY] = step_array,
	[BTF_KIND_STRUCT] = step_struct,     [BTF_KIND_UNION] = step_struct,
	[BTF_KIND_FUNC] = step_func,	     [BTF_KIND_DATASEC] = step_datasec,
	[BTF_KIND_DECL_TAG] = step_decl_tag,
};

static bool result_sane(struct btf_env *env, const struct btf_type *t, u32 id)
{
	const struct btf *btf = env->btf;
	u32 at = id - btf->start_id;

	if (!is_resolved(env, id))
		return false;
	if (btf_kind_in(t, K_STRUCT | K(DATASEC)))
		return !btf->resolved_ids[at] && !btf->resolved_sizes[at];
	if (btf_kind_in(t, K(DECL_TAG) | K(FUNC)))
		return btf->resolved_ids[at] && !btf->resolved_sizes[at];
	if (btf_kind_in(t, K_MODIFIER | K(PTR) | K(VAR))) {
		t = btf_type_by_id(btf, btf->resolved_ids[at]);
		return t && !btf_kind_in(t, K_MODIFIER | K(VAR) | K(DATASEC));
	}
	if (btf_kind_in(t, K(ARRAY))) {
		u32 elem_id = btf_array(t)->type, size = 0;
		const struct btf_type *elem = btf_type_id_size(btf, &elem_id, &size);

		return elem && !btf_kind_in(elem, K_MODIFIER) &&
		       btf_array(t)->nelems * size == btf->resolved_sizes[at];
	}
	return false;
}

static int resolve(struct btf_env *env, const struct btf_type *t, u32 id)
{
	u32 saved = env->log_id;
	int err = 0;

	env->mode = RESOLVE_TBD;
	push(env, t, id);
	while (!err && env->depth) {
		struct btf_vertex *v = &env->stack[env->depth - 1];

		env->log_id = v->id;
		err = steps[btf_type_kind(v->t)](env, v);
	}
	env->log_id = id;
	if (err == -E2BIG)
		btf_refuse_fmt(env, t, true, "Exceeded max resolving depth:%u", BTF_RESOLVE_DEPTH);
	else if (err == -EEXIST)
		btf_refuse(env, t, "Loop detected");
	else if (!err && !result_sane(env, t, id))
		err = btf_refuse(env, t, "Invalid resolve state");
	env->log_id = saved;
	return err;
}

/* --- prototypes: not resolved themselves, their parts are --- */

/* Resolves @id if needed; *sized says whether it ends in something with a size. */
static int resolve_part(struct btf_env *env, u32 id, bool *sized)
{
	const struct btf_type *t = btf_type_by_id(env->btf, id);
	int err;

	*sized = false;
	if (!t || btf_kind_in(t, K_SOURCE_ONLY))
		return 0;
	if (btf_kind_in(t, K_NEEDS_RESOLVE) && !is_resolved(env, id)) {
		err = resolve(env, t, id);
		if (err)
			return err;
	}
	*sized = btf_type_id_size(env->btf, &id, NULL);
	return 0;
}

static bool arg_name_ok(const struct btf *btf, const struct btf_param *arg)
{
	return !arg->name_off ||
	       (btf_name_ok(btf, arg->name_off) && btf_name_identifier(btf, arg->name_off));
}

static int check_proto(struct btf_env *env, const struct btf_type *t)
{
	const struct btf_param *args = btf_params(t);
	u32 i, n = btf_type_vlen(t);
	bool sized;
	int err;

	if (t->type) {
		err = resolve_part(env, t->type, &sized);
		if (err || !sized)
			return err ? err : btf_refuse(env, t, "Invalid return type");
	}
	if (n && !args[n - 1].type) { /* "..." */
		if (args[n - 1].name_off)
			return btf_refuse_fmt(env, t, true, "Invalid arg#%u", n);
		n--;
	}
	for (i = 0; i < n; i++) {
		const struct btf_type *arg = btf_type_by_id(env->btf, args[i].type);

		sized = arg && !btf_kind_in(arg, K_SOURCE_ONLY) && arg_name_ok(env->btf, args + i);
		err = sized ? resolve_part(env, args[i].type, &sized) : 0;
		if (err || !sized)
			return err ? err : btf_refuse_fmt(env, t, true, "Invalid arg#%u", i + 1);
	}
	return 0;
}

static int resolve_record(struct btf_env *env, const struct btf_type *t, u32 id)
{
	int err = 0;

	env->log_id = id;
	if (btf_kind_in(t, K_NEEDS_RESOLVE) && !is_resolved(env, id))
		err = resolve(env, t, id);
	return !err && btf_type_is_func_proto(t) ? check_proto(env, t) : err;
}

int btf_resolve_all(struct btf_env *env)
{
	struct btf *btf = env->btf;
	u32 i, n = max(btf->nr_types, 1u);
	int err = -ENOMEM;

	env->resolving = true;
	btf->resolved_ids = calloc(n, sizeof(u32));
	btf->resolved_sizes = calloc(n, sizeof(u32));
	env->visit = calloc(n, 1);
	env->named = calloc(n, 1);
	if (!btf->resolved_ids || !btf->resolved_sizes || !env->visit || !env->named)
		goto out;
	err = 0;
	for (i = btf->base_btf ? 0 : 1; i < btf->nr_types && !err; i++)
		err = resolve_record(env, btf->types[i], btf->start_id + i);
out:
	free(env->visit);
	free(env->named);
	env->visit = env->named = NULL;
	return err;
}
