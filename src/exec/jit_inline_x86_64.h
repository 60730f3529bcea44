/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_INLINE_X86_64_H
#define USERBPF_JIT_INLINE_X86_64_H
/* jit_inline_x86_64.h - helpers without a call. */
#include "exec/jit_parts_x86_64.h"

/* What helper @id does, without a call of it; false: with one. */
bool jit_emit_inline(struct jit *j, u32 id);

#endif
