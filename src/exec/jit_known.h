/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_KNOWN_H
#define USERBPF_JIT_KNOWN_H
/* jit_known.h - what registers certainly are (struct jit_known), from one place that others can come to to the next. */
#include "exec/jit_state.h"

/* The program's map at this address, or NULL. */
const struct bpf_map *jit_map_of(const struct jit *j, u64 addr);
void jit_forget_all(struct jit *j);
/* Behind @in. */
void jit_follow_known(struct jit *j, const struct bpf_insn *in);

#endif
