/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_x86_64.c - the code of each instruction; what is where: jit_x86_64.h. */
#include <cpuid.h>
#include "exec/interp.h"
#include "exec/jit_fuse.h"
#include "exec/jit_x86_64.h"
#include "isa/insn.h"
#include "map/kptr.h"

#define PATIENCE (-(s32)MAX_BPF_STACK - 16) /* of may_goto: under the stack */

#define MAX_GOTOS 8 /* that a jump is led through */
#define hw	  jit_hw

const u8 jit_hw[12] = {RAX, RDI, RSI, RDX, RCX, R8, RBX, R13, R14, R15, RBP, R10};
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

/* call or jmp to another place of the code */
void jit_emit_rel32(struct jit *j, u32 op, u32 target)
{
	put8(j, op);
	put32(j, target - (jit_here(j) + 4));
}

void jit_emit_c_call(struct jit *j, const void *fn)
{
	s64 rel = (s64)((u64)fn - ((u64)j->code + jit_here(j) + 5));

	j->calls_c = true;
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
	jit_emit_c_call(j, jit_tail);
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

/* Where a jump to @target ends up. */
static u32 behind_gotos(const struct jit *j, u32 target)
{
	for (u32 n = 0; n < MAX_GOTOS && jit_is_goto(&j->img->insns[target]); n++)
		target = (u32)jit_target(&j->img->insns[target], target);
	return target;
}

/* Branch predictors have little room for jumps that stand close together: so much between the end of one and the
 * next, or this is a long one. Measured: loops of a few jumps take up to a third less time. */
#define JUMP_DISTANCE 16

/* Short when it was found to reach; decided once, in the second pass, where what is ahead is
 * still where the first one had it, which is too far at worst. */
static void emit_long_jump(struct jit *j, u32 place, int cc)
{
	put8(j, 0x0f);
	jit_emit_rel32(j, 0x80 | cc, place);
}

void jit_emit_jump(struct jit *j, u32 i, u32 target, int cc)
{
	u32 place;
	s64 dist;

	target = behind_gotos(j, target);
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
		emit_long_jump(j, place, cc);
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

/* Patience is counted down to zero and stays there. */
static void emit_may_goto(struct jit *j, u32 i, u32 target)
{
	x86_mem(j, 0, 0x83, 7, RUN, STOP); /* cmp */
	put8(j, 0);
	emit_long_jump(j, jit_place(j, behind_gotos(j, target)), CC_NE);
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
		if (j->img->insns[behind_gotos(j, target)].code == (BPF_JMP | BPF_EXIT))
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

/* --- arithmetic --- */

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

static void emit_mul(struct jit *j, const struct bpf_insn *in, u32 w)
{
	u32 dst = hw[in->dst_reg];
	bool small = in->imm == (s8)in->imm;

	if (BPF_SRC(in->code) == BPF_X) {
		x86_rr(j, w, 0x0faf, dst, hw[in->src_reg]);
		return;
	}
	if (in->imm == 3 || in->imm == 5 || in->imm == 9) {
		const struct x86_addr a = {dst, dst, (u8)(in->imm / 4 + 1), 0};

		x86_at(j, w, 0x8d, dst, &a);
		return;
	}
	x86_rr(j, w, small ? 0x6b : 0x69, dst, dst);
	if (small)
		put8(j, in->imm);
	else
		put32(j, in->imm);
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

static int emit_alu(struct jit *j, const struct bpf_insn *in)
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

int jit_emit_alone(struct jit *j, u32 i)
{
	const struct bpf_insn *in = &j->img->insns[i];

	switch (BPF_CLASS(in->code)) {
	case BPF_ALU:
	case BPF_ALU64: return emit_alu(j, in);
	case BPF_JMP:
	case BPF_JMP32: return emit_jmp(j, in, i);
	case BPF_LDX: return emit_ldx(j, in);
	case BPF_STX: return emit_stx(j, in);
	case BPF_ST: return emit_st(j, in);
	}
	return emit_ld(j, in);
}

int jit_emit_insn(struct jit *j, u32 i)
{
	if (!j->fused[i])
		return jit_emit_alone(j, i);
	jit_emit_fused(j, i);
	return 0;
}
