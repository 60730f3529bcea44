/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bounds.c - what is known of a number: a tnum and eight bounds, how they teach each other, and
 * arithmetic on them.
 *
 * The 64- and 32-bit halves obey the same laws, so both come from one template (RANGE_TEMPLATE)
 * over the width.
 */
#include "verifier/vfy.h"

#define S64_MIN INT64_MIN
#define S64_MAX INT64_MAX
#define S32_MIN INT32_MIN
#define S32_MAX INT32_MAX
#define U64_MAX UINT64_MAX
#define U32_MAX UINT32_MAX

void reg_forget64(struct vreg *r)
{
	r->smin64 = S64_MIN;
	r->smax64 = S64_MAX;
	r->umin64 = 0;
	r->umax64 = U64_MAX;
}

void reg_forget32(struct vreg *r)
{
	r->smin32 = S32_MIN;
	r->smax32 = S32_MAX;
	r->umin32 = 0;
	r->umax32 = U32_MAX;
}

bool reg_unbounded(const struct vreg *r)
{
	return tnum_is_unknown(r->var) && r->smin64 == S64_MIN && r->smax64 == S64_MAX &&
	       !r->umin64 && r->umax64 == U64_MAX && r->smin32 == S32_MIN && r->smax32 == S32_MAX &&
	       !r->umin32 && r->umax32 == U32_MAX;
}

void reg_set_const(struct vreg *r, u64 v)
{
	r->var = tnum_const(v);
	r->smin64 = r->smax64 = v;
	r->umin64 = r->umax64 = v;
	r->smin32 = r->smax32 = v;
	r->umin32 = r->umax32 = v;
}

void reg_set_const32(struct vreg *r, u32 v)
{
	r->var = tnum_or(tnum_high32(r->var), tnum_const(v));
	r->smin32 = r->smax32 = v;
	r->umin32 = r->umax32 = v;
}

/* Everything that only some types have. */
static void forget_identity(struct vreg *r)
{
	r->off = 0;
	r->raw[0] = r->raw[1] = 0;
	r->id = r->ref_id = 0;
}

void reg_unlink(struct vreg *r)
{
	r->id = 0;
	r->delta = 0;
	r->narrow = false;
}

void reg_known(struct vreg *r, u64 v)
{
	forget_identity(r);
	reg_set_const(r, v);
}

void reg_unknown(const struct venv *env, struct vreg *r)
{
	forget_identity(r);
	r->type = SCALAR_VALUE;
	r->var = TNUM_UNKNOWN;
	reg_forget64(r);
	reg_forget32(r);
	/* who may not use the backtracking gets no benefit of the doubt */
	r->precise = !env->capable;
}

void reg_not_init(const struct venv *env, struct vreg *r)
{
	reg_unknown(env, r);
	r->type = NOT_INIT;
}

void reg_copy(struct vreg *dst, const struct vreg *src)
{
	memcpy(dst, src, offsetof(struct vreg, live));
	dst->precise = src->precise;
}

void reg_btf_ptr(struct venv *env, struct vreg *r, struct btf *btf, u32 id, u32 flags)
{
	reg_known(r, 0);
	r->type = PTR_TO_BTF_ID | flags;
	r->btf = btf;
	r->btf_id = id;
}

/*
 * update: the least number of the tnum has all unknown bits clear (sign bit set, for signed), the
 * greatest the reverse. deduce: while a range does not cross the sign boundary, signed and unsigned
 * bounds say the same thing; a signed range around zero is two unsigned ranges, of which the
 * unsigned bounds may leave one. The bitwise operations get the new tnum in d->var.
 */
