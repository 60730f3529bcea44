/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loops.c - loops that end when something ends that the check does not count: an iterator
 * (iter_kfunc.c) or the patience of may_goto. Both ways on are walked: the loop's end first, then
 * one more round.
 *
 * Such a loop need not be walked to its end: when a round arrives at the loop's head (the call of
 * the iterator's next function, or may_goto) in a state that lies inside that of an earlier round,
 * all that can follow is being walked already. As what that earlier state will turn out to need is
 * not known yet, everything must lie inside. To get there, numbers that changed from one round to
 * the next and mattered to nobody so far are forgotten.
 *
 * Needs. The path that ends there (struct vedge) should hand the head's needs back to its ancestors,
 * but they are not all known before the head is finished. Until then the states between the head
 * and the end are incomplete (vstate.loop): they cover only what lies inside them in everything.
 * When the outermost head is finished, needs are passed back along all the edges, again and again,
 * until there is nothing new. Only then may finished states of the loop be forgotten.
 */
#include "verifier/vfy.h"

/* The path that @from ended covered by @to, in a loop that begins at @head. */
struct vedge {
	struct vedge *next;
	struct vstate *from, *to, *head;
};

/* --- heads --- */

static bool same_calls(const struct vstate *old, const struct vstate *cur)
{
	if (old->curframe != cur->curframe)
		return false;
	for (u32 i = 0; i <= cur->curframe; i++)
		if (old->past[i].shot->callsite != cur->frame[i]->callsite)
			return false;
	return true;
}

/* The state of the round before, or NULL. cur->parent is that of this round. */
static const struct vstate *last_round(struct venv *env, s32 insn)
{
	for (const struct vstate *st = *vfy_bucket(env, insn); st; st = st->next)
		if (st->insn_idx == (u32)insn && st->branches && st != env->cur->parent &&
		    same_calls(st, env->cur))
			return st;
	return NULL;
}

static bool same_number(const struct vreg *a, const struct vreg *b)
{
	return !memcmp(&a->var, &b->var, offsetof(struct vreg, live) - offsetof(struct vreg, var));
}

static void forget_changed(struct venv *env, const struct vpast *p, u32 item, struct vreg *r)
{
	const struct vreg *was = p->shot->val[item];

	if (was->type != SCALAR_VALUE || r->type != SCALAR_VALUE || p->note[item].precise ||
	    r->precise || same_number(was, r))
		return;
	reg_unknown(env, r);
}

/* Numbers of @st that are not as in the round @old. */
static void widen(struct venv *env, const struct vstate *old, struct vstate *st)
{
	for (u32 f = 0; f <= st->curframe; f++) {
		const struct vpast *p = &old->past[f];
		struct vframe *fr = st->frame[f];

		for (u32 i = 0; i < VFY_REGS; i++)
			forget_changed(env, p, i, &fr->regs[i]);
		for (u32 i = 0; i < fr->nr_slots && i < p->shot->nr_slots; i++)
			if (slot_is_spill(&fr->slots[i]) && kinds_are_spill(shot_kind(p->shot, i)))
				forget_changed(env, p, VFY_REGS + i, &fr->slots[i].reg);
	}
}

struct vstate *vfy_loop_round(struct venv *env, s32 insn)
{
	const struct vstate *before = last_round(env, insn);
	struct vstate *st = vfy_push(env, insn + 1, insn, false);

	if (st && before)
		widen(env, before, st);
	return st;
}

int vfy_may_goto(struct venv *env, const struct bpf_insn *in, s32 *idx)
{
	struct vstate *round;

	if (in->src_reg != BPF_MAY_GOTO || in->dst_reg || in->imm) {
		vlog(env, "invalid may_goto imm %d\n", in->imm);
		return -EINVAL;
	}
	round = vfy_loop_round(env, *idx);
	if (!round)
		return -ENOMEM;
	round->goto_depth++;
	*idx += in->off;
	return 0;
}

/* May a path end at an unfinished state of an earlier round that covers it? */
bool vfy_loop_progress(struct venv *env, s32 insn, const struct vstate *old)
{
	switch (env->vi[insn].round) {
	case ROUND_ITER: return vfy_iter_active(env);
	case ROUND_GOTO: return old->goto_depth != env->cur->goto_depth;
	}
	return false;
}

/* --- incomplete states --- */

struct vstate *vfy_loop_of(const struct vstate *st)
{
	struct vstate *head = st->loop;

	while (head && !head->branches)
		head = head->loop;
	return head;
}

/* The path that runs ends covered by @to. */
int vfy_loop_end(struct venv *env, struct vstate *to)
{
	struct vstate *head = to->branches ? to : vfy_loop_of(to), *loop;
	struct vedge *e;

	if (!head)
		return 0;
	e = vmem_alloc(&env->mem, sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = (struct vedge){env->edges, vfy_state_copy(env, env->cur), to, head};
	if (!e->from) {
		vmem_free(&env->mem, e, sizeof(*e));
		return -ENOMEM;
	}
	env->edges = e;
	head->is_head = true;
	for (struct vstate *st = env->cur->parent; st && st != head; st = st->parent) {
		loop = vfy_loop_of(st);
		st->loop = loop && loop->depth < head->depth ? loop : head;
	}
	return 0;
}

static void edge_free(struct venv *env, struct vedge *e)
{
	vfy_state_free(env, e->from);
	vmem_free(&env->mem, e, sizeof(*e));
}

static bool finished(const struct vedge *e)
{
	return !e->head->branches && !vfy_loop_of(e->head);
}

/* What the edge's target needs, @from's ancestors need. */
static int pass_back(struct venv *env, const struct vedge *e)
{
	env->cur = e->from;
	env->insn_idx = e->to->insn_idx;
	return vfy_pass_needs(env, e->to);
}

static int pass_all(struct venv *env)
{
	u64 before;
	int err = 0;

	do {
		before = env->marks;
		for (const struct vedge *e = env->edges; e && !err; e = e->next)
			if (finished(e))
				err = pass_back(env, e);
	} while (env->marks != before && !err);
	return err;
}

/* The states that waited for it can be treated as all finished ones. */
static void let_go(struct venv *env)
{
	struct vedge **link = &env->edges, *e;
	struct vstate **late = &env->late, *st;

	while ((e = *link)) {
		if (!finished(e)) {
			link = &e->next;
			continue;
		}
		*link = e->next;
		edge_free(env, e);
	}
	for (st = env->late; st; st = st->later)
		st->loop = vfy_loop_of(st);
	while ((st = *late)) {
		if (st->loop) {
			late = &st->later;
			continue;
		}
		*late = st->later;
		st->later = NULL;
		st->waits = st->is_head = false;
		vfy_state_finish(env, st);
	}
}

/* The last path from @st is finished. 1: @st is kept until its loop is. */
int vfy_loop_finished(struct venv *env, struct vstate *st)
{
	struct vstate *cur = env->cur;
	struct log *log = env->log;
	s32 insn = env->insn_idx;
	int err;

	if (!st->is_head && !vfy_loop_of(st))
		return 0;
	st->waits = true;
	st->later = env->late;
	env->late = st;
	if (vfy_loop_of(st))
		return 1;
	env->log = NULL;
	err = pass_all(env);
	env->cur = cur;
	env->insn_idx = insn;
	env->log = log;
	if (err)
		return err;
	let_go(env);
	return 1;
}

void vfy_loops_drop(struct venv *env)
{
	struct vedge *e;

	while ((e = env->edges)) {
		env->edges = e->next;
		edge_free(env, e);
	}
	env->late = NULL;
}
