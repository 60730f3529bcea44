/* SPDX-License-Identifier: BSD-2-Clause */
/* core_spec.c - what a relocation names: its access string as steps through the local types, and
 * the text that the log has for it. */
#include <limits.h>
#include <stdio.h>

#include "btf/core_spec.h"

static const struct {
	const char *name;
	enum core_family family;
} kinds[] = {
	[BPF_CORE_FIELD_BYTE_OFFSET] = {"byte_off", CORE_FIELD},
	[BPF_CORE_FIELD_BYTE_SIZE] = {"byte_sz", CORE_FIELD},
	[BPF_CORE_FIELD_EXISTS] = {"field_exists", CORE_FIELD},
	[BPF_CORE_FIELD_SIGNED] = {"signed", CORE_FIELD},
	[BPF_CORE_FIELD_LSHIFT_U64] = {"lshift_u64", CORE_FIELD},
	[BPF_CORE_FIELD_RSHIFT_U64] = {"rshift_u64", CORE_FIELD},
	[BPF_CORE_TYPE_ID_LOCAL] = {"local_type_id", CORE_TYPE},
	[BPF_CORE_TYPE_ID_TARGET] = {"target_type_id", CORE_TYPE},
	[BPF_CORE_TYPE_EXISTS] = {"type_exists", CORE_TYPE},
	[BPF_CORE_TYPE_SIZE] = {"type_size", CORE_TYPE},
	[BPF_CORE_ENUMVAL_EXISTS] = {"enumval_exists", CORE_ENUMVAL},
	[BPF_CORE_ENUMVAL_VALUE] = {"enumval_value", CORE_ENUMVAL},
	[BPF_CORE_TYPE_MATCHES] = {"type_matches", CORE_TYPE},
};

enum core_family core_family(u32 kind)
{
	return kind < ARRAY_SIZE(kinds) ? kinds[kind].family : CORE_NONE;
}

const char *core_kind_name(u32 kind)
{
	return kind < ARRAY_SIZE(kinds) ? kinds[kind].name : "unknown";
}

/* A flavour is what follows exactly three underscores with something else on both sides, the last
 * such place. */
size_t core_name_len(const char *name)
{
	size_t len = strlen(name);

	for (size_t end = len; end >= 5; end--) {
		const char *p = name + end - 5;

		if (p[0] != '_' && !memcmp(p + 1, "___", 3) && p[4] != '_')
			return end - 4;
	}
	return len;
}

s64 core_sizeof(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_type_by_id(btf, id);
	u32 size = 0;

	if (!t || IS_ERR(btf_resolve_size(btf, t, &size)) || size > INT_MAX)
		return -EINVAL;
	return size;
}

u32 core_enum_name(const struct btf_type *t, u32 i)
{
	return btf_type_kind(t) == BTF_KIND_ENUM ? btf_enums(t)[i].name_off
						 : btf_enums64(t)[i].name_off;
}

/* An array without elements at the end of a struct has as many as one likes. */
bool core_is_flex_array(const struct btf *btf, const struct core_step *parent,
			const struct btf_array *a)
{
	const struct btf_type *t;

	if (!parent->name || a->nelems)
		return false;
	t = btf_type_by_id(btf, parent->type_id);
	return t && parent->idx + 1 == btf_type_vlen(t);
}

/* "0:1:2" -> raw[] */
static int parse_numbers(struct core_spec *s, const char *text)
{
	while (*text) {
		u64 n = 0;

		if (s->raw_len && *text++ != ':')
			return -EINVAL;
		if (*text < '0' || *text > '9')
			return -EINVAL;
		for (; *text >= '0' && *text <= '9'; text++) {
			n = n * 10 + (*text - '0');
			if (n > INT_MAX)
				return -EINVAL;
		}
		if (s->raw_len == CORE_SPEC_MAX)
			return -E2BIG;
		s->raw[s->raw_len++] = n;
	}
	return s->raw_len ? 0 : -EINVAL;
}

static struct core_step *add_step(struct core_spec *s, u32 type_id, u32 idx, const char *name)
{
	struct core_step *step = &s->step[s->len++];

	*step = (struct core_step){.type_id = type_id, .idx = idx, .name = name};
	return step;
}

static int step_member(struct core_spec *s, const struct btf_type *t, u32 idx, u32 *id)
{
	const struct btf_member *m = btf_members(t) + idx;
	const char *name;

	if (idx >= btf_type_vlen(t))
		return -EINVAL;
	s->bit_off += btf_member_bit_offset(t, m);
	if (m->name_off) {
		name = btf_name_by_offset(s->btf, m->name_off);
		if (!name || !*name)
			return -EINVAL;
		add_step(s, *id, idx, name);
	}
	*id = m->type;
	return 0;
}

