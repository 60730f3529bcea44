/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core_match.c - what the local side names, found on the target side. Fields are found by name,
 * through anonymous members; the types on the way may differ in everything but what they mean to
 * C: one relation (fields) for what is read, a looser one (compat) for types that shall exist, a
 * stricter one (alike) for types that shall match.
 */
#include "btf/core_match.h"

#define COMPAT_LEVEL 2	/* prototypes inside prototypes */
#define ALIKE_LEVEL  2	/* structs inside structs */
#define CHAIN_MAX    32 /* pointers, arrays, results of functions */

/* Both sides of a comparison. */
struct pair {
	const struct btf *lb, *tb;
	u32 lid, tid;
	const struct btf_type *l, *t; /* behind modifiers; see pair_strip() */
	struct log *log;
};

static bool pair_strip(struct pair *p)
{
	p->l = btf_type_skip_modifiers(p->lb, p->lid, &p->lid);
	p->t = btf_type_skip_modifiers(p->tb, p->tid, &p->tid);
	return p->l && p->t;
}

static bool pair_follow(struct pair *p, u32 lid, u32 tid)
{
	p->lid = lid;
	p->tid = tid;
	return pair_strip(p);
}

static struct pair pair_of(const struct pair *p, u32 lid, u32 tid)
{
	return (struct pair){.lb = p->lb, .tb = p->tb, .lid = lid, .tid = tid, .log = p->log};
}

static bool same_kind(const struct btf_type *a, const struct btf_type *b)
{
	return btf_type_kind(a) == btf_type_kind(b) ||
	       (btf_type_is_any_enum(a) && btf_type_is_any_enum(b));
}

/* Integers of any size and sign go, if they are no bitfields in disguise. */
static bool plain_ints(const struct pair *p)
{
	return !BTF_INT_OFFSET(btf_int_data(p->l)) && !BTF_INT_OFFSET(btf_int_data(p->t));
}

static bool same_essence(const char *local, const char *target)
{
	size_t n = core_name_len(local);

	return n == core_name_len(target) && !strncmp(local, target, n);
}

static const char *name_at(const struct btf *btf, u32 off)
{
	const char *name = btf_name_by_offset(btf, off);

	return name ? name : "";
}

static int unexpected(const struct pair *p)
{
	log_printf(p->log, "unexpected kind %s relocated, local [%d], target [%d]\n",
		   btf_kind_name(btf_type_kind(p->l)), p->lid, p->tid);
	return 0;
}

/* --- fields: can the one be read as the other? --- */

static int fields_fit(struct pair *p)
{
	for (u32 depth = 0; depth < CHAIN_MAX; depth++) {
		const char *l, *t;

		if (!pair_strip(p))
			return -EINVAL;
		if (btf_type_is_struct(p->l) && btf_type_is_struct(p->t))
			return 1;
		if (!same_kind(p->l, p->t))
			return 0;
		switch (btf_type_kind(p->l)) {
		case BTF_KIND_PTR:
		case BTF_KIND_FLOAT: return 1;
		case BTF_KIND_FWD:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
			l = name_at(p->lb, p->l->name_off);
			t = name_at(p->tb, p->t->name_off);
			return !*l || !*t || same_essence(l, t);
		case BTF_KIND_INT: return plain_ints(p);
		case BTF_KIND_ARRAY:
			p->lid = btf_array(p->l)->type;
			p->tid = btf_array(p->t)->type;
			break;
		default: return 0;
		}
	}
	return -EINVAL;
}

/* --- types that shall exist: the same kind all the way --- */

static int compat(struct pair *p, int level);

static int protos_compat(struct pair *p, int level)
{
	const struct btf_param *l = btf_params(p->l), *t = btf_params(p->t);
	int err;

	if (btf_type_vlen(p->l) != btf_type_vlen(p->t))
		return 0;
	for (u32 i = 0; i < btf_type_vlen(p->l); i++) {
		struct pair arg = pair_of(p, l[i].type, t[i].type);

		if (level <= 0)
			return -EINVAL;
		if (!pair_strip(&arg))
			return -EINVAL;
		err = compat(&arg, level - 1);
		if (err <= 0)
			return err;
	}
	return 1;
}

