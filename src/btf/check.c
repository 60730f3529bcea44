/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.c - the meta phase: each record by itself. What a kind demands is a row of rules, tried in
 * order; the first that is broken gives verdict and text. Texts and order follow the kernel's BTF
 * verifier (Linux 6.1), because loaders and tests match on them.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "btf/priv.h"

#define INFO_MASK 0x9f00ffffu
#define INT_MASK  0x0fffffffu

/* --- log --- */

#define NAME "%.1023s" /* a hostile name may have 16 MB */

void btf_log(struct btf_env *env, const char *fmt, ...)
{
	va_list ap;

	if (!log_on(env->log))
		return;
	va_start(ap, fmt);
	log_vprintf(env->log, fmt, ap);
	va_end(ap);
}

static const char *name_of(struct btf_env *env, u32 off)
{
	return btf_text_name(env->btf, off);
}

static const char *int_encoding(u8 encoding)
{
	switch (encoding) {
	case 0: return "(none)";
	case BTF_INT_SIGNED: return "SIGNED";
	case BTF_INT_CHAR: return "CHAR";
	case BTF_INT_BOOL: return "BOOL";
	default: return "UNKN";
	}
}

static void details_int(struct btf_env *env, const struct btf_type *t)
{
	u32 data = btf_int_data(t);

	btf_log(env, "size=%u bits_offset=%u nr_bits=%u encoding=%s", t->size, BTF_INT_OFFSET(data),
		BTF_INT_BITS(data), int_encoding(BTF_INT_ENCODING(data)));
}

static void details_ref(struct btf_env *env, const struct btf_type *t)
{
	btf_log(env, "type_id=%u", t->type);
}

static void details_array(struct btf_env *env, const struct btf_type *t)
{
	const struct btf_array *a = btf_array(t);

	btf_log(env, "type_id=%u index_type_id=%u nr_elems=%u", a->type, a->index_type, a->nelems);
}

static void details_vlen(struct btf_env *env, const struct btf_type *t)
{
	btf_log(env, "size=%u vlen=%u", t->size, btf_type_vlen(t));
}

static void details_fwd(struct btf_env *env, const struct btf_type *t)
{
	btf_log(env, "%s", btf_type_kflag(t) ? "union" : "struct");
}

static void details_proto(struct btf_env *env, const struct btf_type *t)
{
	const struct btf_param *p = btf_params(t);
	u32 i, n = btf_type_vlen(t);

	btf_log(env, "return=%u args=(", t->type);
	if (!n)
		btf_log(env, "void");
	for (i = 0; i < n && log_on(env->log); i++) {
		/* only the last argument can be "...", an id of 0 before it is printed as it is */
		if (i == n - 1 && !p[i].type)
			btf_log(env, "%svararg", i ? ", " : "");
		else
			btf_log(env, "%s%u " NAME, i ? ", " : "", p[i].type,
				name_of(env, p[i].name_off));
	}
	btf_log(env, ")");
}

static void details_var(struct btf_env *env, const struct btf_type *t)
{
	btf_log(env, "type_id=%u linkage=%u", t->type, btf_var_of(t)->linkage);
}

static void details_float(struct btf_env *env, const struct btf_type *t)
{
	btf_log(env, "size=%u", t->size);
}

static void details_decl_tag(struct btf_env *env, const struct btf_type *t)
{
	btf_log(env, "type=%u component_idx=%d", t->type, btf_component_idx(t));
}

static void (*const details[NR_BTF_KINDS])(struct btf_env *env, const struct btf_type *t) = {
	[BTF_KIND_INT] = details_int,		[BTF_KIND_PTR] = details_ref,
	[BTF_KIND_ARRAY] = details_array,	[BTF_KIND_STRUCT] = details_vlen,
	[BTF_KIND_UNION] = details_vlen,	[BTF_KIND_ENUM] = details_vlen,
	[BTF_KIND_FWD] = details_fwd,		[BTF_KIND_TYPEDEF] = details_ref,
	[BTF_KIND_VOLATILE] = details_ref,	[BTF_KIND_CONST] = details_ref,
	[BTF_KIND_RESTRICT] = details_ref,	[BTF_KIND_FUNC] = details_ref,
	[BTF_KIND_FUNC_PROTO] = details_proto,	[BTF_KIND_VAR] = details_var,
	[BTF_KIND_DATASEC] = details_vlen,	[BTF_KIND_FLOAT] = details_float,
	[BTF_KIND_DECL_TAG] = details_decl_tag, [BTF_KIND_TYPE_TAG] = details_ref,
	[BTF_KIND_ENUM64] = details_vlen,
};

