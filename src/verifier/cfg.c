/* SPDX-License-Identifier: BSD-2-Clause */
/* cfg.c - the shape of the program: subprograms, jumps that stay inside them, reachability,
 * loops, stack depth of call chains. */
#include <stdio.h>
#include <stdlib.h>

#include "helper/kfunc.h"
#include "verifier/vfy.h"

/* --- subprograms --- */

int vfy_find_subprog(const struct venv *env, s32 insn)
{
	u32 lo = 0, hi = env->nr_subprogs;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (env->subprogs[mid].start == (u32)insn)
			return mid;
		if (env->subprogs[mid].start < (u32)insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -ENOENT;
}

/* For one more, and the one at the end of the program. */
static bool subprog_room(struct venv *env)
{
	u32 room = max(8u, 2 * env->room_subprogs);
	struct vfy_subprog *p;

	if (env->nr_subprogs + 2 <= env->room_subprogs)
		return true;
	p = realloc(env->subprogs, room * sizeof(*p));
	if (!p)
		return false;
	env->subprogs = p;
	env->room_subprogs = room;
	return true;
}

static int add_subprog(struct venv *env, s64 start)
{
	u32 i = env->nr_subprogs;

	if (start < 0 || start >= env->len) {
		vlog(env, "call to invalid destination\n");
		return -EINVAL;
	}
	if (vfy_find_subprog(env, start) >= 0)
		return 0;
	if (env->nr_subprogs >= VFY_MAX_SUBPROGS) {
		vlog(env, "too many subprograms\n");
		return -E2BIG;
	}
	if (!subprog_room(env))
		return -ENOMEM;
	for (; i && env->subprogs[i - 1].start > start; i--)
		env->subprogs[i] = env->subprogs[i - 1];
	env->subprogs[i] = (struct vfy_subprog){.start = start};
	env->nr_subprogs++;
	return 0;
}

/* Jumps stay in their subprogram, whose last instruction does not fall through. */
static int check_bounds(struct venv *env, u32 n)
{
	s32 start = env->subprogs[n].start, end = env->subprogs[n + 1].start;

	for (s32 i = start; i < end; i++) {
		const struct bpf_insn *in = &env->insns[i];
		u8 class = BPF_CLASS(in->code), op = BPF_OP(in->code);
		bool jmp = class == BPF_JMP || class == BPF_JMP32;
		s64 to;

		if (in->code == (BPF_JMP | BPF_CALL) && in->imm == BPF_FUNC_tail_call &&
		    in->src_reg != BPF_PSEUDO_CALL)
			env->subprogs[n].has_tail_call = true;
		if (class == BPF_LD &&
		    (BPF_MODE(in->code) == BPF_ABS || BPF_MODE(in->code) == BPF_IND))
			env->subprogs[n].has_ld_abs = true;
		if (jmp && op != BPF_EXIT && op != BPF_CALL) {
			to = (s64)i + (in->code == (BPF_JMP32 | BPF_JA) ? in->imm : in->off) + 1;
			if (to < start || to >= end) {
				vlog(env, "jump out of range from insn %d to %d\n", i, (int)to);
				return -EINVAL;
			}
		}
		if (i == end - 1 && in->code != (BPF_JMP | BPF_EXIT) &&
		    in->code != (BPF_JMP | BPF_JA) && in->code != (BPF_JMP32 | BPF_JA)) {
			vlog(env, "last insn is not an exit or jmp\n");
			return -EINVAL;
		}
	}
	return 0;
}

int vfy_cfg_subprogs(struct venv *env)
{
	int err = add_subprog(env, 0);

	for (s32 i = 0; i < env->len && !err; i++) {
		const struct bpf_insn *in = &env->insns[i];
		bool kfunc = insn_is_call(in, BPF_PSEUDO_KFUNC_CALL);

		if (!kfunc && !insn_is_call(in, BPF_PSEUDO_CALL) && !insn_is_func_ptr(in))
			continue;
		if (!env->capable) {
			vlog(env,
			     "loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN\n");
			return -EPERM;
		}
		err = kfunc ? vfy_kfunc_named(env, in) : add_subprog(env, (s64)i + in->imm + 1);
	}
	if (err)
		return err;
	env->funcs = vmem_alloc(&env->mem, env->nr_subprogs * sizeof(*env->funcs));
	if (!env->funcs)
		return -ENOMEM;
	memset(env->funcs, 0, env->nr_subprogs * sizeof(*env->funcs));
	env->subprogs[env->nr_subprogs] = (struct vfy_subprog){.start = env->len};
	if (vlog_level(env) & LOG_LEVEL2)
		for (u32 i = 0; i < env->nr_subprogs; i++)
			vlog(env, "func#%d @%d\n", i, env->subprogs[i].start);
	for (u32 i = 0; i < env->nr_subprogs && !err; i++)
		err = check_bounds(env, i);
	return err;
}

/* --- depth-first walk --- */

enum { SEEN = 1, FALL_DONE = 2, BRANCH_DONE = 4, EXPLORED = 8 };

struct walk {
	u8 *state;
	s32 *stack;
	s32 depth;
	bool fall_back; /* a loop may also end by falling through to its head */
};

static void log_at(struct venv *env, s32 insn)
{
	char prefix[16];

	snprintf(prefix, sizeof(prefix), "%d: ", insn);
	vfy_log_linfo(env, insn, prefix);
}

/* Edge @from -> @to. 1: @to is new, go there first; 0: nothing to do. */
static int edge(struct venv *env, struct walk *w, s32 from, s64 to, u8 which, bool loop_ok)
{
	if (w->state[from] & (which == FALL_DONE ? FALL_DONE | BRANCH_DONE : BRANCH_DONE))
		return 0;
	if (to < 0 || to >= env->len) {
		log_at(env, from);
		vlog(env, "jump out of range from insn %d to %d\n", from, (int)to);
		return -EINVAL;
	}
	if (which == BRANCH_DONE)
		env->aux[to].prune_point = env->aux[to].jmp_point = true;
	if (!w->state[to]) {
		w->state[from] |= which;
		w->state[to] = SEEN;
		if (w->depth >= env->len)
			return -E2BIG;
		w->stack[w->depth++] = to;
		return 1;
	}
	if (!(w->state[to] & EXPLORED)) {
		if (loop_ok && env->capable)
			return 0;
		log_at(env, from);
		log_at(env, to);
		vlog(env, "back-edge from insn %d to %d\n", from, (int)to);
		return -EINVAL;
	}
	w->state[from] |= which;
	return 0;
}

static int visit_call(struct venv *env, struct walk *w, s32 i, bool callee)
{
	const struct bpf_insn *in = &env->insns[i];
	s32 size = insn_is_ldimm64(in) ? 2 : 1;
	int err = edge(env, w, i, (s64)i + size, FALL_DONE, w->fall_back);

	if (err)
		return err;
	env->aux[i + size].prune_point = env->aux[i + size].jmp_point = true;
	if (!callee)
		return 0;
	env->aux[i].prune_point = true;
	/* a function that passes its own address is no recursion yet */
	return edge(env, w, i, (s64)i + in->imm + 1, BRANCH_DONE, insn_is_func_ptr(in));
}

static int visit(struct venv *env, struct walk *w, s32 i)
{
	const struct bpf_insn *in = &env->insns[i];
	u8 class = BPF_CLASS(in->code);
	s64 to;
	int err;

	if (insn_is_func_ptr(in))
		return visit_call(env, w, i, true);
	if (class != BPF_JMP && class != BPF_JMP32)
		return edge(env, w, i, (s64)i + (insn_is_ldimm64(in) ? 2 : 1), FALL_DONE,
			    w->fall_back);
	switch (BPF_OP(in->code)) {
	case BPF_EXIT: return 0;
	case BPF_CALL:
		if (in->imm == BPF_FUNC_timer_set_callback)
			env->aux[i].prune_point = true;
		if (vfy_kfunc_flags(env, in) & KF_ITER_NEXT) {
			env->aux[i].prune_point = true;
			env->vi[i].round = ROUND_ITER;
		}
		return visit_call(env, w, i, in->src_reg == BPF_PSEUDO_CALL);
	case BPF_JA:
		if (BPF_SRC(in->code) != BPF_K)
			return -EINVAL;
		to = (s64)i + (class == BPF_JMP ? in->off : in->imm) + 1;
		err = edge(env, w, i, to, FALL_DONE, true);
		if (!err)
			env->aux[to].prune_point = env->aux[to].jmp_point = true;
		return err;
	}
	env->aux[i].prune_point = true;
	if (BPF_OP(in->code) == BPF_JCOND)
		env->vi[i].round = ROUND_GOTO;
	err = edge(env, w, i, (s64)i + 1, FALL_DONE, true);
	return err ? err : edge(env, w, i, (s64)i + in->off + 1, BRANCH_DONE, true);
}

static int all_reached(struct venv *env, const struct walk *w)
{
	for (s32 i = 0; i < env->len; i++) {
		if (!(w->state[i] & EXPLORED)) {
			vlog(env, "unreachable insn %d\n", i);
			return -EINVAL;
		}
		if (!insn_is_ldimm64(&env->insns[i]))
			continue;
		if (w->state[i + 1]) {
			vlog(env, "jump into the middle of ldimm64 insn %d\n", i);
			return -EINVAL;
		}
		i++;
	}
	return 0;
}

static bool begins_round(struct venv *env, s32 i)
{
	return env->insns[i].code == (BPF_JMP | BPF_JCOND) ||
	       (vfy_kfunc_flags(env, &env->insns[i]) & KF_ITER_NEXT);
}

/* 6.1 takes only jumps for the end of a loop. Programs it knows nothing of are laid out freely. */
static bool is_of_later_kernels(struct venv *env)
{
	for (s32 i = 0; i < env->len; i++)
		if (begins_round(env, i))
			return true;
	return false;
}

int vfy_cfg_check(struct venv *env)
{
	struct walk w = {.state = calloc(env->len, 1), .stack = malloc(env->len * sizeof(s32))};
	int err = -ENOMEM;

	if (!w.state || !w.stack)
		goto out;
	w.fall_back = is_of_later_kernels(env);
	w.state[0] = SEEN;
	w.stack[0] = 0;
	w.depth = 1;
	while (w.depth > 0) {
		s32 i = w.stack[w.depth - 1];

		err = visit(env, &w, i);
		if (err < 0)
			goto out;
		if (err)
			continue;
		w.state[i] |= EXPLORED;
		w.depth--;
	}
	err = all_reached(env, &w);
out:
	free(w.state);
	free(w.stack);
	return err;
}

/* --- stack of call chains --- */

static u32 frame_bytes(const struct vfy_subprog *s)
{
	return round_up(max((u32)s->stack_depth, 1u), 32);
}

/* Calls from the subprog where a chain begins to where it is. */
struct chain {
	struct {
		u32 subprog;
		s32 at; /* where to go on after it */
	} call[MAX_CALL_FRAMES];
	u32 level, depth;
	u32 idx; /* the subprog it is in ... */
	s32 i;	 /* ... and the instruction */
	bool tail_call;
};

static int chain_enter(struct venv *env, struct chain *c)
{
	const struct vfy_subprog *sub = &env->subprogs[c->idx];

	if (c->idx && sub->has_tail_call && c->depth >= 256) {
		vlog(env,
		     "tail_calls are not allowed when call stack of previous frames is %d bytes. Too large\n",
		     c->depth);
		return -EACCES;
	}
	c->depth += frame_bytes(sub);
	if (c->depth > MAX_BPF_STACK) {
		vlog(env, "combined stack size of %d calls is %d. Too large\n", c->level + 1,
		     c->depth);
		return -EACCES;
	}
	c->i = sub->start;
	return 0;
}

/* To the next call in this subprog, and into it. 1: there is none. */
static int chain_call(struct venv *env, struct chain *c)
{
	const struct vfy_subprog *sub = env->subprogs;

	for (; c->i < (s32)sub[c->idx + 1].start; c->i++) {
		const struct bpf_insn *in = &env->insns[c->i];
		s32 callee;

		if (!insn_is_call(in, BPF_PSEUDO_CALL) && !insn_is_func_ptr(in))
			continue;
		callee = vfy_find_subprog(env, c->i + in->imm + 1);
		if (callee < 0)
			return -EFAULT;
		/* async callbacks run on a stack of their own */
		if (sub[callee].is_async_cb && !insn_is_call(in, BPF_PSEUDO_CALL))
			continue;
		c->call[c->level].subprog = c->idx;
		c->call[c->level].at = c->i + 1;
		c->idx = callee;
		c->tail_call |= sub[callee].has_tail_call;
		if (++c->level < MAX_CALL_FRAMES)
			return chain_enter(env, c);
		vlog(env, "the call stack of %d frames is too deep !\n", c->level);
		return -E2BIG;
	}
	return 1;
}

static void chain_return(struct venv *env, struct chain *c)
{
	if (c->tail_call)
		for (u32 j = 0; j < c->level; j++)
			env->subprogs[c->call[j].subprog].tail_call_reachable = true;
	c->depth -= frame_bytes(&env->subprogs[c->idx]);
	c->level--;
	c->i = c->call[c->level].at;
	c->idx = c->call[c->level].subprog;
}

/* All chains of calls that begin in subprogram @idx. */
static int chain_depth(struct venv *env, u32 idx)
{
	struct chain c = {.idx = idx};
	int err = chain_enter(env, &c);

	while (!err) {
		err = chain_call(env, &c);
		if (err != 1)
			continue;
		if (!c.level)
			return 0;
		chain_return(env, &c);
		err = 0;
	}
	return err;
}

int vfy_cfg_stack_depth(struct venv *env)
{
	int err = 0;

	for (u32 i = 0; i < env->nr_subprogs && !err; i++)
		if (!i || env->subprogs[i].is_async_cb)
			err = chain_depth(env, i);
	return err;
}