static int compat(struct pair *p, int level)
{
	const struct btf_type *l = btf_type_by_id(p->lb, p->lid),
			      *t = btf_type_by_id(p->tb, p->tid);
	int fit;

	if (!l || !t)
		return -EINVAL;
	if (!same_kind(l, t))
		return 0;
	if (!pair_strip(p))
		return -EINVAL;
	for (u32 depth = 0; depth < CHAIN_MAX; depth++) {
		u32 lid = p->l->type, tid = p->t->type;

		if (!same_kind(p->l, p->t))
			return 0;
		switch (btf_type_kind(p->l)) {
		case BTF_KIND_UNKN:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_FWD: return 1;
		case BTF_KIND_INT: return plain_ints(p);
		case BTF_KIND_PTR: break;
		case BTF_KIND_ARRAY:
			lid = btf_array(p->l)->type;
			tid = btf_array(p->t)->type;
			break;
		case BTF_KIND_FUNC_PROTO:
			fit = protos_compat(p, level);
			if (fit <= 0)
				return fit;
			break; /* on with what they return */
		default: return unexpected(p);
		}
		if (!pair_follow(p, lid, tid))
			return -EINVAL;
	}
	return -EINVAL;
}

/* --- types that shall match: every local part has its like there --- */

static int alike(struct pair *p, bool behind_ptr, int level);

static bool names_alike(const struct pair *p, u32 loff, u32 toff)
{
	const char *l = name_at(p->lb, loff), *t = name_at(p->tb, toff);

	return *t ? same_essence(l, t) : !*l;
}

static bool enums_alike(const struct pair *p)
{
	u32 nl = btf_type_vlen(p->l), nt = btf_type_vlen(p->t), j;

	if (p->l->size != p->t->size || nl > nt)
		return false;
	for (u32 i = 0; i < nl; i++) {
		for (j = 0; j < nt; j++)
			if (names_alike(p, core_enum_name(p->l, i), core_enum_name(p->t, j)))
				break;
		if (j == nt)
			return false;
	}
	return true;
}

static int member_alike(const struct pair *p, const struct btf_member *l, int level)
{
	const struct btf_member *t = btf_members(p->t);

	for (u32 j = 0; j < btf_type_vlen(p->t); j++) {
		struct pair m = pair_of(p, l->type, t[j].type);
		int fit;

		if (!names_alike(p, l->name_off, t[j].name_off))
			continue;
		fit = alike(&m, false, level - 1);
		if (fit)
			return fit;
	}
	return 0;
}

static int structs_alike(const struct pair *p, int level)
{
	if (btf_type_vlen(p->l) > btf_type_vlen(p->t))
		return 0;
	for (u32 i = 0; i < btf_type_vlen(p->l); i++) {
		int fit = member_alike(p, &btf_members(p->l)[i], level);

		if (fit <= 0)
			return fit;
	}
	return 1;
}

/* A declaration stands for a struct, or with kflag for a union. */
static bool fwd_stands_for(const struct btf_type *fwd, const struct btf_type *t)
{
	return btf_type_kind(t) == (btf_type_kflag(fwd) ? BTF_KIND_UNION : BTF_KIND_STRUCT);
}

static bool fwds_alike(const struct pair *p, bool behind_ptr)
{
	if (btf_type_kind(p->t) == BTF_KIND_FWD)
		return btf_type_kflag(p->l) == btf_type_kflag(p->t);
	return behind_ptr && fwd_stands_for(p->l, p->t);
}

static bool ints_alike(const struct pair *p)
{
	u32 sl = BTF_INT_ENCODING(btf_int_data(p->l)), st = BTF_INT_ENCODING(btf_int_data(p->t));

	return p->l->size == p->t->size && (sl & BTF_INT_SIGNED) == (st & BTF_INT_SIGNED);
}

