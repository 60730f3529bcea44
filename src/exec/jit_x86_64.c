/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_x86_64.c - the code of each instruction; what is where: jit_parts_x86_64.h. */
#include <cpuid.h>
#include "exec/jit_arithmetic_x86_64.h"
#include "exec/jit_inline_x86_64.h"
#include "exec/jit_x86_64.h"
#include "isa/insn.h"
#include "map/kptr.h"

#define PATIENCE (-(s32)MAX_BPF_STACK - 16) /* of may_goto: under the stack */

#define hw jit_hw

static const u8 saved[] = {6, 7, 8, 9};
static const u8 scratch[] = {RAX, RDI, RSI, RDX, RCX, R8};

void jit_features(struct jit *j)
{
	u32 a, b, c, d;

	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_BMI2))
		j->features |= HAS_BMI2;
	if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_MOVBE))
		j->features |= HAS_MOVBE;
}

/* --- functions --- */

/* u64 enter(R1, R2, R3, R4, R5, run, entry): the seventh argument is on the stack. */
void jit_emit_enter(struct jit *j)
{
	x86_push(j, RUN);
	x86_mov(j, 1, RUN, R9);
	x86_zero(j, RAX);
	x86_mem(j, 0, 0xff, 2, RSP, 16); /* call */
	x86_pop(j, RUN);
	put8(j, 0xc3);
}

static bool has_frame(const struct jit *j)
{
	return j->uses & 1u << BPF_REG_10 || j->patient;
}

void jit_emit_padding(struct jit *j, u32 bytes)
{
	static const u8 nops[16][16] = {
		{0},
		{0x90},
		{0x66, 0x90},
		{0x0f, 0x1f, 0x00},
		{0x0f, 0x1f, 0x40},
		{0x0f, 0x1f, 0x44},
		{0x66, 0x0f, 0x1f, 0x44},
		{0x0f, 0x1f, 0x80},
		{0x0f, 0x1f, 0x84},
		{0x66, 0x0f, 0x1f, 0x84},
	}; /* zeroes follow */

	while (bytes) {
		u32 n = min(bytes, JIT_ONE_NOP);

		memcpy(j->p, nops[n], n);
		j->p += n;
		bytes -= n;
	}
}

/* What rsp goes down by behind the pushes. C wants multiples of 16 where it is called. */
static s32 frame_size(const struct jit *j)
{
	u32 pushed = has_frame(j);
	s32 size = has_frame(j) ? MAX_BPF_STACK + (j->patient ? 16 : 0) : 0;

	for (u32 i = 0; i < ARRAY_SIZE(saved); i++)
		pushed += j->uses >> saved[i] & 1;
	return size + (j->calls && pushed % 2 == 0 ? 8 : 0);
}

void jit_emit_prologue(struct jit *j)
{
	if (has_frame(j))
		x86_push(j, RBP);
	for (u32 i = 0; i < ARRAY_SIZE(saved); i++)
		if (j->uses & 1u << saved[i])
			x86_push(j, hw[saved[i]]);
	if (has_frame(j))
		x86_mov(j, 1, RBP, RSP);
	if (frame_size(j))
		x86_alu_imm(j, 1, 5, RSP, frame_size(j));
	if (j->patient) {
		x86_mem(j, 0, 0xc7, 0, RBP, PATIENCE);
		put32(j, EXEC_MAX_LOOPS);
	}
}

void jit_emit_exit(struct jit *j)
{
	if (frame_size(j))
		x86_alu_imm(j, 1, 0, RSP, frame_size(j));
	for (u32 i = ARRAY_SIZE(saved); i-- > 0;)
		if (j->uses & 1u << saved[i])
			x86_pop(j, hw[saved[i]]);
	if (has_frame(j))
		x86_pop(j, RBP);
	put8(j, 0xc3);
}

/* --- calls --- */

static void save_scratch(struct jit *j)
{
	for (u32 i = 0; i < ARRAY_SIZE(scratch); i++)
		x86_push(j, scratch[i]);
}

static void restore_scratch(struct jit *j)
{
	for (u32 i = ARRAY_SIZE(scratch); i-- > 0;)
		x86_pop(j, scratch[i]);
}

/* Was a load of a variable: registers stay as they are. */
static void emit_jiffies(struct jit *j)
{
	save_scratch(j);
	jit_emit_helper(j, j->helpers[BPF_FUNC_jiffies64]);
	x86_mov(j, 1, TMP, RAX);
	restore_scratch(j);
	x86_mov(j, 1, RAX, TMP);
}

