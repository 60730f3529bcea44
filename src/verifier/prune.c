/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prune.c - explored states: does one cover the current state, shall the current one be kept, is
 * this an endless loop?
 *
 * An explored state whose continuation was walked to all its ends (branches == 0) covers a state
 * that is at least as well known in everything the continuation looked at. One still being walked
 * (branches > 0) that equals the current state means the loop makes no progress; loops that end of
 * themselves may end there (loops.c).
 */
#include "verifier/vfy.h"

/* A path from @st is finished. Nothing refers to a state without any, but for those from it, which
 * are finished, too. */
int vfy_branch_done(struct venv *env, struct vstate *st)
{
	struct vstate *parent;
	int waits;

	for (; st && !--st->branches; st = parent) {
		parent = st->parent;
		if (!st->explored)
			continue;
		waits = vfy_loop_finished(env, st);
		if (waits < 0)
			return waits;
		if (!waits)
			vfy_state_finish(env, st);
	}
	return 0;
}

void vfy_state_finish(struct venv *env, struct vstate *st)
{
	if (st->retired)
		vfy_state_free(env, st);
	else
		vfy_past_shrink(env, st);
}

struct vstate **vfy_bucket(struct venv *env, s32 insn)
{
	return &env->explored[(u32)(insn ^ vfy_frame(env)->callsite) % (u32)env->len];
}

/* --- is the current register covered by the old one? --- */

static bool same_kind(const struct vreg *a, const struct vreg *b)
{
	return !memcmp(a, b, offsetof(struct vreg, id));
}

static bool within(const struct vreg *old, const struct vreg *cur)
{
	return old->umin64 <= cur->umin64 && old->umax64 >= cur->umax64 &&
	       old->smin64 <= cur->smin64 && old->smax64 >= cur->smax64 &&
	       old->umin32 <= cur->umin32 && old->umax32 >= cur->umax32 &&
	       old->smin32 <= cur->smin32 && old->smax32 >= cur->smax32 &&
	       tnum_contains(old->var, cur->var);
}

/* Registers that shared an id in the old state must share one now. */
bool vfy_ids_match(struct venv *env, u32 old, u32 cur)
{
	for (u32 i = 0; i < env->nr_ids; i++)
		if (env->idmap[i].old == old)
			return env->idmap[i].cur == cur;
	if (env->nr_ids == ARRAY_SIZE(env->idmap))
		return false;
	env->idmap[env->nr_ids].old = old;
	env->idmap[env->nr_ids++].cur = cur;
	return true;
}

/* Of scalars. A current one without id equals no other, so its id is one nobody has. */
static bool scalar_ids_match(struct venv *env, u32 old, u32 cur)
{
	return !old || vfy_ids_match(env, old, cur ? cur : UINT32_MAX - env->nr_ids);
}

static bool links_match(struct venv *env, const struct vreg *old, const struct vreg *cur)
{
	return !old->id || (old->delta == cur->delta && old->narrow == cur->narrow &&
			    scalar_ids_match(env, old->id, cur->id));
}

static bool pkt_covered(struct venv *env, const struct vreg *old, const struct vreg *cur)
{
	if (cur->type != old->type || old->off != cur->off)
		return false;
	if (old->range < 0 || cur->range < 0 ? old->range != cur->range : old->range > cur->range)
		return false;
	if (old->id && !vfy_ids_match(env, old->id, cur->id))
		return false;
	return within(old, cur);
}

static bool same_ids(struct venv *env, u32 old, u32 cur)
{
	return !old == !cur && (!old || vfy_ids_match(env, old, cur));
}

/* Ids of pointers are matched even where they are the same: what else has one of them must follow
 * (later kernels; 6.1 forgets). */
static bool ptr_ids_match(struct venv *env, const struct vreg *old, const struct vreg *cur)
{
	return same_ids(env, old->id, cur->id) && same_ids(env, old->ref_id, cur->ref_id) &&
	       (type_base(cur->type) != PTR_TO_MEM ||
		same_ids(env, old->dynptr_id, cur->dynptr_id));
}

/* Pointers of which nothing can be more or less known; ids may be others (later kernels; in 6.1
 * they must be the same). */
static bool ptr_covered(struct venv *env, const struct vreg *old, const struct vreg *cur)
{
	struct vreg r = *cur;

	r.id = old->id;
	r.ref_id = old->ref_id;
	if (type_base(cur->type) == PTR_TO_MEM)
		r.dynptr_id = old->dynptr_id;
	return same_value(old, &r) && ptr_ids_match(env, old, cur);
}

