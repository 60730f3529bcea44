/* SPDX-License-Identifier: BSD-2-Clause */
/* stack.c - stack memory: spills and fills, plain data, variable offsets, ranges that helpers
 * read or fill. */
#include "verifier/vfy.h"

/* Byte at offset @off (negative) of frame @f. */
static inline u8 *kind_at(struct vframe *f, s32 off)
{
	return &f->slots[(-off - 1) / SLOT_SIZE].kind[(-off - 1) % SLOT_SIZE];
}

static bool spillable(u32 type)
{
	switch (type_base(type)) {
	case NOT_INIT:
	case SCALAR_VALUE:
	case PTR_TO_TP_BUFFER:
	case CONST_PTR_TO_DYNPTR: return false;
	}
	return true;
}

static void scrub(struct vslot *s)
{
	for (u32 i = 0; i < SLOT_SIZE; i++)
		if (s->kind[i] != SLOT_INVALID)
			s->kind[i] = SLOT_MISC;
}

int vfy_stack_bounds(struct venv *env, u32 regno, s32 off, s32 size, enum vsrc src,
		     enum bpf_access_type t)
{
	struct vreg *r = vfy_reg(env, regno);
	struct vframe *f = reg_frame(env, r);
	bool fixed = tnum_is_const(r->var);
	const char *what = src == SRC_HELPER ? " indirect access to"
			   : t == BPF_READ   ? " read from"
					     : " write to";
	s64 first, end, lowest;
	char buf[48];
	int err = 0;

	if (fixed) {
		first = (s64)r->var.value + off;
		end = first + size;
	} else {
		if (r->smax64 >= VFY_MAX_VAR_OFF || r->smin64 <= -VFY_MAX_VAR_OFF) {
			vlog(env, "invalid unbounded variable-offset%s stack R%d\n", what, regno);
			return -EACCES;
		}
		first = r->smin64 + off;
		end = r->smax64 + off + size;
	}
	lowest = t == BPF_WRITE || env->uninit_stack ? -MAX_BPF_STACK
						     : -(s64)f->nr_slots * SLOT_SIZE;
	if (first < lowest || first > -1)
		err = -EACCES;
	else if (end > 0)
		err = -EINVAL;
	else if (size < 0)
		err = -EFAULT;
	if (!err)
		return vfy_frame_grow(env, f, round_up((u32)-first, SLOT_SIZE));
	if (fixed)
		vlog(env, "invalid%s stack R%d off=%d size=%d\n", what, regno, off, size);
	else
		vlog(env, "invalid variable-offset%s stack R%d var_off=%s size=%d\n", what, regno,
		     tnum_text(buf, r->var), size);
	return err;
}

/* --- writes --- */

static void spill(struct vframe *f, u32 slot, const struct vreg *r, s32 size)
{
	struct vslot *s = &f->slots[slot];
	s32 i;

	reg_copy(&s->reg, r);
	if (size == SLOT_SIZE)
		s->reg.live |= LIVE_WRITTEN;
	for (i = SLOT_SIZE; i > SLOT_SIZE - size; i--)
		s->kind[i - 1] = SLOT_SPILL;
	for (; i; i--)
		if (s->kind[i - 1] != SLOT_INVALID)
			s->kind[i - 1] = SLOT_MISC;
}

static int write_data(struct venv *env, struct vframe *f, s32 off, s32 size, s32 value, bool zero)
{
	struct vslot *s = &f->slots[(-off - 1) / SLOT_SIZE];
	u8 kind = SLOT_MISC;
	int err;

	s->reg.type = NOT_INIT;
	if (slot_is_spill(s))
		scrub(s);
	if (size == SLOT_SIZE)
		s->reg.live |= LIVE_WRITTEN;
	if (zero) {
		/* that it is zero will be relied upon */
		err = value >= 0 ? vfy_precise(env, value) : 0;
		if (err)
			return err;
		kind = SLOT_ZERO;
	}
	for (s32 i = 0; i < size; i++)
		*kind_at(f, off + i) = kind;
	return 0;
}