static void emit_subprog_call(struct jit *j, const struct bpf_insn *in, u32 i)
{
	u8 *stopped = NULL;

	if (in->dst_reg == EXEC_CALL_IF_NOT_STOPPED) {
		x86_mem(j, 0, 0x8b, RAX, RUN, STOP);
		x86_rr(j, 0, 0x85, RAX, RAX);
		stopped = X86_SKIP_IF(j, CC_NE);
	}
	jit_emit_rel32(j, 0xe8, j->entry[i + 1 + in->imm]);
	if (stopped)
		x86_land(j, stopped);
}

static int emit_call(struct jit *j, const struct bpf_insn *in, u32 i)
{
	if (in->src_reg == BPF_PSEUDO_CALL)
		emit_subprog_call(j, in, i);
	else if (in->src_reg == BPF_PSEUDO_KFUNC_CALL)
		jit_emit_helper(j, exec_kfuncs[(u16)in->off]);
	else if (in->imm == BPF_FUNC_jiffies64)
		emit_jiffies(j);
	else if (!jit_emit_inline(j, in->imm))
		jit_emit_helper(j, j->helpers[in->imm]);
	return 0;
}

/* Its arguments are where C has them: context, map, index. */
static void emit_tail_call(struct jit *j)
{
	u8 *none;

	x86_mov(j, 1, RCX, RUN);
	j->vectors = true;
	x86_mem(j, 0, 0xff, 2, RUN, offsetof(struct exec_run, tail_call)); /* call */
	x86_rr(j, 0, 0x85, RDX, RDX);
	none = X86_SKIP_IF(j, CC_E);
	jit_emit_exit(j);
	x86_land(j, none);
}

static void emit_kptr_load(struct jit *j, u32 dst, u32 src, s32 off, u32 type)
{
	save_scratch(j);
	x86_mem(j, 1, 0x8d, RDI, src, off);
	x86_mov_imm(j, RSI, type);
	jit_emit_c_call(j, kptr_load);
	x86_mov(j, 1, TMP, RAX);
	restore_scratch(j);
	x86_mov(j, 1, dst, TMP);
}

static void emit_kptr_store(struct jit *j, u32 dst, u32 src, s32 off, u32 type)
{
	save_scratch(j);
	x86_mem(j, 1, 0x8d, TMP, dst, off);
	x86_mov(j, 1, RDX, src);
	x86_mov(j, 1, RDI, TMP);
	x86_mov_imm(j, RSI, type);
	jit_emit_c_call(j, kptr_store);
	restore_scratch(j);
}

/* --- jumps --- */

/* Patience is counted down to zero and stays there. */
static void emit_may_goto(struct jit *j, u32 i, u32 target)
{
	x86_mem(j, 0, 0x83, 7, RUN, STOP); /* cmp */
	put8(j, 0);
	jit_emit_long_jump(j, jit_place(j, jit_behind_gotos(j, target)), CC_NE);
	x86_mem(j, 0, 0x83, 7, RBP, PATIENCE); /* cmp */
	put8(j, 0);
	jit_emit_jump(j, i, target, CC_E);
	x86_mem(j, 0, 0xff, 1, RBP, PATIENCE); /* dec */
}

static int emit_jmp(struct jit *j, const struct bpf_insn *in, u32 i)
{
	u32 w = BPF_CLASS(in->code) == BPF_JMP, op = BPF_OP(in->code);
	u32 target = i + 1 + (u32)(op == BPF_JA && !w ? in->imm : in->off);

	switch (op) {
	case BPF_CALL: return emit_call(j, in, i);
	case BPF_EXIT: jit_emit_exit(j); return 0;
	case BPF_TAIL_CALL: emit_tail_call(j); return 0;
	case BPF_JCOND: emit_may_goto(j, i, target); return 0;
	case BPF_JA:
		if (j->img->insns[jit_behind_gotos(j, target)].code == (BPF_JMP | BPF_EXIT))
			jit_emit_exit(j);
		else if (target != i + 1)
			jit_emit_jump(j, i, target, -1);
		return 0;
	}
	jit_emit_compare(j, in);
	jit_emit_jump(j, i, target, jit_conditions[op >> 4]);
	return 0;
}

/* --- memory --- */

static int emit_ldx(struct jit *j, const struct bpf_insn *in)
{
	const struct x86_addr a = {hw[in->src_reg], RSP, 0, in->off};

	if (BPF_MODE(in->code) == BPF_KPTR)
		emit_kptr_load(j, hw[in->dst_reg], a.base, in->off, in->imm);
	else
		jit_emit_load(j, in, &a);
	return 0;
}

