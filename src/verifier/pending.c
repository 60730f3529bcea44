/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pending.c - a path still to walk waits as the difference to the explored state it continues. There can be 8192 of them, and few registers change from
 * one explored state to the next branch.
 *
 * Packed, a state keeps struct vstate; its frames are in one block:
 *
 *	per frame: what follows the registers in struct vframe; then, per register and stack slot, two bytes (is it as in the explored state? liveness and
 *	precision) and, when it is not, the register or slot itself; only the parent when that alone differs
 *
 * The explored state cannot go or change meanwhile but for liveness and precision: this path counts in its branches.
 */
#include "verifier/vfy.h"

#define HEAD_AT	  offsetof(struct vframe, callsite)
#define HEAD_SIZE (sizeof(struct vframe) - HEAD_AT)

_Static_assert(offsetof(struct vslot, reg) == 0, "a slot begins with its register");

/* A caller's R0 to R5 are connected to an older state than the one continued: same value, another parent. */
enum { OTHER, SAME, SAME_VALUE };

struct note {
	u8 same, live : 7, precise : 1;
};

/* Writes when there is a block, and counts. */
struct block {
	u8 *at;
	size_t len;
};

static void put(struct block *b, const void *data, size_t size)
{
	if (b->at)
		memcpy(b->at + b->len, data, size);
	b->len += size;
}

static void get(struct block *b, void *data, size_t size)
{
	memcpy(data, b->at + b->len, size);
	b->len += size;
}

static u8 compare(const struct vreg *r, const struct vreg *base)
{
	if (!base || r->frameno != base->frameno || memcmp(r, base, offsetof(struct vreg, parent)))
		return OTHER;
	return r->parent == base ? SAME : SAME_VALUE;
}

/* @item, a register or the slot around it, of @size bytes */
static void pack_item(struct block *b, const struct vreg *r, u8 same, const void *item, size_t size)
{
	struct note n = { same, r->live, r->precise };

	put(b, &n, sizeof(n));
	if (same == OTHER)
		put(b, item, size);
	else if (same == SAME_VALUE)
		put(b, &r->parent, sizeof(r->parent));
}

static void pack_reg(struct block *b, const struct vreg *r, const struct vreg *base)
{
	pack_item(b, r, compare(r, base), r, sizeof(*r));
}

static void pack_slot(struct block *b, const struct vslot *s, const struct vslot *base)
{
	bool same_kinds = base && !memcmp(s->kind, base->kind, sizeof(s->kind));

	pack_item(b, &s->reg, same_kinds ? compare(&s->reg, &base->reg) : OTHER, s, sizeof(*s));
}

/* Frame @i of the explored state @st continues, or NULL. */
static const struct vframe *base_frame(const struct vstate *st, u32 i)
{
	return st->parent && i <= st->parent->curframe ? st->parent->frame[i] : NULL;
}

static const struct vslot *base_slot(const struct vframe *base, u32 i)
{
	return base && i < base->nr_slots ? &base->slots[i] : NULL;
}

static void pack_frame(struct block *b, const struct vframe *f, const struct vframe *base)
{
	put(b, &f->callsite, HEAD_SIZE);
	for (u32 i = 0; i < VFY_REGS; i++)
		pack_reg(b, &f->regs[i], base ? &base->regs[i] : NULL);
	for (u32 i = 0; i < f->nr_slots; i++)
		pack_slot(b, &f->slots[i], base_slot(base, i));
}

static void pack_frames(struct block *b, const struct vstate *st)
{
	for (u32 i = 0; i <= st->curframe; i++)
		pack_frame(b, st->frame[i], base_frame(st, i));
}

/* @base is an item of the same kind: a register, or a slot, which begins with one. */
static void unpack_item(struct block *b, struct vreg *r, void *item, const void *base, size_t size)
{
	struct note n;

	get(b, &n, sizeof(n));
	if (n.same == OTHER) {
		get(b, item, size);
		return;
	}
	memcpy(item, base, size);
	r->parent = (struct vreg *)base;
	if (n.same == SAME_VALUE)
		get(b, &r->parent, sizeof(r->parent));
	r->live = n.live;
	r->precise = n.precise;
}

static void unpack_reg(struct block *b, struct vreg *r, const struct vreg *base)
{
	unpack_item(b, r, r, base, sizeof(*r));
}

static void unpack_slot(struct block *b, struct vslot *s, const struct vslot *base)
{
	unpack_item(b, &s->reg, s, base, sizeof(*s));
}

static int unpack_frame(struct venv *env, struct block *b, struct vframe **frame, const struct vframe *base)
{
	struct vframe *f = *frame = vmem_alloc(&env->mem, sizeof(*f));

	if (!f)
		return -ENOMEM;
	memset(f, 0, sizeof(*f));
	get(b, &f->callsite, HEAD_SIZE);
	for (u32 i = 0; i < VFY_REGS; i++)
		unpack_reg(b, &f->regs[i], base ? &base->regs[i] : NULL);
	if (!f->nr_slots)
		return 0;
	f->slots = vmem_alloc(&env->mem, f->nr_slots * sizeof(*f->slots));
	if (!f->slots) {
		f->nr_slots = 0;
		return -ENOMEM;
	}
	for (u32 i = 0; i < f->nr_slots; i++)
		unpack_slot(b, &f->slots[i], base_slot(base, i));
	return 0;
}

/* References are few and rare: a frame with some stays as it is. */
static bool can_pack(const struct vstate *st)
{
	for (u32 i = 0; i <= st->curframe; i++)
		if (st->frame[i]->room_refs)
			return false;
	return true;
}

void vfy_pack(struct venv *env, struct vstate *st)
{
	struct block b = { .at = NULL };

	if (!st || st->packed || st->pushed_at == env->processed || !can_pack(st))
		return;
	pack_frames(&b, st);
	st->packed_size = b.len;
	b = (struct block){ .at = vmem_alloc(&env->mem, b.len) };
	if (!b.at)
		return;
	pack_frames(&b, st);
	st->packed = b.at;
	for (u32 i = 0; i <= st->curframe; i++) {
		vfy_frame_free(env, st->frame[i]);
		st->frame[i] = NULL;
	}
}

int vfy_unpack(struct venv *env, struct vstate *st)
{
	struct block b = { .at = st->packed };
	int err = 0;

	if (!st->packed)
		return 0;
	for (u32 i = 0; i <= st->curframe && !err; i++)
		err = unpack_frame(env, &b, &st->frame[i], base_frame(st, i));
	vmem_free(&env->mem, st->packed, st->packed_size);
	st->packed = NULL;
	return err;
}
