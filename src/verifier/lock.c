/* SPDX-License-Identifier: BSD-2-Clause */
/* lock.c - bpf_spin_lock in map values: one at a time, and the one that was taken is given back. */
#include "verifier/vfy.h"

static int lock_field(struct venv *env, u32 regno)
{
	const struct bpf_map *map = vfy_reg(env, regno)->map;
	s64 off;
	s32 at;
	int err = vfy_field_place(env, regno, "bpf_spin_lock", "bpf_spin_lock", &off);

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
	int err = lock_field(env, regno);

	if (err)
		return err;
	if (lock ? st->lock_id != 0 : st->lock_id == 0) {
		vlog(env, lock ? "Locking two bpf_spin_locks are not allowed\n"
			       : "bpf_spin_unlock without taking a lock\n");
		return -EACCES;
	}
	if (!lock && st->lock_id != vfy_reg(env, regno)->id) {
		vlog(env, "bpf_spin_unlock of different lock\n");
		return -EACCES;
	}
	st->lock_id = lock ? vfy_reg(env, regno)->id : 0;
	return 0;
}
