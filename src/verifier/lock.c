/* SPDX-License-Identifier: BSD-2-Clause */
/* lock.c - bpf_spin_lock in map values and objects: one at a time, and the one that was taken is given back. */
#include "verifier/vfy.h"

static int object_field(struct venv *env, const struct vreg *r, u32 regno)
{
	s32 at = vfy_object_lock(env, r);
	s64 off = (s64)r->var.value + r->off;

	if (!tnum_is_const(r->var)) {
		vlog(env,
		     "R%d doesn't have constant offset. bpf_spin_lock has to be at the constant offset\n",
		     regno);
		return -EINVAL;
	}
	if (at < 0) {
		vlog(env, "local 'kptr' has no valid bpf_spin_lock\n");
		return -EINVAL;
	}
	if (at != off) {
		vlog(env, "off %lld doesn't point to 'struct bpf_spin_lock' that is at %d\n",
		     (long long)off, at);
		return -EINVAL;
	}
	return 0;
}

static int lock_field(struct venv *env, u32 regno)
{
	const struct bpf_map *map = vfy_reg(env, regno)->map;
	s64 off;
	s32 at;
	int err;

	if (vfy_is_object(vfy_reg(env, regno)->type))
		return object_field(env, vfy_reg(env, regno), regno);
	err = vfy_field_place(env, regno, "bpf_spin_lock", "bpf_spin_lock", &off);

	if (err)
		return err;
	at = vfy_map_fields(env, map)->lock_off;
	err = vfy_field_only(env, map, at, "bpf_spin_lock");
	if (!err && at != off) {
		vlog(env, "off %lld doesn't point to 'struct bpf_spin_lock'\n", (long long)off);
		err = -EACCES;
	}
	return err;
}

int vfy_lock_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	bool lock = call->func_id == BPF_FUNC_spin_lock;
	struct vstate *st = env->cur;
	const struct vreg *r = vfy_reg(env, regno);
	const void *of = r->type == PTR_TO_MAP_VALUE ? (const void *)r->map : (const void *)r->btf;
	int err;

	if (vfy_in_less(env)) {
		vlog(env, "can't spin_{lock,unlock} in rbtree cb\n");
		return -EACCES;
	}
	err = lock_field(env, regno);
	if (err)
		return err;
	if (lock ? st->lock_of != NULL : !st->lock_of) {
		vlog(env, lock ? "Locking two bpf_spin_locks are not allowed\n"
			       : "bpf_spin_unlock without taking a lock\n");
		return -EACCES;
	}
	if (!lock && (st->lock_of != of || st->lock_id != r->id)) {
		vlog(env, "bpf_spin_unlock of different lock\n");
		return -EACCES;
	}
	st->lock_of = lock ? of : NULL;
	st->lock_id = lock ? r->id : 0;
	if (!lock)
		vfy_looks_end(env);
	return 0;
}
