/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dynptr.c - objects that helpers and functions keep on the program's stack, and the first kind of
 * them: dynptrs (an address with a size that only helpers know; two slots).
 *
 * The program may neither read nor write what is in such slots (SLOT_DYNPTR, SLOT_ITER): a store
 * makes all of the object plain bytes, and nobody takes it for one again. What it stood for is not
 * forgotten: a reference that nobody can release any more ends in "Unreleased reference".
 *
 * The slot's register says what the object is: obj_type, obj_state, the reference (ref_id) and,
 * for dynptrs, an id that pointers to their memory carry (dynptr_id): they go when the dynptr does.
 */
#include "verifier/vfy.h"

enum { DYNPTR_REST, DYNPTR_FIRST }; /* obj_state: which half; the first has the lower address */

#define DYNPTR_SLOTS 2
#define DYNPTR_TYPES (DYNPTR_TYPE_LOCAL | DYNPTR_TYPE_RINGBUF)

/* --- objects --- */

/* The slot an object of @nr slots at @r begins in: the one with the lowest address, so the highest
 * number. -EINVAL: not a slot of the stack; -ENOENT: one that was never used. */
s32 vfy_obj_slot(struct venv *env, const struct vreg *r, u32 nr)
{
	s64 off = r->off + (s64)r->var.value, slot = (-off - 1) / SLOT_SIZE;

	if (!tnum_is_const(r->var) || off % SLOT_SIZE || off >= 0 || off < -MAX_BPF_STACK)
		return -EINVAL;
	if (slot + 1 < nr)
		return -EINVAL;
	return slot < reg_frame(env, r)->nr_slots ? slot : -ENOENT;
}

bool vfy_obj_whole(const struct vslot *s, u8 kind)
{
	for (u32 i = 0; i < SLOT_SIZE; i++)
		if (s->kind[i] != kind)
			return false;
	return true;
}

/* The slot becomes (a part of) an object. */
struct vreg *vfy_obj_set(struct venv *env, struct vframe *f, s32 slot, u8 kind, u32 type)
{
	struct vslot *s = &f->slots[slot];

	memset(s->kind, kind, SLOT_SIZE);
	reg_known(&s->reg, 0);
	s->reg.type = NOT_INIT;
	s->reg.precise = false;
	s->reg.obj_type = type;
	s->reg.live |= LIVE_WRITTEN;
	env->scratched_slots |= 1ull << slot;
	return &s->reg;
}

/* Memory of an object that goes, is no more. */
static void drop_slices(struct venv *env, u32 id)
{
	for_each_vreg(env->cur, r, {
		if (type_base(r->type) == PTR_TO_MEM && r->dynptr_id == id) {
			if (env->ptr_leaks)
				reg_unknown(env, r);
			else
				reg_not_init(env, r);
		}
	});
}

static void forget(struct venv *env, struct vframe *f, s32 slot)
{
	memset(f->slots[slot].kind, SLOT_INVALID, SLOT_SIZE);
	env->scratched_slots |= 1ull << slot;
}

void vfy_obj_overwritten(struct venv *env, struct vframe *f, s32 slot)
{
	const struct vreg *r = &f->slots[slot].reg;
	bool dynptr = f->slots[slot].kind[SLOT_SIZE - 1] == SLOT_DYNPTR;
	s32 other = r->obj_state == DYNPTR_FIRST ? slot - 1 : slot + 1;

	forget(env, f, slot);
	if (!dynptr)
		return;
	forget(env, f, other);
	drop_slices(env, r->id);
}

bool vfy_obj_covered(struct venv *env, const struct vreg *o, u8 kind, const struct vslot *cur)
{
	const struct vreg *c = &cur->reg;

	/* obj_depth counts rounds, which differ */
	return vfy_obj_whole(cur, kind) && o->obj_type == c->obj_type &&
	       o->obj_state == c->obj_state && vfy_ids_match(env, o->id, c->id) &&
	       vfy_ids_match(env, o->ref_id, c->ref_id);
}

/* --- dynptrs --- */

static struct vslot *dynptr_at(struct venv *env, const struct vreg *r)
{
	s32 slot = vfy_obj_slot(env, r, DYNPTR_SLOTS);

	return slot < 0 ? NULL : &reg_frame(env, r)->slots[slot];
}

static bool is_dynptr(const struct vslot *s)
{
	return s && vfy_obj_whole(s, SLOT_DYNPTR) && s->reg.obj_state == DYNPTR_FIRST;
}

/* Both slots; the second has the next lower number. */
static void read_dynptr(struct venv *env, const struct vslot *s)
{
	vfy_mark_read(env, &s[0].reg);
	vfy_mark_read(env, &s[-1].reg);
}

