/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pending.c - a path still to walk waits as the difference to the explored state it continues.
 * There can be 8192 of them, and few registers change from one explored state to the next branch.
 *
 * Packed, a state is struct vstate up to its frames and in their place:
 *
 *	its jumps
 *	per frame: what follows the registers in struct vframe, when it is not as in the explored state; then, per register and stack slot, struct note, and
 *	when the value is not as there, what differs (put_words()); the parent when it is not the usual one
 *
 * The explored state cannot go or change meanwhile but for liveness and precision: this path counts
 * in its branches.
 */
#include "verifier/vfy.h"

#define HEAD_AT	   offsetof(struct vframe, callsite)
#define HEAD_SIZE  (offsetof(struct vframe, refs) - HEAD_AT)
#define PACKED_AT  offsetof(struct vstate, frame)
#define VALUE_SIZE offsetof(struct vreg, parent)
#define WORDS                       \
	(VALUE_SIZE / sizeof(u64) + \
	 2) /* of a register's value; whose stack it points to; a slot's kinds */

_Static_assert(offsetof(struct vslot, reg) == 0, "a slot begins with its register");
_Static_assert(VALUE_SIZE % sizeof(u64) == 0 && SLOT_SIZE == sizeof(u64) && WORDS <= 16,
	       "a value is words, with two bits for each");

/* Whom reads of the register concern: the explored state's, or its parent (a caller's R0 to R5
 * are connected to an older state), or one that is noted. */
enum { PARENT_BASE, PARENT_GRAND, PARENT_NOTED };

struct note {
	u8 same : 1, parent : 2, live : 4, precise : 1;
};

/* A word of a value that is not as in the explored state. */
enum { WORD_ZERO, WORD_BASE, WORD_AGAIN, WORD_NOTED };

/* Writes when there is a block, and counts. */
struct block {
	u8 *at;
	size_t len;
};

/* A register, or a slot's with its kinds. */
struct item {
	struct vreg *reg;
	u8 *kind;
};

static void put(struct block *b, const void *data, size_t size)
{
	if (b->at && size)
		memcpy(b->at + b->len, data, size);
	b->len += size;
}

static void get(struct block *b, void *data, size_t size)
{
	if (size)
		memcpy(data, b->at + b->len, size);
	b->len += size;
}

static struct item reg_of(const struct vframe *f, u32 i)
{
	return (struct item){f ? (struct vreg *)&f->regs[i] : NULL, NULL};
}

static struct item slot_of(const struct vframe *f, u32 i)
{
	struct vslot *s = f && i < f->nr_slots ? &f->slots[i] : NULL;

	return (struct item){s ? &s->reg : NULL, s ? s->kind : NULL};
}

static void to_words(struct item it, u64 *w)
{
	memset(w, 0, WORDS * sizeof(*w));
	if (!it.reg)
		return;
	memcpy(w, it.reg, VALUE_SIZE);
	w[WORDS - 2] = it.reg->frameno;
	if (it.kind)
		memcpy(&w[WORDS - 1], it.kind, SLOT_SIZE);
}

static void from_words(struct item it, const u64 *w)
{
	memset(it.reg, 0, sizeof(*it.reg));
	memcpy(it.reg, w, VALUE_SIZE);
	it.reg->frameno = w[WORDS - 2];
	if (it.kind)
		memcpy(it.kind, &w[WORDS - 1], SLOT_SIZE);
}

/* Bounds repeat each other: a word noted last may serve again. */
static void put_words(struct block *b, const u64 *w, const u64 *base)
{
	u64 last = 0, noted[WORDS];
	u32 how = 0, n = 0;

	for (u32 i = 0; i < WORDS; i++) {
		u32 h = !w[i]		  ? WORD_ZERO
			: w[i] == base[i] ? WORD_BASE
			: w[i] == last	  ? WORD_AGAIN
					  : WORD_NOTED;

		how |= h << (2 * i);
		if (h == WORD_NOTED)
			last = noted[n++] = w[i];
	}
	put(b, &how, sizeof(how));
	put(b, noted, n * sizeof(*noted));
}

static void get_words(struct block *b, u64 *w, const u64 *base)
{
	u64 last = 0;
	u32 how;

	get(b, &how, sizeof(how));
	for (u32 i = 0; i < WORDS; i++, how >>= 2) {
		if ((how & 3) == WORD_NOTED)
			get(b, &last, sizeof(last));
		w[i] = (how & 3) == WORD_ZERO ? 0 : (how & 3) == WORD_BASE ? base[i] : last;
	}
}

static bool same_value(struct item a, struct item b)
{
	return b.reg && a.reg->frameno == b.reg->frameno && !memcmp(a.reg, b.reg, VALUE_SIZE) &&
	       (!a.kind || !memcmp(a.kind, b.kind, SLOT_SIZE));
}

static u8 parent_of(const struct vreg *r, const struct vreg *base)
{
	if (!base)
		return PARENT_NOTED;
	return r->parent == base	   ? PARENT_BASE
	       : r->parent == base->parent ? PARENT_GRAND
					   : PARENT_NOTED;
}

