/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_parts_x86_64.c - what instructions and fusions are written with; what is where: jit_parts_x86_64.h. */
#include "exec/jit_parts_x86_64.h"

#define MAX_GOTOS 8 /* that a jump is led through */
#define hw	  jit_hw

const u8 jit_hw[12] = {RAX, RDI, RSI, RDX, RCX, R8, RBX, R13, R14, R15, RBP, R10};
/* --- calls --- */

/* call or jmp to another place of the code */
void jit_emit_rel32(struct jit *j, u32 op, u32 target)
{
	put8(j, op);
	put32(j, target - (jit_here(j) + 4));
}

void jit_emit_c_call(struct jit *j, const void *fn)
{
	s64 rel = (s64)((u64)fn - ((u64)j->code + jit_here(j) + 5));

	j->vectors = true;
	if (j->code && rel == (s32)rel) {
		put8(j, 0xe8);
		put32(j, rel);
		return;
	}
	x86_op(j, 1, 0xb8, 0, RAX);
	put64(j, (u64)fn);
	x86_rr(j, 0, 0xff, 2, RAX);
}

void jit_emit_helper(struct jit *j, helper_fn fn)
{
	x86_mov(j, 1, R9, RUN);
	jit_emit_c_call(j, fn);
}

/* --- jumps --- */

/* Where a jump to @target ends up. */
u32 jit_behind_gotos(const struct jit *j, u32 target)
{
	for (u32 n = 0; n < MAX_GOTOS && jit_is_goto(&j->img->insns[target]); n++)
		target = (u32)jit_target(&j->img->insns[target], target);
	return target;
}

/* Branch predictors have little room for jumps that stand close together: so much between the end of one and the
 * next, or this is a long one. Measured: loops of a few jumps take up to a third less time. */
#define JUMP_DISTANCE 16

void jit_emit_long_jump(struct jit *j, u32 place, int cc)
{
	put8(j, 0x0f);
	jit_emit_rel32(j, 0x80 | cc, place);
}

/* Short when it was found to reach; decided once, in the second pass, where what is ahead is
 * still where the first one had it, which is too far at worst. */
void jit_emit_jump(struct jit *j, u32 i, u32 target, int cc)
{
	u32 place;
	s64 dist;

	target = jit_behind_gotos(j, target);
	place = jit_place(j, target);
	dist = (s64)place - (jit_here(j) + 2);

	if (j->pass == JIT_PLACES && dist == (s8)dist && jit_here(j) >= j->jumped + JUMP_DISTANCE)
		j->flags[i] |= JIT_SHORT;
	if (j->flags[i] & JIT_SHORT) {
		put8(j, cc < 0 ? 0xeb : 0x70 | cc);
		put8(j, dist);
	} else if (cc < 0) {
		jit_emit_rel32(j, 0xe9, place);
	} else {
		jit_emit_long_jump(j, place, cc);
	}
	j->jumped = jit_here(j);
}

const u8 jit_conditions[16] = {
	[BPF_JEQ >> 4] = CC_E,	[BPF_JNE >> 4] = CC_NE,	 [BPF_JSET >> 4] = CC_NE,
	[BPF_JGT >> 4] = CC_A,	[BPF_JGE >> 4] = CC_AE,	 [BPF_JLT >> 4] = CC_B,
	[BPF_JLE >> 4] = CC_BE, [BPF_JSGT >> 4] = CC_G,	 [BPF_JSGE >> 4] = CC_GE,
	[BPF_JSLT >> 4] = CC_L, [BPF_JSLE >> 4] = CC_LE,
};

void jit_emit_compare(struct jit *j, const struct bpf_insn *in)
{
	u32 w = BPF_CLASS(in->code) == BPF_JMP;
	u32 dst = hw[in->dst_reg], src = hw[in->src_reg];
	bool set = BPF_OP(in->code) == BPF_JSET;

	if (BPF_SRC(in->code) == BPF_X) {
		x86_rr(j, w, set ? 0x85 : 0x39, src, dst);
	} else if (set) {
		x86_rr(j, w, 0xf7, 0, dst);
		put32(j, in->imm);
	} else if (!in->imm) {
		x86_rr(j, w, 0x85, dst, dst);
	} else {
		x86_alu_imm(j, w, 7, dst, in->imm);
	}
}

/* --- memory --- */

static void put_imm(struct jit *j, u32 size, s32 imm)
{
	if (size == BPF_B) {
		put8(j, imm);
	} else if (size == BPF_H) {
		put8(j, imm);
		put8(j, imm >> 8);
	} else {
		put32(j, imm);
	}
}

const u32 jit_load_op[4] = {0x8b, 0x0fb7, 0x0fb6, 0x8b};
const u32 jit_load_sx_op[4] = {0x63, 0x0fbf, 0x0fbe, 0x8b};
const u32 jit_store_op[4] = {0x89, X86_P66 | 0x89, X86_BYTE | 0x88, 0x89};
const u32 jit_store_imm_op[4] = {0xc7, X86_P66 | 0xc7, 0xc6, 0xc7};

void jit_emit_load(struct jit *j, const struct bpf_insn *in, const struct x86_addr *a)
{
	u32 dst = hw[in->dst_reg], mode = BPF_MODE(in->code);
	u32 row = JIT_SIZE_ROW(in->code), at = jit_here(j);

	if (mode == BPF_MEMSX || mode == BPF_PROBE_MEMSX)
		x86_at(j, 1, jit_load_sx_op[row], dst, a);
	else
		x86_at(j, BPF_SIZE(in->code) == BPF_DW, jit_load_op[row], dst, a);
	if (mode == BPF_PROBE_MEM || mode == BPF_PROBE_MEMSX)
		jit_add_fault(j, at, jit_here(j) - at, dst);
}

void jit_emit_store(struct jit *j, const struct bpf_insn *in, const struct x86_addr *a)
{
	u32 w = BPF_SIZE(in->code) == BPF_DW, row = JIT_SIZE_ROW(in->code);

	if (BPF_CLASS(in->code) == BPF_STX) {
		x86_at(j, w, jit_store_op[row], hw[in->src_reg], a);
	} else {
		x86_at(j, w, jit_store_imm_op[row], 0, a);
		put_imm(j, BPF_SIZE(in->code), in->imm);
	}
}

bool jit_is_swap(const struct bpf_insn *in, u32 reg, s32 bits)
{
	return (in->code == (BPF_ALU | BPF_END | BPF_TO_BE) ||
		in->code == (BPF_ALU64 | BPF_END | BPF_TO_LE)) &&
	       in->dst_reg == reg && in->imm == bits;
}

/* @size bytes at @a into @to, zero-extended. */
void jit_emit_bytes_at(struct jit *j, u32 to, u32 size, const struct x86_addr *a, bool swap)
{
	if (swap && size > 2 && (j->features & HAS_MOVBE)) {
		x86_at(j, size == 8, X86_38 | 0x0ff0, to, a);
		return;
	}
	x86_at(j, size == 8, size == 2 ? 0x0fb7 : 0x8b, to, a);
	if (swap && size == 2) {
		x86_rr(j, 0, X86_P66 | 0xc1, 0,
		       to); /* rol 8 of the lower half, the upper is zero */
		put8(j, 8);
	} else if (swap) {
		x86_op(j, size == 8, 0x0fc8 | (to & 7), 0, to);
	}
}

const u8 jit_bytes_of[4] = {4, 2, 1, 8}; /* by JIT_SIZE_ROW */
