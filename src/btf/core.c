/* SPDX-License-Identifier: BSD-2-Clause */
/* core.c - one CO-RE relocation: the candidates of its root type, the number on both sides, and
 * whether all candidates agree. */
#include <stdlib.h>

#include "btf/core_match.h"
#include "btf/core_patch.h"

/* A type of the target that goes by the name of a local one. */
struct cand {
	const struct btf *btf;
	u32 id;
};

struct cands {
	bool known; /* looked up */
	u32 nr;
	struct cand *at;
};

struct btf_core {
	const struct btf *local;
	struct btf_core_target target;
	struct log *log;
	struct cands *of; /* by local id: most objects have many relocations of few types */
};

struct btf_core *btf_core_new(const struct btf *local, const struct btf_core_target *target,
			      struct log *log)
{
	struct btf_core *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct btf_core){.local = local, .target = *target, .log = log};
	c->of = calloc(btf_nr_types(local), sizeof(*c->of));
	if (!c->of) {
		free(c);
		return NULL;
	}
	return c;
}

void btf_core_free(struct btf_core *c)
{
	for (u32 i = 0; c && i < btf_nr_types(c->local); i++)
		free(c->of[i].at);
	if (c)
		free(c->of);
	free(c);
}

/* --- candidates --- */

struct wanted {
	const char *name;
	size_t len;
	u32 kind;
};

static bool is_cand(const struct btf *btf, u32 id, const struct wanted *w)
{
	const struct btf_type *t = btf_type_by_id(btf, id);
	const char *n;

	if (btf_type_kind(t) != w->kind)
		return false;
	n = btf_name_by_offset(btf, t->name_off);
	return n && !strncmp(n, w->name, w->len) && core_name_len(n) == w->len;
}

static int add_cand(struct cands *r, const struct btf *btf, u32 id)
{
	struct cand *at;

	if (!(r->nr & (r->nr + 1))) { /* 0, 1, 3, 7 ... are in use: double */
		at = realloc(r->at, (2 * r->nr + 1) * sizeof(*at));
		if (!at)
			return -ENOMEM;
		r->at = at;
	}
	r->at[r->nr++] = (struct cand){btf, id};
	return 0;
}

/* Types of @btf from @id on. */
static int search_btf(const struct btf *btf, u32 id, const struct wanted *w, struct cands *r)
{
	int err = 0;

	for (; id < btf_nr_types(btf) && !err; id++)
		if (is_cand(btf, id, w))
			err = add_cand(r, btf, id);
	return err;
}

static int search(struct btf_core *c, u32 local_id, struct cands *r)
{
	const struct btf_type *t = btf_type_by_id(c->local, local_id);
	struct wanted w = {.name = btf_type_name(c->local, local_id), .kind = btf_type_kind(t)};
	int err;

	if (!c->target.vmlinux || !*w.name)
		return -EINVAL;
	w.len = core_name_len(w.name);
	err = search_btf(c->target.vmlinux, 1, &w, r);
	if (r->nr)
		return err;
	for (u32 i = 0; i < c->target.nr_modules && !err; i++)
		err = search_btf(c->target.modules[i], c->target.modules[i]->start_id, &w, r);
	return err;
}

/* Of each root type once. */
static const struct cands *cands_of(struct btf_core *c, u32 local_id)
{
	struct cands *r = &c->of[local_id];
	int err = r->known ? 0 : search(c, local_id, r);

	if (err) {
		free(r->at);
		*r = (struct cands){0};
		return ERR_PTR(err);
	}
	r->known = true;
	return r;
}

/* --- the number on one side; 1: there is none, the instruction is to be poisoned --- */

#define NO_VALUE 1

struct job {
	struct btf_core *c;
	const struct bpf_core_relo *relo;
	u32 idx;
};

static int element_value(const struct job *j, const struct core_spec *s, struct core_value *v)
{
	const struct core_step *last = &s->step[s->len - 1];
	s64 size;

	if (s->kind != BPF_CORE_FIELD_BYTE_OFFSET && s->kind != BPF_CORE_FIELD_BYTE_SIZE) {
		log_printf(j->c->log,
			   "prog '': relo %d at insn #%d can't be applied to array access\n",
			   s->kind, j->relo->insn_off / 8);
		return -EINVAL;
	}
	size = core_sizeof(s->btf, last->type_id);
	if (size < 0)
		return -EINVAL;
	v->val = size;
	if (s->kind == BPF_CORE_FIELD_BYTE_OFFSET) {
		v->val = s->bit_off / 8;
		v->size = size;
		v->type_id = last->type_id;
	}
	return 0;
}