static void log_type_head(struct btf_env *env, const struct btf_type *t, bool with_details)
{
	btf_log(env, "[%u] %s " NAME "%s", env->log_id, btf_kind_name(btf_type_kind(t)),
		name_of(env, t->name_off), with_details ? " " : "");
	if (with_details)
		details[btf_type_kind(t)](env, t);
}

static void log_type(struct btf_env *env, const struct btf_type *t)
{
	if (!log_on(env->log))
		return;
	log_type_head(env, t, true);
	btf_log(env, "\n");
}

int btf_refuse_fmt(struct btf_env *env, const struct btf_type *t, bool with_details,
		   const char *fmt, ...)
{
	va_list ap;

	if (!log_on(env->log))
		return -EINVAL;
	log_type_head(env, t, with_details);
	btf_log(env, " ");
	va_start(ap, fmt);
	log_vprintf(env->log, fmt, ap);
	va_end(ap);
	btf_log(env, "\n");
	return -EINVAL;
}

int btf_refuse(struct btf_env *env, const struct btf_type *t, const char *reason)
{
	return btf_refuse_fmt(env, t, true, "%s", reason);
}

static void log_member(struct btf_env *env, const struct btf_type *t, const struct btf_member *m)
{
	/* In the meta phase the struct's own line is just above. */
	if (env->resolving)
		log_type(env, t);
	if (btf_type_kflag(t))
		btf_log(env, "\t" NAME " type_id=%u bitfield_size=%u bits_offset=%u",
			name_of(env, m->name_off), m->type, BTF_MEMBER_BITFIELD_SIZE(m->offset),
			BTF_MEMBER_BIT_OFFSET(m->offset));
	else
		btf_log(env, "\t" NAME " type_id=%u bits_offset=%u", name_of(env, m->name_off),
			m->type, m->offset);
}

int btf_refuse_member(struct btf_env *env, const struct btf_type *t, const struct btf_member *m,
		      const char *reason)
{
	if (log_on(env->log)) {
		log_member(env, t, m);
		btf_log(env, " %s\n", reason);
	}
	return -EINVAL;
}

static void log_vsi(struct btf_env *env, const struct btf_type *t, const struct btf_var_secinfo *v)
{
	if (env->resolving)
		log_type(env, t);
	btf_log(env, "\t type_id=%u offset=%u size=%u", v->type, v->offset, v->size);
}

int btf_refuse_vsi(struct btf_env *env, const struct btf_type *t, const struct btf_var_secinfo *v,
		   const char *reason)
{
	if (log_on(env->log)) {
		log_vsi(env, t, v);
		btf_log(env, " %s\n", reason);
	}
	return -EINVAL;
}

/* --- names --- */

bool btf_name_ok(const struct btf *btf, u32 off)
{
	return off <= BTF_MAX_NAME_OFFSET && btf_name_by_offset(btf, off);
}

bool btf_name_identifier(const struct btf *btf, u32 off)
{
	const char *name = btf_name_by_offset(btf, off);
	u32 i;

	for (i = 0; i < BTF_NAME_MAX && name[i]; i++) {
		u8 c = name[i];

		if (!btf_isalpha(c) && c != '_' && c != '.' && !(i && c >= '0' && c <= '9'))
			return false;
	}
	return i && i < BTF_NAME_MAX;
}

/* --- rules: 0, or the refusal's errno with the reason logged --- */

static int no_vlen(struct btf_env *env, const struct btf_type *t)
{
	return btf_type_vlen(t) ? btf_refuse(env, t, "vlen != 0") : 0;
}

static int no_kflag(struct btf_env *env, const struct btf_type *t)
{
	return btf_type_kflag(t) ? btf_refuse(env, t, "Invalid btf_info kind_flag") : 0;
}

/* Since 6.14 a tag with kind_flag is any attribute ("address_space(1)"); a newer machine's
 * kernel BTF has them. */
static int tag_kflag(struct btf_env *env, const struct btf_type *t)
{
	return env->btf->kernel_btf ? 0 : no_kflag(env, t);
}

static int no_name(struct btf_env *env, const struct btf_type *t)
{
	return t->name_off ? btf_refuse(env, t, "Invalid name") : 0;
}