static int protos_alike(struct pair *p, bool behind_ptr, int level)
{
	const struct btf_param *l = btf_params(p->l), *t = btf_params(p->t);

	if (btf_type_vlen(p->l) != btf_type_vlen(p->t))
		return 0;
	for (u32 i = 0; i < btf_type_vlen(p->l); i++) {
		struct pair arg = pair_of(p, l[i].type, t[i].type);
		int fit = alike(&arg, behind_ptr, level - 1);

		if (fit <= 0)
			return fit;
	}
	return 1;
}

/* Kinds that are alike or not, without following anything: 1, 0, or -1 for the others. */
static int leaf_alike(const struct pair *p, bool behind_ptr)
{
	switch (btf_type_kind(p->l)) {
	case BTF_KIND_FWD: return fwds_alike(p, behind_ptr);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: return btf_type_is_any_enum(p->t) && enums_alike(p);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		if (behind_ptr)
			return same_kind(p->l, p->t) ||
			       (btf_type_kind(p->t) == BTF_KIND_FWD && fwd_stands_for(p->t, p->l));
		return btf_type_kind(p->l) == btf_type_kind(p->t) ? -1 : 0;
	case BTF_KIND_PTR:
	case BTF_KIND_ARRAY:
	case BTF_KIND_FUNC_PROTO: return btf_type_kind(p->l) == btf_type_kind(p->t) ? -1 : 0;
	case BTF_KIND_INT: return btf_type_is_int(p->t) && ints_alike(p);
	case BTF_KIND_UNKN: return btf_type_is_void(p->t);
	default: return unexpected(p);
	}
}

static int alike(struct pair *p, bool behind_ptr, int level)
{
	int fit;

	if (level <= 0)
		return -EINVAL;
	for (u32 depth = 0; depth < CHAIN_MAX; depth++) {
		u32 lid, tid;

		if (!pair_strip(p))
			return -EINVAL;
		if (!names_alike(p, p->l->name_off, p->t->name_off))
			return 0;
		fit = leaf_alike(p, behind_ptr);
		if (fit >= 0)
			return fit;
		lid = p->l->type;
		tid = p->t->type;
		switch (btf_type_kind(p->l)) {
		case BTF_KIND_PTR: behind_ptr = true; break;
		case BTF_KIND_ARRAY:
			if (btf_array(p->l)->nelems != btf_array(p->t)->nelems)
				return 0;
			lid = btf_array(p->l)->type;
			tid = btf_array(p->t)->type;
			break;
		case BTF_KIND_FUNC_PROTO:
			fit = protos_alike(p, behind_ptr, level);
			if (fit <= 0)
				return fit;
			break; /* on with what they return */
		default: return structs_alike(p, level);
		}
		p->lid = lid;
		p->tid = tid;
	}
	return -EINVAL;
}

/* --- fields by name --- */

struct search {
	const struct core_spec *local;
	const struct core_step *want; /* named */
	u32 local_type;		      /* of the field */
	struct core_spec *out;
	struct log *log;
};

static int found_member(struct search *s, u32 struct_id, u32 idx, u32 *id, const char *name)
{
	struct core_spec *out = s->out;
	struct pair p = {.lb = s->local->btf,
			 .tb = out->btf,
			 .lid = s->local_type,
			 .tid = *id,
			 .log = s->log};
	int fit;

	/* every named step has added to raw[], which is not full */
	out->step[out->len++] = (struct core_step){struct_id, idx, name};
	fit = fields_fit(&p);
	if (!fit)
		out->len--;
	return fit;
}

