/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_PARTS_X86_64_H
#define USERBPF_JIT_PARTS_X86_64_H
/*
 * jit_parts_x86_64.h - where things are in x86-64 code, for the files that write it.
 *
 *	R0 rax   R1..R5 rdi rsi rdx rcx r8   R6..R9 rbx r13 r14 r15   R10 rbp   the run r12
 *	R11 r10: what the verifier's rewrite needs between two instructions
 *
 * So arguments and results of helpers and subprograms are where C has them; r9 (the run, as sixth
 * argument) and r11 are free inside an instruction, r10 when the function has no R11. A function saves what it mentions of rbx,
 * r13..r15 and rbp, and has 512 bytes of stack only when it mentions R10.
 */
#include <stddef.h>
#include "exec/x86.h"

#define STOP ((s32)offsetof(struct exec_run, head.stop)) /* from RUN */
#define TMP  R11
#define TMP2 R10
#define TMP3 R9
#define RUN  R12

enum { HAS_BMI2 = 1, HAS_MOVBE = 2 };

extern const u8 jit_hw[12];	     /* registers of BPF */
extern const u8 jit_conditions[16]; /* of jumps, by BPF_OP >> 4 */
/* By JIT_SIZE_ROW: W, H, B, DW. */
#define JIT_SIZE_ROW(code) (BPF_SIZE(code) >> 3)
extern const u32 jit_load_op[4], jit_load_sx_op[4], jit_store_op[4], jit_store_imm_op[4];

/* Where a jump to @target ends up. */
u32 jit_behind_gotos(const struct jit *j, u32 target);
/* A jump to the instruction @target, on the condition @cc, -1: always; one for each instruction @i. */
void jit_emit_jump(struct jit *j, u32 i, u32 target, int cc);
/* The same to a place of the code, which may be far. */
void jit_emit_long_jump(struct jit *j, u32 place, int cc);
/* call or jmp, to another place of the code */
void jit_emit_rel32(struct jit *j, u32 op, u32 target);
/* The flags that the conditional jump @in asks for. */
void jit_emit_compare(struct jit *j, const struct bpf_insn *in);
/* A load or store of any mode but the atomic ones and BPF_KPTR. */
void jit_emit_load(struct jit *j, const struct bpf_insn *in, const struct x86_addr *a);
void jit_emit_store(struct jit *j, const struct bpf_insn *in, const struct x86_addr *a);
extern const u8 jit_bytes_of[4]; /* by JIT_SIZE_ROW */
/* @size bytes at @a into @to, zero-extended, the other way round if @swap. */
void jit_emit_bytes_at(struct jit *j, u32 to, u32 size, const struct x86_addr *a, bool swap);
/* @in turns the lower @bits of @reg round and clears the others. */
bool jit_is_swap(const struct bpf_insn *in, u32 reg, s32 bits);
/* A call of a C function whose arguments are in place. */
void jit_emit_c_call(struct jit *j, const void *fn);
void jit_emit_helper(struct jit *j, helper_fn fn);

/* r10 is a register of the program here. */
static inline bool jit_needs_r10(const struct jit *j)
{
	return j->uses & 1u << 11;
}

#endif
