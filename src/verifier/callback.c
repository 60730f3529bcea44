/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * callback.c - helpers that call a subprogram of the program any number of times (bpf_loop,
 * bpf_for_each_map_elem).
 *
 * Linux 6.1 walks the callback once and goes on with what it left, which is not sound for zero or
 * many rounds. Here the callers' stack (the callback may get a pointer into it) has an invariant:
 * numbers in it are forgotten before the call; spilled pointers, objects of helpers and zeroes are
 * assumed to stay.
 * Then two paths are walked: the code after the call, and the callback once, from the same state.
 * When the callback ends, what was assumed must hold. If not, the walk starts again without that
 * assumption (vinsn.changed).
 */
#include "verifier/vfy.h"

bool vfy_in_callback(const struct venv *env)
{
	for (u32 i = 0; i <= env->cur->curframe; i++)
		if (env->cur->frame[i]->in_callback)
			return true;
	return false;
}

/* What the invariant keeps as it is: a pointer, or an object of a helper's. */
static bool is_kept_whole(const struct vslot *s)
{
	return slot_is_object(s) || (slot_is_spill(s) && s->reg.type != SCALAR_VALUE);
}

static bool is_zero_byte(const struct vslot *s, u32 j)
{
	return s->kind[j] == SLOT_ZERO;
}

/* Leaves what the invariant keeps: pointers, objects and zeroes, but in slots of the mask @changed. */
static void forget_numbers(struct venv *env, struct vframe *f, u64 changed)
{
	for (u32 i = 0; i < f->nr_slots; i++) {
		struct vslot *s = &f->slots[i];
		bool all = changed >> i & 1;

		if (is_kept_whole(s) && !all)
			continue;
		reg_not_init(env, &s->reg);
		for (u32 j = 0; j < SLOT_SIZE; j++)
			if (s->kind[j] != SLOT_INVALID && (all || !is_zero_byte(s, j)))
				s->kind[j] = SLOT_MISC;
	}
}

/* --- arguments of the callback from those of the helper --- */

static int loop_args(struct venv *env, const struct vreg *from, struct vreg *to,
		     const struct vcall *call)
{
	reg_unknown(env, &to[1]);
	to[2] = from[3];
	return 0;
}

static int element_args(struct venv *env, const struct vreg *from, struct vreg *to,
			const struct vcall *call)
{
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
	to[3].map_uid = call->map_uid;
	vfy_new_value(env, &to[3]);
	to[4] = from[3];
	return 0;
}

static int sample_args(struct venv *env, const struct vreg *from, struct vreg *to,
		       const struct vcall *call)
{
	reg_known(&to[1], 0);
	to[1].type = CONST_PTR_TO_DYNPTR;
	to[2] = from[3];
	return 0;
}

static int vma_args(struct venv *env, const struct vreg *from, struct vreg *to,
		    const struct vcall *call)
{
	struct btf *vmlinux = env->prog->vmlinux;
	s32 id = vmlinux ? btf_find_by_name_kind(vmlinux, "vm_area_struct", BTF_KIND_STRUCT)
			 : -ENOENT;

	if (id < 0) {
		vlog(env, "no vm_area_struct in the BTF of the service\n");
		return -ENOTSUPP;
	}
	to[1] = from[1];
	reg_btf_ptr(env, &to[2], vmlinux, id, 0);
	to[3] = from[4];
	return 0;
}

static int less_args(struct venv *env, const struct vreg *from, struct vreg *to,
		     const struct vcall *call)
{
	vfy_less_args(env, call->owned, to);
	return 0;
}

/* Helpers that run a subprogram of the caller. */
static const struct caller {
	s32 id;
	u32 ctx; /* argument that is passed on */
	int (*args)(struct venv *env, const struct vreg *from, struct vreg *to,
		    const struct vcall *call);
} callers[] = {
	{BPF_FUNC_loop, 3, loop_args},
	{BPF_FUNC_for_each_map_elem, 3, element_args},
	{BPF_FUNC_user_ringbuf_drain, 3, sample_args},
	{BPF_FUNC_find_vma, 4, vma_args},
	{VFY_CALLS_LESS, 1, less_args},
};

static const struct caller *caller_of(s32 id)
{
	for (u32 i = 0; i < ARRAY_SIZE(callers); i++)
		if (callers[i].id == id)
			return &callers[i];
	return NULL;
}

bool vfy_calls_back(s32 id)
{
	return caller_of(id) != NULL;
}

