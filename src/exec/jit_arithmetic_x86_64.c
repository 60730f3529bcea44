/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_arithmetic_x86_64.c - arithmetic, but for division; moves and byte swaps. */
#include "exec/jit_arithmetic_x86_64.h"
#include "exec/jit_division_x86_64.h"

#define hw jit_hw

static const struct {
	u8 op, ext;
} simple[16] = {
	[BPF_ADD >> 4] = {0x01, 0}, [BPF_OR >> 4] = {0x09, 1},	[BPF_AND >> 4] = {0x21, 4},
	[BPF_SUB >> 4] = {0x29, 5}, [BPF_XOR >> 4] = {0x31, 6},
};

static void emit_simple(struct jit *j, const struct bpf_insn *in, u32 w)
{
	u32 row = BPF_OP(in->code) >> 4, dst = hw[in->dst_reg];

	if (BPF_SRC(in->code) == BPF_X)
		x86_rr(j, w, simple[row].op, hw[in->src_reg], dst);
	else
		x86_alu_imm(j, w, simple[row].ext, dst, in->imm);
}

static void emit_imul(struct jit *j, u32 w, u32 dst, s32 imm)
{
	bool small = imm == (s8)imm;

	x86_rr(j, w, small ? 0x6b : 0x69, dst, dst);
	if (small)
		put8(j, imm);
	else
		put32(j, imm);
}

/* dst * imm in one instruction that takes a third of a multiplication's time; false: there is none */
static bool emit_mul_cheap(struct jit *j, u32 w, u32 dst, s32 imm)
{
	const struct x86_addr a = {dst, dst, (u8)(imm / 4 + 1), 0};

	if (imm == 3 || imm == 5 || imm == 9) {
		x86_at(j, w, 0x8d, dst, &a); /* lea */
	} else if (!imm) {
		x86_zero(j, dst);
	} else if (imm == 1) {
		x86_mov(j, w, dst, dst);
	} else if (imm == -1) {
		x86_rr(j, w, 0xf7, 3, dst); /* neg */
	} else if (imm > 0 && !(imm & (imm - 1))) {
		x86_rr(j, w, 0xc1, 4, dst); /* shl */
		put8(j, __builtin_ctz((u32)imm));
	} else {
		return false;
	}
	return true;
}

static void emit_mul(struct jit *j, const struct bpf_insn *in, u32 w)
{
	u32 dst = hw[in->dst_reg];

	if (BPF_SRC(in->code) == BPF_X)
		x86_rr(j, w, 0x0faf, dst, hw[in->src_reg]);
	else if (!emit_mul_cheap(j, w, dst, in->imm))
		emit_imul(j, w, dst, in->imm);
}

/* shlx, shrx, sarx: any registers */
static void emit_shift_bmi2(struct jit *j, u32 w, u32 op, u32 dst, u32 count)
{
	u32 pp = op == BPF_LSH ? 1 : op == BPF_RSH ? 3 : 2;

	put8(j, 0xc4);
	put8(j, (dst < 8) << 7 | 1 << 6 | (dst < 8) << 5 | 2);
	put8(j, w << 7 | (~count & 15) << 3 | pp);
	put8(j, 0xf7);
	put8(j, 0xc0 | (dst & 7) << 3 | (dst & 7));
}

static void emit_shift(struct jit *j, const struct bpf_insn *in, u32 w)
{
	u32 op = BPF_OP(in->code), dst = hw[in->dst_reg], count = hw[in->src_reg];
	u32 ext = op == BPF_LSH ? 4 : op == BPF_RSH ? 5 : 7;

	if (BPF_SRC(in->code) == BPF_K) {
		x86_rr(j, w, 0xc1, ext, dst);
		put8(j, in->imm & (w ? 63 : 31));
	} else if (j->features & HAS_BMI2) {
		emit_shift_bmi2(j, w, op, dst, count);
	} else {
		/* the count must be in cl, so what is there moves out of the way */
		x86_mov(j, 1, TMP, dst == RCX ? dst : RCX);
		if (count != RCX)
			x86_mov(j, 1, RCX, count);
		x86_rr(j, w, 0xd3, ext, dst == RCX ? TMP : dst);
		x86_mov(j, 1, RCX, TMP);
	}
}

static int emit_mov(struct jit *j, const struct bpf_insn *in, u32 w)
{
	u32 dst = hw[in->dst_reg], src = hw[in->src_reg];

	if (BPF_SRC(in->code) == BPF_K) {
		x86_mov_imm(j, dst, w ? (u64)(s64)in->imm : (u32)in->imm);
		return 0;
	}
	switch (in->off) {
	case 0:
		if (!w || dst != src)
			x86_mov(j, w, dst, src);
		return 0;
	case 8: x86_rr(j, w, X86_BYTE | 0x0fbe, dst, src); return 0;
	case 16: x86_rr(j, w, 0x0fbf, dst, src); return 0;
	case 32: x86_rr(j, w, w ? 0x63 : 0x8b, dst, src); return 0;
	}
	return -ENOTSUP;
}

/* le, be, bswap */
static int emit_end(struct jit *j, const struct bpf_insn *in)
{
	u32 dst = hw[in->dst_reg];
	bool swaps = BPF_CLASS(in->code) == BPF_ALU64 || BPF_SRC(in->code) == BPF_TO_BE;

	if (in->imm == 16) {
		if (swaps) {
			x86_rr(j, 0, X86_P66 | 0xc1, 0, dst); /* rol */
			put8(j, 8);
		}
		x86_rr(j, 0, 0x0fb7, dst, dst);
	} else if (in->imm == 32 || in->imm == 64) {
		u32 w = in->imm == 64;

		if (swaps)
			x86_op(j, w, 0x0fc8 | (dst & 7), 0, dst);
		else if (!w)
			x86_mov(j, 0, dst, dst);
	} else {
		return -ENOTSUP;
	}
	return 0;
}

int jit_emit_alu(struct jit *j, const struct bpf_insn *in)
{
	u32 w = BPF_CLASS(in->code) == BPF_ALU64;

	switch (BPF_OP(in->code)) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_OR:
	case BPF_AND:
	case BPF_XOR: emit_simple(j, in, w); return 0;
	case BPF_MUL: emit_mul(j, in, w); return 0;
	case BPF_DIV:
	case BPF_MOD: jit_emit_division(j, in); return 0;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH: emit_shift(j, in, w); return 0;
	case BPF_NEG: x86_rr(j, w, 0xf7, 3, hw[in->dst_reg]); return 0;
	case BPF_MOV: return emit_mov(j, in, w);
	case BPF_END: return emit_end(j, in);
	}
	return -ENOTSUP;
}