static int name_needed(struct btf_env *env, const struct btf_type *t)
{
	return t->name_off && btf_name_identifier(env->btf, t->name_off)
		       ? 0
		       : btf_refuse(env, t, "Invalid name");
}

static int name_maybe(struct btf_env *env, const struct btf_type *t)
{
	return !t->name_off || btf_name_identifier(env->btf, t->name_off)
		       ? 0
		       : btf_refuse(env, t, "Invalid name");
}

static int text_needed(struct btf_env *env, const struct btf_type *t)
{
	return *btf_name_by_offset(env->btf, t->name_off) ? 0 : btf_refuse(env, t, "Invalid name");
}

static int value_needed(struct btf_env *env, const struct btf_type *t)
{
	return *btf_name_by_offset(env->btf, t->name_off) ? 0 : btf_refuse(env, t, "Invalid value");
}

static int int_layout(struct btf_env *env, const struct btf_type *t)
{
	u32 data = btf_int_data(t), bits, encoding = BTF_INT_ENCODING(data);

	if (data & ~INT_MASK)
		return btf_refuse_fmt(env, t, false, "Invalid int_data:%x", data);
	bits = BTF_INT_BITS(data) + BTF_INT_OFFSET(data);
	if (bits > INT128_BITS)
		return btf_refuse_fmt(env, t, true, "nr_bits exceeds %u", INT128_BITS);
	if (BITS_UP(bits) > t->size)
		return btf_refuse(env, t, "nr_bits exceeds type_size");
	if (encoding & (encoding - 1) || encoding > BTF_INT_BOOL) {
		btf_refuse(env, t, "Unsupported encoding");
		return -ENOTSUPP;
	}
	return 0;
}

static int type_id_valid(struct btf_env *env, const struct btf_type *t)
{
	return t->type > BTF_MAX_TYPE ? btf_refuse(env, t, "Invalid type_id") : 0;
}

static int type_id_needed(struct btf_env *env, const struct btf_type *t)
{
	return !t->type ? btf_refuse(env, t, "Invalid type_id") : type_id_valid(env, t);
}

static int type_zero(struct btf_env *env, const struct btf_type *t)
{
	return t->type ? btf_refuse(env, t, "type != 0") : 0;
}

static int size_zero(struct btf_env *env, const struct btf_type *t)
{
	return t->size ? btf_refuse(env, t, "size != 0") : 0;
}

static int size_needed(struct btf_env *env, const struct btf_type *t)
{
	return t->size ? 0 : btf_refuse(env, t, "size == 0");
}

static int array_ids(struct btf_env *env, const struct btf_type *t)
{
	const struct btf_array *a = btf_array(t);

	if (!a->type || a->type > BTF_MAX_TYPE)
		return btf_refuse(env, t, "Invalid elem");
	if (!a->index_type || a->index_type > BTF_MAX_TYPE)
		return btf_refuse(env, t, "Invalid index");
	return 0;
}

static int enum_size(struct btf_env *env, const struct btf_type *t)
{
	u32 size = t->size;

	return size && size <= 8 && !(size & (size - 1)) ? 0
							 : btf_refuse(env, t, "Unexpected size");
}

static int float_size(struct btf_env *env, const struct btf_type *t)
{
	switch (t->size) {
	case 2:
	case 4:
	case 8:
	case 12:
	case 16: return 0;
	}
	return btf_refuse(env, t, "Invalid type_size");
}

static int func_linkage(struct btf_env *env, const struct btf_type *t)
{
	return btf_type_vlen(t) > BTF_FUNC_GLOBAL ? btf_refuse(env, t, "Invalid func linkage") : 0;
}

static int var_linkage(struct btf_env *env, const struct btf_type *t)
{
	u32 linkage = btf_var_of(t)->linkage;

	return linkage == BTF_VAR_STATIC || linkage == BTF_VAR_GLOBAL_ALLOCATED
		       ? 0
		       : btf_refuse(env, t, "Linkage not supported");
}

static int component(struct btf_env *env, const struct btf_type *t)
{
	return btf_component_idx(t) < -1 ? btf_refuse(env, t, "Invalid component_idx") : 0;
}

/* --- what follows a record: members, enumerators, variables --- */

