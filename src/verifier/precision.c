/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * precision.c - when the exact value of a scalar mattered, walk back through the instructions that
 * led here, calls of the program's own functions included, and mark, in the explored states passed
 * on the way, the scalars it came from. Where the walk cannot follow (callbacks, unknown spills), all
 * scalars are marked.
 */
#include "verifier/vfy.h"

/* What still needs a source: registers and stack slots of one frame ... */
struct wanted {
	u32 regs;
	u64 slots;
};

/* ... and of all. Instructions are those of frame @at, the innermost. */
struct trail {
	u32 at;
	struct wanted f[MAX_CALL_FRAMES];
};

static bool wants(const struct wanted *w)
{
	return w->regs || w->slots;
}

/* Does a frame outside of number @n want anything? */
static bool outer_want(const struct trail *t, u32 n)
{
	while (n--)
		if (wants(&t->f[n]))
			return true;
	return false;
}

static bool done(const struct trail *t)
{
	return !wants(&t->f[t->at]) && !outer_want(t, t->at);
}

static bool item_is_scalar(const struct vshot *s, u32 item)
{
	return s->val[item]->type == SCALAR_VALUE &&
	       (item < VFY_REGS || kinds_are_spill(shot_kind(s, item - VFY_REGS)));
}

static void mark_all(struct venv *env, struct vstate *st)
{
	for (u32 f = 0; f <= st->curframe; f++) {
		struct vpast *p = &st->past[f];

		for (u32 i = 0; i < shot_items(p->shot); i++)
			if (item_is_scalar(p->shot, i) && !p->note[i].precise) {
				p->note[i].precise = true;
				env->marks++;
			}
	}
}

/* Long chains are marked again and again, so it stops where an earlier call has been: explored
 * states lose no mark and gain no scalar. */
static void mark_ancestors(struct venv *env, struct vstate *st)
{
	while ((st = st->parent) && !st->all_precise) {
		mark_all(env, st);
		st->all_precise = true;
	}
}

void vfy_forget_precision(struct vstate *st)
{
	for (u32 f = 0; f <= st->curframe; f++) {
		struct vframe *fr = st->frame[f];

		for (u32 i = 0; i < REG_FP; i++)
			fr->regs[i].precise = false;
		for (u32 i = 0; i < fr->nr_slots; i++)
			fr->slots[i].reg.precise = false;
	}
}

static bool is_fetch(const struct bpf_insn *i)
{
	return BPF_CLASS(i->code) == BPF_STX && BPF_MODE(i->code) == BPF_ATOMIC &&
	       (i->imm & BPF_FETCH);
}

static int back_alu(const struct bpf_insn *i, struct wanted *w)
{
	u8 op = BPF_OP(i->code);

	if (!(w->regs >> i->dst_reg & 1) || op == BPF_END || op == BPF_NEG)
		return 0;
	if (op == BPF_MOV)
		w->regs &= ~(1u << i->dst_reg);
	if (BPF_SRC(i->code) == BPF_X)
		w->regs |= 1u << i->src_reg;
	return 0;
}

static int stack_slot(struct venv *env, const struct bpf_insn *i, u32 *slot)
{
	*slot = (-i->off - 1) / SLOT_SIZE;
	if (*slot < 64)
		return 0;
	vlog(env, "BUG spi %d\n", *slot);
	return -EFAULT;
}

static int back_load(struct venv *env, const struct bpf_insn *i, struct wanted *w)
{
	u32 reg = i->dst_reg, base = i->src_reg, slot;
	int err;

	if (is_fetch(i)) {
		reg = i->imm == BPF_CMPXCHG ? 0 : i->src_reg;
		base = i->dst_reg;
	}
	if (!(w->regs >> reg & 1))
		return 0;
	w->regs &= ~(1u << reg);
	if (base != REG_FP)
		return 0; /* only spills keep exact values */
	err = stack_slot(env, i, &slot);
	if (!err)
		w->slots |= 1ull << slot;
	return err;
}

static int back_store(struct venv *env, const struct bpf_insn *i, struct wanted *w)
{
	u32 slot;
	int err;

	if (w->regs >> i->dst_reg & 1)
		return -ENOTSUPP; /* a scalar used as address: pointer subtraction */
	if (i->dst_reg != REG_FP)
		return 0;
	err = stack_slot(env, i, &slot);
	if (err || !(w->slots >> slot & 1))
		return err;
	w->slots &= ~(1ull << slot);
	if (BPF_CLASS(i->code) == BPF_STX)
		w->regs |= 1u << i->src_reg;
	return 0;
}

/* From the instruction after the call to the function's exit. */
static int back_into(struct trail *t)
{
	struct wanted *w = &t->f[t->at];

	if (t->at + 1 >= MAX_CALL_FRAMES || (w->regs & 0x3e))
		return -ENOTSUPP;
	t->f[++t->at] = (struct wanted){.regs = w->regs & 1};
	w->regs &= ~1u;
	return 0;
}