static bool reg_covered(struct venv *env, const struct vpast *p, u32 item, const struct vreg *cur)
{
	const struct vreg *old = p->shot->val[item];
	bool equal, precise = p->note[item].precise || env->exact;

	if (!(p->note[item].live & LIVE_READ) && !env->exact)
		return true;
	equal = same_value(old, cur);
	if (old->type == PTR_TO_STACK)
		return equal;
	if (equal && old->type == SCALAR_VALUE && precise && old->id)
		return scalar_ids_match(env, old->id, cur->id);
	if (old->type == NOT_INIT || (equal && old->type == SCALAR_VALUE))
		return true;
	if (equal)
		return ptr_ids_match(env, old, cur);
	if (cur->type == NOT_INIT)
		return false;
	switch (type_base(old->type)) {
	case SCALAR_VALUE:
		if (env->explore_alu_limits || cur->type != SCALAR_VALUE)
			return false;
		/* copies that taught each other something must be copies here, too (later
		 * kernels; 6.1 forgets) */
		return !precise || (within(old, cur) && links_match(env, old, cur));
	case PTR_TO_MAP_KEY:
	case PTR_TO_MAP_VALUE:
		if (!same_kind(old, cur) || !same_ids(env, old->id, cur->id))
			return false;
		return old->type & PTR_MAYBE_NULL || within(old, cur);
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META: return pkt_covered(env, old, cur);
	}
	return ptr_covered(env, old, cur);
}

static bool slot_covered(struct venv *env, const struct vpast *p, const struct vframe *cur, u32 i)
{
	const struct vslot *c = i < cur->nr_slots ? &cur->slots[i] : NULL;
	const u8 *kind = shot_kind(p->shot, i);

	if (!(p->note[VFY_REGS + i].live & LIVE_READ) && !env->exact)
		return true;
	for (u32 j = 0; j < SLOT_SIZE; j++) {
		if (kind[j] == SLOT_INVALID || (kind[j] == SLOT_MISC && env->uninit_stack))
			continue;
		if (!c)
			return false;
		if (kind[j] == SLOT_MISC && c->kind[j] == SLOT_ZERO)
			continue;
		if (kind[j] != c->kind[j])
			return false;
		if (j == SLOT_SIZE - 1 && kinds_are_spill(kind) &&
		    !reg_covered(env, p, VFY_REGS + i, &c->reg))
			return false;
		if (j == SLOT_SIZE - 1 && kinds_are_object(kind) &&
		    !vfy_obj_covered(env, p->shot->val[VFY_REGS + i], kind[j], c))
			return false;
	}
	return true;
}

static bool frame_covered(struct venv *env, const struct vpast *p, const struct vframe *cur)
{
	const struct vshot *old = p->shot;

	for (u32 i = 0; i < VFY_REGS; i++)
		if (!reg_covered(env, p, i, &cur->regs[i]))
			return false;
	for (u32 i = 0; i < old->nr_slots; i++)
		if (!slot_covered(env, p, cur, i))
			return false;
	if (old->nr_refs != cur->nr_refs)
		return false;
	for (u32 i = 0; i < old->nr_refs; i++)
		if (old->refs[i].cb_frame != cur->refs[i].cb_frame ||
		    !vfy_ids_match(env, old->refs[i].id, cur->refs[i].id))
			return false;
	return true;
}

/* @exact: what will be read of @old, and which numbers matter, is not all known. */
static bool covered(struct venv *env, const struct vstate *old, const struct vstate *cur,
		    bool exact)
{
	env->exact = exact;
	if (old->curframe != cur->curframe || (old->speculative && !cur->speculative) ||
	    old->lock_of != cur->lock_of)
		return false;
	env->nr_ids = 0; /* ids are shared by all frames, and with the lock */
	if (!old->lock_id != !cur->lock_id ||
	    (old->lock_id && !vfy_ids_match(env, old->lock_id, cur->lock_id)))
		return false;
	for (u32 i = 0; i <= old->curframe; i++)
		if (old->past[i].shot->callsite != cur->frame[i]->callsite ||
		    !vfy_callback_same_entry(old->past[i].shot, cur->frame[i]) ||
		    !frame_covered(env, &old->past[i], cur->frame[i]))
			return false;
	return true;
}

static bool no_progress(const struct vstate *old, const struct vstate *cur)
{
	if (old->curframe != cur->curframe)
		return false;
	for (u32 i = 0; i < VFY_REGS; i++)
		if (!same_value(old->past[old->curframe].shot->val[i],
				&cur->frame[cur->curframe]->regs[i]))
			return false;
	return true;
}

