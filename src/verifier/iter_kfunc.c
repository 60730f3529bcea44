/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iter_kfunc.c - iterators on the program's stack (Linux 6.4): functions make one, ask for the next
 * element, and destroy it, which the program must do. Next either ends the iterator, and returns
 * NULL, or begins one more round of the loop around it (loops.c).
 */
#include "helper/kfunc.h"
#include "verifier/vfy.h"

enum { ITER_ACTIVE = 1, ITER_DRAINED };

static const char *type_text(const struct viter *it)
{
	const char *name = vfy_btf_name(it->btf, it->btf_id);

	return strncmp(name, "bpf_", 4) ? name : name + 4;
}

static struct vslot *slots_of(struct venv *env, const struct viter *it)
{
	return &env->cur->frame[it->frame]->slots[it->slot];
}

static bool is_whole(struct venv *env, const struct viter *it)
{
	const struct vslot *s = slots_of(env, it);

	for (u32 i = 0; i < it->nr; i++)
		if (!vfy_obj_whole(&s[-(s32)i], SLOT_ITER) ||
		    s[-(s32)i].reg.obj_type != it->btf_id || s[-(s32)i].reg.ref_id != s->reg.ref_id)
			return false;
	return s->reg.obj_state;
}

static int make(struct venv *env, u32 regno, s32 idx, struct viter *it)
{
	struct vframe *f = env->cur->frame[it->frame];
	int err = 0, id;

	for (u32 i = 0; it->slot >= 0 && i < it->nr; i++) {
		if (f->slots[it->slot - i].kind[SLOT_SIZE - 1] != SLOT_ITER)
			continue;
		vlog(env, "expected uninitialized %s as arg #%d\n", type_text(it), regno);
		return -EINVAL;
	}
	for (u32 i = 0; i < it->nr && !err; i++)
		err = vfy_mem(env, idx, regno, i * SLOT_SIZE, BPF_DW, BPF_WRITE, -1, false);
	if (err)
		return err;
	it->slot = vfy_obj_slot(env, vfy_reg(env, regno), it->nr);
	if (it->slot < 0)
		return -EINVAL;
	id = vfy_ref_acquire(env, idx);
	if (id < 0)
		return id;
	for (u32 i = 0; i < it->nr; i++)
		vfy_obj_set(env, f, it->slot - i, SLOT_ITER, it->btf_id)->ref_id = id;
	slots_of(env, it)->reg.obj_state = ITER_ACTIVE;
	return 0;
}

int vfy_iter_arg(struct venv *env, u32 regno, u32 flags, s32 idx, struct viter *it)
{
	const struct vreg *r = vfy_reg(env, regno);
	s64 off = r->off + (s64)r->var.value;

	if (r->type != PTR_TO_STACK) {
		vlog(env, "arg#%d expected pointer to an iterator on stack\n", regno - 1);
		return -EINVAL;
	}
	if (!tnum_is_const(r->var)) {
		vlog(env, "iter has to be at a constant offset\n");
		return -EINVAL;
	}
	if (off % SLOT_SIZE) {
		vlog(env, "cannot pass in iter at an offset=%d\n", (int)off);
		return -EINVAL;
	}
	it->nr = btf_type_by_id(it->btf, it->btf_id)->size / SLOT_SIZE;
	it->frame = r->frameno;
	it->slot = vfy_obj_slot(env, r, it->nr);
	if (flags & KF_ITER_NEW)
		return make(env, regno, idx, it);
	if (it->slot < 0 || !is_whole(env, it)) {
		vlog(env, "expected an initialized %s as arg #%d\n", type_text(it), regno);
		return -EINVAL;
	}
	for (u32 i = 0; i < it->nr; i++)
		vfy_mark_read(env, &slots_of(env, it)[-(s32)i].reg);
	it->ref_id = slots_of(env, it)->reg.ref_id;
	return 0;
}

int vfy_iter_destroy(struct venv *env, const struct viter *it)
{
	struct vframe *f = env->cur->frame[it->frame];

	for (u32 i = 0; i < it->nr; i++) {
		vfy_obj_overwritten(env, f, it->slot - i);
		reg_not_init(env, &f->slots[it->slot - i].reg);
	}
	return vfy_ref_release(env, it->ref_id);
}

/* R0 is the element, or NULL. */
int vfy_iter_next(struct venv *env, s32 idx, const struct viter *it)
{
	struct vstate *round;
	struct vreg *r;

	if (slots_of(env, it)->reg.obj_state == ITER_ACTIVE) {
		round = vfy_loop_round(env, idx);
		if (!round)
			return -ENOMEM;
		round->frame[it->frame]->slots[it->slot].reg.obj_depth++;
		vfy_not_null(env, &round->frame[round->curframe]->regs[0]);
	}
	slots_of(env, it)->reg.obj_state = ITER_DRAINED;
	env->scratched_slots |= 1ull << it->slot;
	r = vfy_reg(env, 0);
	reg_known(r, 0);
	r->type = SCALAR_VALUE;
	return 0;
}

/* At the call of a next function: is its iterator one that can end? */
bool vfy_iter_active(struct venv *env)
{
	const struct vreg *r = vfy_reg(env, 1);
	s32 slot = r->type == PTR_TO_STACK ? vfy_obj_slot(env, r, 1) : -EINVAL;
	const struct vslot *s = slot < 0 ? NULL : &reg_frame(env, r)->slots[slot];

	return s && vfy_obj_whole(s, SLOT_ITER) && s->reg.obj_state == ITER_ACTIVE;
}

/* Is one of them in another round than in @old? */
bool vfy_iters_moved(struct venv *env, const struct vstate *old)
{
	for (u32 f = 0; f <= old->curframe && f <= env->cur->curframe; f++) {
		const struct vshot *s = old->past[f].shot;
		const struct vframe *fr = env->cur->frame[f];

		for (u32 i = 0; i < s->nr_slots && i < fr->nr_slots; i++) {
			const struct vreg *was = s->val[VFY_REGS + i];

			if (shot_kind(s, i)[0] == SLOT_ITER && was->obj_state == ITER_ACTIVE &&
			    was->obj_depth != fr->slots[i].reg.obj_depth)
				return true;
		}
	}
	return false;
}

void vfy_iter_log(struct venv *env, const struct vreg *r)
{
	static const char *const states[] = {"<invalid>", "active", "drained"};
	const struct viter it = {.btf = env->prog->vmlinux, .btf_id = r->obj_type};

	if (r->obj_state)
		vlog(env, "=%s(ref_id=%d,state=%s,depth=%u)", type_text(&it), r->ref_id,
		     states[r->obj_state], r->obj_depth);
}
