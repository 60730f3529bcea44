/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_LIVE_H
#define USERBPF_JIT_LIVE_H
/* jit_live.h - which registers somebody still reads. */
#include "exec/jit_state.h"

/* Fills live[] for the function from @start to func_end. */
void jit_find_live(struct jit *j, u32 start);
/* The registers that are read behind instruction @i. */
u32 jit_live_behind(const struct jit *j, u32 i);
/* Behind instruction @i nobody reads @reg. */
static inline bool jit_dead(const struct jit *j, u32 i, u32 reg)
{
	return !(jit_live_behind(j, i) >> reg & 1);
}

#endif
