/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * show.c - an object as C-like text, byte for byte what the kernel's btf_type_show() prints
 * (oddities included: the elements of an array of pointers or arrays are all shown from the first
 * one's place).
 *
 * Members that are zero are left out unless BTF_F_ZERO is set. Whether a struct or array has
 * anything to show is found by walking it twice: once with @check set, which prints nothing and
 * notes in @shown the depth at which a value would have appeared.
 *
 * BTF may describe endless work (a million elements of size zero) or very deep nesting: @budget and
 * SHOW_MAX_DEPTH bound both (-E2BIG).
 */
#include <stdio.h>
#include <sys/auxv.h>

#include "btf/priv.h"

#define SHOW_UNSAFE	(1ull << 4) /* the kernel's internal flag: no check that a type has a size */
#define SHOW_MAX_DEPTH	64
#define SHOW_NAME_STEPS 10
#define SHOW_NAME_SIZE	80
#define SHOW_BUDGET	100000u

struct show {
	const struct btf *btf;
	u64 flags;
	btf_emit_fn emit;
	void *out;
	int status;
	u64 len;
	u64 budget;
	const u8 *start,
		*limit; /* the object; some BTF that passes the checks points 4 bytes behind it */
	/* where we are */
	u32 depth, shown, check;
	bool in_array, array_ended;
	u32 array_encoding;
	u32 type_id;
	const struct btf_type *type;
	const struct btf_member *member;
	char name[SHOW_NAME_SIZE];
};

typedef void (*show_fn)(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit);
static void show_type(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit);

/* --- text --- */

static void put(struct show *s, const char *text)
{
	size_t len = strlen(text);
	int err;

	if (s->check || s->status || !len)
		return;
	err = s->emit(s->out, text, len);
	if (err < 0)
		s->status = err;
	s->len += len;
}

static const char *indent(const struct show *s)
{
	static const char spaces[] = "                                ";

	if (s->flags & BTF_F_COMPACT)
		return "";
	return spaces + sizeof(spaces) - 1 - min(s->depth, (u32)sizeof(spaces) - 1);
}

static const char *newline(const struct show *s)
{
	return s->flags & BTF_F_COMPACT ? "" : "\n";
}

static const char *delim(const struct show *s)
{
	if (!s->depth)
		return "";
	if (s->flags & BTF_F_COMPACT && s->type && btf_type_kind(s->type) == BTF_KIND_UNION)
		return "|";
	return ",";
}

/* What is between the member and its base type. */
struct decl {
	const struct btf_type *base;
	const char *name; /* of the outermost typedef, else of the base */
	u32 kinds, stars, arrays;
};

static const struct btf_type *skip_qualifiers(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_type_by_id(btf, id);

	while (t && btf_kind_in(t, K_MODIFIER & ~K(TYPEDEF)))
		t = btf_type_by_id(btf, t->type);
	return t;
}

static bool read_decl(const struct show *s, u32 id, struct decl *d)
{
	const struct btf_type *t = btf_type_by_id(s->btf, id);
	int i;

	*d = (struct decl){0};
	for (i = 0; i < SHOW_NAME_STEPS && t; i++) {
		if (!btf_kind_in(t, K(TYPEDEF) | K(ARRAY) | K(PTR)))
			id = 0;
		else
			id = btf_kind_in(t, K(ARRAY)) ? btf_array(t)->type : t->type;
		if (btf_kind_in(t, K(TYPEDEF)) && !d->name)
			d->name = btf_name_by_offset(s->btf, t->name_off);
		d->stars += btf_type_is_ptr(t);
		d->arrays += btf_kind_in(t, K(ARRAY));
		if (btf_kind_in(t, K(TYPEDEF) | K(ARRAY) | K(PTR)))
			d->kinds |= 1u << btf_type_kind(t);
		if (!id)
			break;
		t = skip_qualifiers(s->btf, id);
	}
	if (i == SHOW_NAME_STEPS || !t)
		return false;
	d->base = t;
	if (!d->name)
		d->name = btf_name_by_offset(s->btf, t->name_off);
	if (!d->name)
		d->name = "";
	return true;
}

static const char *decl_prefix(const struct decl *d)
{
	static const char *const prefix[NR_BTF_KINDS] = {
		[BTF_KIND_STRUCT] = "struct",
		[BTF_KIND_UNION] = "union",
		[BTF_KIND_ENUM] = "enum",
		[BTF_KIND_ENUM64] = "enum",
	};
	const char *p = prefix[btf_type_kind(d->base)];

	return p && !(d->kinds & K(TYPEDEF)) ? p : "";
}

static const char *decl_paren(const struct decl *d)
{
	if (d->kinds & K(PTR))
		return "";
	if (d->kinds & K(ARRAY))
		return "[";
	return btf_type_is_struct(d->base) ? "{" : "";
}

/* "[.member = ](type)" and the bracket that opens what follows */
static const char *show_name(struct show *s)
{
	static const char stars[] = "**********", brackets[] = "[][][][][][][][][][]";
	const char *member = "", *prefix;
	u32 id = s->type_id;
	struct decl d;

	s->name[0] = 0;
	if (s->in_array) /* the array's type was shown already */
		return "";
	if (s->member) {
		member = btf_name_by_offset(s->btf, s->member->name_off);
		member = member ? member : "";
		id = s->member->type;
	}
	if (!read_decl(s, id, &d))
		return "";
	if (s->flags & BTF_F_NONAME) {
		snprintf(s->name, sizeof(s->name), "%s", decl_paren(&d));
		return s->name;
	}
	prefix = decl_prefix(&d);
	/* longer names are cut, as the kernel's are */
	if (snprintf(s->name, sizeof(s->name), "%s%s%s(%s%s%s%s%s%s)%s", *member ? "." : "", member,
		     *member ? " = " : "", prefix, *prefix && *d.name ? " " : "", d.name,
		     d.stars ? " " : "", stars + sizeof(stars) - 1 - d.stars,
		     brackets + sizeof(brackets) - 1 - 2 * d.arrays, decl_paren(&d)) < 0)
		return "";
	return s->name;
}

static void value_text(struct show *s, const char *text)
{
	if (!s->check) {
		put(s, indent(s));
		put(s, show_name(s));
		put(s, text);
		put(s, delim(s));
		put(s, newline(s));
	}
	s->shown = max(s->shown, s->depth);
}

static bool wanted(const struct show *s, bool nonzero)
{
	return nonzero || s->flags & BTF_F_ZERO || !s->depth;
}

static void __printf(3, 4) value(struct show *s, bool nonzero, const char *fmt, ...)
{
	char text[64];
	va_list ap;

	if (!wanted(s, nonzero))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	value_text(s, text);
}

/* --- one type begins and ends --- */

static bool charge(struct show *s, u32 work)
{
	if (s->budget < work) {
		s->budget = 0;
		s->status = -E2BIG;
		return false;
	}
	s->budget -= work;
	return true;
}

static bool begin(struct show *s, const struct btf_type *t, u32 id)
{
	u32 size;

	s->type = t;
	s->type_id = id;
	/* an enumerator is searched for one by one */
	if (s->status || !charge(s, 1 + (btf_type_is_any_enum(t) ? btf_type_vlen(t) / 64 : 0)))
		return false;
	if (!(s->flags & SHOW_UNSAFE) && IS_ERR(btf_resolve_size(s->btf, t, &size))) {
		s->status = -EINVAL;
		return false;
	}
	return true;
}

static void end(struct show *s)
{
	s->type = NULL;
	s->type_id = 0;
}

static bool begin_aggregate(struct show *s, const struct btf_type *t, u32 id)
{
	if (!begin(s, t, id))
		return false;
	if (s->depth >= SHOW_MAX_DEPTH) {
		s->status = -E2BIG;
		return false;
	}
	if (!s->check) {
		put(s, indent(s));
		put(s, show_name(s));
		put(s, newline(s));
	}
	s->depth++;
	return true;
}

static void end_aggregate(struct show *s, const char *bracket)
{
	s->depth--;
	put(s, indent(s));
	put(s, bracket);
	put(s, delim(s));
	put(s, newline(s));
	end(s);
}

/* Shows a struct or array, when it has something to show. */
static void show_if_any(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit,
			show_fn show)
{
	const struct btf_member *m = s->member;

	if (s->depth && !(s->flags & BTF_F_ZERO)) {
		if (!s->check) {
			s->check = s->depth + 1;
			s->shown = 0;
		}
		show(s, t, id, data, bit);
		s->member = m;
		if (s->check != s->depth + 1)
			return;
		s->check = 0;
		if (s->shown <= s->depth)
			return;
	}
	show(s, t, id, data, bit);
}

/* --- numbers --- */

static void show_int128(struct show *s, u64 high, u64 low)
{
	if (high)
		value(s, true, "0x%llx%016llx", (unsigned long long)high, (unsigned long long)low);
	else
		value(s, low, "0x%llx", (unsigned long long)low);
}

/* Copies what lies inside the object, the rest reads as zero. */
static void fetch(const struct show *s, void *dst, const u8 *data, u32 size)
{
	if (data >= s->start && data < s->limit)
		memcpy(dst, data, min((size_t)size, (size_t)(s->limit - data)));
}

static void show_bits(struct show *s, const u8 *data, u32 bit, u32 nr_bits)
{
	unsigned __int128 v = 0;

	data += BITS_DOWN(bit);
	bit = BITS_IN_BYTE(bit);
	if (!nr_bits || nr_bits + bit > INT128_BITS) {
		show_int128(s, 0, 0);
		return;
	}
	fetch(s, &v, data, BITS_UP(nr_bits + bit));
	v = v << (INT128_BITS - nr_bits - bit) >> (INT128_BITS - nr_bits);
	show_int128(s, v >> 64, v);
}

static u64 read_unsigned(const struct show *s, const u8 *data, u32 size)
{
	u64 v = 0;

	fetch(s, &v, data, size);
	return v;
}

static s64 read_signed(const struct show *s, const u8 *data, u32 size)
{
	return (s64)(read_unsigned(s, data, size) << (64 - 8 * size)) >> (64 - 8 * size);
}

/* An element of a char array: shown as character, and the first NUL ends the array. */
static bool show_char(struct show *s, u8 c)
{
	if (s->array_ended)
		return true;
	if (!c) {
		s->array_ended = true;
		return true;
	}
	if (!btf_isprint(c))
		return false;
	value(s, true, "'%c'", c);
	return true;
}

static void show_int(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	u32 spec = btf_int_data(t), bits = BTF_INT_BITS(spec);

	if (!begin(s, t, id))
		return;
	if (bit || BTF_INT_OFFSET(spec) || (bits != 8 && bits != 16 && bits != 32 && bits != 64))
		show_bits(s, data, bit + BTF_INT_OFFSET(spec), bits);
	else if (bits == 8 && s->array_encoding == BTF_INT_CHAR &&
		 show_char(s, read_unsigned(s, data, 1)))
		;
	else if (BTF_INT_ENCODING(spec) & BTF_INT_SIGNED)
		value(s, read_unsigned(s, data, bits / 8), "%lld",
		      (long long)read_signed(s, data, bits / 8));
	else
		value(s, read_unsigned(s, data, bits / 8), "%llu",
		      (unsigned long long)read_unsigned(s, data, bits / 8));
	end(s);
}

static void show_enum_name(struct show *s, u32 name_off)
{
	if (wanted(s, true))
		value_text(s, btf_text_name(s->btf, name_off));
}

/* The kernel reads an int whatever the enum's size; we stay inside the object. */
static void show_enum(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	const struct btf_enum *e = btf_enums(t), *last = e + btf_type_vlen(t);
	bool is_signed = btf_type_kflag(t);
	u32 size = min(t->size, 4u);
	s32 v;

	if (!begin(s, t, id))
		return;
	v = is_signed ? (s32)read_signed(s, data, size) : (s32)read_unsigned(s, data, size);
	for (; e < last && e->val != v; e++)
		;
	if (e < last)
		show_enum_name(s, e->name_off);
	else
		value(s, v, is_signed ? "%d" : "%u", v);
	end(s);
}

static void show_enum64(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	const struct btf_enum64 *e = btf_enums64(t), *last = e + btf_type_vlen(t);
	bool is_signed = btf_type_kflag(t);
	u64 v;

	if (!begin(s, t, id))
		return;
	v = is_signed ? (u64)read_signed(s, data, t->size) : read_unsigned(s, data, t->size);
	for (; e < last && btf_enum64_val(e) != v; e++)
		;
	if (e < last)
		show_enum_name(s, e->name_off);
	else
		value(s, v, is_signed ? "%lld" : "%llu", (unsigned long long)v);
	end(s);
}

/* --- pointers --- */

/* An address is not for everyone to see: 32 bits that tell pointers apart, keyed by the random
 * bytes the kernel gave this process. */
static u32 hide_address(u64 addr)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	u64 key[2] = {0x9e3779b97f4a7c15ull, 0xc2b2ae3d27d4eb4full}, h;
	int i;

	if (random)
		memcpy(key, random, sizeof(key));
	h = addr ^ key[0];
	for (i = 0; i < 4; i++) {
		h = (h ^ h >> 32) * 0xd6e8feb86659fd93ull + key[1];
		h = (h << 29 | h >> 35) ^ key[i & 1];
	}
	h = (h ^ h >> 32) * 0xd6e8feb86659fd93ull;
	return h >> 32;
}