static bool is_st_mem(const struct bpf_insn *i)
{
	return BPF_CLASS(i->code) == BPF_ST && BPF_MODE(i->code) == BPF_MEM;
}

/* A number that is known in part. */
static int spill_number(struct venv *env, struct vframe *f, u32 slot, s32 size, s32 value,
			const struct bpf_insn *in)
{
	struct vreg *r = vfy_reg(env, value);
	/* backtracking knows only stores through R10 */
	int err = in->dst_reg == REG_FP ? 0 : vfy_precise(env, value);

	if (err)
		return err;
	spill(f, slot, r, size);
	if (size < SLOT_SIZE && r->umax64 >> size * 8)
		reg_unlink(&f->slots[slot].reg);
	return 0;
}

static void spill_constant(struct vframe *f, u32 slot, s32 size, s32 v)
{
	struct vreg imm = {.type = SCALAR_VALUE};

	reg_known(&imm, v);
	spill(f, slot, &imm, size);
}

static int spill_pointer(struct venv *env, struct vframe *f, u32 slot, s32 size,
			 const struct vreg *r, s32 insn)
{
	if (size != SLOT_SIZE) {
		vfy_log_linfo(env, insn, "; ");
		vlog(env, "invalid size of register spill\n");
		return -EACCES;
	}
	if (f != vfy_frame(env) && r->type == PTR_TO_STACK) {
		vlog(env, "cannot spill pointers to stack into stack frame of the caller\n");
		return -EINVAL;
	}
	spill(f, slot, r, size);
	return 0;
}

static int write_fixed(struct venv *env, struct vframe *f, s32 off, s32 size, s32 value, s32 insn)
{
	const struct bpf_insn *in = &env->insns[insn];
	u32 slot = (-off - 1) / SLOT_SIZE;
	struct vreg *r = value >= 0 ? vfy_reg(env, value) : NULL;
	bool aligned = !(off % SLOT_SIZE), st = !r && is_st_mem(in);

	if (!env->ptr_leaks && slot_is_spill(&f->slots[slot]) && size != SLOT_SIZE) {
		vlog(env, "attempt to corrupt spilled pointer on stack\n");
		return -EACCES;
	}
	if (slot_is_object(&f->slots[slot]))
		vfy_obj_overwritten(env, f, slot);
	env->scratched_slots |= 1ull << slot;
	if (r && aligned && r->type == SCALAR_VALUE && !reg_unbounded(r) && !reg_is_null(r) &&
	    env->capable)
		return spill_number(env, f, slot, size, value, in);
	if (st && aligned && in->imm && env->capable) {
		spill_constant(f, slot, size, in->imm);
		return 0;
	}
	if (r && spillable(r->type))
		return spill_pointer(env, f, slot, size, r, insn);
	return write_data(env, f, off, size, value, r ? reg_is_null(r) : st && !in->imm);
}

static int write_var(struct venv *env, struct vframe *f, u32 regno, s32 off, s32 size, s32 value,
		     s32 insn)
{
	struct vreg *p = vfy_reg(env, regno), *r = value >= 0 ? vfy_reg(env, value) : NULL;
	s32 first = p->smin64 + off, end = p->smax64 + off + size;
	bool zero = r && reg_is_null(r), zero_used = false;

	for (s32 i = first; i < end; i++) {
		u32 slot = (-i - 1) / SLOT_SIZE;
		u8 *kind = kind_at(f, i), new_kind = SLOT_MISC;

		env->scratched_slots |= 1ull << slot;
		if (!env->ptr_leaks && *kind != SLOT_MISC && *kind != SLOT_ZERO) {
			vlog(env,
			     "spilled ptr in range of var-offset stack write; insn %d, ptr off: %d",
			     insn, i);
			return -EINVAL;
		}
		if (slot_is_object(&f->slots[slot]))
			vfy_obj_overwritten(env, f, slot);
		f->slots[slot].reg.type = NOT_INIT;
		if (zero && *kind == SLOT_ZERO) {
			new_kind = SLOT_ZERO;
			zero_used = true;
		}
		if (*kind == SLOT_INVALID && !env->uninit_stack) {
			vlog(env,
			     "uninit stack in range of var-offset write prohibited for !root; insn %d, off: %d",
			     insn, i);
			return -EINVAL;
		}
		*kind = new_kind;
	}
	return zero_used ? vfy_precise(env, value) : 0;
}