static void pack_item(struct block *b, struct item it, struct item base)
{
	const struct vreg *r = it.reg;
	struct note n = {same_value(it, base), parent_of(r, base.reg), r->live, r->precise};
	u64 w[WORDS], bw[WORDS];

	put(b, &n, sizeof(n));
	if (!n.same) {
		to_words(it, w);
		to_words(base, bw);
		put_words(b, w, bw);
	}
	if (n.parent == PARENT_NOTED)
		put(b, &r->parent, sizeof(r->parent));
}

static void unpack_value(struct block *b, struct item it, struct item base, bool same)
{
	u64 w[WORDS], bw[WORDS];

	if (same) {
		*it.reg = *base.reg;
		if (it.kind)
			memcpy(it.kind, base.kind, SLOT_SIZE);
		return;
	}
	to_words(base, bw);
	get_words(b, w, bw);
	from_words(it, w);
}

static void unpack_item(struct block *b, struct item it, struct item base)
{
	struct vreg *r = it.reg;
	struct note n;

	get(b, &n, sizeof(n));
	unpack_value(b, it, base, n.same);
	r->parent = base.reg;
	if (n.parent == PARENT_NOTED)
		get(b, &r->parent, sizeof(r->parent));
	else if (n.parent == PARENT_GRAND)
		r->parent = base.reg->parent;
	r->live = n.live;
	r->precise = n.precise;
}

/* Frame @i of the explored state @st continues, or NULL. */
static const struct vframe *base_frame(const struct vstate *st, u32 i)
{
	return st->parent && i <= st->parent->curframe ? st->parent->frame[i] : NULL;
}

static void pack_frame(struct block *b, const struct vframe *f, const struct vframe *base)
{
	bool same = base && !memcmp(&f->callsite, &base->callsite, HEAD_SIZE);

	put(b, &same, sizeof(same));
	if (!same)
		put(b, &f->callsite, HEAD_SIZE);
	for (u32 i = 0; i < VFY_REGS; i++)
		pack_item(b, reg_of(f, i), reg_of(base, i));
	for (u32 i = 0; i < f->nr_slots; i++)
		pack_item(b, slot_of(f, i), slot_of(base, i));
}

static int unpack_frame(struct venv *env, struct block *b, struct vframe **frame,
			const struct vframe *base)
{
	struct vframe *f = *frame = vmem_alloc(&env->mem, sizeof(*f));
	bool same;

	if (!f)
		return -ENOMEM;
	memset(f, 0, sizeof(*f));
	get(b, &same, sizeof(same));
	if (same)
		memcpy(&f->callsite, &base->callsite, HEAD_SIZE);
	else
		get(b, &f->callsite, HEAD_SIZE);
	for (u32 i = 0; i < VFY_REGS; i++)
		unpack_item(b, reg_of(f, i), reg_of(base, i));
	if (!f->nr_slots)
		return 0;
	f->slots = vmem_alloc(&env->mem, f->nr_slots * sizeof(*f->slots));
	if (!f->slots) {
		f->nr_slots = 0;
		return -ENOMEM;
	}
	for (u32 i = 0; i < f->nr_slots; i++)
		unpack_item(b, slot_of(f, i), slot_of(base, i));
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

static void pack(struct block *b, const struct vstate *st)
{
	put(b, st, PACKED_AT);
	put(b, st->jumps, st->nr_jumps * sizeof(*st->jumps));
	for (u32 i = 0; i <= st->curframe; i++)
		pack_frame(b, st->frame[i], base_frame(st, i));
}

void vfy_pack(struct venv *env, struct vstate **link)
{
	struct vstate *st = *link, *packed;
	struct block b = {.at = NULL};

	if (!st || st->packed_size || st->pushed_at == env->processed || !can_pack(st))
		return;
	pack(&b, st);
	packed = vmem_alloc(&env->mem, b.len);
	if (!packed)
		return;
	b = (struct block){.at = (u8 *)packed};
	pack(&b, st);
	packed->packed_size = b.len;
	*link = packed;
	vfy_state_free(env, st);
}

static int unpack(struct venv *env, struct vstate *st, const struct vstate *packed)
{
	struct block b = {.at = (u8 *)packed};
	int err = 0;

	get(&b, st, PACKED_AT);
	st->packed_size = 0;
	if (st->nr_jumps) {
		st->jumps = vmem_alloc(&env->mem, st->nr_jumps * sizeof(*st->jumps));
		if (!st->jumps)
			return -ENOMEM;
		get(&b, st->jumps, st->nr_jumps * sizeof(*st->jumps));
	}
	for (u32 i = 0; i <= st->curframe && !err; i++)
		err = unpack_frame(env, &b, &st->frame[i], base_frame(st, i));
	return err;
}

int vfy_unpack(struct venv *env, struct vstate **link)
{
	struct vstate *packed = *link, *st;
	int err;

	if (!packed->packed_size)
		return 0;
	st = vfy_state_new(env);
	if (!st)
		return -ENOMEM;
	err = unpack(env, st, packed);
	if (err) {
		vfy_state_free(env, st);
		return err;
	}
	*link = st;
	vfy_state_free(env, packed);
	return 0;
}
