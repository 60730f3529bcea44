/* SPDX-License-Identifier: BSD-2-Clause */
/* ld_abs.c - LD_ABS and LD_IND: loads from the packet that end the function when they are beyond it. */
#include "verifier/vfy.h"

static int ld_abs_operands(struct venv *env, struct bpf_insn *in)
{
	bool ind = BPF_MODE(in->code) == BPF_IND;
	int err;

	if (!env->ops->skb_data) {
		vlog(env, "BPF_LD_[ABS|IND] instructions not allowed for this program type\n");
		return -EINVAL;
	}
	if (in->dst_reg || in->off || BPF_SIZE(in->code) == BPF_DW || (!ind && in->src_reg)) {
		vlog(env, "BPF_LD_[ABS|IND] uses reserved fields\n");
		return -EINVAL;
	}
	err = vfy_use_reg(env, 6, USE_SRC);
	if (err)
		return err;
	/* the load may end the program */
	err = vfy_ref_leak(env);
	if (err) {
		vlog(env, "BPF_LD_[ABS|IND] cannot be mixed with socket references\n");
		return err;
	}
	if (env->cur->lock_of) {
		vlog(env, "BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region\n");
		return -EINVAL;
	}
	if (vfy_reg(env, 6)->type != PTR_TO_CTX) {
		vlog(env, "at the time of BPF_LD_ABS|IND R6 != pointer to skb\n");
		return -EINVAL;
	}
	err = ind ? vfy_use_reg(env, in->src_reg, USE_SRC) : 0;
	return err ? err : vfy_ptr_off(env, vfy_reg(env, 6), 6, false);
}

/* 1: the path ends (in a callback, by the hidden exit). */
int vfy_ld_abs(struct venv *env, struct bpf_insn *in)
{
	int err = ld_abs_operands(env, in);

	if (err)
		return err;
	vfy_clobber_caller_saved(env, vfy_frame(env));
	reg_unknown(env, vfy_reg(env, 0));
	if (!env->cur->curframe)
		return 0;
	/* a load beyond the packet returns 0 from the subprogram */
	env->scratched_regs |= 1;
	if (!vfy_push(env, env->insn_idx + 1, env->insn_idx, false))
		return -EFAULT;
	reg_known(vfy_reg(env, 0), 0);
	err = vfy_subprog_exit(env, &env->insn_idx);
	if (!err)
		env->insn_idx--;
	return err;
}
