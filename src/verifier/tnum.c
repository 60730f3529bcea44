/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "verifier/tnum.h"

/* Known bits @v, except where @unknown. */
static inline struct tnum make(u64 v, u64 unknown)
{
	return (struct tnum){v & ~unknown, unknown};
}

struct tnum tnum_range(u64 min, u64 max)
{
	u64 differ = min ^ max;

	if (!differ)
		return tnum_const(min);
	if (differ >> 63)
		return TNUM_UNKNOWN;
	return make(min, (2ull << (63 - __builtin_clzll(differ))) - 1);
}

/* A bit of the sum is unknown when an operand's bit is, or when the carry into it differs
 * between the least and the greatest sum. */
struct tnum tnum_add(struct tnum a, struct tnum b)
{
	u64 least = a.value + b.value;
	u64 greatest = least + a.mask + b.mask;

	return make(least, (least ^ greatest) | a.mask | b.mask);
}

struct tnum tnum_sub(struct tnum a, struct tnum b)
{
	u64 base = a.value - b.value;

	return make(base, ((base + a.mask) ^ (base - b.mask)) | a.mask | b.mask);
}

struct tnum tnum_and(struct tnum a, struct tnum b)
{
	u64 ones = a.value & b.value, maybe = (a.value | a.mask) & (b.value | b.mask);

	return (struct tnum){ones, maybe & ~ones};
}

struct tnum tnum_or(struct tnum a, struct tnum b)
{
	u64 ones = a.value | b.value;

	return (struct tnum){ones, (a.mask | b.mask) & ~ones};
}

struct tnum tnum_xor(struct tnum a, struct tnum b)
{
	return make(a.value ^ b.value, a.mask | b.mask);
}

/* Long multiplication: the known product, plus the unknown parts of the partial products (arXiv
 * 2105.05398). */
struct tnum tnum_mul(struct tnum a, struct tnum b)
{
	struct tnum unknown = tnum_const(0);
	u64 known = a.value * b.value;

	for (; a.value | a.mask; a = tnum_shr(a, 1), b = tnum_shl(b, 1)) {
		if (a.value & 1)
			unknown = tnum_add(unknown, (struct tnum){0, b.mask});
		else if (a.mask & 1)
			unknown = tnum_add(unknown, (struct tnum){0, b.value | b.mask});
	}
	return tnum_add(tnum_const(known), unknown);
}

struct tnum tnum_sar(struct tnum a, u8 shift, bool is32)
{
	if (is32)
		return (struct tnum){(u32)((s32)a.value >> shift), (u32)((s32)a.mask >> shift)};
	return (struct tnum){(s64)a.value >> shift, (s64)a.mask >> shift};
}

struct tnum tnum_intersect(struct tnum a, struct tnum b)
{
	return make(a.value | b.value, a.mask & b.mask);
}

struct tnum tnum_cast(struct tnum a, u8 bytes)
{
	u64 keep = (1ull << bytes * 8) - 1;

	return (struct tnum){a.value & keep, a.mask & keep};
}

bool tnum_contains(struct tnum set, struct tnum sub)
{
	return !(sub.mask & ~set.mask) && set.value == (sub.value & ~set.mask);
}

const char *tnum_text(char buf[48], struct tnum t)
{
	/* the kernel's "%#llx" prints 0 as 0x0 */
	snprintf(buf, 48, "(0x%llx; 0x%llx)", (unsigned long long)t.value,
		 (unsigned long long)t.mask);
	return buf;
}
