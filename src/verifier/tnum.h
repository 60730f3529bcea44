/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TNUM_H
#define USERBPF_TNUM_H
/*
 * tnum.h - numbers of which some bits are known: a set bit in @mask is unknown, the other bits are
 * those of @value.
 *
 * Invariant: value & mask == 0. Each operation returns a tnum that contains every result possible
 * for operands in its arguments (sound), as tight as Linux 6.1's, since verdicts depend on it.
 */
#include "base/base.h"

struct tnum {
	u64 value, mask;
};

#define TNUM_UNKNOWN ((struct tnum){ 0, ~0ull })

static inline struct tnum tnum_const(u64 v) { return (struct tnum){ v, 0 }; }
static inline bool tnum_is_const(struct tnum t) { return !t.mask; }
static inline bool tnum_is(struct tnum t, u64 v) { return !t.mask && t.value == v; }
static inline bool tnum_is_unknown(struct tnum t) { return t.mask == ~0ull; }
static inline bool tnum_aligned(struct tnum t, u64 size) { return !((t.value | t.mask) & (size - 1)); }
static inline struct tnum tnum_shl(struct tnum t, u8 n) { return (struct tnum){ t.value << n, t.mask << n }; }
static inline struct tnum tnum_shr(struct tnum t, u8 n) { return (struct tnum){ t.value >> n, t.mask >> n }; }
static inline struct tnum tnum_low32(struct tnum t) { return (struct tnum){ (u32)t.value, (u32)t.mask }; }
static inline struct tnum tnum_high32(struct tnum t) { return (struct tnum){ t.value >> 32 << 32, t.mask >> 32 << 32 }; }
static inline bool tnum_low32_const(struct tnum t) { return !(u32)t.mask; }

struct tnum tnum_range(u64 min, u64 max); /* smallest tnum holding min..max */
struct tnum tnum_add(struct tnum a, struct tnum b);
struct tnum tnum_sub(struct tnum a, struct tnum b);
struct tnum tnum_mul(struct tnum a, struct tnum b);
struct tnum tnum_and(struct tnum a, struct tnum b);
struct tnum tnum_or(struct tnum a, struct tnum b);
struct tnum tnum_xor(struct tnum a, struct tnum b);
struct tnum tnum_sar(struct tnum a, u8 shift, bool is32); /* arithmetic shift of the low 32 or all 64 bits */
struct tnum tnum_intersect(struct tnum a, struct tnum b);  /* a and b both hold */
struct tnum tnum_cast(struct tnum a, u8 bytes);		   /* zero extension of the low @bytes (1..7) */
bool tnum_contains(struct tnum set, struct tnum sub);
const char *tnum_text(char buf[48], struct tnum t);

#endif
