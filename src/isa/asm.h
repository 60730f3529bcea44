/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_ASM_H
#define USERBPF_ASM_H
/*
 * asm.h - a small assembler for tests: the very syntax disasm.h prints, one instruction per line.
 *
 * A line may begin with an index ("12:") and an opcode in parentheses ("(b7)"); both are skipped,
 * so a verifier log can be fed back.
 * Comments run from ';' or "//" to the end of the line. "name:" alone defines a label, usable as a jump or call target:
 *
 *   r1 = 5                       r2 = 0x123456789 ll           r0 = map_fd[3]           r1 = map_value[3][8]
 *   w1 s>>= w2                   r1 s/= -3                     r3 = (s8)r4              r3 = bswap32 r3
 *   r0 = *(u32 *)(r1 +4)         *(u8 *)(r10 -1) = 7           lock *(u64 *)(r1 +0) += r2
 *   r2 = atomic_fetch_add((u32 *)(r1 +0), r2)                  r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)
 *   if r1 s> 0x3 goto pc+2       if w1 & w2 goto out           gotol pc+5               call bpf_ktime_get_ns#5
 *   may_goto pc+5
 *   call pc+3                    call bpf_loop                 r2 = func pc+4           exit
 *
 * Only here: "tail_call" and "r1 = probe *(u32 *)(r2 +0)" are the internal opcodes of the rewrite
 * passes. What the kernel prints the same way for two encodings ("r1 = 5" as MOV or as LD_IMM64 of
 * a small constant) is the shorter one; " ll" asks for LD_IMM64. ".raw code dst src off imm" is any
 * word.
 */
#include "isa/insn.h"

struct asm_error {
	int line;	/* 1-based */
	char text[120];
};

/* Assembles @text into @insns. Number of instructions, or -EINVAL (@err says where and why, may
 * be NULL) or -E2BIG. */
int asm_text(const char *text, struct bpf_insn *insns, int max, struct asm_error *err);

#endif
