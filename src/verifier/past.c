/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * past.c - explored states, of which there can be a hundred thousand. One differs from the one it
 * continues in a few values, so values are shared, and so are frames in which nothing changed:
 * callers', mostly. When all paths from a state are finished, what was never read goes.
 */
#include "verifier/vfy.h"

#define NOTHING_KNOWN                                                                           \
	.var = {0, UINT64_MAX}, .smin64 = INT64_MIN, .smax64 = INT64_MAX, .umax64 = UINT64_MAX, \
	.smin32 = INT32_MIN, .smax32 = INT32_MAX, .umax32 = UINT32_MAX

/* The two most frequent values; no owners are counted. */
static const struct vreg not_init = {.type = NOT_INIT, NOTHING_KNOWN};
static const struct vreg any_number = {.type = SCALAR_VALUE, NOTHING_KNOWN};

static size_t shot_size(u32 slots)
{
	return sizeof(struct vshot) + (VFY_REGS + slots) * sizeof(struct vreg *) +
	       slots * sizeof(u64);
}

static size_t refs_size(u32 n)
{
	return n * sizeof(struct vref);
}

static size_t state_size(const struct vstate *st)
{
	return offsetof(struct vstate, past) + (st->curframe + 1) * sizeof(struct vpast);
}

/* --- values --- */

/* Value of @r, which was @before (or NULL) in the state that is continued. NULL: no memory. */
static const struct vreg *value_get(struct venv *env, const struct vreg *r,
				    const struct vreg *before)
{
	struct vreg *v;

	if (before && same_value(r, before)) {
		if (before->owners)
			((struct vreg *)before)->owners++;
		return before;
	}
	if (same_value(r, &any_number))
		return &any_number;
	v = vmem_alloc(&env->mem, sizeof(*v));
	if (v) {
		*v = *r;
		v->owners = 1;
	}
	return v;
}

static void value_put(struct venv *env, const struct vreg *v)
{
	if (v && v->owners && !--((struct vreg *)v)->owners)
		vmem_free(&env->mem, (void *)v, sizeof(*v));
}

/* --- frames --- */

/* Room for the values comes cleared. */
static struct vshot *shot_new(struct venv *env, u32 slots)
{
	struct vshot *s = vmem_alloc(&env->mem, shot_size(slots));

	if (!s)
		return NULL;
	memset(s, 0, shot_size(slots));
	s->owners = 1;
	s->nr_slots = slots;
	s->kinds = (u64 *)&s->val[VFY_REGS + slots];
	return s;
}

static void shot_put(struct venv *env, struct vshot *s)
{
	if (!s || --s->owners)
		return;
	for (u32 i = 0; i < shot_items(s); i++)
		value_put(env, s->val[i]);
	vmem_free(&env->mem, s->refs, refs_size(s->nr_refs));
	vmem_free(&env->mem, s, shot_size(s->nr_slots));
}

static int shot_set_refs(struct venv *env, struct vshot *s, const struct vref *refs, u32 n)
{
	if (!n)
		return 0;
	s->refs = vmem_alloc(&env->mem, refs_size(n));
	if (!s->refs)
		return -ENOMEM;
	memcpy(s->refs, refs, refs_size(n));
	s->nr_refs = n;
	return 0;
}

/* What @r was in explored state @st. */
static const struct vreg *value_before(const struct vstate *st, const struct vreg *r)
{
	return st && r->home_item != HOME_NONE ? st->past[r->home_frame].shot->val[r->home_item]
					       : NULL;
}

static struct vshot *shot_take(struct venv *env, const struct vframe *f,
			       const struct vstate *before)
{
	struct vshot *s = shot_new(env, f->nr_slots);

	if (!s)
		return NULL;
	s->callsite = f->callsite;
	s->frameno = f->frameno;
	s->subprog = f->subprog;
	s->async_cnt = f->async_cnt;
	s->in_callback = f->in_callback;
	s->in_async = f->in_async;
	s->cb_entry = f->cb_entry;
	for (u32 i = 0; i < shot_items(s); i++) {
		const struct vreg *r = i < VFY_REGS ? &f->regs[i] : &f->slots[i - VFY_REGS].reg;
		bool none = r->type == NOT_INIT &&
			    (i < VFY_REGS || !slot_is_object(&f->slots[i - VFY_REGS]));

		s->val[i] = none ? &not_init : value_get(env, r, value_before(before, r));
		if (!s->val[i])
			goto fail;
		if (i >= VFY_REGS)
			memcpy(&s->kinds[i - VFY_REGS], f->slots[i - VFY_REGS].kind, SLOT_SIZE);
	}
	if (shot_set_refs(env, s, f->refs, f->nr_refs))
		goto fail;
	return s;
fail:
	shot_put(env, s);
	return NULL;
}

static bool same_shot(const struct vshot *a, const struct vshot *b)
{
	return a->callsite == b->callsite && a->frameno == b->frameno && a->subprog == b->subprog &&
	       a->async_cnt == b->async_cnt && a->in_callback == b->in_callback &&
	       a->in_async == b->in_async && a->cb_entry == b->cb_entry &&
	       a->nr_slots == b->nr_slots && a->nr_refs == b->nr_refs &&
	       !memcmp(a->val, b->val, shot_items(a) * sizeof(*a->val)) &&
	       !memcmp(a->kinds, b->kinds, a->nr_slots * sizeof(*a->kinds)) &&
	       (!a->nr_refs || !memcmp(a->refs, b->refs, refs_size(a->nr_refs)));
}

static void note(struct vnote *n, const struct vreg *r)
{
	*n = (struct vnote){r->live, r->precise, r->home_frame, r->home_item};
}