int vfy_callback(struct venv *env, s32 idx, u32 subprog, struct vcall *call)
{
	struct vframe *caller = vfy_frame(env), *callee;
	const struct caller *how = caller_of(call->func_id);
	struct vstate *st;
	int err;

	if (env->cur->curframe + 1 >= MAX_CALL_FRAMES) {
		vlog(env, "the call stack of %d frames is too deep\n", env->cur->curframe + 2);
		return -E2BIG;
	}
	err = vfy_subprog_match(env, subprog, caller->regs, true);
	if (err == -EFAULT)
		return err;
	if (caller->regs[how->ctx].type == PTR_TO_STACK)
		for (u32 i = 0; i <= env->cur->curframe; i++)
			forget_numbers(env, env->cur->frame[i],
				       env->vi[idx].changed ? env->vi[idx].changed[i] : 0);
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
		err = how->args(env, caller->regs, callee->regs, call);
	if (err)
		return err;
	callee->in_callback = true;
	callee->cb_range = tnum_range(0, 1);
	callee->cb_entry =
		vfy_state_copy(env, st); /* lives as long as the check: states share it */
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
	return !memcmp(a->kind, b->kind, sizeof(a->kind)) && same_value(&a->reg, &b->reg);
}

/* Is a caller's slot @now what the invariant says after it was @was? */
static bool slot_kept(const struct vslot *was, const struct vslot *now)
{
	if (is_kept_whole(was))
		return same_slot(was, now);
	for (u32 j = 0; j < SLOT_SIZE; j++)
		if (is_zero_byte(was, j) && !is_zero_byte(now, j))
			return false;
	return true;
}

/* The next walk shall not assume anything of this slot. */
static int note_change(struct venv *env, s32 call, u32 frame, u32 slot)
{
	struct vinsn *vi = &env->vi[call];

	if (!vi->changed) {
		vi->changed = vmem_alloc(&env->mem, MAX_CALL_FRAMES * sizeof(u64));
		if (!vi->changed)
			return -ENOMEM;
		memset(vi->changed, 0, MAX_CALL_FRAMES * sizeof(u64));
	}
	vi->changed[frame] |= 1ull << slot;
	return VFY_RESTART;
}

int vfy_callback_exit(struct venv *env, struct vframe *callee)
{
	static const struct vslot empty;
	int err = 0;

	for (u32 f = 0; f < callee->frameno; f++) {
		const struct vframe *was = callee->cb_entry->frame[f];
		struct vframe *now = env->cur->frame[f];

		for (u32 i = 0; i < now->nr_slots; i++) {
			const struct vslot *w = i < was->nr_slots ? &was->slots[i] : &empty;
			bool kept = slot_kept(w, &now->slots[i]);

			/* a slot that is a number to the callers may not be a pointer for who
			 * may not know addresses */
			if (!env->ptr_leaks &&
			    (kept ? !is_kept_whole(w) && is_kept_whole(&now->slots[i])
				  : is_kept_whole(w) || is_kept_whole(&now->slots[i]))) {
				vlog(env,
				     "callback changes pointer in stack slot fp%d of frame %d\n",
				     (-(int)i - 1) * SLOT_SIZE, f);
				return -EINVAL;
			}
			if (!kept)
				err = note_change(env, callee->callsite, f, i);
			if (err == -ENOMEM)
				return err;
			/* whoever is to be covered by this path must have left the same there */
			vfy_mark_read(env, &now->slots[i].reg);
		}
	}
	return err;
}

/* Did both slots leave the same to keep? */
static bool same_promise(const struct vslot *a, const struct vslot *b)
{
	if (is_kept_whole(a) || is_kept_whole(b))
		return is_kept_whole(a) && is_kept_whole(b) && same_slot(a, b);
	for (u32 j = 0; j < SLOT_SIZE; j++)
		if (is_zero_byte(a, j) != is_zero_byte(b, j))
			return false;
	return true;
}

/* Two callback frames whose callers were promised the same at entry. */
bool vfy_callback_same_entry(const struct vshot *a, const struct vframe *b)
{
	static const struct vslot empty;

	if (a->cb_entry == b->cb_entry)
		return true;
	if (!a->cb_entry || !b->cb_entry)
		return false;
	for (u32 f = 0; f < a->frameno; f++) {
		const struct vframe *x = a->cb_entry->frame[f], *y = b->cb_entry->frame[f];

		for (u32 i = 0; i < max(x->nr_slots, y->nr_slots); i++)
			if (!same_promise(i < x->nr_slots ? &x->slots[i] : &empty,
					  i < y->nr_slots ? &y->slots[i] : &empty))
				return false;
	}
	return true;
}
