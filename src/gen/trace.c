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

static void free_slot(struct gen_slot *s)
{
	free(s->name);
	free(s->ident);
	free(s->sec);
}

void gen_trace_free(struct gen_trace *t)
{
	if (!t)
		return;
	for (u32 i = 0; i < t->nr_calls; i++)
		free_call(&t->calls[i]);
	for (u32 i = 0; i < t->nr_slots; i++)
		free_slot(&t->slots[i]);
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
	*s = (struct gen_seg){.ptr = ptr, .field = f, .len = len};
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
		if (i != slot && t->slots[i].exported && t->slots[i].kind == t->slots[slot].kind &&
		    t->slots[i].ident && !strcmp(t->slots[i].ident, ident))
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

/* --- what is needed --- */

struct needed {
	bool *calls, *slots;
	bool changed;
};

static void need_slot(struct needed *n, u32 slot)
{
	n->changed |= !n->slots[slot];
	n->slots[slot] = true;
}

/* A call without an fd is about the first object its attr names: the map it changes, the program it
 * attaches. */
s32 gen_call_subject(const struct gen_call *c)
{
	u32 best = UINT32_MAX;
	s32 slot = -1;

	for (u32 i = 0; i < c->nr_refs; i++)
		if (c->refs[i].kind == GEN_REF_FD && c->refs[i].at.seg == GEN_ATTR &&
		    c->refs[i].at.off < best) {
			best = c->refs[i].at.off;
			slot = c->refs[i].slot;
		}
	return slot;
}

bool gen_seg_is_zero(const struct gen_seg *s)
{
	const u8 *p = s->data;

	return !s->len || (!p[0] && !memcmp(p, p + 1, s->len - 1));
}

bool gen_seg_is_value(const struct gen_seg *s)
{
	return s->ptr.seg == GEN_ATTR && s->ptr.off == offsetof(union bpf_attr, value);
}

/* Calls that make something run, which then wants its variables. */
static bool starts_something(const struct gen_trace *t)
{
	for (u32 i = 0; i < t->nr_calls; i++)
		if (t->calls[i].cmd == BPF_LINK_CREATE ||
		    t->calls[i].cmd == BPF_RAW_TRACEPOINT_OPEN)
			return true;
	return false;
}

static bool is_update(const struct gen_call *c, u32 slot)
{
	return c->cmd == BPF_MAP_UPDATE_ELEM && gen_call_subject(c) == (s32)slot;
}

/* The first value of variables, which a new map has anyway. Who has others writes them into the map when it is there. */
static bool says_nothing(const struct gen_trace *t, const struct gen_call *c, s32 about)
{
	const struct gen_slot *s = about < 0 ? NULL : &t->slots[about];

	if (!s || !s->data || !s->mmapable || !is_update(c, about) ||
	    t->calls[s->call].attr.map_flags & BPF_F_RDONLY_PROG)
		return false;
	for (const struct gen_call *i = t->calls; i < c; i++)
		if (is_update(i, about))
			return false;
	for (u32 i = 0; i < c->nr_segs; i++)
		if (gen_seg_is_value(&c->segs[i]) && !gen_seg_is_zero(&c->segs[i]))
			return false;
	return !starts_something(t);
}

static bool is_needed(const struct needed *n, const struct gen_trace *t, const struct gen_call *c)
{
	s32 about = c->slot >= 0 ? c->slot : gen_call_subject(c);

	return about >= 0 && n->slots[about] && !says_nothing(t, c, about);
}

static void mark(struct needed *n, const struct gen_trace *t)
{
	for (u32 i = 0; i < t->nr_calls; i++) {
		const struct gen_call *c = &t->calls[i];

		if (!is_needed(n, t, c))
			continue;
		n->calls[i] = true;
		for (u32 j = 0; j < c->nr_refs; j++)
			if (c->refs[j].kind == GEN_REF_FD || c->refs[j].kind == GEN_REF_FD_INSN)
				need_slot(n, c->refs[j].slot);
	}
}

/* New numbers; @to: of each old slot. */
static void sweep_slots(struct gen_trace *t, const bool *needed, u32 *to)
{
	u32 nr = 0;

	for (u32 i = 0; i < t->nr_slots; i++) {
		to[i] = nr;
		if (needed[i])
			t->slots[nr++] = t->slots[i];
		else
			free_slot(&t->slots[i]);
	}
	t->nr_slots = nr;
}

static void sweep_calls(struct gen_trace *t, const bool *needed, const u32 *to)
{
	u32 nr = 0;

	for (u32 i = 0; i < t->nr_calls; i++) {
		struct gen_call *c = &t->calls[nr];

		if (!needed[i]) {
			free_call(&t->calls[i]);
			continue;
		}
		*c = t->calls[i];
		for (u32 j = 0; j < c->nr_refs; j++)
			c->refs[j].slot = c->refs[j].name ? 0 : to[c->refs[j].slot];
		if (c->slot >= 0) {
			c->slot = to[c->slot];
			t->slots[c->slot].call = nr;
		}
		nr++;
	}
	t->nr_calls = nr;
}

int gen_trace_prune(struct gen_trace *t)
{
	struct needed n = {
		.calls = calloc(t->nr_calls + 1, sizeof(bool)),
		.slots = calloc(t->nr_slots + 1, sizeof(bool)),
	};
	u32 *to = calloc(t->nr_slots + 1, sizeof(u32));
	int err = n.calls && n.slots && to ? 0 : -ENOMEM;

	for (u32 i = 0; i < t->nr_slots && !err; i++)
		n.slots[i] = t->slots[i].exported;
	do {
		n.changed = false;
		if (!err)
			mark(&n, t);
	} while (n.changed);
	if (!err) {
		sweep_slots(t, n.slots, to);
		sweep_calls(t, n.calls, to);
	}
	free(n.calls);
	free(n.slots);
	free(to);
	return err;
}
