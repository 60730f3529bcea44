/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.c - what does a read of some bytes of a struct yield: a number, a pointer to another struct,
 * or a refusal? Also: does an address inside a struct point to a struct of the wanted type?
 * Verdicts and texts follow the kernel (Linux 6.1).
 */
#include "btf/priv.h"

/* ORDER: enum bpf_type_flag of helper/helper.h, which this folder may not include;
 * tests/unit/btf compares them. */
#define FLAG_USER   (1u << 11)
#define FLAG_PERCPU (1u << 12)
#define FLAG_RCU    (1u << 20)

struct walk {
	struct log *log;
	const struct btf *btf;
	const struct btf_type *t; /* struct being searched */
	int off, size;
	u32 next_id, flags;
};

/* The member that holds w->off; arrays are narrowed to the element. */
struct field {
	const char *name;
	const struct btf_type *t;
	u32 id, off, size;
	u32 end; /* of the whole member, all elements of an array included */
};

enum { FOUND, GO_ON, STOP };

static u32 type_tag_flag(const struct btf *btf, const struct btf_type *t)
{
	static const struct {
		const char *tag;
		u32 flag;
	} tags[] = {
		{"user", FLAG_USER},
		{"percpu", FLAG_PERCPU},
		{"rcu", FLAG_RCU},
	};
	u32 i;

	if (t && btf_kind_in(t, K(TYPE_TAG)))
		for (i = 0; i < ARRAY_SIZE(tags); i++)
			if (!strcmp(btf_text_name(btf, t->name_off), tags[i].tag))
				return tags[i].flag;
	return 0;
}

/*
 * The read ends behind the struct. That is allowed in a flexible array at its end: of numbers, or
 * of structs, where the search goes on in the element.
 */
static int walk_flexible(struct walk *w)
{
	const struct btf_type *t = w->t, *elem;
	const struct btf_member *last = btf_members(t) + btf_type_vlen(t) - 1;
	const struct btf_type *array;
	int start;

	if (!btf_type_vlen(t))
		goto beyond;
	array = btf_type_skip_modifiers(w->btf, last->type, NULL);
	start = btf_member_bit_offset(t, last) / 8;
	if (!btf_kind_in(array, K(ARRAY)) || btf_array(array)->nelems || w->off < start)
		goto beyond;
	elem = btf_type_skip_modifiers(w->btf, btf_array(array)->type, NULL);
	if (btf_type_is_int(elem))
		return BTF_WALK_SCALAR;
	if (!btf_type_is_struct(elem) || !elem->size)
		goto beyond;
	w->t = elem;
	w->off = (u32)(w->off - start) % elem->size;
	return BTF_WALK_STRUCT;
beyond:
	log_printf(w->log, "access beyond struct %s at off %u size %u\n",
		   btf_text_name(w->btf, t->name_off), w->off, w->size);
	return -EACCES;
}

/* Narrows @f to the array element at @off; false for an array of nothing. */
static bool into_element(struct field *f, u32 off, const struct btf_type *elem, u32 elem_id,
			 u32 nelems)
{
	if (f->off == f->end || !nelems)
		return false;
	f->size /= nelems;
	if (!f->size)
		return false;
	f->off += (off - f->off) / f->size * f->size;
	f->t = elem;
	f->id = elem_id;
	return true;
}

static bool bitfield_read(const struct walk *w, u32 start, u32 end_bit)
{
	/* <= rather than ==: clang leaves out the member of an anonymous bitfield in front */
	return w->off <= (int)start && BITS_UP(end_bit) <= (u32)(w->off + w->size);
}

/* Does member @m hold the read? FOUND fills @f; STOP with *ret set. */
static int try_member(struct walk *w, const struct btf_member *m, struct field *f, int *ret)
{
	u32 bit = btf_member_bit_offset(w->t, m), bits = btf_member_bitfield_size(w->t, m);
	u32 elem_id = 0, nelems = 0;
	const struct btf_type *elem = NULL;

	*f = (struct field){
		.name = btf_text_name(w->btf, m->name_off), .id = m->type, .off = bit / 8};
	*ret = -EINVAL; /* no such field */
	if ((u32)(w->off + w->size) <= f->off)
		return STOP;
	if (bits) {
		*ret = BTF_WALK_SCALAR;
		return bitfield_read(w, f->off, bit + bits) ? STOP : GO_ON;
	}
	if (w->off < (int)f->off)
		return STOP; /* a hole */
	f->t = btf_resolve_elem(w->btf, btf_type_by_id(w->btf, m->type), &f->size, &elem, &elem_id,
				&nelems, &f->id);
	if (IS_ERR(f->t)) {
		log_printf(w->log, "field %s doesn't have size\n", f->name);
		*ret = -EFAULT;
		return STOP;
	}
	f->end = f->off + f->size;
	if ((u32)w->off >= f->end)
		return GO_ON;
	if (btf_kind_in(f->t, K(ARRAY)) && !into_element(f, w->off, elem, elem_id, nelems))
		return GO_ON;
	return FOUND;
}