/* Where a field lies: for a bitfield the aligned integer that holds all of it. */
struct place {
	u32 byte_off, byte_size, bits;
	bool bitfield;
};

static int place_bitfield(const struct job *j, u32 bit_off, u32 unit, struct place *at)
{
	u32 off;

	if (!unit)
		return -EINVAL;
	off = bit_off / 8 / unit * unit;
	while (bit_off + at->bits - off * 8 > unit * 8) {
		if (unit >= 8) {
			log_printf(j->c->log,
				   "prog '': relo %d at insn #%d can't be satisfied for bitfield\n",
				   j->relo->kind, j->relo->insn_off / 8);
			return -E2BIG;
		}
		unit *= 2;
		off = bit_off / 8 / unit * unit;
	}
	at->byte_off = off;
	at->byte_size = unit;
	at->bitfield = true;
	return 0;
}

static int place_field(const struct job *j, const struct core_spec *s, u32 bits,
		       const struct btf_type *t, u32 type_id, struct place *at)
{
	s64 size;

	if (bits) {
		at->bits = bits;
		return place_bitfield(j, s->bit_off, t->size, at);
	}
	size = core_sizeof(s->btf, type_id);
	if (size < 0)
		return -EINVAL;
	*at = (struct place){.byte_off = s->bit_off / 8, .byte_size = size, .bits = size * 8};
	return 0;
}

static bool is_signed(const struct btf_type *t)
{
	if (btf_type_is_any_enum(t))
		return btf_type_kflag(t);
	return btf_type_is_int(t) && BTF_INT_ENCODING(btf_int_data(t)) & BTF_INT_SIGNED;
}

static u64 left_shift(const struct core_spec *s, const struct place *at)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return 64 - (s->bit_off + at->bits - at->byte_off * 8);
#else
	return (8 - at->byte_size) * 8 + (s->bit_off - at->byte_off * 8);
#endif
}

static int member_value(const struct job *j, const struct core_spec *s, struct core_value *v)
{
	const struct core_step *last = &s->step[s->len - 1];
	const struct btf_type *parent = btf_type_by_id(s->btf, last->type_id), *t;
	const struct btf_member *m = &btf_members(parent)[last->idx];
	struct place at = {0};
	u32 type_id;
	int err;

	t = btf_type_skip_modifiers(s->btf, m->type, &type_id);
	if (!t)
		return -EINVAL;
	err = place_field(j, s, btf_member_bitfield_size(parent, m), t, type_id, &at);
	if (err)
		return err;
	/* compilers choose the bytes of a bitfield as they like */
	v->exact = !at.bitfield || s->kind == BPF_CORE_FIELD_SIGNED ||
		   s->kind == BPF_CORE_FIELD_RSHIFT_U64;
	switch (s->kind) {
	case BPF_CORE_FIELD_BYTE_OFFSET:
		v->val = at.byte_off;
		v->size = at.bitfield ? 0 : at.byte_size;
		v->type_id = at.bitfield ? 0 : type_id;
		return 0;
	case BPF_CORE_FIELD_BYTE_SIZE: v->val = at.byte_size; return 0;
	case BPF_CORE_FIELD_SIGNED: v->val = is_signed(t); return 0;
	case BPF_CORE_FIELD_LSHIFT_U64: v->val = left_shift(s, &at); return 0;
	case BPF_CORE_FIELD_RSHIFT_U64: v->val = 64 - at.bits; return 0;
	}
	return -EOPNOTSUPP;
}

static int field_value(const struct job *j, const struct core_spec *s, struct core_value *v)
{
	if (j->relo->kind == BPF_CORE_FIELD_EXISTS) {
		v->val = !!s;
		return 0;
	}
	if (!s)
		return NO_VALUE;
	return s->step[s->len - 1].name ? member_value(j, s, v) : element_value(j, s, v);
}

