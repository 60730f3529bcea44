/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - bpf_timer in map values. The callback of a timer runs by itself, later: it is walked
 * like a function of its own, once for every map whose values it was set for (check.c). Which these
 * are goes with the subprogram, for whoever runs it must not pass another (prog/timer.c).
 */
#include "verifier/vfy.h"

/* The field a timer helper is about. */
int vfy_timer_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	const struct vreg *r = vfy_reg(env, regno);
	s64 off;
	s32 at;
	int err = vfy_field_place(env, regno, "bpf_timer", "bpf_timer", &off);

	if (err)
		return err;
	at = vfy_map_fields(env, r->map)->timer_off;
	err = vfy_field_only(env, r->map, at, "bpf_timer");
	if (err)
		return err;
	if (at != off) {
		vlog(env, "off %lld doesn't point to 'struct bpf_timer' that is at %d\n",
		     (long long)off, at);
		return -EACCES;
	}
	call->map = r->map;
	call->map_uid = r->map_uid;
	return 0;
}

/* Notes that values of the call's map may have the subprogram as their timer's callback. */
int vfy_timer_callback(struct venv *env, const struct vcall *call)
{
	struct vfy_subprog *sub = &env->subprogs[call->subprog];
	const struct vfy_prog *p = env->prog;
	int err = vfy_subprog_match(env, call->subprog, vfy_frame(env)->regs, true);

	if (err == -EFAULT)
		return err;
	sub->is_async_cb = true;
	for (u32 i = 0; i < p->nr_maps; i++) {
		if (p->used_maps[i] == call->map)
			sub->async_maps |= 1ull << i;
		else if (p->used_maps[i]->inner_map_meta == call->map)
			sub->async_inner |= 1ull << i;
		else
			continue;
		return 0;
	}
	vlog(env, "verifier bug. timer of a map the program does not use\n");
	return -EFAULT;
}

static void map_arg(struct vreg *r, u32 type, struct bpf_map *map)
{
	reg_known(r, 0);
	r->type = type;
	r->map = map;
}

/* What a callback begins with. */
void vfy_timer_args(struct venv *env, struct vframe *f, struct bpf_map *map)
{
	map_arg(&f->regs[1], CONST_PTR_TO_MAP, map);
	map_arg(&f->regs[2], PTR_TO_MAP_KEY, map);
	map_arg(&f->regs[3], PTR_TO_MAP_VALUE, map);
	vfy_new_value(env, &f->regs[3]);
	f->in_async = true;
}