static void show_ptr(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	unsigned long long v;

	if (!begin(s, t, id))
		return;
	v = read_unsigned(s, data, 8);
	if (!(s->flags & BTF_F_PTR_RAW) && v && !IS_ERR((void *)v))
		v = hide_address(v);
	value(s, v, "0x%016llx", v);
	end(s);
}

/* --- aggregates --- */

static void show_members(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	const struct btf_member *m = btf_members(t), *last = m + btf_type_vlen(t);

	if (!begin_aggregate(s, t, id))
		return;
	for (; m < last && !s->status; m++) {
		const struct btf_type *mt = btf_type_by_id(s->btf, m->type);
		u32 off = btf_member_bit_offset(t, m), bits = btf_member_bitfield_size(t, m);

		s->member = m;
		if (bits) {
			if (begin(s, mt, m->type))
				show_bits(s, data + BITS_DOWN(off), BITS_IN_BYTE(off), bits);
			end(s);
		} else {
			show_type(s, mt, m->type, data + BITS_DOWN(off), BITS_IN_BYTE(off));
		}
		s->member = NULL;
	}
	end_aggregate(s, "}");
}

static void show_struct(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	show_if_any(s, t, id, data, bit, show_members);
}

static void show_elements(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	const struct btf_array *a = btf_array(t);
	const struct btf_type *elem = btf_type_skip_modifiers(s->btf, a->type, NULL);
	u32 i, size = elem && btf_kind_in(elem, K_SIZE) ? elem->size : 0, encoding = 0;

	if (elem && btf_type_is_int(elem))
		encoding = size == 1 ? BTF_INT_CHAR : BTF_INT_ENCODING(btf_int_data(elem));
	s->array_encoding = encoding;
	s->array_ended = false;
	if (!begin_aggregate(s, t, id))
		return;
	for (i = 0; elem && i < a->nelems && !s->status; i++) {
		s->in_array = true;
		s->member = NULL;
		show_type(s, elem, a->type, data, bit);
		data += size;
		s->in_array = false;
		s->member = NULL;
		if (s->array_ended)
			break;
	}
	s->array_encoding = 0;
	s->array_ended = false;
	end_aggregate(s, "]");
}