/* From a function's first instruction to its call: what it wants of its arguments. */
static int back_out(struct trail *t)
{
	struct wanted *w = &t->f[t->at];

	if (!t->at || w->slots || (w->regs & ~0x3eu))
		return -ENOTSUPP;
	w[-1].regs |= w->regs;
	w->regs = 0;
	t->at--;
	return 0;
}

/* @next: the instruction walked after it */
static int back_call(struct venv *env, s32 idx, s32 next, struct trail *t)
{
	const struct bpf_insn *i = &env->insns[idx];
	struct wanted *w = &t->f[t->at];

	if (i->src_reg == BPF_PSEUDO_CALL && next != idx + 1)
		return back_out(t);
	if ((i->src_reg == BPF_PSEUDO_KFUNC_CALL && !i->imm) || next != idx + 1 ||
	    (!i->src_reg && vfy_calls_back(i->imm)))
		return -ENOTSUPP;
	w->regs &= ~1u;
	if (!(w->regs & 0x3f))
		return 0;
	vlog(env, "BUG regs %x\n", w->regs);
	return -EFAULT;
}

static int back_jump(struct venv *env, s32 idx, s32 next, const struct vjump *j, struct trail *t)
{
	const struct bpf_insn *i = &env->insns[idx];
	struct wanted *w = &t->f[t->at];
	u32 both = 1u << i->dst_reg | 1u << i->src_reg;

	switch (BPF_OP(i->code)) {
	case BPF_CALL: return back_call(env, idx, next, t);
	case BPF_EXIT: return back_into(t);
	case BPF_JA:
	case BPF_JCOND: return 0;
	}
	if (BPF_SRC(i->code) != BPF_X)
		both = 1u << i->dst_reg;
	/* what a copy learned here came from the operands (later kernels; 6.1 forgets) */
	if ((w->regs & both) || (j && ((w->regs & j->copies) || (w->slots & j->copied_slots) ||
				       (j->outer && outer_want(t, t->at)))))
		w->regs |= both;
	return 0;
}

/* @t before instruction @idx, given @t after it; @j: its note in the history. -ENOTSUPP: cannot
 * tell. */
static int step_back(struct venv *env, s32 idx, s32 next, const struct vjump *j, struct trail *t)
{
	const struct bpf_insn *i = &env->insns[idx];
	struct wanted *w = &t->f[t->at];

	if (!i->code)
		return 0;
	if ((vlog_level(env) & LOG_LEVEL2)) {
		vlog(env, "regs=%x stack=%llx before %d: ", w->regs, (unsigned long long)w->slots,
		     idx);
		vfy_log_insn(env, idx);
	}
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64: return back_alu(i, w);
	case BPF_LDX: return back_load(env, i, w);
	case BPF_STX: return is_fetch(i) ? back_load(env, i, w) : back_store(env, i, w);
	case BPF_ST: return back_store(env, i, w);
	case BPF_JMP:
	case BPF_JMP32: return back_jump(env, idx, next, j, t);
	}
	/* the hidden exit of LD_ABS and LD_IND */
	if (BPF_MODE(i->code) != BPF_IMM && next != idx + 1)
		return -ENOTSUPP;
	if (!(w->regs >> i->dst_reg & 1))
		return 0;
	w->regs &= ~(1u << i->dst_reg);
	return BPF_MODE(i->code) == BPF_IND || BPF_MODE(i->code) == BPF_ABS ? -ENOTSUPP : 0;
}

/* Instruction before @idx on the way through @st; *left: jumps of its history not yet undone.
 * -ENOENT: @st began here. */
static s32 previous(const struct vstate *st, s32 idx, u32 *left)
{
	s32 from = idx - 1;

	if (*left && st->jumps[*left - 1].to == idx)
		from = st->jumps[--*left].from;
	else if (idx == st->first_insn && !*left)
		from = JUMP_BEGIN;
	return from < 0 ? -ENOENT : from;
}

static void mark_argument(struct vstate *st, u32 i)
{
	if (st->explored && item_is_scalar(st->past[0].shot, i))
		st->past[0].note[i].precise = true;
	else if (!st->explored && st->frame[0]->regs[i].type == SCALAR_VALUE)
		st->frame[0]->regs[i].precise = true;
}

/* Arguments of a global function have no source: 1 when that is all that is wanted, and marks
 * them. */