/* Fetch with and, or, xor: what the CPU has no instruction for. The operand is in TMP3 when rax
 * is needed, else rax is saved there. */
static void emit_fetch_loop(struct jit *j, u32 w, u32 op, u32 dst, u32 src, s32 off)
{
	u32 operand = src == RAX ? TMP3 : src;
	u8 *again;

	if (jit_needs_r10(j))
		x86_push(j, TMP2);
	x86_mem(j, 1, 0x8d, TMP, dst, off);
	x86_mov(j, 1, TMP3, RAX);
	x86_mem(j, w, 0x8b, RAX, TMP, 0);
	again = j->p;
	x86_mov(j, w, TMP2, RAX);
	x86_rr(j, w, op, operand, TMP2);
	x86_mem(j, w, X86_LOCK | 0x0fb1, TMP2, TMP, 0);
	put8(j, 0x70 | CC_NE);
	put8(j, again - (j->p + 1));
	if (jit_needs_r10(j))
		x86_pop(j, TMP2);
	if (src == RAX)
		return;
	x86_mov(j, 1, src, RAX);
	x86_mov(j, 1, RAX, TMP3);
}

static int emit_atomic(struct jit *j, const struct bpf_insn *in)
{
	u32 dst = hw[in->dst_reg], src = hw[in->src_reg], w = BPF_SIZE(in->code) == BPF_DW;
	s32 off = in->off;

	if (src == TMP2)
		return -ENOTSUP;
	switch (in->imm) {
	case BPF_ADD: x86_mem(j, w, X86_LOCK | 0x01, src, dst, off); return 0;
	case BPF_OR: x86_mem(j, w, X86_LOCK | 0x09, src, dst, off); return 0;
	case BPF_AND: x86_mem(j, w, X86_LOCK | 0x21, src, dst, off); return 0;
	case BPF_XOR: x86_mem(j, w, X86_LOCK | 0x31, src, dst, off); return 0;
	case BPF_ADD | BPF_FETCH: x86_mem(j, w, X86_LOCK | 0x0fc1, src, dst, off); return 0;
	case BPF_OR | BPF_FETCH: emit_fetch_loop(j, w, 0x09, dst, src, off); return 0;
	case BPF_AND | BPF_FETCH: emit_fetch_loop(j, w, 0x21, dst, src, off); return 0;
	case BPF_XOR | BPF_FETCH: emit_fetch_loop(j, w, 0x31, dst, src, off); return 0;
	case BPF_XCHG: x86_mem(j, w, 0x87, src, dst, off); return 0;
	case BPF_CMPXCHG:
		x86_mem(j, w, X86_LOCK | 0x0fb1, src, dst, off);
		if (!w) /* where it succeeds it does not touch rax */
			x86_mov(j, 0, RAX, RAX);
		return 0;
	}
	return -ENOTSUP;
}

static int emit_stx(struct jit *j, const struct bpf_insn *in)
{
	const struct x86_addr a = {hw[in->dst_reg], RSP, 0, in->off};

	if (BPF_MODE(in->code) == BPF_ATOMIC)
		return emit_atomic(j, in);
	if (BPF_MODE(in->code) == BPF_KPTR)
		emit_kptr_store(j, a.base, hw[in->src_reg], in->off, in->imm);
	else
		jit_emit_store(j, in, &a);
	return 0;
}

static int emit_st(struct jit *j, const struct bpf_insn *in)
{
	const struct x86_addr a = {hw[in->dst_reg], RSP, 0, in->off};

	if (in->code == (BPF_ST | 0xc0)) { /* nospec: lfence */
		put8(j, 0x0f);
		put8(j, 0xae);
		put8(j, 0xe8);
		return 0;
	}
	jit_emit_store(j, in, &a);
	return 0;
}

static int emit_ld(struct jit *j, const struct bpf_insn *in)
{
	if (!insn_is_ld_imm64(in) || in->src_reg)
		return -ENOTSUP;
	x86_mov_imm(j, hw[in->dst_reg], insn_imm64(in));
	return 0;
}

int jit_emit_alone(struct jit *j, u32 i)
{
	const struct bpf_insn *in = &j->img->insns[i];

	switch (BPF_CLASS(in->code)) {
	case BPF_ALU:
	case BPF_ALU64: return jit_emit_alu(j, in);
	case BPF_JMP:
	case BPF_JMP32: return emit_jmp(j, in, i);
	case BPF_LDX: return emit_ldx(j, in);
	case BPF_STX: return emit_stx(j, in);
	case BPF_ST: return emit_st(j, in);
	}
	return emit_ld(j, in);
}
