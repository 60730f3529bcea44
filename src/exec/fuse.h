/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FUSE_H
#define USERBPF_FUSE_H
/*
 * fuse.h - several instructions of a program that are one, or fewer, of the CPU's.
 *
 * A fusion is a row of fusions.def: which opcodes it may begin with, in which order it is asked, and
 * two functions in a fuse_*.c. match() looks at instruction @i and those behind it and answers how many
 * it covers, 0: none; it may not change anything but the flags of jit_state.h. emit() writes their code.
 *
 * What is covered has no entry but its first instruction (jit_ahead() ends where another instruction is
 * jumped to), and every register it leaves other than the program would is one that nobody reads
 * any more (jit_dead()). Code with fusions does what the same instructions do one by one: tests/data/jit has cases of each
 * fusion, tests/fuzz/jit random ones.
 */
#include "exec/jit_live.h"

enum jit_fusion {
	JIT_ALONE, /* an instruction by itself */
#define FUSION(name, what) JIT_##name,
#include "exec/fusions.def"
	JIT_NR_FUSIONS
};

#define JIT_MAX_SPAN 64

#define FUSION(name, what)                                    \
	u32 jit_match_##name(struct jit *j, u32 i);           \
	void jit_emit_##name(struct jit *j, u32 i, u32 span);
#include "exec/fusions.def"

#endif
