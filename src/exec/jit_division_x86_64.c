/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit_division_x86_64.c - division and modulo. By zero: 0, and the dividend; the least number by -1: itself, and 0. By a
 * constant it is a multiplication (Granlund and Montgomery, "Division by invariant integers using multiplication",
 * 1994): the quotient is the upper half of the product with a rounded reciprocal, shifted.
 */
#include "exec/jit_division_x86_64.h"
#include "exec/jit_live.h"
#include "isa/insn.h"

#define hw jit_hw
typedef unsigned __int128 u128;

/* What a division needs for itself: rax and rdx, whose values go elsewhere when somebody wants them
 * afterwards. */
struct division {
	const struct bpf_insn *in;
	u32 w, dst;
	bool mod, sign, keep_rax, keep_rdx;
};

static struct division division_of(const struct jit *j, const struct bpf_insn *in)
{
	u32 i = (u32)(in - j->img->insns), dst = hw[in->dst_reg];

	return (struct division){.in = in,
				 .w = BPF_CLASS(in->code) == BPF_ALU64,
				 .dst = dst,
				 .mod = BPF_OP(in->code) == BPF_MOD,
				 .sign = in->off,
				 .keep_rax = dst != RAX && !jit_dead(j, i, 0),
				 .keep_rdx = dst != RDX && !jit_dead(j, i, 3)};
}

static void take_rax_rdx(struct jit *j, const struct division *d)
{
	if (d->keep_rax)
		x86_mov(j, 1, TMP3, RAX);
	if (d->keep_rdx && jit_needs_r10(j))
		x86_push(j, RDX);
	else if (d->keep_rdx)
		x86_mov(j, 1, TMP2, RDX);
}

/* The result is in @result, which may be one of them. */
static void give_rax_rdx(struct jit *j, const struct division *d, u32 result)
{
	if (d->dst != result)
		x86_mov(j, 1, d->dst, result);
	if (d->keep_rax)
		x86_mov(j, 1, RAX, TMP3);
	if (d->keep_rdx && jit_needs_r10(j))
		x86_pop(j, RDX);
	else if (d->keep_rdx)
		x86_mov(j, 1, RDX, TMP2);
}

/* By @by, which is neither 0 nor, signed, -1, and neither rax nor rdx. */
static void emit_divide(struct jit *j, const struct division *d, u32 by)
{
	take_rax_rdx(j, d);
	if (d->dst != RAX)
		x86_mov(j, d->w, RAX, d->dst);
	if (d->sign)
		x86_op(j, d->w, 0x99, 0, 0); /* cdq, cqo */
	else
		x86_zero(j, RDX);
	x86_rr(j, d->w, 0xf7, d->sign ? 7 : 6, by);
	give_rax_rdx(j, d, d->mod ? RDX : RAX);
}

static void emit_by_zero(struct jit *j, const struct division *d)
{
	if (!d->mod)
		x86_zero(j, d->dst);
	else if (!d->w)
		x86_mov(j, 0, d->dst, d->dst);
}

static void emit_by_one(struct jit *j, const struct division *d, bool minus)
{
	if (d->mod)
		x86_zero(j, d->dst);
	else if (minus)
		x86_rr(j, d->w, 0xf7, 3, d->dst); /* neg */
	else if (!d->w)
		x86_mov(j, 0, d->dst, d->dst);
}

/* --- by constants --- */

/* For dividends below 2^bits: quotient = dividend * factor >> 64 >> shift. The factor may have a 65th bit. */
struct reciprocal {
	u128 factor;
	u32 shift;
};

/* Both ends of the interval in which a factor is exact enough lose bits while they differ. @by is at most 2^63. */
static struct reciprocal reciprocal_of(u64 by, u32 bits)
{
	u32 shift = by > 1 ? 64 - (u32)__builtin_clzll(by - 1) : 0;
	u128 one = (u128)1 << 64 << shift, low = one / by, high = (one + (one >> bits)) / by;

	while (shift && low / 2 < high / 2) {
		low /= 2;
		high /= 2;
		shift--;
	}
	return (struct reciprocal){high, shift};
}

static void emit_shift_right(struct jit *j, u32 ext, u32 reg, u32 count)
{
	if (!count)
		return;
	x86_rr(j, 1, 0xc1, ext, reg);
	put8(j, count);
}
#define SHR 5
#define SAR 7

/* rdx = x / by; even divisors and their dividends are halved where that saves the factor's 65th bit. */
static void emit_quotient(struct jit *j, u32 w, u32 x, u64 by)
{
	struct reciprocal r = reciprocal_of(by, w ? 64 : 32);
	u32 even = 0;

	if (r.factor >> 64 && !(by & 1)) {
		even = (u32)__builtin_ctzll(by);
		r = reciprocal_of(by >> even, 64 - even);
	}
	if (x != RDX || !w)
		x86_mov(j, w, RDX, x);
	emit_shift_right(j, SHR, RDX, even);
	x86_mov_imm(j, TMP, (u64)r.factor);
	x86_mulx(j, RDX, TMP, TMP);
	if (r.factor >> 64) { /* (rdx + x) >> shift, without the carry */
		x86_mov(j, 1, TMP, x);
		x86_rr(j, 1, 0x29, RDX, TMP);
		emit_shift_right(j, SHR, TMP, 1);
		x86_rr(j, 1, 0x01, TMP, RDX);
		r.shift--;
	}
	emit_shift_right(j, SHR, RDX, r.shift);
}