/* Where the helper is to make one: a dynptr that holds nothing may be made again (since 6.3). */
static int new_dynptr(struct venv *env, u32 regno, const struct vslot *s, struct vcall *call)
{
	for (u32 i = 0; s && i < DYNPTR_SLOTS; i++) {
		if (s[-(s32)i].kind[SLOT_SIZE - 1] != SLOT_DYNPTR || !s[-(s32)i].reg.ref_id)
			continue;
		vlog(env, "Dynptr has to be an uninitialized dynptr\n");
		return -EINVAL;
	}
	call->new_dynptr = regno;
	return 0;
}

static const char *dynptr_type_name(u32 arg)
{
	return arg & DYNPTR_TYPE_LOCAL ? "local" : "ringbuf";
}

/* One that a helper made for a callback: memory of its own, which is neither acquired nor replaced. */
static int callback_dynptr(struct venv *env, u32 regno, u32 arg)
{
	if (arg & OBJ_RELEASE)
		vlog(env, "arg %d is an unacquired reference\n", regno);
	else if (arg & MEM_UNINIT)
		vlog(env, "Dynptr has to be an uninitialized dynptr\n");
	else if (arg & DYNPTR_TYPES && !(arg & DYNPTR_TYPE_LOCAL))
		vlog(env, "Expected a dynptr of type %s as arg #%d\n", dynptr_type_name(arg),
		     regno);
	else
		return 0;
	return -EINVAL;
}

int vfy_dynptr_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call)
{
	const struct vreg *r = vfy_reg(env, regno);
	const struct vslot *s;

	if (type_base(r->type) == CONST_PTR_TO_DYNPTR)
		return callback_dynptr(env, regno, arg);
	if (!tnum_is_const(r->var)) {
		vlog(env, "dynptr has to be at a constant offset\n");
		return -EINVAL;
	}
	if ((r->off + (s64)r->var.value) % SLOT_SIZE) {
		vlog(env, "cannot pass in dynptr at an offset\n");
		return -EINVAL;
	}
	s = dynptr_at(env, r);
	if (arg & OBJ_RELEASE) {
		if (!s || !s->reg.ref_id) {
			vlog(env, "arg %d is an unacquired reference\n", regno);
			return -EINVAL;
		}
		call->release_reg = regno;
	}
	if (arg & MEM_UNINIT)
		return new_dynptr(env, regno, s, call);
	if (!is_dynptr(s)) {
		vlog(env, "Expected an initialized dynptr as arg #%d\n", regno);
		return -EINVAL;
	}
	if ((arg & DYNPTR_TYPES) && !(arg & s->reg.obj_type)) {
		vlog(env, "Expected a dynptr of type %s as arg #%d\n", dynptr_type_name(arg),
		     regno);
		return -EINVAL;
	}
	read_dynptr(env, s);
	call->dynptr_id = s->reg.id;
	call->dynptr_ref = s->reg.ref_id;
	return 0;
}

/* The helper has made one where R@call->new_dynptr points. */
int vfy_dynptr_made(struct venv *env, s32 idx, const struct vcall *call)
{
	const struct vreg *r = vfy_reg(env, call->new_dynptr);
	u32 type = call->fn->arg[call->new_dynptr - 1] & DYNPTR_TYPES;
	struct vframe *f;
	struct vreg *first, *rest;
	s32 slot;
	int err = 0, id;

	for (u32 i = 0; i < DYNPTR_SLOTS && !err; i++)
		err = vfy_mem(env, idx, call->new_dynptr, i * SLOT_SIZE, BPF_DW, BPF_WRITE, -1,
			      false);
	if (err)
		return err;
	slot = vfy_obj_slot(env, r, DYNPTR_SLOTS);
	if (slot < 0)
		return slot;
	id = type == DYNPTR_TYPE_RINGBUF ? vfy_ref_acquire(env, idx) : (int)++env->id_gen;
	if (id < 0)
		return id;
	f = reg_frame(env, r);
	first = vfy_obj_set(env, f, slot, SLOT_DYNPTR, type);
	rest = vfy_obj_set(env, f, slot - 1, SLOT_DYNPTR, type);
	first->obj_state = DYNPTR_FIRST;
	first->id = rest->id = id;
	if (type == DYNPTR_TYPE_RINGBUF)
		first->ref_id = rest->ref_id = id;
	return 0;
}

/* The helper has released the one R@call->release_reg points to. */
int vfy_dynptr_released(struct venv *env, const struct vcall *call)
{
	const struct vreg *r = vfy_reg(env, call->release_reg);
	s32 slot = vfy_obj_slot(env, r, DYNPTR_SLOTS);
	struct vframe *f = reg_frame(env, r);
	u32 ref;

	if (slot < 0)
		return -EINVAL;
	ref = f->slots[slot].reg.ref_id;
	vfy_obj_overwritten(env, f, slot);
	for (u32 i = 0; i < DYNPTR_SLOTS; i++)
		reg_not_init(env, &f->slots[slot - i].reg);
	return vfy_ref_release(env, ref);
}
