/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_DIVISION_X86_64_H
#define USERBPF_JIT_DIVISION_X86_64_H
/* jit_division_x86_64.h - division and modulo, of all kinds. */
#include "exec/jit_parts_x86_64.h"

void jit_emit_division(struct jit *j, const struct bpf_insn *in);

#endif
