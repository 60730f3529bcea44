/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_ARITHMETIC_X86_64_H
#define USERBPF_JIT_ARITHMETIC_X86_64_H
/* jit_arithmetic_x86_64.h - instructions of the classes ALU and ALU64. */
#include "exec/jit_parts_x86_64.h"

/* -ENOTSUP: the interpreter's */
int jit_emit_alu(struct jit *j, const struct bpf_insn *in);

#endif
