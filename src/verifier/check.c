/* SPDX-License-Identifier: BSD-2-Clause */
/* check.c - vfy_check(): the steps in order, and the walk over instructions. */
#include <stdlib.h>
#include <time.h>

#include "verifier/vfy.h"

/* --- exits --- */

#define ANY_ATTACH UINT32_MAX

/* Numbers that programs of a type may return; the first row that fits counts. Other types: any. */
static const struct {
	u32 type, attach;
	u8 least, most;
} returns[] = {
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_RECVMSG, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_RECVMSG, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETPEERNAME, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_GETPEERNAME, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETSOCKNAME, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_GETSOCKNAME, 1, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND, 0, 3},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_BIND, 0, 3},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, 0, 3},
	{BPF_PROG_TYPE_CGROUP_SKB, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_CGROUP_SOCK, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_SOCK_OPS, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_CGROUP_DEVICE, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_CGROUP_SYSCTL, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_SK_LOOKUP, ANY_ATTACH, 0, 1},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, 0, 0},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, 0, 0},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0, 1},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_VIEW, 0, 1},
	{BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP, 0, 1},
};

static bool is_void_cgroup_hook(const struct vfy_prog *p)
{
	return p->type == BPF_PROG_TYPE_LSM && p->expected_attach_type == BPF_LSM_CGROUP &&
	       p->attach_func_proto && !p->attach_func_proto->type;
}

/* What R0 must be at the end of the program. */
static struct tnum return_range(const struct vfy_prog *p, int *err)
{
	u32 attach = p->expected_attach_type;

	if (p->type == BPF_PROG_TYPE_RAW_TRACEPOINT && p->attach_btf_id)
		return tnum_const(0);
	if (is_void_cgroup_hook(p))
		return tnum_const(1);
	for (u32 i = 0; i < ARRAY_SIZE(returns); i++)
		if (returns[i].type == p->type &&
		    (returns[i].attach == ANY_ATTACH || returns[i].attach == attach))
			return tnum_range(returns[i].least, returns[i].most);
	if (p->type == BPF_PROG_TYPE_TRACING && attach != BPF_TRACE_RAW_TP &&
	    attach != BPF_MODIFY_RETURN && attach != BPF_TRACE_VIEW_WRITE)
		*err = -ENOTSUPP;
	return TNUM_UNKNOWN;
}

static int need_scalar(struct venv *env, const struct vreg *r, const char *fmt)
{
	if (r->type == SCALAR_VALUE)
		return 0;
	if (log_on(env->log))
		log_printf(env->log, "%s(%s)\n", fmt, vfy_type_text(env, r->type));
	return -EINVAL;
}

int vfy_return_code(struct venv *env)
{
	const struct vfy_prog *p = env->prog;
	struct vframe *f = env->cur->frame[0];
	struct vreg *r = vfy_reg(env, 0);
	struct tnum range;
	int err = 0;

	if (!f->subprog &&
	    (p->type == BPF_PROG_TYPE_STRUCT_OPS ||
	     (p->type == BPF_PROG_TYPE_LSM && p->expected_attach_type != BPF_LSM_CGROUP)) &&
	    p->attach_func_proto && !p->attach_func_proto->type)
		return 0;
	err = vfy_use_reg(env, 0, USE_SRC);
	if (err)
		return err;
	if (reg_leaks(env, 0)) {
		vlog(env, "R0 leaks addr as return value\n");
		return -EACCES;
	}
	if (f->in_async) {
		err = need_scalar(env, r,
				  "In async callback the register R0 is not a known value ");
		if (!err && !tnum_contains(tnum_const(0), r->var)) {
			vfy_log_bad_scalar(env, r, tnum_const(0), "async callback", "R0");
			err = -EINVAL;
		}
		return err;
	}
	if (f->subprog)
		return need_scalar(env, r,
				   "At subprogram exit the register R0 is not a scalar value ");
	range = return_range(p, &err);
	if (err || tnum_is_unknown(range))
		return err;
	err = need_scalar(env, r, "At program exit the register R0 is not a known value ");
	if (err)
		return err;
	if (!tnum_contains(range, r->var)) {
		vfy_log_bad_scalar(env, r, range, "program exit", "R0");
		if (is_void_cgroup_hook(p))
			vlog(env,
			     "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n");
		return -EINVAL;
	}
	return 0;
}