static int past_take(struct venv *env, struct vpast *p, const struct vframe *f,
		     const struct vstate *before)
{
	p->shot = shot_take(env, f, before);
	if (!p->shot)
		return -ENOMEM;
	p->note = vmem_alloc(&env->mem, shot_items(p->shot) * sizeof(*p->note));
	if (!p->note) {
		shot_put(env, p->shot);
		return -ENOMEM;
	}
	for (u32 i = 0; i < VFY_REGS; i++)
		note(&p->note[i], &f->regs[i]);
	for (u32 i = 0; i < f->nr_slots; i++)
		note(&p->note[VFY_REGS + i], &f->slots[i].reg);
	if (before && f->frameno <= before->curframe &&
	    same_shot(p->shot, before->past[f->frameno].shot)) {
		shot_put(env, p->shot);
		p->shot = before->past[f->frameno].shot;
		p->shot->owners++;
	}
	return 0;
}

static void past_drop(struct venv *env, struct vpast *p, u32 items)
{
	vmem_free(&env->mem, p->note, items * sizeof(*p->note));
	shot_put(env, p->shot);
}

/* --- states --- */

struct vstate *vfy_past_make(struct venv *env, const struct vstate *cur)
{
	struct vstate *st = vmem_alloc(&env->mem, state_size(cur));
	u32 i;

	if (!st)
		return NULL;
	memcpy(st, cur, offsetof(struct vstate, past));
	st->explored = true;
	for (i = 0; i <= cur->curframe; i++)
		if (past_take(env, &st->past[i], cur->frame[i], cur->parent))
			goto fail_frame;
	return st;
fail_frame:
	while (i--)
		past_drop(env, &st->past[i], shot_items(st->past[i].shot));
	vmem_free(&env->mem, st, state_size(cur));
	return NULL;
}

void vfy_past_free(struct venv *env, struct vstate *st)
{
	for (u32 i = 0; i <= st->curframe; i++)
		past_drop(env, &st->past[i], shot_items(st->past[i].shot));
	vmem_free(&env->mem, st, state_size(st));
}

/* Items of @p that are of use: registers, and slots up to the last that was read. */
static u32 items_read(const struct vpast *p)
{
	u32 n = shot_items(p->shot);

	while (n > VFY_REGS && !(p->note[n - 1].live & LIVE_READ))
		n--;
	return n;
}

/* A frame as @p, but only what was read. */
static struct vshot *shot_shrunk(struct venv *env, const struct vpast *p, u32 items)
{
	const struct vshot *old = p->shot;
	struct vshot *s = shot_new(env, items - VFY_REGS);

	if (!s)
		return NULL;
	s->callsite = old->callsite;
	s->frameno = old->frameno;
	s->subprog = old->subprog;
	s->async_cnt = old->async_cnt;
	s->in_callback = old->in_callback;
	s->in_async = old->in_async;
	s->cb_entry = old->cb_entry;
	for (u32 i = 0; i < items; i++) {
		bool read = p->note[i].live & LIVE_READ;

		s->val[i] = read ? value_get(env, old->val[i], old->val[i]) : &not_init;
		if (i >= VFY_REGS && read)
			s->kinds[i - VFY_REGS] = old->kinds[i - VFY_REGS];
	}
	if (shot_set_refs(env, s, old->refs, old->nr_refs)) {
		shot_put(env, s);
		return NULL;
	}
	return s;
}

/* Without memory it stays as it is, which is as good. */
static void past_shrink(struct venv *env, struct vpast *p)
{
	u32 was = shot_items(p->shot), items = items_read(p);
	struct vnote *n = vmem_alloc(&env->mem, items * sizeof(*n));
	struct vshot *s = n ? shot_shrunk(env, p, items) : NULL;

	if (!s) {
		vmem_free(&env->mem, n, items * sizeof(*n));
		return;
	}
	memcpy(n, p->note, items * sizeof(*n));
	past_drop(env, p, was);
	*p = (struct vpast){s, n};
}

/* Is there anything known that was never read? */
static bool worth_shrinking(const struct vpast *p)
{
	for (u32 i = 0; i < shot_items(p->shot); i++)
		if (i != REG_FP && !(p->note[i].live & LIVE_READ) && p->shot->val[i] != &not_init)
			return true;
	return false;
}

void vfy_past_shrink(struct venv *env, struct vstate *st)
{
	for (u32 f = 0; f <= st->curframe; f++)
		if (worth_shrinking(&st->past[f]))
			past_shrink(env, &st->past[f]);
}

/* --- log --- */

static void recall(struct vreg *r, const struct vpast *p, u32 item)
{
	*r = *p->shot->val[item];
	r->live = p->note[item].live;
	r->precise = p->note[item].precise;
}

void vfy_past_log(struct venv *env, const struct vstate *st, u32 frame)
{
	const struct vpast *p = &st->past[frame];
	const struct vshot *s = p->shot;
	struct vslot slots[MAX_BPF_STACK / SLOT_SIZE];
	struct vframe f = {.frameno = s->frameno, .subprog = s->subprog};

	f.in_callback = s->in_callback;
	f.in_async = s->in_async;
	f.nr_refs = s->nr_refs;
	f.refs = s->refs;
	f.nr_slots = s->nr_slots;
	f.slots = slots;
	for (u32 i = 0; i < VFY_REGS; i++)
		recall(&f.regs[i], p, i);
	for (u32 i = 0; i < s->nr_slots; i++) {
		recall(&slots[i].reg, p, VFY_REGS + i);
		memcpy(slots[i].kind, shot_kind(s, i), SLOT_SIZE);
	}
	vfy_log_frame(env, &f, true);
}
