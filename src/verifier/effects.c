/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * effects.c - what calls do to their callers whatever they are passed: packets move, the program
 * sleeps. For global functions, which are not walked again at every call, that is found out before.
 */
#include "helper/kfunc.h"
#include "verifier/vfy.h"

int vfy_pkt_changed(struct venv *env)
{
	/* the callers' packet pointers would have to go before the first round; not done */
	if (vfy_in_callback(env)) {
		vlog(env, "helpers that change packet data are not supported in callbacks\n");
		return -ENOTSUPP;
	}
	env->prog->changes_pkt_data = true;
	for_each_vreg(env->cur, r, {
		if (reg_is_pkt_any(r))
			reg_unknown(env, r);
	});
	return 0;
}

/* Adds what the instruction may do to what its function may do. Anything new? */
static bool add_effects(struct venv *env, s32 i, struct vfunc *f)
{
	const struct bpf_insn *in = &env->insns[i];
	const struct helper_proto *fn = NULL;
	const struct vfunc was = *f;
	s32 n;

	if (insn_is_call(in, 0)) {
		fn = helper_by_id(in->imm);
		/* the program that is called in its place may do that, too */
		f->changes_pkt |= in->imm == BPF_FUNC_tail_call;
		f->changes_pkt |= fn && (fn->flags & HELPER_CHANGES_PKT);
		f->sleeps |= fn && (fn->flags & HELPER_SLEEP);
	} else if (insn_is_call(in, BPF_PSEUDO_KFUNC_CALL)) {
		f->sleeps |= (vfy_kfunc_flags(env, in) & KF_SLEEPABLE) != 0;
	} else if (insn_is_call(in, BPF_PSEUDO_CALL) || insn_is_func_ptr(in)) {
		n = vfy_find_subprog(env, i + in->imm + 1);
		f->changes_pkt |= n >= 0 && env->funcs[n].changes_pkt;
		f->sleeps |= n >= 0 && env->funcs[n].sleeps;
	}
	return f->changes_pkt != was.changes_pkt || f->sleeps != was.sleeps;
}

void vfy_find_effects(struct venv *env)
{
	bool more = true;

	while (more) {
		more = false;
		for (u32 n = 0; n < env->nr_subprogs; n++)
			for (u32 i = env->subprogs[n].start; i < env->subprogs[n + 1].start; i++)
				more |= add_effects(env, i, &env->funcs[n]);
	}
}

/* A timer's callback does not, whoever set it. */
bool vfy_may_sleep(const struct venv *env)
{
	return env->prog->sleepable && !env->cur->frame[0]->in_async;
}