#define RANGE_TEMPLATE(W, TNUM_PART)                                                        \
	static void update##W(struct vreg *r)                                               \
	{                                                                                   \
		struct tnum t = TNUM_PART(r->var);                                          \
		u##W low = t.value, high = t.value | t.mask;                                \
                                                                                            \
		r->smin##W = max(r->smin##W, (s##W)(low | (t.mask & (u##W)S##W##_MIN)));    \
		r->smax##W = min(r->smax##W, (s##W)(low | (t.mask & (u##W)S##W##_MAX)));    \
		r->umin##W = max(r->umin##W, low);                                          \
		r->umax##W = min(r->umax##W, high);                                         \
	}                                                                                   \
                                                                                            \
	static void deduce##W(struct vreg *r)                                               \
	{                                                                                   \
		if ((s##W)r->umin##W <= (s##W)r->umax##W) {                                 \
			r->smin##W = max(r->smin##W, (s##W)r->umin##W);                     \
			r->smax##W = min(r->smax##W, (s##W)r->umax##W);                     \
		}                                                                           \
		if ((u##W)r->smin##W <= (u##W)r->smax##W) {                                 \
			r->umin##W = max(r->umin##W, (u##W)r->smin##W);                     \
			r->umax##W = min(r->umax##W, (u##W)r->smax##W);                     \
		} else if (r->umax##W < (u##W)r->smin##W) {                                 \
			r->smin##W = r->umin##W;                                            \
			r->umax##W = min(r->umax##W, (u##W)r->smax##W);                     \
		} else if (r->umin##W > (u##W)r->smax##W) {                                 \
			r->smax##W = r->umax##W;                                            \
			r->umin##W = max(r->umin##W, (u##W)r->smin##W);                     \
		}                                                                           \
	}                                                                                   \
                                                                                            \
	static void forget_sign##W(struct vreg *d)                                          \
	{                                                                                   \
		d->smin##W = S##W##_MIN;                                                    \
		d->smax##W = S##W##_MAX;                                                    \
	}                                                                                   \
                                                                                            \
	static void add##W(struct vreg *d, const struct vreg *s)                            \
	{                                                                                   \
		s##W smin, smax;                                                            \
		u##W umin, umax;                                                            \
                                                                                            \
		if (__builtin_add_overflow(d->smin##W, s->smin##W, &smin) |                 \
		    __builtin_add_overflow(d->smax##W, s->smax##W, &smax)) {                \
			smin = S##W##_MIN;                                                  \
			smax = S##W##_MAX;                                                  \
		}                                                                           \
		/* when both wrap the order stays */                                        \
		if (!__builtin_add_overflow(d->umin##W, s->umin##W, &umin) &                \
		    __builtin_add_overflow(d->umax##W, s->umax##W, &umax)) {                \
			umin = 0;                                                           \
			umax = U##W##_MAX;                                                  \
		}                                                                           \
		d->smin##W = smin, d->smax##W = smax, d->umin##W = umin, d->umax##W = umax; \
	}                                                                                   \
                                                                                            \
	static void sub##W(struct vreg *d, const struct vreg *s)                            \
	{                                                                                   \
		s##W smin, smax;                                                            \
		u##W umin, umax;                                                            \
                                                                                            \
		if (__builtin_sub_overflow(d->smin##W, s->smax##W, &smin) |                 \
		    __builtin_sub_overflow(d->smax##W, s->smin##W, &smax)) {                \
			smin = S##W##_MIN;                                                  \
			smax = S##W##_MAX;                                                  \
		}                                                                           \
		if (__builtin_sub_overflow(d->umin##W, s->umax##W, &umin) &                 \
		    !__builtin_sub_overflow(d->umax##W, s->umin##W, &umax)) {               \
			umin = 0;                                                           \
			umax = U##W##_MAX;                                                  \
		}                                                                           \
		d->smin##W = smin, d->smax##W = smax, d->umin##W = umin, d->umax##W = umax; \
	}                                                                                   \
                                                                                            \
	/* the extremes are among the products of the ends */                               \
	static void mul##W(struct vreg *d, const struct vreg *s)                            \
	{                                                                                   \
		s##W p[4];                                                                  \
		u##W umin = d->umin##W * s->umin##W, umax;                                  \
                                                                                            \
		if (__builtin_mul_overflow(d->umax##W, s->umax##W, &umax)) {                \
			umin = 0;                                                           \
			umax = U##W##_MAX;                                                  \
		}                                                                           \
		if (__builtin_mul_overflow(d->smin##W, s->smin##W, &p[0]) |                 \
		    __builtin_mul_overflow(d->smin##W, s->smax##W, &p[1]) |                 \
		    __builtin_mul_overflow(d->smax##W, s->smin##W, &p[2]) |                 \
		    __builtin_mul_overflow(d->smax##W, s->smax##W, &p[3])) {                \
			forget_sign##W(d);                                                  \
		} else {                                                                    \
			d->smin##W = min(min(p[0], p[1]), min(p[2], p[3]));                 \
			d->smax##W = max(max(p[0], p[1]), max(p[2], p[3]));                 \
		}                                                                           \
		d->umin##W = umin, d->umax##W = umax;                                       \
	}                                                                                   \
                                                                                            \
	static void bitwise##W(struct vreg *d, const struct vreg *s, u8 op)                 \
	{                                                                                   \
		bool positive = d->smin##W >= 0 && s->smin##W >= 0;                         \
		struct tnum t = TNUM_PART(d->var);                                          \
		u##W low = t.value, high = t.value | t.mask;                                \
                                                                                            \
		d->umin##W = op == BPF_OR ? max(d->umin##W, s->umin##W) : low;              \
		d->umax##W = op == BPF_AND ? min(d->umax##W, s->umax##W) : high;            \
		forget_sign##W(d);                                                          \
		if (positive) {                                                             \
			d->smin##W = d->umin##W;                                            \
			d->smax##W = d->umax##W;                                            \
		}                                                                           \
	}                                                                                   \
                                                                                            \
	/* unsigned left shift by smin..smax bits */                                        \
	static void shl##W(struct vreg *d, u64 least, u64 most)                             \
	{                                                                                   \
		if (most > W - 1 || d->umax##W > 1ull << (W - 1 - most)) {                  \
			d->umin##W = 0;                                                     \
			d->umax##W = U##W##_MAX;                                            \
		} else {                                                                    \
			d->umin##W <<= least;                                               \
			d->umax##W <<= most;                                                \
		}                                                                           \
	}

#define WHOLE(t) (t)
RANGE_TEMPLATE(64, WHOLE)
RANGE_TEMPLATE(32, tnum_low32)

void reg_update_bounds32(struct vreg *r)
{
	update32(r);
}

void reg_update_bounds(struct vreg *r)
{
	update32(r);
	update64(r);
}

/* Learns bits from the unsigned bounds of both widths. */
static void bounds_into_tnum(struct vreg *r)
{
	struct tnum t = tnum_intersect(r->var, tnum_range(r->umin64, r->umax64));
	struct tnum low = tnum_intersect(tnum_low32(t), tnum_range(r->umin32, r->umax32));

	r->var = tnum_or(tnum_high32(t), low);
}

/*
 * The low half of a number between @least and @most: it counts up without a wrap while the upper
 * half stays the same; when that goes up by one, the signed low half does so from a negative to a
 * positive number.
 */
static void low_half_between(struct vreg *r, u64 least, u64 most)
{
	u32 low = least, high = most, steps = (u32)(most >> 32) - (u32)(least >> 32);

	if (!steps) {
		r->umin32 = max(r->umin32, low);
		r->umax32 = min(r->umax32, high);
	}
	if ((!steps && (s32)low <= (s32)high) || (steps == 1 && (s32)low < 0 && (s32)high >= 0)) {
		r->smin32 = max(r->smin32, (s32)low);
		r->smax32 = min(r->smax32, (s32)high);
	}
}

/*
 * With the upper half of a bound, the low half cannot be beyond its own bound; what fits a signed
 * 32-bit number equals its low half. Did that teach anything?
 */
static bool low_half_bounds_all(struct vreg *r)
{
	const u64 upper = ~(u64)U32_MAX;
	u64 umin = max(r->umin64, (r->umin64 & upper) | r->umin32),
	    umax = min(r->umax64, (r->umax64 & upper) | r->umax32);
	s64 smin = max(r->smin64, (s64)((r->smin64 & upper) | r->umin32));
	s64 smax = min(r->smax64, (s64)((r->smax64 & upper) | r->umax32));
	bool more;

	if (smin >= S32_MIN && smax <= S32_MAX) {
		smin = max(smin, (s64)r->smin32);
		smax = min(smax, (s64)r->smax32);
	}
	more = (umin ^ r->umin64) | (umax ^ r->umax64) | (smin ^ r->smin64) | (smax ^ r->smax64);
	r->umin64 = umin, r->umax64 = umax, r->smin64 = smin, r->smax64 = smax;
	return more;
}

/* One bound teaches the next; three rounds reach what can be reached. */
static void deduce(struct vreg *r)
{
	u32 rounds = 3;

	do {
		deduce64(r);
		low_half_between(r, r->umin64, r->umax64);
		if ((u64)r->smin64 != r->umin64 || (u64)r->smax64 != r->umax64)
			low_half_between(r, r->smin64, r->smax64);
		deduce32(r);
	} while (low_half_bounds_all(r) && --rounds);
}

/* ... in all its bounds. */
static bool reg_is_const(const struct vreg *r)
{
	u64 v = r->var.value;

	return tnum_is_const(r->var) && r->umin64 == v && r->umax64 == v && r->smin64 == (s64)v &&
	       r->smax64 == (s64)v && r->umin32 == (u32)v && r->umax32 == (u32)v &&
	       r->smin32 == (s32)v && r->smax32 == (s32)v;
}

void reg_sync(struct vreg *r)
{
	struct tnum was = r->var;

	if (reg_is_const(r))
		return;
	reg_update_bounds(r);
	deduce(r);
	bounds_into_tnum(r);
	if (r->var.value != was.value || r->var.mask != was.mask)
		reg_update_bounds(r);
}

/* The upper half is zero: 64-bit bounds from the 32-bit ones. */
static void low_half_is_all(struct vreg *r)
{
	r->umin64 = r->umin32;
	r->umax64 = r->umax32;
	if (r->smin32 >= 0 && r->smax32 >= 0) {
		r->smin64 = r->smin32;
		r->smax64 = r->smax32;
	} else {
		r->smin64 = 0;
		r->smax64 = U32_MAX;
	}
}

void reg_zext32(struct vreg *r)
{
	r->var = tnum_low32(r->var);
	low_half_is_all(r);
}

void reg_truncate(struct vreg *r, int bytes)
{
	u64 mask = (1ull << bytes * 8) - 1;

	if (bytes == 4) {
		reg_zext32(r);
		return;
	}
	r->var = tnum_cast(r->var, bytes);
	if ((r->umin64 & ~mask) == (r->umax64 & ~mask)) {
		r->umin64 &= mask;
		r->umax64 &= mask;
	} else {
		r->umin64 = 0;
		r->umax64 = mask;
	}
	r->smin64 = r->umin64;
	r->smax64 = r->umax64;
	reg_forget32(r);
	reg_sync(r);
}

bool scalar_sane(const struct vreg *r, bool is32)
{
	if (is32)
		return r->smin32 <= r->smax32 && r->umin32 <= r->umax32 &&
		       !(tnum_low32_const(r->var) &&
			 (r->smin32 != r->smax32 || r->umin32 != r->umax32));
	return r->smin64 <= r->smax64 && r->umin64 <= r->umax64 &&
	       !(tnum_is_const(r->var) && (r->smin64 != r->smax64 || r->umin64 != r->umax64));
}

static void bitwise(struct vreg *d, const struct vreg *s, u8 op)
{
	struct tnum (*f)(struct tnum, struct tnum) = op == BPF_AND  ? tnum_and
						     : op == BPF_OR ? tnum_or
								    : tnum_xor;

	d->var = f(d->var, s->var);
	if (tnum_low32_const(d->var) && tnum_low32_const(s->var))
		reg_set_const32(d, d->var.value);
	else
		bitwise32(d, s, op);
	if (tnum_is_const(d->var) && tnum_is_const(s->var)) {
		reg_known(d, d->var.value);
		return;
	}
	bitwise64(d, s, op);
	reg_update_bounds(d);
}

static void shift_left(struct vreg *d, const struct vreg *s, bool is32)
{
	u64 least = is32 ? s->umin32 : s->umin64, most = is32 ? s->umax32 : s->umax64;

	if (is32) {
		forget_sign32(d);
		shl32(d, least, most);
		d->var = tnum_low32(tnum_shl(tnum_low32(d->var), least));
		reg_forget64(d);
		update32(d);
		return;
	}
	/* x << 32 keeps the order of the low halves as signed numbers */
	forget_sign64(d);
	if (least == 32 && most == 32) {
		d->smin64 = (s64)((u64)d->smin32 << 32);
		d->smax64 = (s64)((u64)d->smax32 << 32);
	}
	shl64(d, least, most);
	forget_sign32(d);
	shl32(d, least, most);
	d->var = tnum_shl(d->var, least);
	reg_update_bounds(d);
}

static void shift_right(struct vreg *d, const struct vreg *s, bool is32)
{
	if (is32) {
		forget_sign32(d);
		d->var = tnum_shr(tnum_low32(d->var), s->umin32);
		d->umin32 >>= s->umax32;
		d->umax32 >>= s->umin32;
		reg_forget64(d);
		update32(d);
		return;
	}
	forget_sign64(d);
	d->var = tnum_shr(d->var, s->umin64);
	d->umin64 >>= s->umax64;
	d->umax64 >>= s->umin64;
	reg_forget32(d);
	reg_update_bounds(d);
}

static void shift_right_signed(struct vreg *d, const struct vreg *s, bool is32)
{
	if (is32) {
		d->smin32 >>= s->umin32;
		d->smax32 >>= s->umin32;
		d->var = tnum_sar(tnum_low32(d->var), s->umin32, true);
		d->umin32 = 0;
		d->umax32 = U32_MAX;
		reg_forget64(d);
		update32(d);
		return;
	}
	d->smin64 >>= s->umin64;
	d->smax64 >>= s->umin64;
	d->var = tnum_sar(d->var, s->umin64, false);
	d->umin64 = 0;
	d->umax64 = U64_MAX;
	reg_forget32(d);
	reg_update_bounds(d);
}

/* Constants, most of what loops count with, need no ranges. */
static bool const_op(struct vreg *d, const struct vreg *s, u8 op)
{
	u64 a = d->var.value, b = s->var.value;

	if (!tnum_is_const(d->var) || !tnum_is_const(s->var) ||
	    (op != BPF_ADD && op != BPF_SUB && op != BPF_MUL))
		return false;
	reg_set_const(d, op == BPF_ADD ? a + b : op == BPF_SUB ? a - b : a * b);
	return true;
}

void scalar_op(struct vreg *d, const struct vreg *s, u8 op, bool is32)
{
	if (const_op(d, s, op))
		return;
	switch (op) {
	case BPF_ADD:
		add32(d, s);
		add64(d, s);
		d->var = tnum_add(d->var, s->var);
		break;
	case BPF_SUB:
		sub32(d, s);
		sub64(d, s);
		d->var = tnum_sub(d->var, s->var);
		break;
	case BPF_MUL:
		d->var = tnum_mul(d->var, s->var);
		mul32(d, s);
		mul64(d, s);
		break;
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR: bitwise(d, s, op); break;
	case BPF_LSH: shift_left(d, s, is32); break;
	case BPF_RSH: shift_right(d, s, is32); break;
	case BPF_ARSH: shift_right_signed(d, s, is32); break;
	}
}