static void show_array(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	show_if_any(s, t, id, data, bit, show_elements);
}

static void show_datasec(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	const struct btf_var_secinfo *v = btf_secinfos(t);
	u32 i;

	/* a section has no size of its own for btf_resolve_size(), so only the UNSAFE way gets
	 * here */
	if (!begin(s, t, id))
		return;
	put(s, indent(s));
	put(s, show_name(s));
	put(s, "section (\"");
	put(s, btf_text_name(s->btf, t->name_off));
	put(s, "\") = {");
	put(s, delim(s));
	put(s, newline(s));
	for (i = 0; i < btf_type_vlen(t) && !s->status; i++) {
		if (i)
			put(s, ",");
		show_type(s, btf_type_by_id(s->btf, v[i].type), v[i].type, data + v[i].offset, bit);
	}
	end(s);
}

/* --- references --- */

static void show_modifier(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	if (s->btf->resolved_ids) {
		id = btf_resolved_id(s->btf, id);
		t = btf_type_by_id(s->btf, id);
	} else {
		t = btf_type_skip_modifiers(s->btf, id, NULL); /* keeps the typedef's name */
	}
	show_type(s, t, id, data, bit);
}

static void show_var(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	if (s->btf->resolved_ids) {
		id = btf_resolved_id(s->btf, id);
		t = btf_type_by_id(s->btf, id);
	} else {
		t = btf_type_skip_modifiers(s->btf, t->type, &id);
	}
	show_type(s, t, id, data, bit);
}