static int check_member(struct btf_env *env, const struct btf_type *t, const struct btf_member *m,
			u32 last_offset)
{
	u32 offset = btf_member_bit_offset(t, m);

	if (!btf_name_ok(env->btf, m->name_off)) {
		if (log_on(env->log)) {
			log_member(env, t, m);
			btf_log(env, " Invalid member name_offset:%u\n", m->name_off);
		}
		return -EINVAL;
	}
	if (m->name_off && !btf_name_identifier(env->btf, m->name_off))
		return btf_refuse_member(env, t, m, "Invalid name");
	if (!m->type || m->type > BTF_MAX_TYPE)
		return btf_refuse_member(env, t, m, "Invalid type_id");
	/* equal offsets are fine: the last member may be "char a[0]" */
	if ((btf_type_kind(t) == BTF_KIND_UNION && offset) || last_offset > offset)
		return btf_refuse_member(env, t, m, "Invalid member bits_offset");
	if (BITS_UP(offset) > t->size)
		return btf_refuse_member(env, t, m, "Member bits_offset exceeds its struct size");
	return 0;
}

static int check_members(struct btf_env *env, const struct btf_type *t)
{
	const struct btf_member *m = btf_members(t), *end = m + btf_type_vlen(t);
	u32 last_offset = 0;
	int err;

	for (; m < end; m++) {
		err = check_member(env, t, m, last_offset);
		if (err)
			return err;
		if (log_on(env->log)) {
			log_member(env, t, m);
			btf_log(env, "\n");
		}
		last_offset = btf_member_bit_offset(t, m);
	}
	return 0;
}

static int enumerator_name(struct btf_env *env, const struct btf_type *t, u32 name_off)
{
	if (!btf_name_ok(env->btf, name_off)) {
		btf_log(env, "\tInvalid name_offset:%u", name_off);
		return -EINVAL;
	}
	return name_off && btf_name_identifier(env->btf, name_off)
		       ? 0
		       : btf_refuse(env, t, "Invalid name");
}

static int check_enumerators(struct btf_env *env, const struct btf_type *t)
{
	const struct btf_enum *e = btf_enums(t), *end = e + btf_type_vlen(t);
	int err;

	for (; e < end; e++) {
		err = enumerator_name(env, t, e->name_off);
		if (err)
			return err;
		btf_log(env, btf_type_kflag(t) ? "\t" NAME " val=%d\n" : "\t" NAME " val=%u\n",
			name_of(env, e->name_off), e->val);
	}
	return 0;
}

static int check_enumerators64(struct btf_env *env, const struct btf_type *t)
{
	const struct btf_enum64 *e = btf_enums64(t), *end = e + btf_type_vlen(t);
	int err;

	for (; e < end; e++) {
		err = enumerator_name(env, t, e->name_off);
		if (err)
			return err;
		btf_log(env, btf_type_kflag(t) ? "\t" NAME " val=%lld\n" : "\t" NAME " val=%llu\n",
			name_of(env, e->name_off), (unsigned long long)btf_enum64_val(e));
	}
	return 0;
}

static const char *vsi_fault(const struct btf_type *t, const struct btf_var_secinfo *v,
			     u64 last_end)
{
	if (!v->type || v->type > BTF_MAX_TYPE)
		return "Invalid type_id";
	if (v->offset < last_end || v->offset >= t->size)
		return "Invalid offset";
	if (!v->size || v->size > t->size)
		return "Invalid size";
	return (u64)v->offset + v->size > t->size ? "Invalid offset+size" : NULL;
}

static int check_vars(struct btf_env *env, const struct btf_type *t)
{
	const struct btf_var_secinfo *v = btf_secinfos(t), *end = v + btf_type_vlen(t);
	u64 last_end = 0, sum = 0;

	for (; v < end; v++) {
		const char *fault = vsi_fault(t, v, last_end);

		if (fault)
			return btf_refuse_vsi(env, t, v, fault);
		last_end = (u64)v->offset + v->size;
		sum += v->size;
		if (log_on(env->log)) {
			log_vsi(env, t, v);
			btf_log(env, "\n");
		}
	}
	return sum > t->size ? btf_refuse(env, t, "Invalid btf_info size") : 0;
}

/* --- the kinds --- */

typedef int (*rule_fn)(struct btf_env *env, const struct btf_type *t);

struct kind_meta {
	u8 fixed, each; /* bytes after the record: always, and per vlen */
	rule_fn rules[5];
	rule_fn items; /* after the record's own line is logged */
};

