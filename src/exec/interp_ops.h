/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_INTERP_OPS_H
#define USERBPF_INTERP_OPS_H
/*
 * interp_ops.h - what single instructions compute, where C has no operator for it: memory of any alignment, division as RFC
 * 9669 has it, sign extension, byte order, atomic operations.
 */
#include "isa/insn.h"

/* clang-format off: one line per row */

/* Program memory has any alignment and any type. */
#define ANY_MEM(bits)      \
	struct any##bits { \
		u##bits v; \
	} __attribute__((packed, may_alias))
ANY_MEM(8);
ANY_MEM(16);
ANY_MEM(32);
ANY_MEM(64);
#define MEM(bits, addr) (((struct any##bits *)(uintptr_t)(addr))->v)
/* clang-format on */

static inline u64 sdiv64(s64 a, s64 b)
{
	if (!b)
		return 0;
	return b == -1 ? 0 - (u64)a : (u64)(a / b);
}

static inline u64 smod64(s64 a, s64 b)
{
	if (!b)
		return (u64)a;
	return b == -1 ? 0 : (u64)(a % b);
}

static inline u32 sdiv32(s32 a, s32 b)
{
	if (!b)
		return 0;
	return b == -1 ? 0 - (u32)a : (u32)(a / b);
}

static inline u32 smod32(s32 a, s32 b)
{
	if (!b)
		return (u32)a;
	return b == -1 ? 0 : (u32)(a % b);
}

static inline u64 div64(u64 a, u64 b, bool sign)
{
	return sign ? sdiv64((s64)a, (s64)b) : b ? a / b : 0;
}

static inline u64 mod64(u64 a, u64 b, bool sign)
{
	return sign ? smod64((s64)a, (s64)b) : b ? a % b : a;
}

static inline u32 div32(u32 a, u32 b, bool sign)
{
	return sign ? sdiv32((s32)a, (s32)b) : b ? a / b : 0;
}

static inline u32 mod32(u32 a, u32 b, bool sign)
{
	return sign ? smod32((s32)a, (s32)b) : b ? a % b : a;
}

static inline u64 sign_extend(u64 v, int bits)
{
	switch (bits) {
	case 8: return (u64)(s64)(s8)v;
	case 16: return (u64)(s64)(s16)v;
	case 32: return (u64)(s64)(s32)v;
	}
	return v;
}

static inline u64 swap(u64 v, int bits)
{
	switch (bits) {
	case 16: return __builtin_bswap16((u16)v);
	case 32: return __builtin_bswap32((u32)v);
	}
	return __builtin_bswap64(v);
}

static inline u64 truncate(u64 v, int bits)
{
	return bits == 16 ? (u16)v : bits == 32 ? (u32)v : v;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define to_le truncate
#define to_be swap
#else
#define to_le swap
#define to_be truncate
#endif

/* clang-format off */
/* One atomic operation of @type at @p; fetch variants leave the old value in the source
 * register, cmpxchg in R0. */
#define ATOMIC(bits)                                                                                 \
	static inline void atomic##bits(u64 *regs, const struct bpf_insn *insn)                      \
	{                                                                                            \
		u##bits *p = (u##bits *)(uintptr_t)(regs[insn->dst_reg] + insn->off);                \
		u##bits v = (u##bits)regs[insn->src_reg], old;                                       \
                                                                                                     \
		switch (insn->imm) {                                                                 \
		case BPF_ADD: __atomic_fetch_add(p, v, __ATOMIC_RELAXED); return;                    \
		case BPF_AND: __atomic_fetch_and(p, v, __ATOMIC_RELAXED); return;                    \
		case BPF_OR: __atomic_fetch_or(p, v, __ATOMIC_RELAXED); return;                      \
		case BPF_XOR: __atomic_fetch_xor(p, v, __ATOMIC_RELAXED); return;                    \
		case BPF_ADD | BPF_FETCH: old = __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); break;   \
		case BPF_AND | BPF_FETCH: old = __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST); break;   \
		case BPF_OR | BPF_FETCH: old = __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); break;     \
		case BPF_XOR | BPF_FETCH: old = __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST); break;   \
		case BPF_XCHG: old = __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); break;             \
		case BPF_CMPXCHG:                                                                    \
			old = (u##bits)regs[0];                                                      \
			__atomic_compare_exchange_n(p, &old, v, false, __ATOMIC_SEQ_CST,             \
						    __ATOMIC_SEQ_CST);                               \
			regs[0] = old;                                                               \
			return;                                                                      \
		default: return;                                                                     \
		}                                                                                    \
		regs[insn->src_reg] = old;                                                           \
	}
ATOMIC(32)
ATOMIC(64)
/* clang-format on */

#endif