static void show_unsupported(struct show *s, const struct btf_type *t)
{
	char text[40];

	if (!charge(s, 1))
		return;
	snprintf(text, sizeof(text), "<unsupported kind:%u>", btf_type_kind(t));
	put(s, text);
}

static void show_type(struct show *s, const struct btf_type *t, u32 id, const u8 *data, u32 bit)
{
	static const show_fn fns[NR_BTF_KINDS] = {
		[BTF_KIND_INT] = show_int,	     [BTF_KIND_PTR] = show_ptr,
		[BTF_KIND_ARRAY] = show_array,	     [BTF_KIND_STRUCT] = show_struct,
		[BTF_KIND_UNION] = show_struct,	     [BTF_KIND_ENUM] = show_enum,
		[BTF_KIND_ENUM64] = show_enum64,     [BTF_KIND_TYPEDEF] = show_modifier,
		[BTF_KIND_VOLATILE] = show_modifier, [BTF_KIND_CONST] = show_modifier,
		[BTF_KIND_RESTRICT] = show_modifier, [BTF_KIND_TYPE_TAG] = show_modifier,
		[BTF_KIND_VAR] = show_var,	     [BTF_KIND_DATASEC] = show_datasec,
	};

	if (s->status)
		return;
	if (fns[btf_type_kind(t)])
		fns[btf_type_kind(t)](s, t, id, data, bit);
	else
		show_unsupported(s, t);
}