static int walk_ptr(struct walk *w, const struct field *f)
{
	const struct btf_type *to;
	u32 id;

	if (f->size != (u32)w->size || (u32)w->off != f->off) {
		log_printf(
			w->log,
			"cannot access ptr member %s with moff %u in struct %s with off %u size %u\n",
			f->name, f->off, btf_text_name(w->btf, w->t->name_off), w->off, w->size);
		return -EACCES;
	}
	to = btf_type_skip_modifiers(w->btf, f->t->type, &id);
	if (!to || !btf_type_is_struct(to))
		return BTF_WALK_SCALAR;
	w->next_id = id;
	w->flags = type_tag_flag(w->btf, btf_type_by_id(w->btf, f->t->type));
	return BTF_WALK_PTR;
}

static int walk_field(struct walk *w, const struct field *f)
{
	int ret = BTF_WALK_SCALAR;

	if (btf_type_is_struct(f->t)) {
		w->t = f->t;
		w->next_id = f->id;
		w->off -= f->off;
		return BTF_WALK_STRUCT;
	}
	if (btf_type_is_ptr(f->t))
		ret = walk_ptr(w, f);
	/* numbers may be read in any way as long as it stays in the member: skb->cb[] is used as
	 * scratch space */
	if (ret == BTF_WALK_SCALAR && (u32)(w->off + w->size) > f->end) {
		log_printf(
			w->log,
			"access beyond the end of member %s (mend:%u) in struct %s with off %u size %u\n",
			f->name, f->end, btf_text_name(w->btf, w->t->name_off), w->off, w->size);
		ret = -EACCES;
	}
	return ret;
}

/*
 * One level: enum btf_walk_result or negative errno. BTF_WALK_STRUCT: go on in w->t at w->off,
 * which is struct w->next_id when off is 0 (a flexible array leaves next_id 0, its element is
 * searched without being an answer itself, as in the kernel).
 */
static int walk_level(struct walk *w)
{
	const struct btf_type *t = w->t;
	const struct btf_member *m = btf_members(t);
	struct field f;
	u32 i;
	int ret;

	w->next_id = 0;
	if (!btf_type_is_struct(t)) {
		log_printf(w->log, "Type '%s' is not a struct\n",
			   btf_text_name(w->btf, t->name_off));
		return -EINVAL;
	}
	if ((s64)w->off + w->size > t->size)
		return walk_flexible(w);
	for (i = 0; i < btf_type_vlen(t); i++) {
		switch (try_member(w, m + i, &f, &ret)) {
		case FOUND: return walk_field(w, &f);
		case STOP:
			if (ret != -EINVAL)
				return ret;
			i = BTF_MAX_VLEN;
			break;
		}
	}
	log_printf(w->log, "struct %s doesn't have field at offset %d\n",
		   btf_text_name(w->btf, t->name_off), w->off);
	return -EINVAL;
}

int btf_struct_walk(struct log *log, const struct btf *btf, const struct btf_type *t, int off,
		    int size, u32 *next_id, u32 *flags)
{
	struct walk w = {.log = log, .btf = btf, .t = t, .off = off, .size = size};
	int ret = BTF_WALK_STRUCT;

	if (off < 0 || size <= 0)
		ret = -EACCES;
	while (ret == BTF_WALK_STRUCT) /* ends: no struct contains itself (nest.c) */
		ret = walk_level(&w);
	*flags = ret == BTF_WALK_PTR ? w.flags : 0;
	*next_id = ret < 0 ? (u32)ret : w.next_id;
	return ret < 0 ? BTF_WALK_ERROR : ret;
}

static bool same_type(const struct btf *a, u32 a_id, const struct btf *b, u32 b_id)
{
	/* a split BTF and its base share records */
	return a_id == b_id && (a == b || btf_type_by_id(a, a_id) == btf_type_by_id(b, b_id));
}

bool btf_struct_ids_match(struct log *log, const struct btf *btf, u32 id, int off,
			  const struct btf *need_btf, u32 need_id, bool strict)
{
	struct walk w = {
		.log = log, .btf = btf, .t = btf_type_by_id(btf, id), .off = off, .size = 1};

	if (!off && same_type(btf, id, need_btf, need_id))
		return true;
	if (strict || off < 0 || !w.t)
		return false;
	while (walk_level(&w) == BTF_WALK_STRUCT)
		if (w.next_id && !w.off && same_type(btf, w.next_id, need_btf, need_id))
			return true;
	return false;
}