/* Looks through type @*id and the anonymous members in it; then *id is the field's type. */
static int find_member(struct search *s, u32 *id)
{
	struct core_spec *out = s->out;
	u32 struct_id;
	const struct btf_type *t = btf_type_skip_modifiers(out->btf, *id, &struct_id);

	if (!t)
		return -EINVAL;
	if (!btf_type_is_struct(t))
		return 0;
	for (u32 i = 0; i < btf_type_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const char *name = name_at(out->btf, m->name_off);
		u32 off = btf_member_bit_offset(t, m), type = m->type;
		int fit = 0;

		if (out->raw_len == CORE_SPEC_MAX)
			return -E2BIG;
		out->bit_off += off;
		out->raw[out->raw_len++] = i;
		if (!*name) {
			fit = find_member(s, &type);
		} else if (!strcmp(name, s->want->name)) {
			*id = type;
			return found_member(s, struct_id, i, &type, name);
		}
		if (fit) {
			*id = type;
			return fit;
		}
		out->bit_off -= off;
		out->raw_len--;
	}
	return 0;
}

static int match_member(const struct core_spec *local, const struct core_step *want,
			struct core_spec *out, u32 *id, struct log *log)
{
	const struct btf_type *t = btf_type_by_id(local->btf, want->type_id);
	struct search s = {.local = local, .want = want, .out = out, .log = log};

	s.local_type = btf_members(t)[want->idx].type;
	return find_member(&s, id);
}

static int match_index(const struct core_step *want, bool first, struct core_spec *out, u32 *id)
{
	const struct btf_type *t = btf_type_skip_modifiers(out->btf, *id, id);
	const struct btf_array *a;
	s64 size;

	if (!t)
		return -EINVAL;
	if (!first) {
		if (btf_type_kind(t) != BTF_KIND_ARRAY)
			return 0;
		a = btf_array(t);
		if (want->idx >= a->nelems &&
		    !core_is_flex_array(out->btf, &out->step[out->len - 1], a))
			return 0;
		if (!btf_type_skip_modifiers(out->btf, a->type, id))
			return -EINVAL;
	}
	if (out->raw_len == CORE_SPEC_MAX)
		return -E2BIG;
	out->step[out->len++] = (struct core_step){*id, want->idx, NULL};
	out->raw[out->raw_len++] = want->idx;
	size = core_sizeof(out->btf, *id);
	if (size < 0)
		return size;
	out->bit_off += (u64)want->idx * size * 8;
	return 1;
}

static int match_field(const struct core_spec *local, u32 id, struct core_spec *out,
		       struct log *log)
{
	for (u32 i = 0; i < local->len; i++) {
		const struct core_step *want = &local->step[i];
		int fit = want->name ? match_member(local, want, out, &id, log)
				     : match_index(want, !i, out, &id);

		if (fit <= 0)
			return fit;
	}
	return 1;
}

static int match_enumval(const struct core_spec *local, u32 id, struct core_spec *out)
{
	const struct btf_type *t = btf_type_skip_modifiers(out->btf, id, &id);

	if (!t || !btf_type_is_any_enum(t))
		return 0;
	for (u32 i = 0; i < btf_type_vlen(t); i++) {
		const char *name = name_at(out->btf, core_enum_name(t, i));

		if (!same_essence(local->step[0].name, name))
			continue;
		out->step[out->len++] = (struct core_step){id, i, name};
		out->raw[out->raw_len++] = i;
		return 1;
	}
	return 0;
}

int core_match(const struct core_spec *local, const struct btf *btf, u32 id, struct core_spec *out,
	       struct log *log)
{
	struct pair p = {.lb = local->btf, .tb = btf, .lid = local->root, .tid = id, .log = log};

	*out = (struct core_spec){.btf = btf, .root = id, .kind = local->kind};
	switch (core_family(local->kind)) {
	case CORE_TYPE:
		return local->kind == BPF_CORE_TYPE_MATCHES ? alike(&p, false, ALIKE_LEVEL)
							    : compat(&p, COMPAT_LEVEL);
	case CORE_ENUMVAL: return match_enumval(local, id, out);
	case CORE_FIELD: return match_field(local, id, out, log);
	default: return -EINVAL;
	}
}
