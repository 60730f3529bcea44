/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * callback.c - helpers that call a subprogram of the program any number of times (bpf_loop, bpf_for_each_map_elem).
 *
 * Linux 6.1 walks the callback once and goes on with what it left, which is not sound for zero or many rounds. Here the callers' frames
 * get an invariant: what the callback might write (it gets a pointer to a caller's stack) is forgotten before the call, all but spilled
 * pointers. Then two paths are walked: the code after the call, and the callback once, from the same state; when the callback ends,
 * the callers must look as at its entry.
 */
#include "verifier/vfy.h"

bool vfy_calls_back(s32 id)
{
	return id == BPF_FUNC_for_each_map_elem || id == BPF_FUNC_timer_set_callback || id == BPF_FUNC_find_vma ||
	       id == BPF_FUNC_loop || id == BPF_FUNC_user_ringbuf_drain;
}

bool vfy_in_callback(const struct venv *env)
{
	for (u32 i = 0; i <= env->cur->curframe; i++)
		if (env->cur->frame[i]->in_callback)
			return true;
	return false;
}

static bool is_ptr_spill(const struct vslot *s)
{
	return slot_is_spill(s) && s->reg.type != SCALAR_VALUE;
}

static void forget_numbers(struct venv *env, struct vframe *f)
{
	for (u32 i = 0; i < f->nr_slots; i++) {
		struct vslot *s = &f->slots[i];

		if (is_ptr_spill(s))
			continue;
		reg_not_init(env, &s->reg);
		for (u32 j = 0; j < SLOT_SIZE; j++)
			if (s->kind[j] != SLOT_INVALID)
				s->kind[j] = SLOT_MISC;
	}
}

/* Arguments of the callback from those of the helper. */
static int set_args(struct venv *env, const struct vframe *caller, struct vframe *callee, struct vcall *call)
{
	struct vreg *to = callee->regs;
	const struct vreg *from = caller->regs;

	switch (call->func_id) {
	case BPF_FUNC_loop:
		reg_unknown(env, &to[1]);
		to[2] = from[3];
		break;
	case BPF_FUNC_for_each_map_elem:
		if (!call->map || !call->map->ops || !call->map->ops->for_each) {
			vlog(env, "callback function not allowed for map\n");
			return -ENOTSUPP;
		}
		to[1] = from[1];
		reg_known(&to[2], 0);
		to[2].type = PTR_TO_MAP_KEY;
		to[2].map = call->map;
		reg_known(&to[3], 0);
		to[3].type = PTR_TO_MAP_VALUE;
		to[3].map = call->map;
		to[4] = from[3];
		break;
	default:
		vlog(env, "callbacks of func %d are not supported\n", call->func_id);
		return -ENOTSUPP;
	}
	callee->in_callback = true;
	callee->cb_range = tnum_range(0, 1);
	return 0;
}

int vfy_callback(struct venv *env, s32 idx, u32 subprog, struct vcall *call)
{
	struct vframe *caller = vfy_frame(env), *callee;
	const struct vreg *ctx = &caller->regs[3];
	struct vstate *st;
	int err;

	if (env->cur->curframe + 1 >= MAX_CALL_FRAMES) {
		vlog(env, "the call stack of %d frames is too deep\n", env->cur->curframe + 2);
		return -E2BIG;
	}
	err = vfy_subprog_match(env, subprog, caller->regs, true);
	if (err == -EFAULT)
		return err;
	if (ctx->type == PTR_TO_STACK)
		for (u32 i = 0; i <= env->cur->curframe; i++)
			forget_numbers(env, env->cur->frame[i]);
	st = vfy_push(env, env->subprogs[subprog].start, idx, false);
	if (!st)
		return -EFAULT;
	callee = vfy_frame_new(env, idx, st->curframe + 1, subprog);
	if (!callee)
		return -ENOMEM;
	st->frame[st->curframe + 1] = callee;
	caller = st->frame[st->curframe];
	err = vfy_frame_copy_refs(env, callee, caller);
	if (!err)
		err = set_args(env, caller, callee, call);
	if (err)
		return err;
	callee->cb_entry = vfy_state_copy(env, st); /* lives as long as the check: states share it */
	if (!callee->cb_entry)
		return -ENOMEM;
	for (u32 i = 0; i <= 5; i++) {
		reg_not_init(env, &caller->regs[i]);
		caller->regs[i].live |= LIVE_WRITTEN;
	}
	st->curframe++;
	return 0;
}

static bool same_slot(const struct vslot *a, const struct vslot *b)
{
	return !memcmp(a->kind, b->kind, sizeof(a->kind)) && a->reg.frameno == b->reg.frameno &&
	       !memcmp(&a->reg, &b->reg, offsetof(struct vreg, parent));
}

/* May a caller's slot be @now where it was @was at entry? */
static bool slot_kept(struct venv *env, const struct vslot *was, const struct vslot *now)
{
	if (is_ptr_spill(was))
		return same_slot(was, now);
	return env->ptr_leaks || !is_ptr_spill(now);
}

int vfy_callback_exit(struct venv *env, struct vframe *callee)
{
	static const struct vslot empty;

	for (u32 f = 0; f < callee->frameno; f++) {
		const struct vframe *was = callee->cb_entry->frame[f];
		struct vframe *now = env->cur->frame[f];

		for (u32 i = 0; i < now->nr_slots; i++) {
			const struct vslot *w = i < was->nr_slots ? &was->slots[i] : &empty;

			if (!slot_kept(env, w, &now->slots[i])) {
				vlog(env, "callback changes pointer in stack slot fp%d of frame %d\n", (-(int)i - 1) * SLOT_SIZE, f);
				return -EINVAL;
			}
			/* whoever is to be covered by this path must hold the same pointers */
			vfy_mark_read(env, &now->slots[i].reg, now->slots[i].reg.parent);
		}
	}
	return 0;
}

/* Two callback frames whose callers held the same pointers at entry. */
bool vfy_callback_same_entry(const struct vframe *a, const struct vframe *b)
{
	if (a->cb_entry == b->cb_entry)
		return true;
	if (!a->cb_entry || !b->cb_entry)
		return false;
	for (u32 f = 0; f < a->frameno; f++) {
		const struct vframe *x = a->cb_entry->frame[f], *y = b->cb_entry->frame[f];

		for (u32 i = 0; i < max(x->nr_slots, y->nr_slots); i++) {
			bool px = i < x->nr_slots && is_ptr_spill(&x->slots[i]);
			bool py = i < y->nr_slots && is_ptr_spill(&y->slots[i]);

			if (px != py || (px && !same_slot(&x->slots[i], &y->slots[i])))
				return false;
		}
	}
	return true;
}