/* As in the kernel, a state that was never seen again counts among the most at a time. */
static void note_finished(struct venv *env, s32 insn)
{
	const struct vstate *cur = env->cur;

	for (struct vstate *st = *vfy_bucket(env, insn); st; st = st->next) {
		bool same = !st->branches && st->insn_idx == (u32)insn &&
			    st->curframe == cur->curframe && !st->done;

		for (u32 i = 0; same && i <= cur->curframe; i++)
			same = st->past[i].shot->callsite == cur->frame[i]->callsite;
		st->done |= same;
	}
}

/* --- the current path ends in @old: hand its needs to our ancestors --- */

static void pass_read(struct venv *env, struct vnote from, struct vreg *to)
{
	if ((to->live & LIVE_READ) || !(from.live & LIVE_READ))
		return;
	/* A write in @from does not screen the read from @to: they are on different paths, and
	 * what @from came from may be gone. */
	to->live |= LIVE_READ;
	vfy_mark_read(env, to);
}

static void pass_reads(struct venv *env, const struct vstate *old, struct vstate *cur)
{
	for (u32 f = 0; f <= old->curframe; f++) {
		const struct vpast *from = &old->past[f];
		struct vframe *to = cur->frame[f];

		for (u32 i = f < old->curframe ? 6 : 0; i < REG_FP; i++)
			pass_read(env, from->note[i], &to->regs[i]);
		for (u32 i = 0; i < from->shot->nr_slots && i < to->nr_slots; i++)
			pass_read(env, from->note[VFY_REGS + i], &to->slots[i].reg);
	}
}

static bool passes_precision(const struct vpast *p, u32 item)
{
	return p->shot->val[item]->type == SCALAR_VALUE && p->note[item].precise &&
	       (p->note[item].live & LIVE_READ);
}

static int pass_precision(struct venv *env, const struct vstate *old)
{
	int err = 0;

	for (s32 f = old->curframe; f >= 0; f--) {
		const struct vpast *p = &old->past[f];

		for (s32 i = 0; i < REG_FP && !err; i++) {
			if (!passes_precision(p, i))
				continue;
			if (vlog_level(env) & LOG_LEVEL2)
				vlog(env, "frame %d: propagating r%d\n", f, i);
			err = vfy_precise_frame(env, f, i, -1);
		}
		for (s32 i = 0; i < (s32)p->shot->nr_slots && !err; i++) {
			if (!kinds_are_spill(shot_kind(p->shot, i)) ||
			    !passes_precision(p, VFY_REGS + i))
				continue;
			if (vlog_level(env) & LOG_LEVEL2)
				vlog(env, "frame %d: propagating fp%d\n", f, (-i - 1) * SLOT_SIZE);
			err = vfy_precise_frame(env, f, -1, i);
		}
		if (err)
			return err;
	}
	return 0;
}

int vfy_pass_needs(struct venv *env, const struct vstate *old)
{
	pass_reads(env, old, env->cur);
	return pass_precision(env, old);
}

static int end_path_in(struct venv *env, struct vstate *old)
{
	int err;

	old->hits++;
	if (env->prog->observer)
		env->prog->observer->covered(env->prog->observer, env, old);
	err = vfy_jump_record(env, env->cur);
	if (!err)
		err = vfy_pass_needs(env, old);
	if (!err)
		err = vfy_loop_end(env, old);
	return err ? err : 1;
}

/* --- keeping states --- */

/* Unlinks a state that rarely helps; @link points to it. */
static void retire(struct venv *env, struct vstate **link)
{
	struct vstate *st = *link;

	*link = st->next;
	if (st->done)
		env->peak_states--;
	if (st->branches || st->waits)
		st->retired = true; /* paths from it have still to tell it what they read */
	else
		vfy_state_free(env, st);
}

/* In the map of ids: the id, and whether it was seen again. */
static void count_id(struct venv *env, u32 id)
{
	for (u32 i = 0; i < env->nr_ids; i++) {
		if (env->idmap[i].old != id)
			continue;
		env->idmap[i].cur = true;
		return;
	}
	if (env->nr_ids < ARRAY_SIZE(env->idmap)) {
		env->idmap[env->nr_ids].old = id;
		env->idmap[env->nr_ids++].cur = false;
	}
}

static bool id_is_lone(const struct venv *env, u32 id)
{
	for (u32 i = 0; i < env->nr_ids; i++)
		if (env->idmap[i].old == id)
			return !env->idmap[i].cur;
	return false;
}