/* --- LD_ABS, LD_IND --- */

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
	if (env->cur->lock_id) {
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

/* --- the walk --- */

static bool mismatch_ok(u32 type)
{
	switch (type_base(type)) {
	case PTR_TO_CTX:
	case PTR_TO_SOCKET:
	case PTR_TO_SOCK_COMMON:
	case PTR_TO_TCP_SOCK:
	case PTR_TO_XDP_SOCK:
	case PTR_TO_BTF_ID: return false;
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
	if (env->cur->lock_id && (in->src_reg || in->imm != BPF_FUNC_spin_unlock)) {
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
	if (env->cur->lock_id) {
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

/* --- subprograms --- */

static void drop_states(struct venv *env)
{
	struct vstate *st;

	vfy_loops_drop(env);
	vfy_state_free(env, env->cur);
	env->cur = NULL;
	while ((st = env->pending)) {
		env->pending = st->next;
		vfy_state_free(env, st);
	}
	env->nr_pending = 0;
	for (s32 i = 0; i < env->len; i++)
		while ((st = env->explored[i])) {
			env->explored[i] = st->next;
			vfy_state_free(env, st);
		}
}

static int first_state(struct venv *env, u32 n, struct bpf_map *timers)
{
	struct vstate *st = vfy_state_new(env);
	struct vreg *r;
	int err;

	if (!st)
		return -ENOMEM;
	env->cur = st;
	st->branches = 1;
	st->first_insn = env->subprogs[n].start;
	st->last_insn = -1;
	st->frame[0] = vfy_frame_new(env, VFY_MAIN_CALLSITE, 0, n);
	if (!st->frame[0])
		return -ENOMEM;
	if (timers) {
		vfy_timer_args(env, st->frame[0], timers);
		return 0;
	}
	if (n || env->prog->ext)
		return vfy_subprog_args(env, n, st->frame[0]);
	r = &st->frame[0]->regs[1];
	reg_known(r, 0);
	r->type = PTR_TO_CTX;
	err = vfy_subprog_match(env, 0, st->frame[0]->regs, false);
	return err == -EFAULT ? err : 0;
}

/* One walk, from the entry of subprogram @n; as the callback of @timers unless that is NULL. */
static int walk_from(struct venv *env, u32 n, struct bpf_map *timers)
{
	int err;

	env->prev_linfo = NULL;
	env->prev_log_len = 0; /* no line is open */
	env->pass++;
	env->insn_idx = env->subprogs[n].start;
	err = first_state(env, n, timers);
	if (!err)
		err = vfy_walk(env);
	drop_states(env);
	return err;
}

/* Each new start assumes less of at least one stack slot, so there are few; the total is bounded
 * all the same. */
static int check_one(struct venv *env, u32 n, struct bpf_map *timers)
{
	struct vcounts before = env->counts;
	u32 log_at = env->log ? env->log->len : 0, total = 0;
	int err;

	for (;;) {
		err = walk_from(env, n, timers);
		if (err != VFY_RESTART)
			break;
		total += env->processed;
		if (total > BPF_COMPLEXITY_LIMIT_INSNS) {
			vlog(env, "BPF program is too large. Processed %d insn\n", total);
			return -E2BIG;
		}
		log_reset(env->log, log_at);
		env->counts = before;
		env->prev_log_len = 0;
	}
	if (!err && !(vlog_level(env) & LOG_LEVEL2))
		log_reset(env->log, 0);
	return err;
}

/* Callbacks of timers, until no walk sets one that is new. */
static int check_callbacks(struct venv *env)
{
	struct bpf_map **maps = env->prog->used_maps;
	struct {
		u64 maps, inner;
	} done[VFY_MAX_SUBPROGS] = {};
	int err = 0;

	for (u32 i = 0; i < env->nr_subprogs && !err; i++) {
		u64 new = env->subprogs[i].async_maps & ~done[i].maps;
		u64 inner = env->subprogs[i].async_inner & ~done[i].inner;
		u32 map = new ? __builtin_ctzll(new) : inner ? __builtin_ctzll(inner) : 0;

		if (!new && !inner)
			continue;
		if (new)
			done[i].maps |= 1ull << map;
		else
			done[i].inner |= 1ull << map;
		err = check_one(env, i, new ? maps[map] : maps[map]->inner_map_meta);
		i = UINT32_MAX; /* from the first again */
	}
	return err;
}

static int check_all(struct venv *env)
{
	int err = 0;

	for (u32 i = 1; i < env->nr_subprogs && env->prog->func_info_cnt && !err; i++) {
		if (!env->subprogs[i].is_global)
			continue;
		err = check_one(env, i, NULL);
		if (!err && (vlog_level(env) & (LOG_LEVEL1 | LOG_LEVEL2)))
			vlog(env, "Func#%d is safe for any args that match its prototype\n", i);
	}
	if (!err)
		err = check_one(env, 0, NULL);
	return err ? err : check_callbacks(env);
}

/* --- the whole --- */

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Subprograms as they are now: of a good program, when those that are never called are gone. */
static void log_stats(struct venv *env, u64 ns)
{
	const struct vfy_subprog *sub = env->prog->subprogs ? env->prog->subprogs : env->subprogs;
	u32 nr = env->prog->subprogs ? env->prog->nr_subprogs : env->nr_subprogs;

	if (vlog_level(env) & LOG_STATS) {
		vlog(env, "verification time %lld usec\n", (long long)(ns / 1000));
		vlog(env, "stack depth ");
		for (u32 i = 0; i < nr; i++)
			vlog(env, "%s%d", i ? "+" : "", sub[i].stack_depth);
		vlog(env, "\n");
	}
	vlog(env,
	     "processed %d insns (limit %d) max_states_per_insn %d total_states %d peak_states %d mark_read %d\n",
	     env->processed, BPF_COMPLEXITY_LIMIT_INSNS, env->max_states, env->total_states,
	     env->peak_states, env->longest_walk);
}

static int steps(struct venv *env)
{
	int err = vfy_hold_fd_array(env);

	if (!err)
		err = vfy_cfg_subprogs(env);
	if (!err)
		err = vfy_btf_info(env);
	if (!err && env->prog->relocate)
		err = env->prog->relocate(env->prog->relocate_arg, env->prog, env->log);
	if (!err)
		err = vfy_ldimm_resolve(env);
	if (!err)
		err = vfy_cfg_check(env);
	if (err)
		return err;
	vfy_find_effects(env);
	err = check_all(env);
	return err ? err : vfy_cfg_stack_depth(env);
}

static struct venv *env_new(struct vfy_prog *prog, struct log *log)
{
	struct venv *env = calloc(1, sizeof(*env));

	if (!env)
		return NULL;
	env->prog = prog;
	env->ops = prog->ops;
	env->log = log;
	env->insns = prog->insns;
	env->len = prog->len;
	env->aux = calloc(prog->len, sizeof(*env->aux));
	env->vi = calloc(prog->len, sizeof(*env->vi));
	env->explored = calloc(prog->len, sizeof(*env->explored));
	env->ptr_leaks = env->uninit_stack = env->ptr_to_map = cred_perfmon(prog->cred);
	env->bypass_v1 = cred_perfmon(prog->cred);
	env->capable = cred_bpf(prog->cred);
	env->strict_align = (prog->prog_flags & BPF_F_STRICT_ALIGNMENT) &&
			    !(prog->prog_flags & BPF_F_ANY_ALIGNMENT);
	env->mem.limit = env->capable ? VFY_MAX_MEM : VFY_MAX_MEM_UNPRIV;
	env->test_freq = env->capable && (prog->prog_flags & BPF_F_TEST_STATE_FREQ);
	return env;
}

/* What nobody needs any more when all paths were walked. */
static void drop_walk(struct venv *env)
{
	vmem_release(&env->mem);
	free(env->explored);
	free(env->vi);
	env->explored = NULL;
	env->vi = NULL;
	env->funcs = NULL;
	env->fields = NULL;
}

static void env_free(struct venv *env)
{
	drop_walk(env);
	free(env->subprogs);
	free(env->aux);
	free(env);
}

/* Unprivileged tail calls are masked by the size of their map, so it must always be the same. */
static int tail_calls_masked(struct venv *env)
{
	for (s32 i = 0; i < env->len && !env->bypass_v1; i++) {
		if (!insn_is_call(&env->insns[i], 0) || env->insns[i].imm != BPF_FUNC_tail_call ||
		    env->vi[i].call_map != VFY_MAP_MANY)
			continue;
		vlog(env, "tail_call abusing map_ptr\n");
		return -EINVAL;
	}
	return 0;
}

/* What the rewrite needs to know beyond the walk's own notes. */
static int hand_over(struct venv *env)
{
	struct vfy_prog *p = env->prog;
	int err = tail_calls_masked(env);

	if (err)
		return err;
	for (s32 i = 0; i < env->len; i++) {
		struct vfy_insn_aux *a = &env->aux[i];

		a->orig_idx = i;
		a->call_map = env->vi[i].call_map == VFY_MAP_MANY ? NULL : env->vi[i].call_map;
		if (insn_is_call(&env->insns[i], BPF_PSEUDO_CALL))
			a->func_subprog = max(0, vfy_find_subprog(env, i + env->insns[i].imm + 1));
		else if (insn_is_call(&env->insns[i], 0))
			a->func_subprog = env->vi[i].loop == LOOP_NOT ? 0 : env->vi[i].loop;
	}
	for (u32 i = 0; i < env->nr_subprogs; i++)
		env->subprogs[i].unreliable = env->funcs[i].unreliable;
	p->subprogs = env->subprogs;
	p->nr_subprogs = env->nr_subprogs;
	env->subprogs = NULL;
	return 0;
}

int vfy_check(struct vfy_prog *prog, struct log *log)
{
	u64 start = now();
	struct venv *env;
	int err;

	if (!prog->len || !prog->ops || !prog->env || !prog->cred)
		return -EINVAL;
	env = env_new(prog, log);
	if (!env)
		return -ENOMEM;
	err = env->aux && env->vi && env->explored ? steps(env) : -ENOMEM;
	if (!err)
		err = hand_over(env);
	drop_walk(env);
	if (!err)
		err = vfy_rewrite(prog, &env->aux, log);
	prog->verified_insns = env->processed;
	prog->verification_time = now() - start;
	log_stats(env, prog->verification_time);
	env_free(env);
	return err;
}

void vfy_prog_free(struct vfy_prog *prog)
{
	free(prog->insns);
	free(prog->func_info);
	free(prog->line_info);
	free(prog->subprogs);
	prog->insns = NULL;
	prog->func_info = NULL;
	prog->line_info = NULL;
	prog->subprogs = NULL;
}