#define REF(name_rule)                                                    \
	{                                                                 \
		0, 0, {no_vlen, no_kflag, type_id_valid, name_rule}, NULL \
	}

static const struct kind_meta kinds[NR_BTF_KINDS] = {
	[BTF_KIND_INT] = {4, 0, {no_vlen, no_kflag, int_layout}, NULL},
	[BTF_KIND_PTR] = REF(no_name),
	[BTF_KIND_ARRAY] = {sizeof(struct btf_array),
			    0,
			    {no_name, no_vlen, no_kflag, size_zero, array_ids},
			    NULL},
	[BTF_KIND_STRUCT] = {0, sizeof(struct btf_member), {name_maybe}, check_members},
	[BTF_KIND_UNION] = {0, sizeof(struct btf_member), {name_maybe}, check_members},
	[BTF_KIND_ENUM] = {0, sizeof(struct btf_enum), {enum_size, name_maybe}, check_enumerators},
	[BTF_KIND_FWD] = {0, 0, {no_vlen, type_zero, name_needed}, NULL},
	[BTF_KIND_TYPEDEF] = REF(name_needed),
	[BTF_KIND_VOLATILE] = REF(no_name),
	[BTF_KIND_CONST] = REF(no_name),
	[BTF_KIND_RESTRICT] = REF(no_name),
	[BTF_KIND_FUNC] = {0, 0, {name_needed, func_linkage, no_kflag}, NULL},
	[BTF_KIND_FUNC_PROTO] = {0, sizeof(struct btf_param), {no_name, no_kflag}, NULL},
	[BTF_KIND_VAR] = {sizeof(struct btf_var),
			  0,
			  {no_vlen, no_kflag, name_needed, type_id_needed, var_linkage},
			  NULL},
	[BTF_KIND_DATASEC] = {0,
			      sizeof(struct btf_var_secinfo),
			      {size_needed, no_kflag, name_needed},
			      check_vars},
	[BTF_KIND_FLOAT] = {0, 0, {no_vlen, no_kflag, float_size}, NULL},
	[BTF_KIND_DECL_TAG] = {sizeof(struct btf_decl_tag),
			       0,
			       {value_needed, no_vlen, tag_kflag, component},
			       NULL},
	[BTF_KIND_TYPE_TAG] = {0, 0, {no_vlen, tag_kflag, type_id_valid, text_needed}, NULL},
	[BTF_KIND_ENUM64] = {0,
			     sizeof(struct btf_enum64),
			     {enum_size, name_maybe},
			     check_enumerators64},
};

/* Before anything in the record can be named: 0 or -EINVAL. */
static int check_head(struct btf_env *env, const struct btf_type *t, u32 left)
{
	if (left < sizeof(*t))
		btf_log(env, "[%u] meta_left:%u meta_needed:%zu", env->log_id, left, sizeof(*t));
	else if (t->info & ~INFO_MASK)
		btf_log(env, "[%u] Invalid btf_info:%x", env->log_id, t->info);
	else if (btf_type_kind(t) > BTF_KIND_MAX || btf_type_kind(t) == BTF_KIND_UNKN)
		btf_log(env, "[%u] Invalid kind:%u", env->log_id, btf_type_kind(t));
	else if (!btf_name_ok(env->btf, t->name_off))
		btf_log(env, "[%u] Invalid name_offset:%u", env->log_id, t->name_off);
	else
		return 0;
	return -EINVAL;
}

/* Bytes the record takes, or negative errno. */
static s32 check_record(struct btf_env *env, const struct btf_type *t, u32 left)
{
	const struct kind_meta *k;
	u32 i, needed;
	int err = check_head(env, t, left);

	if (err)
		return err;
	left -= sizeof(*t);
	k = &kinds[btf_type_kind(t)];
	needed = k->fixed + k->each * btf_type_vlen(t);
	if (left < needed)
		return btf_refuse_fmt(env, t, false, "meta_left:%u meta_needed:%u", left, needed);
	for (i = 0; i < ARRAY_SIZE(k->rules) && k->rules[i]; i++) {
		err = k->rules[i](env, t);
		if (err)
			return err;
	}
	log_type(env, t);
	err = k->items ? k->items(env, t) : 0;
	return err ? err : (s32)(sizeof(*t) + needed);
}

static const struct btf_type btf_void;

