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

static void on_step(const struct vfy_observer *o, struct venv *env)
{
	struct walk *w = container_of(o, struct walk, obs);
	struct vstate *st = env->cur;
	const struct vframe *f = st->frame[st->curframe];
	struct node *n;
	u32 from = st->seen, id;

	if (!from)
		walk_reset(w); /* a new walk: of another function, or once more from the start */
	if (w->nr_nodes >= SP_MAX_NODES) {
		w->overflow = true;
		st->seen = 1;
		env->processed = BPF_COMPLEXITY_LIMIT_INSNS; /* enough of this one */
		return;
	}
	id = w->nr_nodes++;
	room((void **)&w->node, &w->room_nodes, w->nr_nodes, sizeof(*w->node));
	room((void **)&w->slot, &w->room_slots, w->nr_slots + f->nr_slots, sizeof(*w->slot));
	n = &w->node[id];
	n->insn = env->insn_idx;
	n->depth = st->curframe;
	n->edges = 0;
	n->speculative = st->speculative;
	n->slots = w->nr_slots;
	n->nr_slots = f->nr_slots;
	for (u32 i = 0; i < VFY_REGS; i++)
		copy_reg(w, &n->reg[i], &f->regs[i]);
	for (u32 i = 0; i < f->nr_slots; i++) {
		struct aslot *s = &w->slot[w->nr_slots++];

		memcpy(s->kind, f->slots[i].kind, SLOT_SIZE);
		copy_reg(w, &s->reg, &f->slots[i].reg);
	}
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
	w->nr_taints = w->nr_slots = 0;
	w->overflow = false;
}

void walk_free(struct walk *w)
{
	free(w->node);
	free(w->edge);
	free(w->taint);
	free(w->slot);
}
