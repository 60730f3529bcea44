/* SPDX-License-Identifier: BSD-2-Clause */
/* state.c - frames and states: making, copying, the stack of paths still to walk, acquired
 * references. */
#include "verifier/vfy.h"

static size_t slots_size(u32 n)
{
	return n * sizeof(struct vslot);
}

static size_t refs_size(u32 n)
{
	return n * sizeof(struct vref);
}

/* Room for @n items where @old items were; keeps the first @keep. */
static void *resize(struct venv *env, void *p, size_t old, size_t size, size_t keep)
{
	void *q;

	if (p && vmem_room(old) >= size)
		return p;
	q = vmem_alloc(&env->mem, size);
	if (!q)
		return NULL;
	if (keep)
		memcpy(q, p, keep);
	vmem_free(&env->mem, p, old);
	return q;
}

struct vframe *vfy_frame_new(struct venv *env, s32 callsite, u32 frameno, u32 subprog)
{
	struct vframe *f = vmem_alloc(&env->mem, sizeof(*f));

	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	f->callsite = callsite;
	f->frameno = frameno;
	f->subprog = subprog;
	f->cb_range = tnum_const(0);
	for (u32 i = 0; i < VFY_REGS; i++) {
		reg_not_init(env, &f->regs[i]);
		f->regs[i].home_item = HOME_NONE;
	}
	f->regs[REG_FP].type = PTR_TO_STACK;
	reg_known(&f->regs[REG_FP], 0);
	f->regs[REG_FP].frameno = frameno;
	env->scratched_regs = ~0u;
	env->scratched_slots = ~0ull;
	return f;
}

void vfy_frame_free(struct venv *env, struct vframe *f)
{
	if (!f)
		return;
	vmem_free(&env->mem, f->slots, slots_size(f->nr_slots));
	vmem_free(&env->mem, f->refs, refs_size(f->room_refs));
	vmem_free(&env->mem, f, sizeof(*f));
}

int vfy_frame_grow(struct venv *env, struct vframe *f, u32 bytes)
{
	u32 n = bytes / SLOT_SIZE;
	struct vslot *s;

	if (n > f->nr_slots) {
		s = resize(env, f->slots, slots_size(f->nr_slots), slots_size(n),
			   slots_size(f->nr_slots));
		if (!s)
			return -ENOMEM;
		memset(s + f->nr_slots, 0, slots_size(n - f->nr_slots));
		for (u32 i = f->nr_slots; i < n; i++)
			s[i].reg.home_item = HOME_NONE;
		f->slots = s;
		f->nr_slots = n;
	}
	if (env->subprogs[f->subprog].stack_depth < bytes)
		env->subprogs[f->subprog].stack_depth = bytes;
	return 0;
}

static int reserve_refs(struct venv *env, struct vframe *f, u32 n)
{
	struct vref *r;

	if (n <= f->room_refs)
		return 0;
	r = resize(env, f->refs, refs_size(f->room_refs), refs_size(n), refs_size(f->nr_refs));
	if (!r)
		return -ENOMEM;
	f->refs = r;
	f->room_refs = n;
	return 0;
}

int vfy_frame_copy_refs(struct venv *env, struct vframe *dst, const struct vframe *src)
{
	int err = reserve_refs(env, dst, src->nr_refs);

	if (err)
		return err;
	if (src->nr_refs)
		memcpy(dst->refs, src->refs, refs_size(src->nr_refs));
	dst->nr_refs = src->nr_refs;
	return 0;
}

static struct vframe *frame_copy(struct venv *env, const struct vframe *src)
{
	struct vframe *f = vmem_alloc(&env->mem, sizeof(*f));

	if (!f)
		return NULL;
	*f = *src;
	f->slots = NULL;
	f->refs = NULL;
	f->nr_slots = f->nr_refs = f->room_refs = 0;
	if (src->nr_slots) {
		f->slots = vmem_alloc(&env->mem, slots_size(src->nr_slots));
		if (!f->slots)
			goto fail_slots;
		memcpy(f->slots, src->slots, slots_size(src->nr_slots));
		f->nr_slots = src->nr_slots;
	}
	if (vfy_frame_copy_refs(env, f, src))
		goto fail_slots;
	return f;
fail_slots:
	vfy_frame_free(env, f);
	return NULL;
}

struct vstate *vfy_state_new(struct venv *env)
{
	struct vstate *st = vmem_alloc(&env->mem, sizeof(*st));

	if (st)
		memset(st, 0, sizeof(*st));
	return st;
}

void vfy_state_free(struct venv *env, struct vstate *st)
{
	if (!st)
		return;
	if (st->packed_size) {
		vmem_free(&env->mem, st, st->packed_size);
		return;
	}
	vmem_free(&env->mem, st->jumps, vfy_jumps_size(st->nr_jumps));
	if (st->explored) {
		vfy_past_free(env, st);
		return;
	}
	for (u32 i = 0; i < MAX_CALL_FRAMES; i++)
		vfy_frame_free(env, st->frame[i]);
	vmem_free(&env->mem, st, sizeof(*st));
}

struct vstate *vfy_state_copy(struct venv *env, const struct vstate *src)
{
	struct vstate *st = vmem_alloc(&env->mem, sizeof(*st));

	if (!st)
		return NULL;
	*st = *src;
	st->next = NULL;
	memset(st->frame, 0, sizeof(st->frame));
	st->jumps = NULL;
	st->nr_jumps = 0;
	if (src->nr_jumps) {
		st->jumps = vmem_alloc(&env->mem, vfy_jumps_size(src->nr_jumps));
		if (!st->jumps)
			goto fail;
		memcpy(st->jumps, src->jumps, src->nr_jumps * sizeof(*st->jumps));
		st->nr_jumps = src->nr_jumps;
	}
	for (u32 i = 0; i <= src->curframe; i++) {
		st->frame[i] = frame_copy(env, src->frame[i]);
		if (!st->frame[i])
			goto fail;
	}
	return st;
fail:
	vfy_state_free(env, st);
	return NULL;
}