static void set_home(struct vreg *r, u32 frame, u32 item)
{
	r->live = 0;
	r->home_frame = frame;
	r->home_item = item;
}

/* The current state continues the explored one just made of it. Callers' R0 to R5 are gone. */
static void connect(struct vstate *cur)
{
	for (u32 f = 0; f <= cur->curframe; f++) {
		struct vframe *c = cur->frame[f];

		for (u32 i = 0; i < REG_FP; i++)
			set_home(&c->regs[i], f, f == cur->curframe || i >= 6 ? i : HOME_NONE);
		for (u32 i = 0; i < c->nr_slots; i++)
			set_home(&c->slots[i].reg, f, VFY_REGS + i);
	}
}

/* An id that only one number has says nothing, but would have to be matched. */
static void forget_lone_ids(struct venv *env)
{
	env->nr_ids = 0;
	for_each_vreg(env->cur, r, {
		if (r->type == SCALAR_VALUE && r->id)
			count_id(env, r->id);
	});
	for_each_vreg(env->cur, r, {
		if (r->type == SCALAR_VALUE && r->id && id_is_lone(env, r->id))
			reg_unlink(r);
	});
}

static int keep_state(struct venv *env, s32 insn)
{
	struct vstate *cur = env->cur, *st, **b = vfy_bucket(env, insn);

	env->total_states++;
	env->peak_states++;
	env->prev_jumps = env->jumps;
	env->prev_processed = env->processed;
	if (env->capable) {
		vfy_forget_precision(cur);
		forget_lone_ids(env);
	}
	cur->depth++;
	st = vfy_past_make(env, cur);
	if (!st)
		return -ENOMEM;
	st->insn_idx = insn;
	st->next = *b;
	*b = st;
	cur->parent = st;
	cur->first_insn = insn;
	cur->jumps = NULL; /* @st has them now */
	cur->nr_jumps = 0;
	connect(cur);
	return 0;
}

/* Async callbacks entered again look like loops without being one. */
static bool other_async_entry(const struct vstate *old, const struct vstate *cur)
{
	const struct vshot *f = old->past[old->curframe].shot;

	return f->in_async && f->async_cnt != cur->frame[cur->curframe]->async_cnt;
}

/* An unfinished state that the current one repeats: nothing will ever change. */
static bool is_endless(struct venv *env, const struct vstate *old, const struct vstate *cur)
{
	if (env->vi[old->insn_idx].round == ROUND_ITER && vfy_iter_active(env))
		return false;
	return !other_async_entry(old, cur) && old->goto_depth == cur->goto_depth &&
	       no_progress(old, cur) && !vfy_iters_moved(env, old) && covered(env, old, cur, false);
}

/* Explored states that never help are dropped; those a loop may still end at, much later. */
static u32 patience(const struct venv *env, s32 insn, const struct vstate *st)
{
	return env->vi[insn].round && st->branches ? 64 : 3;
}

int vfy_visited(struct venv *env, s32 insn)
{
	struct vstate *cur = env->cur, *st, **link;
	bool round = env->vi[insn].round, keep = env->test_freq || round;
	u32 n = 0;

	cur->last_insn = env->prev_insn_idx;
	if (!env->aux[insn].prune_point)
		return vfy_jump_record(env, cur);
	if (env->jumps - env->prev_jumps >= 2 && env->processed - env->prev_processed >= 8)
		keep = true;
	note_finished(env, insn);
	for (link = vfy_bucket(env, insn); (st = *link);) {
		n++;
		if (st->insn_idx != (u32)insn) {
			link = &st->next;
			continue;
		}
		if (st->branches) {
			if (round && vfy_loop_progress(env, insn, st) &&
			    covered(env, st, cur, true))
				return end_path_in(env, st);
			if (is_endless(env, st, cur)) {
				vfy_log_linfo(env, insn, "; ");
				vlog(env, "infinite loop detected at insn %d\n", insn);
				return -EINVAL;
			}
			/* in a loop states differ from round to round: keep fewer */
			if (!round && env->jumps - env->prev_jumps < 20 &&
			    env->processed - env->prev_processed < 100)
				keep = false;
		} else if (covered(env, st, cur, vfy_loop_of(st))) {
			return end_path_in(env, st);
		}
		if (keep)
			st->misses++;
		if (st->misses > (st->hits + 1) * patience(env, insn, st))
			retire(env, link);
		else
			link = &st->next;
	}
	env->max_states = max(env->max_states, n);
	if (!keep || (!env->capable && n > VFY_MAX_STATES_UNPRIV))
		return vfy_jump_record(env, cur);
	return keep_state(env, insn);
}
