/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_FUSE_H
#define USERBPF_JIT_FUSE_H
/*
 * jit_fuse.h - several instructions of a program that are one, or fewer, of the CPU's.
 *
 * A fusion is a row of fusions.def: which opcodes it may begin with, in which order it is asked, and
 * two functions in a fuse_*.c. match() looks at instruction @i and those behind it and answers how many
 * it covers, 0: none; it may not change anything but the flags of jit.h. emit() writes their code.
 *
 * What is covered has no entry but its first instruction (jit_ahead() ends where another instruction is
 * jumped to), and every register it leaves other than the program would is one that nobody reads
 * any more (jit_dead()). Code with fusions does what the same instructions do one by one: tests/data/jit has cases of each
 * fusion, tests/fuzz/jit random ones.
 */
#include "exec/jit.h"

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

void jit_emit_fused(struct jit *j, u32 i);
/* Instruction @i without what could be fused with it. */
int jit_emit_alone(struct jit *j, u32 i);
extern const char *const jit_fusion_names[JIT_NR_FUSIONS];

/* Instruction @i when control can come there from the one in front only, else one that is none. */
static inline const struct bpf_insn *jit_ahead(const struct jit *j, u32 i)
{
	static const struct bpf_insn none = {.code = BPF_LD | BPF_ABS | BPF_DW};

	return i < j->func_end && !(j->flags[i] & (JIT_LEADER | JIT_FUNCTION | JIT_SECOND)) ? &j->img->insns[i] : &none;
}
/* Behind instruction @i nobody reads @reg. */
static inline bool jit_dead(const struct jit *j, u32 i, u32 reg)
{
	return !(jit_live_behind(j, i) >> reg & 1);
}
static inline bool jit_is_alu64(const struct bpf_insn *in, u32 op)
{
	return in->code == (BPF_ALU64 | op);
}

#endif
