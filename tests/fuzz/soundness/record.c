/* SPDX-License-Identifier: BSD-2-Clause */
/* record.c - the verifier's walk as nodes and edges (soundness.h). */
#include <stdlib.h>
#include <string.h>

#include "soundness.h"

static bool room(void **p, u32 *have, u32 need, size_t size)
{
	void *q;

	if (need <= *have)
		return true;
	*have = max(need, *have * 2);
	q = realloc(*p, *have * size);
	if (!q)
		abort();
	*p = q;
	return true;
}

static void copy_reg(const struct walk *w, struct areg *a, const struct vreg *r)
{
	a->type = r->type;
	a->off = r->off;
	a->range = r->range;
	a->id = r->id;
	a->map = 0;
	switch (type_base(r->type)) {
	case PTR_TO_MAP_VALUE:
	case PTR_TO_MAP_KEY:
	case CONST_PTR_TO_MAP:
		if (r->map >= w->maps && r->map < w->maps + SP_MAPS) /* not one of MAP_OUTER */
			a->map = r->map - w->maps + 1;
	}
	a->frameno = r->frameno;
	a->var = r->var;
	a->smin64 = r->smin64;
	a->smax64 = r->smax64;
	a->umin64 = r->umin64;
	a->umax64 = r->umax64;
	a->smin32 = r->smin32;
	a->smax32 = r->smax32;
	a->umin32 = r->umin32;
	a->umax32 = r->umax32;
}

static void add_edge(struct walk *w, u32 from, u32 to, s32 insn, u32 cover)
{
	room((void **)&w->edge, &w->room_edges, w->nr_edges + 1, sizeof(*w->edge));
	w->edge[w->nr_edges] =
		(struct edge){.to = to, .next = w->node[from].edges, .insn = insn, .cover = cover};
	w->node[from].edges = w->nr_edges++;
}

static void copy_frame(const struct walk *w, struct aframe *a, struct aslot *slot,
		       const struct vframe *f)
{
	memset(a, 0, sizeof(*a));
	a->slots = slot - w->slot;
	a->nr_slots = f->nr_slots;
	for (u32 i = 0; i < VFY_REGS; i++)
		copy_reg(w, &a->reg[i], &f->regs[i]);
	memset(slot, 0, f->nr_slots * sizeof(*slot));
	for (u32 i = 0; i < f->nr_slots; i++) {
		memcpy(slot[i].kind, f->slots[i].kind, SLOT_SIZE);
		copy_reg(w, &slot[i].reg, &f->slots[i].reg);
	}
}

static bool same_frame(const struct walk *w, const struct aframe *a, const struct aframe *b)
{
	return a->nr_slots == b->nr_slots && !memcmp(a->reg, b->reg, sizeof(a->reg)) &&
	       !memcmp(&w->slot[a->slots], &w->slot[b->slots], a->nr_slots * sizeof(*w->slot));
}

/* Number of the frame: @before, the one it was at the node before, when nothing changed in it. */
static u32 add_frame(struct walk *w, const struct vframe *f, const u32 *before)
{
	struct aframe *a;

	room((void **)&w->frame, &w->room_frames, w->nr_frames + 1, sizeof(*w->frame));
	/* one more, so that there always is a place to point to */
	room((void **)&w->slot, &w->room_slots, w->nr_slots + f->nr_slots + 1, sizeof(*w->slot));
	a = &w->frame[w->nr_frames];
	copy_frame(w, a, &w->slot[w->nr_slots], f);
	if (before && same_frame(w, a, &w->frame[*before]))
		return *before;
	w->nr_slots += a->nr_slots;
	return w->nr_frames++;
}

/* Of a function, or of the same once more from the start. */
static void begin_walk(struct walk *w, u32 func)
{
	if (func >= SP_MAX_FUNCS)
		return;
	if (w->entry[func])
		w->nr_nodes = w->entry[func];
	w->entry[func] = w->nr_nodes;
}

static void on_step(const struct vfy_observer *o, struct venv *env)
{
	struct walk *w = container_of(o, struct walk, obs);
	struct vstate *st = env->cur;
	u32 from = st->seen, id;
	struct node *n;

	if (!from)
		begin_walk(w, st->frame[0]->subprog);
	if (w->nr_nodes >= SP_MAX_NODES) {
		w->overflow = true;
		st->seen = 1;
		env->processed = BPF_COMPLEXITY_LIMIT_INSNS; /* enough of this one */
		return;
	}
	id = w->nr_nodes++;
	room((void **)&w->node, &w->room_nodes, w->nr_nodes, sizeof(*w->node));
	n = &w->node[id];
	n->insn = env->insn_idx;
	n->depth = st->curframe;
	n->edges = 0;
	n->speculative = st->speculative;
	for (u32 i = 0; i <= n->depth; i++)
		n->frame[i] = add_frame(w, st->frame[i],
					from && i <= w->node[from].depth ? &w->node[from].frame[i]
									 : NULL);
	if (from)
		add_edge(w, from, id, n->insn, 0);
	st->seen = id;
	if (st->parent && !st->parent->kept)
		st->parent->kept = id;
}

/* @exact: in a loop that is still being walked nobody knows what will matter. */
static bool must_match(const struct vpast *p, u32 item, bool exact)
{
	if (exact)
		return p->shot->val[item]->type != NOT_INIT;
	return (p->note[item].live & LIVE_READ) &&
	       (p->shot->val[item]->type != SCALAR_VALUE || p->note[item].precise);
}

static void on_covered(const struct vfy_observer *o, struct venv *env, const struct vstate *old)
{
	struct walk *w = container_of(o, struct walk, obs);
	struct taint *t;

	if (w->overflow)
		return;
	room((void **)&w->taint, &w->room_taints, w->nr_taints + 1, sizeof(*w->taint));
	t = &w->taint[w->nr_taints++];
	memset(t, 0, sizeof(*t));
	for (u32 f = 0; f <= old->curframe; f++) {
		const struct vpast *p = &old->past[f];

		for (u32 i = 0; i < REG_FP; i++)
			if (!must_match(p, i, env->exact))
				t->regs[f] |= 1u << i;
		for (u32 i = 0; i < 64; i++)
			if (i >= p->shot->nr_slots ||
			    (!env->exact && !(p->note[VFY_REGS + i].live & LIVE_READ)) ||
			    (kinds_are_spill(shot_kind(p->shot, i)) &&
			     !must_match(p, VFY_REGS + i, env->exact)))
				t->slots[f] |= 1ull << i;
	}
	add_edge(w, env->cur->seen, old->kept, env->insn_idx, w->nr_taints);
}

void walk_init(struct walk *w, struct bpf_map *maps)
{
	memset(w, 0, sizeof(*w));
	w->obs.step = on_step;
	w->obs.covered = on_covered;
	w->maps = maps;
	walk_reset(w);
}

void walk_reset(struct walk *w)
{
	w->nr_nodes = w->nr_edges = 1;
	w->nr_taints = w->nr_slots = w->nr_frames = 0;
	memset(w->entry, 0, sizeof(w->entry));
	w->overflow = false;
}

void walk_free(struct walk *w)
{
	free(w->node);
	free(w->frame);
	free(w->edge);
	free(w->taint);
	free(w->slot);
}