/* Needs rdx only; where that is the dividend itself, TMP3 keeps it. */
static void emit_by_unsigned(struct jit *j, const struct division *d, u64 by)
{
	u32 x = d->dst == RDX ? TMP3 : d->dst;

	if (d->dst == RDX || d->keep_rdx)
		x86_mov(j, 1, TMP3, RDX);
	emit_quotient(j, d->w, x, by);
	if (d->mod) {
		x86_rr(j, d->w, 0x69, RDX, RDX); /* imul */
		put32(j, (u32)by);
		x86_rr(j, d->w, 0x29, RDX, x);
	}
	if (d->mod ? d->dst == RDX : d->dst != RDX)
		x86_mov(j, d->w, d->dst, d->mod ? x : RDX);
	if (d->keep_rdx)
		x86_mov(j, 1, RDX, TMP3);
}

/* Rounds towards zero: the quotient of a negative number is one more than what the shift leaves. 32 bits are divided
 * as 64. */
static void emit_by_signed(struct jit *j, const struct division *d, s32 by)
{
	struct reciprocal r = reciprocal_of((u64)(by < 0 ? -(s64)by : by), 63);

	take_rax_rdx(j, d);
	x86_rr(j, 1, d->w ? 0x8b : 0x63, TMP, d->dst);
	x86_mov_imm(j, RAX, (u64)r.factor);
	x86_rr(j, 1, 0xf7, 5, TMP); /* imul: rdx */
	if (r.factor >> 63)
		x86_rr(j, 1, 0x01, TMP, RDX);
	emit_shift_right(j, SAR, RDX, r.shift);
	x86_mov(j, 1, RAX, TMP);
	emit_shift_right(j, SHR, RAX, 63);
	x86_rr(j, 1, 0x01, RDX, RAX);
	if (by < 0)
		x86_rr(j, 1, 0xf7, 3, RAX); /* neg */
	if (d->mod) {
		x86_rr(j, d->w, 0x69, RAX, RAX);
		put32(j, (u32)by);
		x86_rr(j, d->w, 0x29, RAX, TMP);
	} else if (!d->w) {
		x86_mov(j, 0, RAX, RAX);
	}
	give_rax_rdx(j, d, d->mod ? TMP : RAX);
}

/* What an unsigned constant divides by one instruction. */
static bool emit_power(struct jit *j, const struct division *d, u64 by)
{
	u32 shift = (u32)__builtin_ctzll(by);

	if (d->sign || by & (by - 1) || (d->mod && shift > 31))
		return false;
	if (d->mod) {
		x86_alu_imm(j, 0, 4, d->dst, (s32)(by - 1));
	} else {
		x86_rr(j, d->w, 0xc1, SHR, d->dst);
		put8(j, shift);
	}
	return true;
}

static void emit_by_constant(struct jit *j, const struct division *d)
{
	s32 imm = d->in->imm;
	u64 by = d->w ? (u64)(s64)imm : (u32)imm;

	if (!by) {
		emit_by_zero(j, d);
	} else if (imm == 1 || (d->sign && imm == -1)) {
		emit_by_one(j, d, imm < 0);
	} else if (emit_power(j, d, by)) {
		return;
	} else if (d->sign) {
		emit_by_signed(j, d, imm);
	} else if (by >> 63 || !(j->features & HAS_BMI2)) {
		x86_mov_imm(j, TMP, by);
		emit_divide(j, d, TMP);
	} else {
		emit_by_unsigned(j, d, by);
	}
}

/* --- by registers --- */

/* Without a sign, zero goes over the division alone: the register that the result comes from has it already. */
static void emit_unsigned(struct jit *j, const struct division *d, u32 by)
{
	u8 *zero;

	take_rax_rdx(j, d);
	if (!d->mod)
		x86_zero(j, RAX);
	else if (d->dst != RDX || !d->w)
		x86_mov(j, d->w, RDX, d->dst);
	x86_rr(j, d->w, 0x85, by, by);
	zero = X86_SKIP_IF(j, CC_E);
	if (d->dst != RAX)
		x86_mov(j, d->w, RAX, d->dst);
	x86_zero(j, RDX);
	x86_rr(j, d->w, 0xf7, 6, by);
	x86_land(j, zero);
	give_rax_rdx(j, d, d->mod ? RDX : RAX);
}

static void emit_checked(struct jit *j, const struct division *d, u32 by)
{
	u8 *zero, *minus_one = NULL, *end, *end_too = NULL;

	x86_rr(j, d->w, 0x85, by, by);
	zero = X86_SKIP_IF(j, CC_E);
	if (d->sign) {
		x86_alu_imm(j, d->w, 7, by, -1);
		minus_one = X86_SKIP_IF(j, CC_E);
	}
	emit_divide(j, d, by);
	end = X86_SKIP(j);
	if (minus_one) {
		x86_land(j, minus_one);
		emit_by_one(j, d, true);
		end_too = X86_SKIP(j);
	}
	x86_land(j, zero);
	emit_by_zero(j, d);
	x86_land(j, end);
	if (end_too)
		x86_land(j, end_too);
}

static void emit_by_register(struct jit *j, const struct division *d)
{
	u32 by = hw[d->in->src_reg];

	if (by == RAX || by == RDX) {
		x86_mov(j, d->w, TMP, by);
		by = TMP;
	}
	if (d->sign || (!d->mod && d->dst == RAX))
		emit_checked(j, d, by);
	else
		emit_unsigned(j, d, by);
}

void jit_emit_division(struct jit *j, const struct bpf_insn *in)
{
	const struct division d = division_of(j, in);

	if (BPF_SRC(in->code) == BPF_K)
		emit_by_constant(j, &d);
	else
		emit_by_register(j, &d);
}