/* --- paths still to walk --- */

void vfy_drop_paths(struct venv *env)
{
	struct vstate *st;

	vfy_state_free(env, env->cur);
	env->cur = NULL;
	while ((st = env->pending)) {
		env->pending = st->next;
		vfy_state_free(env, st);
	}
	env->nr_pending = 0;
}

struct vstate *vfy_push(struct venv *env, s32 insn, s32 prev, bool speculative)
{
	struct vstate *st = vfy_state_copy(env, env->cur);

	if (!st)
		goto fail;
	vfy_pack(env, &env->pending);
	st->pushed_at = env->processed;
	st->resume = insn;
	st->resume_prev = prev;
	st->log_pos = env->log ? env->log->len : 0;
	st->speculative |= speculative;
	st->next = env->pending;
	env->pending = st;
	if (++env->nr_pending > VFY_MAX_PENDING) {
		vlog(env, "The sequence of %d jumps is too complex.\n", env->nr_pending);
		goto fail;
	}
	if (st->parent)
		st->parent->branches++;
	return st;
fail:
	vfy_drop_paths(env);
	return NULL;
}

int vfy_pop(struct venv *env, s32 *prev, s32 *insn, bool pop_log)
{
	struct vstate *st;
	int err;

	if (!env->pending)
		return -ENOENT;
	err = vfy_unpack(env, &env->pending);
	if (err)
		return err;
	st = env->pending;
	env->pending = st->next;
	env->nr_pending--;
	st->next = NULL;
	if (pop_log)
		log_reset(env->log, st->log_pos);
	*insn = st->resume;
	*prev = st->resume_prev;
	vfy_state_free(env, env->cur);
	env->cur = st;
	return 0;
}

static int add_jump(struct venv *env, struct vstate *st, s32 from)
{
	struct vjump *j;

	j = resize(env, st->jumps, vfy_jumps_size(st->nr_jumps), vfy_jumps_size(st->nr_jumps + 1),
		   st->nr_jumps * sizeof(*j));
	if (!j)
		return -ENOMEM;
	j[st->nr_jumps++] = (struct vjump){.from = from, .to = env->insn_idx};
	st->jumps = j;
	return 0;
}

int vfy_jump_record(struct venv *env, struct vstate *st)
{
	return env->aux[env->insn_idx].jmp_point ? add_jump(env, st, env->prev_insn_idx) : 0;
}

int vfy_jump_copies(struct venv *env, u32 regs, u64 slots, bool outer)
{
	struct vstate *st = env->cur;
	struct vjump *last = st->nr_jumps ? &st->jumps[st->nr_jumps - 1] : NULL;
	s32 from = env->prev_insn_idx;
	int err;

	/* where the state begins: how it got here is its parent's to know */
	if (!last && env->insn_idx == st->first_insn)
		from = JUMP_BEGIN;
	/* the note of how we got here serves, when there is one */
	if (!last || last->to != env->insn_idx) {
		err = add_jump(env, st, from);
		if (err)
			return err;
		last = &st->jumps[st->nr_jumps - 1];
	}
	last->copies |= regs;
	last->copied_slots |= slots;
	last->outer |= outer;
	return 0;
}

/* --- references --- */

/* Frame of the callback that runs, itself or a function it called; 0: none. (6.1 sees the first
 * only: what a callback's functions took was nobody's.) */
static u32 callback_frame(const struct vstate *st)
{
	u32 n = st->curframe;

	while (n && !st->frame[n]->in_callback)
		n--;
	return n;
}

int vfy_ref_acquire(struct venv *env, s32 insn)
{
	struct vframe *f = vfy_frame(env);
	u32 n = f->nr_refs;
	int err = reserve_refs(env, f, n + 1);

	if (err)
		return err;
	f->refs[n] = (struct vref){
		.id = ++env->id_gen, .insn = insn, .cb_frame = callback_frame(env->cur)};
	f->nr_refs++;
	return f->refs[n].id;
}

int vfy_ref_forget(struct vframe *f, s32 id)
{
	u32 last = f->nr_refs - 1;

	for (u32 i = 0; i < f->nr_refs; i++) {
		if (f->refs[i].id != id)
			continue;
		/* a callback may not release what its caller holds */
		if (f->in_callback && f->refs[i].cb_frame != f->frameno)
			return -EINVAL;
		f->refs[i] = f->refs[last];
		f->nr_refs--;
		return 0;
	}
	return -EINVAL;
}

int vfy_ref_release(struct venv *env, s32 id)
{
	int err = vfy_ref_forget(vfy_frame(env), id);

	if (err)
		return err;
	for_each_vreg(env->cur, r, {
		if (r->ref_id == (u32)id) {
			if (env->ptr_leaks)
				reg_unknown(env, r);
			else
				reg_not_init(env, r);
		}
	});
	return 0;
}

int vfy_ref_leak(struct venv *env)
{
	struct vframe *f = vfy_frame(env);
	bool leak = false;

	if (f->frameno && !f->in_callback)
		return 0;
	for (u32 i = 0; i < f->nr_refs; i++) {
		if (f->in_callback && f->refs[i].cb_frame != f->frameno)
			continue;
		vlog(env, "Unreleased reference id=%d alloc_insn=%d\n", f->refs[i].id,
		     f->refs[i].insn);
		leak = true;
	}
	return leak ? -EINVAL : 0;
}
