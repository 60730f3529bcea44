/* SPDX-License-Identifier: BSD-2-Clause */
/* check.c - vfy_check(): the steps in order, and from where the program is walked. */
#include <stdlib.h>
#include <time.h>

#include "verifier/vfy.h"

/* --- subprograms --- */

static void drop_states(struct venv *env)
{
	struct vstate *st;

	vfy_loops_drop(env);
	vfy_drop_paths(env);
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
