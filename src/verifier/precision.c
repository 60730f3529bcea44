/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * precision.c - when the exact value of a scalar mattered, walk back through the instructions that
 * led here and mark, in the explored states passed on the way, the scalars it came from. Where the
 * walk cannot follow (calls, unknown spills), all scalars are marked.
 */
#include "verifier/vfy.h"

/* What still needs a source: registers and stack slots of one frame. */
struct wanted {
	u32 regs;
	u64 slots;
};

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

static int back_jump(struct venv *env, const struct bpf_insn *i, const struct vjump *j,
		     struct wanted *w)
{
	u32 both = 1u << i->dst_reg | 1u << i->src_reg;

	switch (BPF_OP(i->code)) {
	case BPF_CALL:
		if (i->src_reg == BPF_PSEUDO_CALL ||
		    (i->src_reg == BPF_PSEUDO_KFUNC_CALL && !i->imm) ||
		    (!i->src_reg && vfy_calls_back(i->imm)))
			return -ENOTSUPP;
		w->regs &= ~1u;
		if (w->regs & 0x3f) {
			vlog(env, "BUG regs %x\n", w->regs);
			return -EFAULT;
		}
		return 0;
	case BPF_EXIT: return -ENOTSUPP;
	}
	if (BPF_SRC(i->code) != BPF_X)
		both = 1u << i->dst_reg;
	/* what a copy learned here came from the operands (later kernels; 6.1 forgets) */
	if ((w->regs & both) || (j && ((w->regs & j->copies) || (w->slots & j->copied_slots))))
		w->regs |= both;
	return 0;
}

/* @w before instruction @idx, given @w after it; @j: its note in the history. -ENOTSUPP: cannot
 * tell. */
static int step_back(struct venv *env, s32 idx, const struct vjump *j, struct wanted *w)
{
	const struct bpf_insn *i = &env->insns[idx];

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
	case BPF_JMP32: return back_jump(env, i, j, w);
	}
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
static int back_at_entry(struct venv *env, struct vstate *st, struct wanted *w)
{
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

/* Through the instructions of one state. 1: every source was found. */
static int back_through(struct venv *env, struct vstate *st, s32 last, bool skip_last,
			struct wanted *w)
{
	u32 left = st->nr_jumps;
	s32 i = last;

	for (;;) {
		const struct vjump *j =
			left && st->jumps[left - 1].to == i ? &st->jumps[left - 1] : NULL;
		int err = skip_last ? 0 : step_back(env, i, j, w);

		skip_last = false;
		if (err == -ENOTSUPP) {
			mark_ancestors(env, st);
			return 1;
		}
		if (err)
			return err;
		if (!w->regs && !w->slots)
			return 1;
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

/* Marks what is wanted in explored state @st. 1: no need to go further back. */
static int mark_wanted(struct venv *env, struct vstate *st, u32 frame, struct wanted *w)
{
	struct vpast *p = &st->past[frame];
	bool fresh = false;

	for (u32 i = 0; i < VFY_REGS; i++)
		if ((w->regs >> i & 1) && !mark_scalar(p, i, &fresh))
			w->regs &= ~(1u << i);
	for (u64 left = w->slots; left; left &= left - 1) {
		u32 i = __builtin_ctzll(left);

		if (i >= p->shot->nr_slots) {
			/* written through another register than R10 */
			mark_all(env, st);
			mark_ancestors(env, st);
			return 1;
		}
		if (!mark_scalar(p, VFY_REGS + i, &fresh))
			w->slots &= ~(1ull << i);
	}
	env->marks += fresh;
	if ((vlog_level(env) & LOG_LEVEL2)) {
		vlog(env,
		     "parent %s regs=%x stack=%llx marks:", fresh ? "didn't have" : "already had",
		     w->regs, (unsigned long long)w->slots);
		vfy_past_log(env, st, frame);
	}
	return (!w->regs && !w->slots) || !fresh;
}

int vfy_precise_frame(struct venv *env, u32 frame, s32 regno, s32 slot)
{
	struct wanted w = {.regs = regno >= 0 ? 1u << regno : 0,
			   .slots = slot >= 0 ? 1ull << slot : 0};
	struct vstate *st = env->cur;
	s32 last = env->insn_idx;
	bool skip = true;
	int err;

	if (!env->capable)
		return 0;
	/* the instructions that led here are not those of an outer frame */
	if (frame != st->curframe) {
		mark_ancestors(env, st);
		return 0;
	}
	if (regno >= 0 && st->frame[frame]->regs[regno].type != SCALAR_VALUE)
		return -EFAULT;
	if (slot >= 0 && (!slot_is_spill(&st->frame[frame]->slots[slot]) ||
			  st->frame[frame]->slots[slot].reg.type != SCALAR_VALUE))
		w.slots = 0;
	if (!w.regs && !w.slots)
		return 0;
	for (;;) {
		if ((vlog_level(env) & LOG_LEVEL2))
			vlog(env, "last_idx %d first_idx %d\n", last, st->first_insn);
		err = last < 0 ? back_at_entry(env, st, &w) : back_through(env, st, last, skip, &w);
		if (err)
			return min(err, 0);
		skip = false;
		st = st->parent;
		if (!st)
			return 0;
		last = st->last_insn;
		/* a state explored inside a deeper or shallower call cannot be followed register
		 * by register */
		if (frame > st->curframe) {
			mark_all(env, st);
			mark_ancestors(env, st);
			return 0;
		}
		err = mark_wanted(env, st, frame, &w);
		if (err)
			return min(err, 0);
	}
}

int vfy_precise(struct venv *env, u32 regno)
{
	return vfy_precise_frame(env, env->cur->curframe, regno, -1);
}