int vfy_stack_write(struct venv *env, u32 regno, s32 off, s32 size, s32 value, s32 insn)
{
	struct vreg *p = vfy_reg(env, regno);
	struct vframe *f = reg_frame(env, p);

	if (tnum_is_const(p->var))
		return write_fixed(env, f, off + (s32)p->var.value, size, value, insn);
	return write_var(env, f, regno, off, size, value, insn);
}

/* --- reads --- */

/* @dst gets what stack bytes first..end-1 held, registers aside. */
static void read_data(struct venv *env, struct vframe *f, s32 first, s32 end, u32 dst)
{
	struct vreg *d = vfy_reg(env, dst);
	bool zero = true;

	for (s32 i = first; i < end && zero; i++)
		zero = *kind_at(f, i) == SLOT_ZERO;
	if (zero) {
		reg_known(d, 0);
		d->type = SCALAR_VALUE;
		d->precise = true; /* so was what was stored; backtracking may end here */
	} else {
		reg_unknown(env, d);
	}
	d->live |= LIVE_WRITTEN;
}

static int readable(struct venv *env, struct vframe *f, s32 off, s32 size, u8 also)
{
	for (s32 i = 0; i < size; i++) {
		u8 k = *kind_at(f, off + i);

		if (k == SLOT_MISC || k == also || (k == SLOT_INVALID && env->uninit_stack))
			continue;
		vlog(env, "invalid read from stack off %d+%d size %d\n", off, i, size);
		return -EACCES;
	}
	return 0;
}

/* Part of a spilled register, or one spilled in part. */
static int read_part(struct venv *env, struct vframe *f, s32 off, s32 size, s32 dst, s32 spilled)
{
	struct vreg *r = &f->slots[(-off - 1) / SLOT_SIZE].reg;
	int err;

	if (r->type != SCALAR_VALUE) {
		vfy_log_linfo(env, env->insn_idx, "; ");
		vlog(env, "invalid size of register fill\n");
		return -EACCES;
	}
	vfy_mark_read(env, r);
	if (dst < 0)
		return 0;
	if (!(off % SLOT_SIZE) && size == spilled) {
		reg_copy(vfy_reg(env, dst), r);
	} else {
		err = readable(env, f, off, size, SLOT_SPILL);
		if (err)
			return err;
		reg_unknown(env, vfy_reg(env, dst));
	}
	vfy_reg(env, dst)->live |= LIVE_WRITTEN;
	return 0;
}

static int read_fixed(struct venv *env, struct vframe *f, s32 off, s32 size, s32 dst)
{
	struct vslot *s = &f->slots[(-off - 1) / SLOT_SIZE];
	struct vreg *r = &s->reg;
	s32 spilled = 0;
	int err;

	if (!slot_is_spill(s)) {
		err = readable(env, f, off, size, SLOT_ZERO);
		if (err)
			return err;
		vfy_mark_read(env, r);
		if (dst >= 0)
			read_data(env, f, off, off + size, dst);
		return 0;
	}
	while (spilled < SLOT_SIZE && s->kind[SLOT_SIZE - 1 - spilled] == SLOT_SPILL)
		spilled++;
	if (size != SLOT_SIZE || spilled != SLOT_SIZE)
		return read_part(env, f, off, size, dst, spilled);
	if (dst >= 0) {
		reg_copy(vfy_reg(env, dst), r);
		vfy_reg(env, dst)->live |= LIVE_WRITTEN;
	} else if (!env->ptr_leaks && r->type != SCALAR_VALUE) {
		vlog(env, "leaking pointer from stack off %d\n", off);
		return -EACCES;
	}
	vfy_mark_read(env, r);
	return 0;
}

/* Backtracking knows only loads through R10: what comes from a spill another way has to be exact
 * now (6.1 forgets; later kernels note the slot). */