static int type_value(const struct job *j, const struct core_spec *s, struct core_value *v)
{
	s64 size;

	if (!s)
		return 0; /* absent types have the value 0 */
	switch (s->kind) {
	case BPF_CORE_TYPE_ID_TARGET:
		v->val = s->root;
		v->exact = false; /* linking renumbers */
		return 0;
	case BPF_CORE_TYPE_EXISTS:
	case BPF_CORE_TYPE_MATCHES: v->val = 1; return 0;
	case BPF_CORE_TYPE_SIZE:
		size = core_sizeof(s->btf, s->root);
		if (size < 0)
			return -EINVAL;
		v->val = size;
		return 0;
	}
	return -EOPNOTSUPP;
}

static int enum_value(const struct job *j, const struct core_spec *s, struct core_value *v)
{
	const struct btf_type *t;
	u32 i;

	if (j->relo->kind == BPF_CORE_ENUMVAL_EXISTS) {
		v->val = !!s;
		return 0;
	}
	if (!s)
		return NO_VALUE;
	t = btf_type_by_id(s->btf, s->step[0].type_id);
	i = s->step[0].idx;
	v->val = btf_type_kind(t) == BTF_KIND_ENUM ? (u64)btf_enums(t)[i].val
						   : btf_enum64_val(&btf_enums64(t)[i]);
	return 0;
}

static int side_value(const struct job *j, const struct core_spec *s, struct core_value *v)
{
	static int (*const by_family[])(const struct job *j, const struct core_spec *s,
					struct core_value *v) = {
		[CORE_FIELD] = field_value,
		[CORE_TYPE] = type_value,
		[CORE_ENUMVAL] = enum_value,
	};

	*v = (struct core_value){.exact = true};
	return by_family[core_family(j->relo->kind)](j, s, v);
}

/* --- both sides --- */

/* A load of another width is right for pointers and for unsigned integers, whose upper bits are
 * zero. */
static bool width_may_change(const struct btf *local, const struct core_value *a,
			     const struct btf *target, const struct core_value *b)
{
	const struct btf_type *l = btf_type_by_id(local, a->type_id);
	const struct btf_type *t = btf_type_by_id(target, b->type_id);

	if (btf_type_is_ptr(l) && btf_type_is_ptr(t))
		return true;
	return btf_type_is_int(l) && btf_type_is_int(t) &&
	       BTF_INT_ENCODING(btf_int_data(l)) != BTF_INT_SIGNED &&
	       BTF_INT_ENCODING(btf_int_data(t)) != BTF_INT_SIGNED;
}

/* @target NULL: nothing was found. */
static int result_of(const struct job *j, const struct core_spec *local,
		     const struct core_spec *target, struct core_result *r)
{
	int err;

	*r = (struct core_result){0};
	err = side_value(j, local, &r->local);
	if (!err)
		err = side_value(j, target, &r->target);
	if (!err && r->local.size != r->target.size)
		r->bad_size = !width_may_change(local->btf, &r->local, target->btf, &r->target);
	if (err == NO_VALUE) {
		r->poison = true;
		return 0;
	}
	if (err == -EOPNOTSUPP)
		log_printf(j->c->log,
			   "prog '': relo #%d: unrecognized CO-RE relocation %s (%d) at insn #%d\n",
			   j->idx, core_kind_name(j->relo->kind), j->relo->kind,
			   j->relo->insn_off / 8);
	return err;
}

static const char *outcome(const struct core_result *r)
{
	return r->poison ? "failure" : "success";
}

/* Several candidates are fine as long as it does not matter which. */
static int agree(const struct job *j, const struct core_result *a, u32 a_off,
		 const struct core_result *b, u32 b_off)
{
	if (a_off != b_off) {
		log_printf(j->c->log, "prog '': relo #%d: field offset ambiguity: %u != %u\n",
			   j->idx, b_off, a_off);
		return -EINVAL;
	}
	if (a->poison == b->poison && a->target.val == b->target.val)
		return 0;
	log_printf(j->c->log,
		   "prog '': relo #%d: relocation decision ambiguity: %s %llu != %s %llu\n", j->idx,
		   outcome(b), (unsigned long long)b->target.val, outcome(a),
		   (unsigned long long)a->target.val);
	return -EINVAL;
}