static int step_element(struct core_spec *s, const struct btf_type *t, u32 idx, u32 *id)
{
	const struct btf_array *a = btf_array(t);
	s64 size;

	if (!btf_type_skip_modifiers(s->btf, a->type, id))
		return -EINVAL;
	if (idx >= a->nelems && !core_is_flex_array(s->btf, &s->step[s->len - 1], a))
		return -EINVAL;
	add_step(s, *id, idx, NULL);
	size = core_sizeof(s->btf, *id);
	if (size < 0)
		return size;
	s->bit_off += (u64)idx * size * 8;
	return 0;
}

static int parse_field(struct core_spec *s, u32 id, const char *text, struct log *log)
{
	s64 size = core_sizeof(s->btf, id);
	int err = 0;

	if (size < 0)
		return size;
	s->bit_off = (u64)s->raw[0] * size * 8;
	for (u32 i = 1; i < s->raw_len && !err; i++) {
		const struct btf_type *t = btf_type_skip_modifiers(s->btf, id, &id);

		if (!t)
			return -EINVAL;
		if (btf_type_is_struct(t)) {
			err = step_member(s, t, s->raw[i], &id);
		} else if (btf_type_kind(t) == BTF_KIND_ARRAY) {
			err = step_element(s, t, s->raw[i], &id);
		} else {
			log_printf(
				log,
				"prog '': relo for [%u] %s (at idx %d) captures type [%d] of unexpected kind %s\n",
				s->root, text, i, id, btf_kind_name(btf_type_kind(t)));
			err = -EINVAL;
		}
	}
	return err;
}

int core_parse(struct core_spec *s, const struct btf *btf, const struct bpf_core_relo *relo,
	       struct log *log)
{
	const char *text = btf_name_by_offset(btf, relo->access_str_off);
	enum core_family family = core_family(relo->kind);
	const struct btf_type *t;
	u32 id;
	int err;

	if (!text || !*text)
		return -EINVAL;
	*s = (struct core_spec){.btf = btf, .root = relo->type_id, .kind = relo->kind};
	if (family == CORE_TYPE)
		return strcmp(text, "0") ? -EINVAL : 0;
	err = parse_numbers(s, text);
	if (err)
		return err;
	t = btf_type_skip_modifiers(btf, relo->type_id, &id);
	if (!t)
		return -EINVAL;
	add_step(s, id, s->raw[0], NULL);
	if (family == CORE_FIELD)
		return parse_field(s, id, text, log);
	if (family != CORE_ENUMVAL || !btf_type_is_any_enum(t) || s->raw_len > 1 ||
	    s->raw[0] >= btf_type_vlen(t))
		return -EINVAL;
	s->step[0].name = btf_name_by_offset(btf, core_enum_name(t, s->raw[0]));
	return s->step[0].name ? 0 : -EINVAL;
}

/* --- as text --- */

struct text {
	char *buf;
	size_t len, used;
};

static void __printf(2, 3) add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, t->len - t->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->used = min(t->used + n, t->len - 1);
}

static void format_enum(struct text *out, const struct core_spec *s)
{
	const struct btf_type *t = btf_type_skip_modifiers(s->btf, s->root, NULL);
	const char *name;
	u32 i = s->raw[0];

	if (!t || !btf_type_is_any_enum(t) || i >= btf_type_vlen(t))
		return;
	name = btf_name_by_offset(s->btf, core_enum_name(t, i));
	if (btf_type_kind(t) == BTF_KIND_ENUM)
		add(out, btf_type_kflag(t) ? "::%s = %d" : "::%s = %u", name, btf_enums(t)[i].val);
	else
		add(out, btf_type_kflag(t) ? "::%s = %lld" : "::%s = %llu", name,
		    (unsigned long long)btf_enum64_val(&btf_enums64(t)[i]));
}

static void format_field(struct text *out, const struct core_spec *s)
{
	for (u32 i = 0; i < s->len; i++) {
		if (s->step[i].name)
			add(out, ".%s", s->step[i].name);
		else if (i || s->step[i].idx)
			add(out, "[%u]", s->step[i].idx);
	}
	add(out, " (");
	for (u32 i = 0; i < s->raw_len; i++)
		add(out, "%s%d", i ? ":" : "", s->raw[i]);
	add(out, " @ offset %u", s->bit_off / 8);
	if (s->bit_off % 8)
		add(out, ".%u", s->bit_off % 8);
	add(out, ")");
}

void core_format(char *buf, size_t len, const struct core_spec *s)
{
	const struct btf_type *t = btf_type_by_id(s->btf, s->root);
	const char *name = btf_type_name(s->btf, s->root);
	struct text out = {buf, len, 0};

	add(&out, "<%s> [%u] %s %s", core_kind_name(s->kind), s->root,
	    btf_kind_name(t ? btf_type_kind(t) : 0), *name ? name : "<anon>");
	if (core_family(s->kind) == CORE_ENUMVAL)
		format_enum(&out, s);
	else if (core_family(s->kind) == CORE_FIELD)
		format_field(&out, s);
}