static int add_type(struct btf_env *env, const struct btf_type *t)
{
	struct btf *btf = env->btf;

	if (btf->nr_types == btf->types_size) {
		u32 room = btf->types_size + max(btf->types_size >> 1, 64u);
		void *p;

		if (btf->start_id + btf->types_size >= BTF_MAX_TYPE) {
			btf_log(env, "Exceeded max num of types");
			return -E2BIG;
		}
		room = min(room, (u32)BTF_MAX_TYPE - btf->start_id);
		p = realloc(btf->types, room * sizeof(*btf->types));
		if (!p)
			return -ENOMEM;
		btf->types = p;
		btf->types_size = room;
		if (!btf->nr_types && !btf->base_btf)
			btf->types[btf->nr_types++] = (struct btf_type *)&btf_void;
	}
	btf->types[btf->nr_types++] = (struct btf_type *)t;
	return 0;
}

int btf_check_metas(struct btf_env *env)
{
	const char *cur = (char *)env->btf->nohdr_data + env->btf->hdr.type_off,
		   *end = cur + env->btf->hdr.type_len;

	env->log_id = env->btf->base_btf ? env->btf->start_id : 1;
	while (cur < end) {
		const struct btf_type *t = (const void *)cur;
		s32 n = check_record(env, t, end - cur);
		int err = n < 0 ? n : add_type(env, t);

		if (err)
			return err;
		cur += n;
		env->log_id++;
	}
	return 0;
}

/* Chains of modifiers end, soon, and have their type tags in front (so that a tag always
 * directly follows the pointer it is for). */
static int check_tag_chain(struct btf_env *env, u32 id, u32 good_id)
{
	const struct btf_type *t = btf_type_by_id(env->btf, id);
	bool in_tags = btf_kind_in(t, K(TYPE_TAG));
	int steps = BTF_RESOLVE_DEPTH;

	for (; btf_kind_in(t, K_MODIFIER); steps--) {
		if (!steps) {
			btf_log(env, "Max chain length or cycle detected");
			return -ELOOP;
		}
		if (!btf_kind_in(t, K(TYPE_TAG))) {
			in_tags = false;
		} else if (!in_tags) {
			btf_log(env, "Type tags don't precede modifiers");
			return -EINVAL;
		}
		if (id <= good_id)
			break;
		id = t->type;
		t = btf_type_by_id(env->btf, id);
		if (!t)
			return -EINVAL;
	}
	return 0;
}

int btf_check_type_tags(struct btf_env *env, u32 start_id)
{
	u32 id, n = btf_nr_types(env->btf), good_id = start_id - 1;
	int err;

	for (id = start_id; id < n; id++) {
		if (!btf_kind_in(btf_type_by_id(env->btf, id), K_MODIFIER))
			continue;
		err = check_tag_chain(env, id, good_id);
		if (err)
			return err;
		good_id = id;
	}
	return 0;
}

static bool id_ok(struct btf_env *env, u32 id)
{
	return btf_type_by_id(env->btf, id);
}

static bool record_ids_ok(struct btf_env *env, const struct btf_type *t)
{
	u32 i, n = btf_type_vlen(t);
	bool ok = true;

	if (btf_kind_in(t, K_MODIFIER | K(PTR) | K(VAR) | K(FUNC) | K(FUNC_PROTO) | K(DECL_TAG)) &&
	    !id_ok(env, t->type))
		return false;
	if (btf_kind_in(t, K(ARRAY)))
		return id_ok(env, btf_array(t)->type) && id_ok(env, btf_array(t)->index_type);
	for (i = 0; btf_type_is_struct(t) && i < n; i++)
		ok &= id_ok(env, btf_members(t)[i].type);
	for (i = 0; btf_type_is_func_proto(t) && i < n; i++)
		ok &= id_ok(env, btf_params(t)[i].type) &&
		      btf_name_ok(env->btf, btf_params(t)[i].name_off);
	for (i = 0; btf_kind_in(t, K(DATASEC)) && i < n; i++)
		ok &= id_ok(env, btf_secinfos(t)[i].type);
	return ok;
}

int btf_check_ids(struct btf_env *env)
{
	u32 i, n = btf_nr_types(env->btf);

	for (i = env->btf->start_id; i < n; i++) {
		const struct btf_type *t = btf_type_by_id(env->btf, i);

		env->log_id = i;
		if (!record_ids_ok(env, t))
			return btf_refuse(env, t, "Invalid type_id");
	}
	return 0;
}