static int back_at_entry(struct venv *env, struct vstate *st, const struct trail *t)
{
	const struct wanted *w = &t->f[0];
	u32 subprog = st->explored ? st->past[0].shot->subprog : st->frame[0]->subprog;
	s32 callsite = st->explored ? st->past[0].shot->callsite : st->frame[0]->callsite;

	if (!st->curframe && subprog > 0 && callsite == VFY_MAIN_CALLSITE && !w->slots &&
	    !(w->regs & ~0x3eu)) {
		for (u32 i = 1; i <= 5; i++)
			if (w->regs >> i & 1)
				mark_argument(st, i);
		return 1;
	}
	vlog(env, "BUG backtracing func entry subprog %d reg_mask %x stack_mask %llx\n", subprog,
	     w->regs, (unsigned long long)w->slots);
	return -EFAULT;
}

/* Through the instructions of one state; *at: the one walked after its last, on return its first.
 * 1: every source was found. */
static int back_through(struct venv *env, struct vstate *st, s32 last, s32 *at, bool skip_last,
			struct trail *t)
{
	u32 left = st->nr_jumps;
	s32 i = last;

	for (;;) {
		const struct vjump *j =
			left && st->jumps[left - 1].to == i ? &st->jumps[left - 1] : NULL;
		int err = skip_last ? 0 : step_back(env, i, *at, j, t);

		skip_last = false;
		if (err == -ENOTSUPP) {
			mark_ancestors(env, st);
			return 1;
		}
		if (err)
			return err;
		if (done(t))
			return 1;
		*at = i;
		i = previous(st, i, &left);
		if (i == -ENOENT)
			return 0;
		if (i < 0 || i >= env->len) {
			vlog(env, "BUG backtracking idx %d\n", i);
			return -EFAULT;
		}
	}
}

static bool mark_scalar(struct vpast *p, u32 item, bool *fresh)
{
	if (!item_is_scalar(p->shot, item))
		return false;
	*fresh |= !p->note[item].precise;
	p->note[item].precise = true;
	return true;
}

/* Marks what is wanted of frame @n of explored state @st. -ENOTSUPP: it is not known there. */
static int mark_frame(struct venv *env, struct vstate *st, u32 n, struct wanted *w, bool *any)
{
	struct vpast *p = &st->past[n];
	bool fresh = false;

	for (u32 i = 0; i < VFY_REGS; i++)
		if ((w->regs >> i & 1) && !mark_scalar(p, i, &fresh))
			w->regs &= ~(1u << i);
	for (u64 left = w->slots; left; left &= left - 1) {
		u32 i = __builtin_ctzll(left);

		if (i >= p->shot->nr_slots)
			return -ENOTSUPP; /* written through another register than R10 */
		if (!mark_scalar(p, VFY_REGS + i, &fresh))
			w->slots &= ~(1ull << i);
	}
	env->marks += fresh;
	*any |= fresh;
	if ((vlog_level(env) & LOG_LEVEL2)) {
		vlog(env,
		     "parent %s regs=%x stack=%llx marks:", fresh ? "didn't have" : "already had",
		     w->regs, (unsigned long long)w->slots);
		vfy_past_log(env, st, n);
	}
	return 0;
}

/* 1: no need to go further back. */
static int mark_wanted(struct venv *env, struct vstate *st, struct trail *t)
{
	int err = st->curframe == t->at ? 0 : -ENOTSUPP;
	bool fresh = false;

	for (u32 n = 0; n <= t->at && !err; n++)
		if (n == t->at || wants(&t->f[n]))
			err = mark_frame(env, st, n, &t->f[n], &fresh);
	if (err) {
		mark_all(env, st);
		mark_ancestors(env, st);
		return 1;
	}
	return done(t) || !fresh;
}

static bool is_scalar_slot(const struct vslot *s)
{
	return slot_is_spill(s) && s->reg.type == SCALAR_VALUE;
}

int vfy_precise_frame(struct venv *env, u32 frame, s32 regno, s32 slot)
{
	struct vstate *st = env->cur;
	struct trail t = {.at = st->curframe};
	s32 last = env->insn_idx, at = -1;
	bool skip = true;
	int err;

	if (!env->capable)
		return 0;
	if (regno >= 0 && st->frame[frame]->regs[regno].type != SCALAR_VALUE)
		return -EFAULT;
	if (regno >= 0)
		t.f[frame].regs = 1u << regno;
	if (slot >= 0 && is_scalar_slot(&st->frame[frame]->slots[slot]))
		t.f[frame].slots = 1ull << slot;
	if (done(&t))
		return 0;
	for (;;) {
		if ((vlog_level(env) & LOG_LEVEL2))
			vlog(env, "last_idx %d first_idx %d\n", last, st->first_insn);
		err = last < 0 ? back_at_entry(env, st, &t)
			       : back_through(env, st, last, &at, skip, &t);
		if (err)
			return min(err, 0);
		skip = false;
		st = st->parent;
		if (!st)
			return 0;
		last = st->last_insn;
		err = mark_wanted(env, st, &t);
		if (err)
			return min(err, 0);
	}
}

int vfy_precise(struct venv *env, u32 regno)
{
	return vfy_precise_frame(env, env->cur->curframe, regno, -1);
}
