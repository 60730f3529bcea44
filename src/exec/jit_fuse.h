/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_FUSE_H
#define USERBPF_JIT_FUSE_H
/* jit_fuse.h - instructions, with those that are fused with them (fuse.h). */
#include "exec/fuse.h"

/* How many instructions from @i on are one, and which (fused[]), 1: just that. */
u32 jit_fuse(struct jit *j, u32 i);
/* One instruction, or those fused with it; -ENOTSUP when that is the interpreter's. */
int jit_emit_insn(struct jit *j, u32 i);
extern const char *const jit_fusion_names[JIT_NR_FUSIONS];

#endif
