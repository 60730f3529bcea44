/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_LOOKUP_X86_64_H
#define USERBPF_JIT_LOOKUP_X86_64_H
/*
 * jit_lookup_x86_64.h - lookups in maps that are known, without a call: arrays (jit_array) and hashes (jit_hash). The value's address is in rax, zero when there is none; what a call may change changes here, too.
 */
#include "exec/jit_parts_x86_64.h"

/* Where the key is: in memory at @base (a register of the CPU) + @off; of arrays also in the lower half of a register;
 * or it is a number that is known. */
enum jit_key_kind { JIT_KEY_AT, JIT_KEY_IN, JIT_KEY_IS };
struct jit_key {
	enum jit_key_kind kind;
	u32 base, reg;
	s32 off;
	u64 value; /* its lower key_size bytes */
};

#define JIT_MAX_LEAVES 4
struct jit_lookup {
	const struct bpf_map *map;
	struct jit_key key;
	/* where control goes when there is none: instruction @absent, by jumps of the instructions from @at on (jit_emit_jump());
	 * -1: to what is written next */
	s64 absent;
	u32 at;
	bool ask;	    /* -1, and who found something goes elsewhere */
	bool never, always; /* it is clear where that is */
	u32 nr;
	u8 *leaves[JIT_MAX_LEAVES];
};

/* Who found nothing is here, if no jump took him elsewhere. */
static inline void jit_land_lookup(struct jit *j, const struct jit_lookup *l)
{
	for (u32 n = 0; l->absent < 0 && n < l->nr; n++)
		x86_land_far(j, l->leaves[n]);
}

/* Leaves for where nothing was found, on a condition (-1: always). */
void jit_lookup_leave(struct jit *j, struct jit_lookup *l, int cc);
/* This CPU's slot times the distance between slots, leaves if the map has none. */
void jit_emit_slot_offset(struct jit *j, struct jit_lookup *l, u32 reg, u32 stride);
/* reg *= by */
void jit_emit_scale(struct jit *j, u32 reg, u32 by);

#endif
