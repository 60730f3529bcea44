/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stackobj.c - what lives on a program's stack and is not the program's to touch: iterators over
 * numbers and dynptrs (machine.h). Their bytes in the machine are a mark: an object whose mark has
 * changed is no object any more, and who uses it found a hole.
 */
#include "machine.h"

#define DYNPTR_SIZE 16
#define ITER_SIZE   8

static bool is_marked(const struct machine *m, const struct stack_object *o)
{
	const struct region *g = &m->rg[region_of(o->at)];

	return g->mem && !memcmp(g->mem + region_pos(o->at), o->mark, o->size);
}

/* The object at @a, or NULL with a violation. */
static struct stack_object *object_at(struct machine *m, u64 a, enum stack_object_kind kind)
{
	for (u32 i = 0; i < MAX_STACK_OBJECTS; i++) {
		struct stack_object *o = &m->on_stack[i];

		if (!o->kind || o->at != a)
			continue;
		if (!is_marked(m, o))
			violation(m, "the object on the stack at %#llx was changed",
				  (unsigned long long)a);
		else if (kind == SO_DYNPTR ? o->kind != SO_ITER : o->kind == kind)
			return o;
		else
			violation(m, "another object on the stack at %#llx", (unsigned long long)a);
		return NULL;
	}
	violation(m, "no object on the stack at %#llx", (unsigned long long)a);
	return NULL;
}

/* Objects below @a .. @a + @size are no more. */
static void forget_objects(struct machine *m, u64 a, u32 size)
{
	for (u32 i = 0; i < MAX_STACK_OBJECTS; i++) {
		struct stack_object *o = &m->on_stack[i];

		if (o->kind && o->at < a + size && a < o->at + o->size)
			o->kind = SO_NONE;
	}
}

static struct stack_object *new_object(struct machine *m, u64 a, u32 size,
				       enum stack_object_kind kind)
{
	u8 *at = mem_write(m, a, size, "an object on the stack");

	if (!at)
		return NULL;
	if (stack_frame_of(a) < 0 || region_pos(a) % 8) {
		violation(m, "an object on the stack at %#llx", (unsigned long long)a);
		return NULL;
	}
	forget_objects(m, a, size);
	for (u32 i = 0; i < MAX_STACK_OBJECTS; i++) {
		struct stack_object *o = &m->on_stack[i];

		if (o->kind)
			continue;
		*o = (struct stack_object){.kind = kind, .at = a, .size = size};
		for (u32 j = 0; j < size; j++)
			o->mark[j] = at[j] = rnd(&m->r);
		mem_set_how(m, a, size, JUNK, false);
		return o;
	}
	stop(m);
	return NULL;
}

/* --- iterators over numbers; the twin's are real --- */

bool so_iter_new(struct hcall *c)
{
	struct machine *m = c->m;
	s64 start = (s32)c->r[2], end = (s32)c->r[3];
	struct stack_object *o = new_object(m, c->r[1], ITER_SIZE, SO_ITER);

	if (!o)
		return false;
	if (m->f[m->depth].how[2] != SAME || m->f[m->depth].how[3] != SAME)
		unpair(m);
	m->held++;
	c->r0 = end < start ? (u64)-EINVAL : end - start > 1 << 23 ? (u64)-E2BIG : 0;
	o->cur = start - 1;
	o->end = c->r0 ? o->cur : end;
	o->region = RG_NUMBER + (o - m->on_stack);
	return true;
}

bool so_iter_next(struct hcall *c)
{
	struct machine *m = c->m;
	struct stack_object *o = object_at(m, c->r[1], SO_ITER);
	struct region *g;
	s32 now;

	if (!o)
		return false;
	if (o->cur + 1 >= o->end) {
		o->end = o->cur;
		m->rg[o->region].mem = NULL;
		return true;
	}
	now = ++o->cur;
	g = &m->rg[o->region];
	*g = (struct region){m->number[o->region - RG_NUMBER],
			     m->number_shadow[o->region - RG_NUMBER], 4, true};
	memcpy(g->mem, &now, 4);
	memset(g->shadow, 0, 4);
	c->r0 = addr(o->region);
	c->how = ADDRESS;
	return true;
}

bool so_iter_destroy(struct hcall *c)
{
	struct stack_object *o = object_at(c->m, c->r[1], SO_ITER);

	if (!o)
		return false;
	c->m->rg[o->region].mem = NULL;
	c->m->held--;
	o->kind = SO_NONE;
	return true;
}

/* --- dynptrs --- */

