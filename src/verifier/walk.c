/* SPDX-License-Identifier: BSD-2-Clause */
/* walk.c - the main loop: one instruction after the other, one path after the other. */
#include "helper/kfunc.h"
#include "verifier/vfy.h"

static bool mismatch_ok(u32 type)
{
	switch (type_base(type)) {
	case PTR_TO_CTX:
	case PTR_TO_SOCKET:
	case PTR_TO_SOCK_COMMON:
	case PTR_TO_TCP_SOCK:
	case PTR_TO_XDP_SOCK: return false;
	case PTR_TO_BTF_ID: return vfy_is_object(type);
	}
	return true;
}

/* One instruction is rewritten for one kind of pointer. */
static int one_pointer_kind(struct venv *env, u32 type)
{
	u32 *seen = &env->aux[env->insn_idx].ptr_type;

	if (*seen == NOT_INIT)
		*seen = type;
	else if (*seen != type && !(mismatch_ok(type) && mismatch_ok(*seen))) {
		vlog(env, "same insn cannot be used with different pointers\n");
		return -EINVAL;
	}
	return 0;
}

static int do_ldx(struct venv *env, struct bpf_insn *in)
{
	struct vreg *d, was;
	u32 type;
	int err;

	err = vfy_use_reg(env, in->src_reg, USE_SRC);
	if (!err)
		err = vfy_use_reg(env, in->dst_reg, USE_DST_NO_MARK);
	if (err)
		return err;
	type = vfy_reg(env, in->src_reg)->type;
	err = vfy_mem(env, env->insn_idx, in->src_reg, in->off, BPF_SIZE(in->code), BPF_READ,
		      in->dst_reg, false);
	if (err)
		return err;
	d = vfy_reg(env, in->dst_reg);
	if (BPF_MODE(in->code) == BPF_MEMSX) {
		if (d->type != SCALAR_VALUE) {
			vlog(env, "R%d sign-extending load of pointer prohibited\n", in->dst_reg);
			return -EACCES;
		}
		was = *d;
		vfy_sign_extend(env, d, &was,
				BPF_SIZE(in->code) == BPF_B   ? 8
				: BPF_SIZE(in->code) == BPF_H ? 16
							      : 32,
				true);
	}
	return one_pointer_kind(env, type);
}

static int do_stx(struct venv *env, struct bpf_insn *in)
{
	u32 type;
	int err;

	if (BPF_MODE(in->code) == BPF_ATOMIC)
		return vfy_atomic(env, env->insn_idx, in);
	if (BPF_MODE(in->code) != BPF_MEM || in->imm) {
		vlog(env, "BPF_STX uses reserved fields\n");
		return -EINVAL;
	}
	err = vfy_use_reg(env, in->src_reg, USE_SRC);
	if (!err)
		err = vfy_use_reg(env, in->dst_reg, USE_SRC);
	if (err)
		return err;
	type = vfy_reg(env, in->dst_reg)->type;
	err = vfy_mem(env, env->insn_idx, in->dst_reg, in->off, BPF_SIZE(in->code), BPF_WRITE,
		      in->src_reg, false);
	return err ? err : one_pointer_kind(env, type);
}

static int do_st(struct venv *env, struct bpf_insn *in)
{
	u32 type;
	int err;

	if (BPF_MODE(in->code) != BPF_MEM || in->src_reg) {
		vlog(env, "BPF_ST uses reserved fields\n");
		return -EINVAL;
	}
	err = vfy_use_reg(env, in->dst_reg, USE_SRC);
	if (err)
		return err;
	type = vfy_reg(env, in->dst_reg)->type;
	if (type == PTR_TO_CTX) {
		vlog(env, "BPF_ST stores into R%d %s is not allowed\n", in->dst_reg,
		     vfy_type_text(env, type));
		return -EACCES;
	}
	return vfy_mem(env, env->insn_idx, in->dst_reg, in->off, BPF_SIZE(in->code), BPF_WRITE, -1,
		       false);
}

static int do_call(struct venv *env, struct bpf_insn *in)
{
	bool kfunc = in->src_reg == BPF_PSEUDO_KFUNC_CALL;

	if (BPF_SRC(in->code) != BPF_K || (in->off && !kfunc) ||
	    (in->src_reg && in->src_reg != BPF_PSEUDO_CALL && !kfunc) || in->dst_reg ||
	    BPF_CLASS(in->code) == BPF_JMP32) {
		vlog(env, "BPF_CALL uses reserved fields\n");
		return -EINVAL;
	}
	if (env->cur->lock_of && !(kfunc ? vfy_kfunc_flags(env, in) & KF_LOCKED
					 : !in->src_reg && in->imm == BPF_FUNC_spin_unlock)) {
		vlog(env, "function calls are not allowed while holding a lock\n");
		return -EINVAL;
	}
	if (kfunc)
		return vfy_kfunc_call(env, in, env->insn_idx);
	if (in->src_reg == BPF_PSEUDO_CALL)
		return vfy_subprog_call(env, in, &env->insn_idx);
	return vfy_helper_call(env, in, &env->insn_idx);
}

static int do_ja(struct venv *env, struct bpf_insn *in)
{
	bool near = BPF_CLASS(in->code) == BPF_JMP;

	if (BPF_SRC(in->code) != BPF_K || in->src_reg || in->dst_reg ||
	    (near ? in->imm != 0 : in->off != 0)) {
		vlog(env, "BPF_JA uses reserved fields\n");
		return -EINVAL;
	}
	env->insn_idx += near ? in->off : in->imm;
	return 0;
}