static int precise_source(struct venv *env, struct vframe *f, s32 off)
{
	u32 slot = (-off - 1) / SLOT_SIZE;
	const struct vslot *s = &f->slots[slot];

	return slot_is_spill(s) && s->reg.type == SCALAR_VALUE
		       ? vfy_precise_frame(env, f->frameno, -1, slot)
		       : 0;
}

int vfy_stack_read(struct venv *env, u32 regno, s32 off, s32 size, s32 dst)
{
	struct vreg *p = vfy_reg(env, regno);
	struct vframe *f = reg_frame(env, p);
	s32 first, end;
	char buf[48];
	int err;

	if (tnum_is_const(p->var)) {
		off += (s32)p->var.value;
		err = regno == REG_FP || dst < 0 ? 0 : precise_source(env, f, off);
		return err ? err : read_fixed(env, f, off, size, dst);
	}
	if (dst < 0) {
		vlog(env,
		     "variable offset stack pointer cannot be passed into helper function; var_off=%s off=%d size=%d\n",
		     tnum_text(buf, p->var), off, size);
		return -EACCES;
	}
	err = vfy_stack_range(env, regno, off, size, false, SRC_INSN, BPF_READ, NULL);
	if (err)
		return err;
	first = p->smin64 + off;
	end = p->smax64 + off + size;
	read_data(env, f, first, end, dst);
	return 0;
}

/* One byte that is read (and, by helpers, perhaps written). 1: may not be. */
static int range_byte(struct venv *env, struct vframe *f, s32 i, bool clobber)
{
	struct vslot *s = &f->slots[(-i - 1) / SLOT_SIZE];
	u8 *kind = kind_at(f, i);

	if (*kind == SLOT_MISC)
		return 0;
	if (*kind == SLOT_ZERO || (*kind == SLOT_INVALID && env->uninit_stack)) {
		if (clobber)
			*kind = SLOT_MISC;
		return 0;
	}
	if (slot_is_spill(s) && (s->reg.type == SCALAR_VALUE || env->ptr_leaks)) {
		if (clobber) {
			reg_unknown(env, &s->reg);
			scrub(s);
		}
		return 0;
	}
	return 1;
}

/* Helpers that only read (@t) leave what the program spilled there as it is; 6.1 takes all of
 * them for writers, later kernels do not. */
int vfy_stack_range(struct venv *env, u32 regno, s32 off, s32 size, bool zero_ok, enum vsrc src,
		    enum bpf_access_type t, struct vcall *call)
{
	struct vreg *p = vfy_reg(env, regno);
	struct vframe *f = reg_frame(env, p);
	const char *what = src == SRC_HELPER ? " indirect" : "";
	bool fixed = tnum_is_const(p->var);
	s32 first, last;
	char buf[48];
	int err;

	if (!size && !zero_ok) {
		vlog(env, "invalid zero-sized read\n");
		return -EACCES;
	}
	err = vfy_stack_bounds(env, regno, off, size, src,
			       src == SRC_HELPER ? BPF_WRITE : BPF_READ);
	if (err)
		return err;
	if (!fixed && !env->bypass_v1) {
		vlog(env, "R%d%s variable offset stack access prohibited for !root, var_off=%s\n",
		     regno, what, tnum_text(buf, p->var));
		return -EACCES;
	}
	first = (fixed ? (s64)p->var.value : p->smin64) + off;
	last = (fixed ? (s64)p->var.value : p->smax64) + off;
	if (fixed && call && call->raw_mode) {
		call->raw_size = size;
		call->raw_reg = regno;
		return 0;
	}
	for (s32 i = first; i < last + size; i++) {
		struct vslot *s = &f->slots[(-i - 1) / SLOT_SIZE];

		if (!range_byte(env, f, i, t == BPF_WRITE)) {
			vfy_mark_read(env, &s->reg);
			continue;
		}
		if (fixed)
			vlog(env, "invalid%s read from stack R%d off %d+%d size %d\n", what, regno,
			     first, i - first, size);
		else
			vlog(env, "invalid%s read from stack R%d var_off %s+%d size %d\n", what,
			     regno, tnum_text(buf, p->var), i - first, size);
		return -EACCES;
	}
	return 0;
}
