/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "gen/trace.h"

/* Room for one more in an array of @nr elements: it grows by doubling at powers of two. */
static int grow(void *array, u32 nr, size_t elem)
{
	void **p = array, *n;

	if (nr & (nr - 1))
		return 0;
	n = realloc(*p, (nr ? nr * 2ul : 1ul) * elem);
	if (!n)
		return -ENOMEM;
	*p = n;
	return 0;
}

struct gen_trace *gen_trace_new(const char *name)
{
	struct gen_trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	t->name = strdup(name);
	if (t->name)
		return t;
	free(t);
	return NULL;
}

static void free_call(struct gen_call *c)
{
	for (u32 i = 0; i < c->nr_segs; i++)
		free(c->segs[i].data);
	for (u32 i = 0; i < c->nr_refs; i++)
		free(c->refs[i].name);
	free(c->segs);
	free(c->refs);
}

void gen_trace_free(struct gen_trace *t)
{
	if (!t)
		return;
	for (u32 i = 0; i < t->nr_calls; i++)
		free_call(&t->calls[i]);
	for (u32 i = 0; i < t->nr_slots; i++) {
		free(t->slots[i].name);
		free(t->slots[i].ident);
		free(t->slots[i].sec);
	}
	free(t->calls);
	free(t->slots);
	free(t->btf);
	free(t->name);
	free(t);
}

int gen_trace_call(struct gen_trace *t, int cmd, const union bpf_attr *attr, u32 size)
{
	struct gen_call *c;

	if (size > sizeof(*attr))
		return -E2BIG;
	if (grow(&t->calls, t->nr_calls, sizeof(*c)))
		return -ENOMEM;
	c = &t->calls[t->nr_calls];
	*c = (struct gen_call){.cmd = cmd, .attr_size = size, .slot = -1};
	memcpy(&c->attr, attr, size);
	return t->nr_calls++;
}

void gen_trace_drop(struct gen_trace *t)
{
	free_call(&t->calls[--t->nr_calls]);
}

int gen_call_seg(struct gen_call *c, struct gen_place ptr, const struct abi_field *f,
		 const void *data, u32 len)
{
	struct gen_seg *s;

	if (grow(&c->segs, c->nr_segs, sizeof(*s)))
		return -ENOMEM;
	s = &c->segs[c->nr_segs];
	*s = (struct gen_seg){.ptr = ptr, .field = f, .len = len, .align = 8};
	s->data = calloc(1, len ?: 1);
	if (!s->data)
		return -ENOMEM;
	if (data)
		memcpy(s->data, data, len);
	return c->nr_segs++;
}

int gen_call_ref(struct gen_call *c, const struct gen_ref *ref)
{
	struct gen_ref *r;

	if (grow(&c->refs, c->nr_refs, sizeof(*r)))
		return -ENOMEM;
	r = &c->refs[c->nr_refs];
	*r = *ref;
	r->name = ref->name ? strdup(ref->name) : NULL;
	if (ref->name && !r->name)
		return -ENOMEM;
	return c->nr_refs++;
}

/* --- slots --- */

static bool ident_taken(const struct gen_trace *t, u32 slot, const char *ident)
{
	for (u32 i = 0; i < t->nr_slots; i++)
		if (i != slot && t->slots[i].kind == t->slots[slot].kind && t->slots[i].ident &&
		    !strcmp(t->slots[i].ident, ident))
			return true;
	return false;
}

/* What is no letter of an identifier becomes '_'; a number follows when somebody has the name. */
static char *make_ident(const struct gen_trace *t, u32 slot, const char *name)
{
	size_t cap = strlen(name) + 16;
	char *ident = malloc(cap);
	int len = 0;

	if (!ident)
		return NULL;
	if (isdigit((unsigned char)name[0]) || !name[0])
		ident[len++] = '_';
	for (; *name; name++)
		ident[len++] = isalnum((unsigned char)*name) ? *name : '_';
	ident[len] = '\0';
	for (u32 n = 2; ident_taken(t, slot, ident); n++)
		snprintf(ident + len, cap - len, "_%u", n);
	return ident;
}

int gen_slot_name(struct gen_trace *t, u32 slot, const char *name, const char *ident)
{
	struct gen_slot *s = &t->slots[slot];
	char *n = strdup(name), *i = make_ident(t, slot, ident ?: name);

	if (!n || !i) {
		free(n);
		free(i);
		return -ENOMEM;
	}
	free(s->name);
	free(s->ident);
	s->name = n;
	s->ident = i;
	return 0;
}

int gen_trace_slot(struct gen_trace *t, u32 call, enum gen_obj_kind kind, const char *name)
{
	u32 slot = t->nr_slots;
	int err;

	if (grow(&t->slots, t->nr_slots, sizeof(*t->slots)))
		return -ENOMEM;
	t->slots[slot] = (struct gen_slot){.kind = kind, .call = call};
	t->nr_slots++;
	err = gen_slot_name(t, slot, name, NULL);
	if (err)
		return err;
	t->calls[call].slot = slot;
	return slot;
}
