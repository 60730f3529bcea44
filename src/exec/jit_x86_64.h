/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_X86_64_H
#define USERBPF_JIT_X86_64_H
/* jit_x86_64.h - x86-64 code of functions and of single instructions. */
#include "exec/jit_parts_x86_64.h"

/* What the CPU can do; the function that C calls; a function's beginning and its way out. */
void jit_features(struct jit *j);
void jit_emit_enter(struct jit *j);
void jit_emit_prologue(struct jit *j);
void jit_emit_exit(struct jit *j);
#define JIT_ONE_NOP 9u /* bytes one instruction that does nothing has at most */
void jit_emit_padding(struct jit *j, u32 bytes);
/* Instruction @i without what could be fused with it. */
int jit_emit_alone(struct jit *j, u32 i);

#endif
