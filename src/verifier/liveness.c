/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * liveness.c - which registers and slots a state's continuation reads. A read marks the ancestors
 * in the tree of explored states up to the write it sees.
 */
#include "verifier/vfy.h"

void vfy_mark_read(struct venv *env, const struct vreg *r)
{
	const struct vstate *st = env->cur->parent;
	u32 frame = r->home_frame, item = r->home_item, steps = 0;
	bool written = r->live & LIVE_WRITTEN;

	for (; st && !written && item != HOME_NONE; st = st->parent) {
		struct vnote *n = &st->past[frame].note[item];

		if (n->live & LIVE_READ)
			break; /* then so are its ancestors */
		n->live |= LIVE_READ;
		env->marks++;
		written = n->live & LIVE_WRITTEN;
		frame = n->home_frame;
		item = n->home_item;
		steps++;
	}
	env->longest_walk = max(env->longest_walk, steps);
}

int vfy_use_reg(struct venv *env, u32 n, enum vuse use)
{
	struct vreg *r;

	if (n >= VFY_REGS) {
		vlog(env, "R%d is invalid\n", n);
		return -EINVAL;
	}
	env->scratched_regs |= 1u << n;
	r = vfy_reg(env, n);
	if (use == USE_SRC) {
		if (r->type == NOT_INIT) {
			vlog(env, "R%d !read_ok\n", n);
			return -EACCES;
		}
		if (n != REG_FP)
			vfy_mark_read(env, r);
		return 0;
	}
	if (n == REG_FP) {
		vlog(env, "frame pointer is read only\n");
		return -EACCES;
	}
	r->live |= LIVE_WRITTEN;
	if (use == USE_DST)
		reg_unknown(env, r);
	return 0;
}

void vfy_clobber_caller_saved(struct venv *env, struct vframe *f)
{
	for (u32 i = 0; i <= 5; i++) {
		reg_not_init(env, &f->regs[i]);
		/* as the kernel, the write counts for the frame that runs */
		vfy_use_reg(env, i, USE_DST_NO_MARK);
	}
}
