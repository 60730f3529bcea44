/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * liveness.c - which registers and slots a state's continuation reads. A read marks the ancestors
 * in the tree of explored states up to the write it sees.
 */
#include "verifier/vfy.h"

int vfy_mark_read(struct venv *env, const struct vreg *r)
{
	struct vreg *parent;
	u32 steps = 0;

	while (!(r->live & LIVE_WRITTEN) && (parent = r->parent)) {
		if (parent->live & LIVE_DONE) {
			vlog(env, "verifier BUG type %s var_off %lld off %d\n",
			     vfy_type_text(env, parent->type), (long long)parent->var.value,
			     parent->off);
			return -EFAULT;
		}
		if (parent->live & LIVE_READ)
			break; /* then so are its ancestors */
		parent->live |= LIVE_READ;
		r = parent;
		steps++;
	}
	env->longest_walk = max(env->longest_walk, steps);
	return 0;
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
		return n == REG_FP ? 0 : vfy_mark_read(env, r);
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