/* Bytes of sections and of what is seen through a variable; everything else without a size shows
 * none. */
static u32 unsized(const struct btf *btf, const struct btf_type *t)
{
	u32 size = 0;

	if (btf_kind_in(t, K(DATASEC)))
		return t->size;
	if (btf_kind_in(t, K(VAR)) &&
	    !IS_ERR(btf_resolve_size(btf, btf_type_by_id(btf, t->type), &size)))
		return size;
	return 0;
}

static int show_object(const struct btf *btf, u32 id, const void *obj, u64 flags, btf_emit_fn emit,
		       void *out)
{
	const struct btf_type *t = btf_type_by_id(btf, id);
	struct show s = {
		.btf = btf, .flags = flags, .emit = emit, .out = out, .budget = SHOW_BUDGET};
	u32 size;

	if (!t)
		return -EINVAL;
	if (IS_ERR(btf_resolve_size(btf, t, &size)))
		size = unsized(btf, t);
	s.budget += 32ull * size;
	s.start = obj;
	s.limit = s.start + size;
	show_type(&s, t, id, obj, 0);
	return s.status ? s.status : (int)min(s.len, (u64)INT32_MAX);
}

int btf_show(const struct btf *btf, u32 id, const void *obj, u64 flags, btf_emit_fn emit, void *out)
{
	if (flags & ~(u64)(BTF_F_COMPACT | BTF_F_NONAME | BTF_F_PTR_RAW | BTF_F_ZERO))
		return -EINVAL;
	return show_object(btf, id, obj, flags, emit, out);
}

int btf_show_map_value(const struct btf *btf, u32 id, const void *obj, btf_emit_fn emit, void *out)
{
	return show_object(btf, id, obj, BTF_F_NONAME | BTF_F_COMPACT | BTF_F_ZERO | SHOW_UNSAFE,
			   emit, out);
}
