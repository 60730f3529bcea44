/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pending.c - a path still to walk waits as the difference to the explored state it continues.
 * There can be 8192 of them, and few registers change from one explored state to the next branch.
 *
 * Packed, a state is struct vstate up to its frames and in their place:
 *
 *	its jumps (struct hop), some with their copied slots
 *	per frame: what follows the registers in struct vframe, when it is not as in the explored state; then, per register and stack slot, struct note, and
 *	when the value is not as there, what differs (put_words())
 *
 * The explored state cannot go or change meanwhile but for liveness and precision: this path counts
 * in its branches.
 */
#include "verifier/vfy.h"

#define HEAD_AT	   offsetof(struct vframe, callsite)
#define HEAD_SIZE  (offsetof(struct vframe, refs) - HEAD_AT)
#define PACKED_AT  offsetof(struct vstate, branches)
#define VALUE_SIZE offsetof(struct vreg, live)
#define WORDS	   (VALUE_SIZE / sizeof(u64) + 1) /* of a register's value; a slot's kinds */

_Static_assert(offsetof(struct vslot, reg) == 0, "a slot begins with its register");
_Static_assert(VALUE_SIZE % sizeof(u64) == 0 && SLOT_SIZE == sizeof(u64) && WORDS <= 16,
	       "a value is words, with two bits for each");

struct note {
	u8 same : 1, live : 2, precise : 1, home_frame : 3;
	u8 home_item;
};

/* A jump; copied slots follow when there are any. */
struct hop {
	s64 from : 22;
	u64 to : 21, copies : 10, outer : 1, slots : 1;
};

/* A word of a value that is not as in the explored state. */
enum { WORD_ZERO, WORD_BASE, WORD_AGAIN, WORD_NOTED };

/* Writes when there is a block, and counts. */
struct block {
	u8 *at;
	size_t len;
};

/* A register, or a slot's with its kinds; or what it was in the explored state. */
struct item {
	struct vreg *reg;
	u8 *kind;
};

struct base {
	const struct vreg *reg;
	const u8 *kind;
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
	return (struct item){(struct vreg *)&f->regs[i], NULL};
}

static struct item slot_of(const struct vframe *f, u32 i)
{
	return (struct item){&f->slots[i].reg, f->slots[i].kind};
}

static struct base base_of(const struct vshot *s, u32 item)
{
	if (!s || item >= shot_items(s))
		return (struct base){NULL, NULL};
	return (struct base){s->val[item], item < VFY_REGS ? NULL : shot_kind(s, item - VFY_REGS)};
}

static void to_words(struct base it, u64 *w)
{
	memset(w, 0, WORDS * sizeof(*w));
	if (!it.reg)
		return;
	memcpy(w, it.reg, VALUE_SIZE);
	if (it.kind)
		memcpy(&w[WORDS - 1], it.kind, SLOT_SIZE);
}

