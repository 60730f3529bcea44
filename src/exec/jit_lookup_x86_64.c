/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_lookup_x86_64.c - what all lookups are written with. */
#include <stddef.h>
#include "exec/jit_lookup_x86_64.h"

void jit_emit_scale(struct jit *j, u32 reg, u32 by)
{
	if (by & (by - 1)) {
		x86_rr(j, 1, 0x69, reg, reg);
		put32(j, by);
	} else if (by > 1) {
		x86_rr(j, 1, 0xc1, 4, reg);
		put8(j, __builtin_ctz(by));
	}
}

void jit_lookup_leave(struct jit *j, struct jit_lookup *l, int cc)
{
	if (l->absent >= 0)
		jit_emit_jump(j, l->at + l->nr, (u32)l->absent, cc);
	else
		l->leaves[l->nr] = x86_skip_far(j, cc);
	l->nr++;
}

void jit_emit_slot_offset(struct jit *j, struct jit_lookup *l, u32 reg, u32 stride)
{
	x86_mem(j, 0, 0x8b, reg, RUN, offsetof(struct exec_run, slot));
	x86_alu_imm(j, 0, 7, reg, (s32)l->map->attr.nr_cpus);
	jit_lookup_leave(j, l, CC_AE);
	jit_emit_scale(j, reg, stride);
}
