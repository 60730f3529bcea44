/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_X86_H
#define USERBPF_X86_H
/*
 * x86.h - writing x86-64 instructions: opcode, operands, nothing else. "w" is 1 for 64-bit
 * operands, 0 for 32-bit ones, which clear the upper half of their destination.
 */
#include "exec/jit_state.h"

enum x86_reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* An opcode is one byte, or two that begin with 0f; in front of it may be: */
#define X86_P66	 0x10000u /* 16-bit operands */
#define X86_LOCK 0x20000u
#define X86_BYTE 0x40000u /* 8-bit operands: a REX, so that 4..7 are no ah..bh */
/* or between 0f and the opcode: */
#define X86_38	 0x80000u

enum x86_cc { CC_B = 2, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_L = 12, CC_GE, CC_LE, CC_G };

static inline void put8(struct jit *j, u32 v)
{
	*j->p++ = (u8)v;
}
static inline void put32(struct jit *j, u32 v)
{
	memcpy(j->p, &v, 4);
	j->p += 4;
}
static inline void put64(struct jit *j, u64 v)
{
	memcpy(j->p, &v, 8);
	j->p += 8;
}

static inline void x86_op_sib(struct jit *j, u32 w, u32 op, u32 reg, u32 index, u32 rm)
{
	u32 rex = 0x40 | w << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | rm >> 3;

	if (op & X86_LOCK)
		put8(j, 0xf0);
	if (op & X86_P66)
		put8(j, 0x66);
	if (rex != 0x40 || (op & X86_BYTE))
		put8(j, rex);
	if ((op & 0xff00) == 0x0f00)
		put8(j, 0x0f);
	if (op & X86_38)
		put8(j, 0x38);
	put8(j, op);
}
static inline void x86_op(struct jit *j, u32 w, u32 op, u32 reg, u32 rm)
{
	x86_op_sib(j, w, op, reg, 0, rm);
}

/* op rm, reg or op reg, rm, as the opcode has it; @reg may be an opcode's extension */
static inline void x86_rr(struct jit *j, u32 w, u32 op, u32 reg, u32 rm)
{
	x86_op(j, w, op, reg, rm);
	put8(j, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static inline void x86_mem(struct jit *j, u32 w, u32 op, u32 reg, u32 base, s32 disp)
{
	u32 mod = !disp && (base & 7) != RBP ? 0 : disp == (s8)disp ? 1 : 2;

	x86_op(j, w, op, reg, base);
	put8(j, mod << 6 | (reg & 7) << 3 | (base & 7));
	if ((base & 7) == RSP)
		put8(j, 0x24);
	if (mod == 1)
		put8(j, disp);
	if (mod == 2)
		put32(j, disp);
}

/* base + (index << scale) + disp; index RSP: there is none */
struct x86_addr {
	u8 base, index, scale;
	s32 disp;
};

static inline void x86_at(struct jit *j, u32 w, u32 op, u32 reg, const struct x86_addr *a)
{
	u32 mod = !a->disp && (a->base & 7) != RBP ? 0 : a->disp == (s8)a->disp ? 1 : 2;

	if (a->index == RSP) {
		x86_mem(j, w, op, reg, a->base, a->disp);
		return;
	}
	x86_op_sib(j, w, op, reg, a->index, a->base);
	put8(j, mod << 6 | (reg & 7) << 3 | 4);
	put8(j, a->scale << 6 | (a->index & 7) << 3 | (a->base & 7));
	if (mod == 1)
		put8(j, a->disp);
	if (mod == 2)
		put32(j, a->disp);
}

static inline void x86_mov(struct jit *j, u32 w, u32 to, u32 from)
{
	x86_rr(j, w, 0x89, from, to);
}

static inline void x86_zero(struct jit *j, u32 reg)
{
	x86_rr(j, 0, 0x31, reg, reg);
}

static inline void x86_mov_imm(struct jit *j, u32 to, u64 v)
{
	if (!v) {
		x86_zero(j, to);
	} else if (v == (u32)v) {
		x86_op(j, 0, 0xb8 | (to & 7), 0, to);
		put32(j, v);
	} else if (v == (u64)(s64)(s32)v) {
		x86_rr(j, 1, 0xc7, 0, to);
		put32(j, v);
	} else {
		x86_op(j, 1, 0xb8 | (to & 7), 0, to);
		put64(j, v);
	}
}

/* add 0, or 1, and 4, sub 5, xor 6, cmp 7 */
static inline void x86_alu_imm(struct jit *j, u32 w, u32 ext, u32 reg, s32 imm)
{
	bool small = imm == (s8)imm;

	x86_rr(j, w, small ? 0x83 : 0x81, ext, reg);
	if (small)
		put8(j, imm);
	else
		put32(j, imm);
}

static inline void x86_push(struct jit *j, u32 reg)
{
	x86_op(j, 0, 0x50 | (reg & 7), 0, reg);
}
static inline void x86_pop(struct jit *j, u32 reg)
{
	x86_op(j, 0, 0x58 | (reg & 7), 0, reg);
}

/* A jump over what is not written yet, at most 127 bytes: x86_land() says where it lands. */
static inline u8 *x86_skip(struct jit *j, u32 opcode)
{
	put8(j, opcode);
	put8(j, 0);
	return j->p;
}
#define X86_SKIP_IF(j, cc) x86_skip(j, 0x70 | (cc))
#define X86_SKIP(j)	   x86_skip(j, 0xeb)
static inline void x86_land(struct jit *j, u8 *from)
{
	from[-1] = (u8)(j->p - from);
}

/* The same over any distance; -1: always. */
static inline u8 *x86_skip_far(struct jit *j, int cc)
{
	if (cc < 0) {
		put8(j, 0xe9);
	} else {
		put8(j, 0x0f);
		put8(j, 0x80 | (u32)cc);
	}
	put32(j, 0);
	return j->p;
}
static inline void x86_land_far(struct jit *j, u8 *from)
{
	s32 dist = (s32)(j->p - from);

	memcpy(from - 4, &dist, 4);
}

/* Three operands, of BMI2. */
static inline void x86_rorx(struct jit *j, u32 w, u32 to, u32 from, u32 right)
{
	put8(j, 0xc4);
	put8(j, (to < 8) << 7 | 1 << 6 | (from < 8) << 5 | 3);
	put8(j, w << 7 | 0x7b);
	put8(j, 0xf0);
	put8(j, 0xc0 | (to & 7) << 3 | (from & 7));
	put8(j, right);
}

/* high, low = rdx * by */
static inline void x86_mulx(struct jit *j, u32 high, u32 low, u32 by)
{
	put8(j, 0xc4);
	put8(j, (high < 8) << 7 | 1 << 6 | (by < 8) << 5 | 2);
	put8(j, 1 << 7 | (~low & 15) << 3 | 3);
	put8(j, 0xf6);
	put8(j, 0xc0 | (high & 7) << 3 | (by & 7));
}

#endif