#define PATH_ENDS 1 /* of the step functions: take the next path */
#define RETURNED  2 /* insn_idx is the instruction after the call */

static int do_exit(struct venv *env, struct bpf_insn *in)
{
	int err;

	if (BPF_SRC(in->code) != BPF_K || in->imm || in->src_reg || in->dst_reg ||
	    BPF_CLASS(in->code) == BPF_JMP32) {
		vlog(env, "BPF_EXIT uses reserved fields\n");
		return -EINVAL;
	}
	if (env->cur->lock_of && !vfy_in_less(env)) {
		vlog(env, "bpf_spin_unlock is missing\n");
		return -EINVAL;
	}
	err = vfy_ref_leak(env);
	if (err)
		return err;
	if (env->cur->curframe) {
		err = vfy_subprog_exit(env, &env->insn_idx);
		return err ? err : RETURNED;
	}
	err = vfy_return_code(env);
	return err ? err : PATH_ENDS;
}

static void mark_seen(struct venv *env)
{
	/* what only speculation reaches is dead code all the same */
	if (!env->cur->speculative)
		env->aux[env->insn_idx].seen = env->pass;
}

static int do_ld(struct venv *env, struct bpf_insn *in)
{
	int err;

	switch (BPF_MODE(in->code)) {
	case BPF_ABS:
	case BPF_IND: return vfy_ld_abs(env, in);
	case BPF_IMM:
		err = vfy_ldimm(env, in);
		if (err)
			return err;
		env->insn_idx++;
		mark_seen(env);
		return 0;
	}
	vlog(env, "invalid BPF_LD mode\n");
	return -EINVAL;
}

static int step(struct venv *env, struct bpf_insn *in)
{
	switch (BPF_CLASS(in->code)) {
	case BPF_ALU:
	case BPF_ALU64: return vfy_alu(env, in);
	case BPF_LDX: return do_ldx(env, in);
	case BPF_STX: return do_stx(env, in);
	case BPF_ST: return do_st(env, in);
	case BPF_LD: return do_ld(env, in);
	}
	env->jumps++;
	switch (BPF_OP(in->code)) {
	case BPF_CALL: return do_call(env, in);
	case BPF_JA: return do_ja(env, in);
	case BPF_EXIT: return do_exit(env, in);
	case BPF_JCOND: return vfy_may_goto(env, in, &env->insn_idx);
	}
	return vfy_jump(env, in, &env->insn_idx);
}

static const char *speculative(const struct venv *env)
{
	return env->cur->speculative ? " (speculative execution)" : "";
}

static void log_before(struct venv *env, bool *new_path)
{
	u32 level = vlog_level(env);

	if ((level & LOG_LEVEL2) && *new_path) {
		vlog(env, "\nfrom %d to %d%s:", env->prev_insn_idx, env->insn_idx,
		     speculative(env));
		vfy_log_frame(env, vfy_frame(env), true);
		*new_path = false;
	}
	if (!(level & (LOG_LEVEL1 | LOG_LEVEL2)) || !log_on(env->log))
		return;
	if (env->scratched_regs || env->scratched_slots)
		vfy_log_state_line(env, vfy_frame(env));
	vfy_log_linfo(env, env->insn_idx, "; ");
	env->prev_log_len = env->log->len;
	vlog(env, "%d: ", env->insn_idx);
	vfy_log_insn(env, env->insn_idx);
	env->prev_print_len = env->log->len - env->prev_log_len;
	env->prev_log_len = env->log->len;
}

static void log_pruned(struct venv *env, bool new_path)
{
	if (!(vlog_level(env) & (LOG_LEVEL1 | LOG_LEVEL2)))
		return;
	if (new_path)
		vlog(env, "\nfrom %d to %d%s: safe\n", env->prev_insn_idx, env->insn_idx,
		     speculative(env));
	else
		vlog(env, "%d: safe\n", env->insn_idx);
}

/* The path is done: on with the next. 1: that was the last. */
static int next_path(struct venv *env, s32 *prev)
{
	int err;

	env->scratched_regs = ~0u;
	env->scratched_slots = ~0ull;
	err = vfy_branch_done(env, env->cur);
	if (err)
		return err;
	err = vfy_pop(env, prev, &env->insn_idx, !(vlog_level(env) & LOG_LEVEL2));
	return err == -ENOENT ? 1 : err;
}

int vfy_walk(struct venv *env)
{
	bool new_path = false;
	s32 prev = -1;
	int err;

	for (;;) {
		env->prev_insn_idx = prev;
		if (env->insn_idx < 0 || env->insn_idx >= env->len) {
			vlog(env, "invalid insn idx %d insn_cnt %d\n", env->insn_idx, env->len);
			return -EFAULT;
		}
		if (++env->processed > BPF_COMPLEXITY_LIMIT_INSNS) {
			vlog(env, "BPF program is too large. Processed %d insn\n", env->processed);
			return -E2BIG;
		}
		err = vfy_visited(env, env->insn_idx);
		if (err < 0)
			return err;
		if (!err) {
			log_before(env, &new_path);
			mark_seen(env);
			if (env->prog->observer)
				env->prog->observer->step(env->prog->observer, env);
			prev = env->insn_idx;
			err = step(env, &env->insns[env->insn_idx]);
			if (err < 0)
				return err;
		} else {
			log_pruned(env, new_path);
		}
		if (err == PATH_ENDS) {
			err = next_path(env, &prev);
			if (err)
				return min(err, 0);
			new_path = true;
		} else if (err == RETURNED) {
			new_path = true;
		} else {
			env->insn_idx++;
		}
	}
}
