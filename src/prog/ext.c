/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ext.c - may this program take the place of that function? Both are global functions whose BTF
 * must agree argument by argument (kernel: btf_check_type_match).
 */
#include "prog/load.h"

struct side {
	const struct btf *btf;
	const struct btf_type *proto;
	const char *name;
};

static const char *type_text(const struct btf_type *t)
{
	return btf_kind_name(btf_type_kind(t));
}

static bool has_size(const struct btf_type *t)
{
	return btf_type_is_int(t) || btf_type_is_any_enum(t) || btf_type_is_struct(t) ||
	       btf_type_kind(t) == BTF_KIND_DATASEC || btf_type_kind(t) == BTF_KIND_FLOAT;
}

static int side_of(struct side *s, const struct btf *btf, const struct btf_type *func,
		   struct log *log)
{
	s->btf = btf;
	s->name = btf_name_by_offset(btf, func->name_off);
	if (btf_type_vlen(func) != BTF_FUNC_GLOBAL) {
		log_printf(log, "%s() is not a global function\n", s->name);
		return -EINVAL;
	}
	s->proto = btf_type_by_id(btf, func->type);
	return s->proto && btf_type_is_func_proto(s->proto) ? 0 : -EFAULT;
}

/* Pointers to contexts: structs of one name. */
static int match_ptr(u32 i, const struct side *a, const struct btf_type *ta, const struct side *b,
		     const struct btf_type *tb, struct log *log)
{
	const char *na, *nb;

	ta = btf_type_skip_modifiers(a->btf, ta->type, NULL);
	tb = btf_type_skip_modifiers(b->btf, tb->type, NULL);
	if (!ta || !btf_type_is_struct(ta) || !tb || !btf_type_is_struct(tb)) {
		log_printf(log, "arg%d in %s() is not a pointer to context\n", i,
			   ta && btf_type_is_struct(ta) ? b->name : a->name);
		return -EINVAL;
	}
	na = btf_name_by_offset(a->btf, ta->name_off);
	nb = btf_name_by_offset(b->btf, tb->name_off);
	if (na && nb && !strcmp(na, nb))
		return 0;
	log_printf(log, "arg%d %s(struct %s *) doesn't match %s(struct %s *)\n", i, a->name,
		   na ? na : "", b->name, nb ? nb : "");
	return -EINVAL;
}

static int match_arg(u32 i, const struct side *a, const struct side *b, struct log *log)
{
	const struct btf_type *ta, *tb;

	ta = btf_type_skip_modifiers(a->btf, btf_params(a->proto)[i].type, NULL);
	tb = btf_type_skip_modifiers(b->btf, btf_params(b->proto)[i].type, NULL);
	if (!ta || !tb)
		return -EINVAL;
	if (ta->info != tb->info) {
		log_printf(log, "arg%d in %s() is %s while %s() has %s\n", i, a->name,
			   type_text(ta), b->name, type_text(tb));
		return -EINVAL;
	}
	if (has_size(ta) && ta->size != tb->size) {
		log_printf(log, "arg%d in %s() has size %d while %s() has %d\n", i, a->name,
			   ta->size, b->name, tb->size);
		return -EINVAL;
	}
	if (btf_type_is_int(ta) || btf_type_is_any_enum(ta))
		return 0;
	if (!btf_type_is_ptr(ta)) {
		log_printf(log, "arg%d in %s() has unrecognized type\n", i, a->name);
		return -EINVAL;
	}
	return match_ptr(i, a, ta, b, tb, log);
}

static int match(const struct side *a, const struct side *b, struct log *log)
{
	u32 na = btf_type_vlen(a->proto), nb = btf_type_vlen(b->proto), i;
	const struct btf_type *ta, *tb;
	int err = 0;

	if (na != nb) {
		log_printf(log, "%s() has %d args while %s() has %d args\n", a->name, na, b->name,
			   nb);
		return -EINVAL;
	}
	ta = btf_type_skip_modifiers(a->btf, a->proto->type, NULL);
	tb = btf_type_skip_modifiers(b->btf, b->proto->type, NULL);
	if (!ta || !tb)
		return -EINVAL;
	if (ta->info != tb->info) {
		log_printf(log, "Return type %s of %s() doesn't match type %s of %s()\n",
			   type_text(ta), a->name, type_text(tb), b->name);
		return -EINVAL;
	}
	for (i = 0; i < na && !err; i++)
		err = match_arg(i, a, b, log);
	return err;
}

int prog_check_ext(const struct vfy_prog *v, const struct btf *btf, const struct btf_type *func,
		   struct log *log)
{
	const struct btf_type *own;
	struct side a, b;
	int err;

	if (!v->func_info_cnt || !v->btf) {
		log_printf(log, "Program extension requires BTF\n");
		return -EINVAL;
	}
	own = btf_type_by_id(v->btf, v->func_info[0].type_id);
	if (!own || !btf_type_is_func(own))
		return -EFAULT;
	err = side_of(&a, v->btf, own, log);
	if (!err)
		err = side_of(&b, btf, func, log);
	return err ? err : match(&a, &b, log);
}