static bool inside(const struct stack_object *o, u32 off, u32 len)
{
	return o->data && len <= o->len && off <= o->len - len;
}

bool so_from_mem(struct hcall *c)
{
	struct machine *m = c->m;
	u32 size = c->r[2];
	struct stack_object *o;

	if (size && !mem_at(m, c->r[1], size, true, "memory of a dynptr"))
		return false;
	o = new_object(m, c->r[4], DYNPTR_SIZE, SO_DYNPTR);
	if (!o)
		return false;
	c->r0 = size > (1u << 24) - 1 ? (u64)-E2BIG : c->r[3] ? (u64)-EINVAL : 0;
	o->data = c->r0 ? 0 : c->r[1];
	o->len = c->r0 ? 0 : size;
	return true;
}

/* Answers what both accesses do when they are not possible. */
static bool refused(struct hcall *c, const struct stack_object *o, u32 off, u32 len, u64 flags)
{
	c->r0 = !o->data || flags ? (u64)-EINVAL : !inside(o, off, len) ? (u64)-E2BIG : 0;
	return c->r0;
}

static bool copy(struct hcall *c, u64 to, u64 from, u32 size)
{
	struct machine *m = c->m;
	u8 *src = mem_read(m, from, size, "from a dynptr's copy"), *dst, *from_shadow;
	u8 shadow[512];

	if (!src)
		return false;
	if (!size)
		return true;
	if (size > sizeof(shadow))
		return stop(m);
	from_shadow = shadow_at(m, from);
	memcpy(shadow, from_shadow, size);
	dst = mem_write(m, to, size, "a dynptr's copy");
	if (!dst)
		return false;
	memmove(dst, src, size);
	memcpy(shadow_at(m, to), shadow, size);
	for (u32 i = 0; i < size; i++)
		shadow_at(m, to)[i] |= SH_WRITTEN;
	return true;
}

bool so_read(struct hcall *c)
{
	u32 len = c->r[2], off = c->r[4];
	struct stack_object *o = object_at(c->m, c->r[3], SO_DYNPTR);

	if (!o)
		return false;
	if (!refused(c, o, off, len, c->r[5])) {
		c->h->copy = c->h->at = 1;
		c->h->other = o->data + off;
		c->h->size = len;
		return copy(c, c->r[1], o->data + off, len);
	}
	/* the memory counts as written by then */
	if (len && !mem_write(c->m, c->r[1], len, "a dynptr's copy"))
		return false;
	if (len)
		mem_set_how(c->m, c->r[1], len, JUNK, false);
	return true;
}

bool so_write(struct hcall *c)
{
	u32 len = c->r[4], off = c->r[2];
	struct stack_object *o = object_at(c->m, c->r[1], SO_DYNPTR);

	if (!o)
		return false;
	if (refused(c, o, off, len, c->r[5]))
		return !len || mem_read(c->m, c->r[3], len, "to a dynptr");
	c->h->copy = 2;
	c->h->at = 3;
	c->h->other = o->data + off;
	c->h->size = len;
	return copy(c, o->data + off, c->r[3], len);
}

bool so_data(struct hcall *c)
{
	struct stack_object *o = object_at(c->m, c->r[1], SO_DYNPTR);

	if (!o)
		return false;
	if (!inside(o, (u32)c->r[2], (u32)c->r[3]))
		return true;
	c->r0 = o->data + (u32)c->r[2];
	c->how = ADDRESS;
	return true;
}

bool so_reserve(struct hcall *c)
{
	struct machine *m = c->m;
	u32 size = c->r[2], n = m->nr_records;
	struct stack_object *o;

	if (c->r[1] != addr(RG_HANDLE + MAP_RING))
		return violation(m, "not a ring buffer");
	o = new_object(m, c->r[4], DYNPTR_SIZE, SO_RING);
	if (!o)
		return false;
	m->held++;
	c->r0 = (u64)-EINVAL;
	if (c->r[3] || size > SP_MAX_RECORD || n == RECORDS || chance(&m->r, 25))
		return true;
	new_record(m, size);
	c->h->record = n + 1;
	o->data = addr(RG_RECORD + n);
	o->len = size;
	c->r0 = 0;
	return true;
}

bool so_submit(struct hcall *c)
{
	struct stack_object *o = object_at(c->m, c->r[1], SO_RING);

	if (!o)
		return false;
	if (o->data)
		c->m->rg[region_of(o->data)].mem = NULL;
	c->m->held--;
	o->kind = SO_NONE;
	return true;
}