static void from_words(struct item it, const u64 *w)
{
	memset(it.reg, 0, sizeof(*it.reg));
	memcpy(it.reg, w, VALUE_SIZE);
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

static bool same_item(struct item a, struct base b)
{
	bool plain = !a.kind || !kinds_are_object(a.kind);

	if (!b.reg || (a.kind && memcmp(a.kind, b.kind, SLOT_SIZE) != 0))
		return false;
	return (plain && a.reg->type == NOT_INIT && b.reg->type == NOT_INIT) ||
	       same_value(a.reg, b.reg);
}

static void pack_item(struct block *b, struct item it, struct base base)
{
	const struct vreg *r = it.reg;
	struct note n = {same_item(it, base), r->live, r->precise, r->home_frame, r->home_item};
	u64 w[WORDS], bw[WORDS];

	put(b, &n, sizeof(n));
	if (n.same)
		return;
	to_words((struct base){it.reg, it.kind}, w);
	to_words(base, bw);
	put_words(b, w, bw);
}

static void unpack_value(struct block *b, struct item it, struct base base, bool same)
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

static void unpack_item(struct block *b, struct item it, struct base base)
{
	struct vreg *r = it.reg;
	struct note n;

	get(b, &n, sizeof(n));
	unpack_value(b, it, base, n.same);
	r->live = n.live;
	r->precise = n.precise;
	r->home_frame = n.home_frame;
	r->home_item = n.home_item;
}

/* Frame @i of the explored state @st continues, or NULL. */
static const struct vshot *base_frame(const struct vstate *st, u32 i)
{
	return st->parent && i <= st->parent->curframe ? st->parent->past[i].shot : NULL;
}

static bool same_head(const struct vframe *f, const struct vshot *base)
{
	return base && f->callsite == base->callsite && f->frameno == base->frameno &&
	       f->subprog == base->subprog && f->async_cnt == base->async_cnt &&
	       f->nr_slots == base->nr_slots && !f->in_callback && !f->in_async && !f->cb_entry;
}

/* Of a frame that is no callback's. */
static void head_from(struct vframe *f, const struct vshot *base)
{
	f->callsite = base->callsite;
	f->frameno = base->frameno;
	f->subprog = base->subprog;
	f->async_cnt = base->async_cnt;
	f->nr_slots = base->nr_slots;
	f->cb_range = tnum_const(0);
}

static void pack_frame(struct block *b, const struct vframe *f, const struct vshot *base)
{
	bool same = same_head(f, base);

	put(b, &same, sizeof(same));
	if (!same)
		put(b, &f->callsite, HEAD_SIZE);
	for (u32 i = 0; i < VFY_REGS; i++)
		pack_item(b, reg_of(f, i), base_of(base, i));
	for (u32 i = 0; i < f->nr_slots; i++)
		pack_item(b, slot_of(f, i), base_of(base, VFY_REGS + i));
}

static int unpack_frame(struct venv *env, struct block *b, struct vframe **frame,
			const struct vshot *base)
{
	struct vframe *f = *frame = vmem_alloc(&env->mem, sizeof(*f));
	bool same;

	if (!f)
		return -ENOMEM;
	memset(f, 0, sizeof(*f));
	get(b, &same, sizeof(same));
	if (same)
		head_from(f, base);
	else
		get(b, &f->callsite, HEAD_SIZE);
	for (u32 i = 0; i < VFY_REGS; i++)
		unpack_item(b, reg_of(f, i), base_of(base, i));
	if (!f->nr_slots)
		return 0;
	f->slots = vmem_alloc(&env->mem, f->nr_slots * sizeof(*f->slots));
	if (!f->slots) {
		f->nr_slots = 0;
		return -ENOMEM;
	}
	for (u32 i = 0; i < f->nr_slots; i++)
		unpack_item(b, slot_of(f, i), base_of(base, VFY_REGS + i));
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

static void pack_jump(struct block *b, const struct vjump *j)
{
	struct hop h = {j->from, j->to, j->copies, j->outer, !!j->copied_slots};

	put(b, &h, sizeof(h));
	if (h.slots)
		put(b, &j->copied_slots, sizeof(j->copied_slots));
}

static void unpack_jump(struct block *b, struct vjump *j)
{
	struct hop h;

	get(b, &h, sizeof(h));
	*j = (struct vjump){h.from, h.to, h.copies, h.outer, 0};
	if (h.slots)
		get(b, &j->copied_slots, sizeof(j->copied_slots));
}

static void pack(struct block *b, const struct vstate *st)
{
	put(b, st, PACKED_AT);
	for (u32 i = 0; i < st->nr_jumps; i++)
		pack_jump(b, &st->jumps[i]);
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
	st->branches = 1;
	if (st->nr_jumps) {
		st->jumps = vmem_alloc(&env->mem, vfy_jumps_size(st->nr_jumps));
		if (!st->jumps)
			return -ENOMEM;
		for (u32 i = 0; i < st->nr_jumps; i++)
			unpack_jump(&b, &st->jumps[i]);
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