static void say_candidate(const struct job *j, const char *what, u32 i, const struct core_spec *s)
{
	char text[256];

	if (!log_on(j->c->log))
		return;
	core_format(text, sizeof(text), s);
	log_printf(j->c->log, "prog '': relo #%d: %s candidate #%d %s\n", j->idx, what, i, text);
}

static int say_match_error(const struct job *j, u32 i, const struct core_spec *s, int err)
{
	char text[256];

	core_format(text, sizeof(text), s);
	log_printf(j->c->log, "prog '': relo #%d: error matching candidate #%d %s: %d\n ", j->idx,
		   i, text, err);
	return err;
}

static int try_candidates(const struct job *j, const struct core_spec *local,
			  const struct cands *cands, struct core_result *r)
{
	struct core_spec found;
	struct core_result next;
	u32 nr = 0, bit_off = 0;
	int err;

	for (u32 i = 0; i < cands->nr; i++) {
		const struct cand *at = &cands->at[i];
		int fit = core_match(local, at->btf, at->id, &found, j->c->log);

		if (fit < 0)
			return say_match_error(j, i, &found, fit);
		say_candidate(j, fit ? "matching" : "non-matching", i, &found);
		if (!fit)
			continue;
		err = result_of(j, local, &found, &next);
		if (!err && nr)
			err = agree(j, r, bit_off, &next, found.bit_off);
		if (err)
			return err;
		if (!nr++) {
			*r = next;
			bit_off = found.bit_off;
		}
	}
	if (nr)
		return 0;
	log_printf(j->c->log, "prog '': relo #%d: no matching targets found\n", j->idx);
	return result_of(j, local, NULL, r);
}

static int say_parse_error(const struct job *j, int err)
{
	const char *text = btf_name_by_offset(j->c->local, j->relo->access_str_off);
	const struct btf_type *t = btf_type_by_id(j->c->local, j->relo->type_id);
	const char *name = btf_type_name(j->c->local, j->relo->type_id);

	log_printf(j->c->log, "prog '': relo #%d: parsing [%d] %s %s + %s failed: %d\n", j->idx,
		   j->relo->type_id, btf_kind_name(btf_type_kind(t)), *name ? name : "<anon>",
		   text ? text : "<?>", err);
	return -EINVAL;
}

static int resolve(const struct job *j, const struct cands *cands, struct core_result *r)
{
	struct core_spec local;
	char text[256];
	int err = core_parse(&local, j->c->local, j->relo, j->c->log);

	if (err)
		return say_parse_error(j, err);
	if (log_on(j->c->log)) {
		core_format(text, sizeof(text), &local);
		log_printf(j->c->log, "prog '': relo #%d: %s\n", j->idx, text);
	}
	if (cands)
		return try_candidates(j, &local, cands, r);
	/* the local id is an answer by itself; the instruction may hold an older one */
	*r = (struct core_result){.local.val = local.root, .target.val = local.root};
	return 0;
}

static void say_candidates(const struct job *j, const struct cands *cands)
{
	const struct btf_type *t = btf_type_by_id(j->c->local, j->relo->type_id);
	const char *name = btf_type_name(j->c->local, j->relo->type_id);

	for (u32 i = 0; i < cands->nr; i++)
		log_printf(j->c->log, "CO-RE relocating %s %.*s: found target candidate [%d]\n",
			   btf_kind_name(btf_type_kind(t)), (int)core_name_len(name), name,
			   cands->at[i].id);
}

int btf_core_apply(struct btf_core *c, const struct bpf_core_relo *relo, u32 idx,
		   struct bpf_insn *insns, u32 len)
{
	struct job j = {c, relo, idx};
	const struct cands *cands = NULL;
	struct core_result r;
	int err;

	if (!btf_type_by_id(c->local, relo->type_id)) {
		log_printf(c->log, "relo #%u: bad type id %u\n", idx, relo->type_id);
		return -EINVAL;
	}
	if (relo->kind != BPF_CORE_TYPE_ID_LOCAL) {
		cands = cands_of(c, relo->type_id);
		if (IS_ERR(cands)) {
			log_printf(c->log, "target candidate search failed for %d\n",
				   relo->type_id);
			return PTR_ERR(cands);
		}
		say_candidates(&j, cands);
	}
	err = resolve(&j, cands, &r);
	return err ? err : core_patch(c->log, insns, len, relo->insn_off / 8, idx, &r);
}
