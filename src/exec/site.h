/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SITE_H
#define USERBPF_SITE_H
/*
 * site.h - what must be known of a place in machine code to put a probe there. Plain data: the
 * service makes it from the ELF file (link/plan.h, with a disassembler), a process under probes gets
 * it with the probe (agent/patch.h, without one).
 *
 * It begins with one instruction. Those behind it are displaced together with it only where nothing else helps
 * (agent/patch.h); what it takes to run one elsewhere is struct site_insn.
 */
#include "base/base.h"

#define SITE_INSN_MAX 15

enum site_kind {
	SITE_COPY,   /* runs anywhere as it is */
	SITE_NOP,    /* nothing to run: nop in any length, endbr64 */
	SITE_RIPREL, /* has a 32-bit displacement from the next instruction at @fix */
	SITE_JMP,    /* to next instruction + @rel */
	SITE_JCC,    /* same, condition @cond (0..15, as in the opcode) */
	SITE_LOOP,   /* same, loopne, loope, loop, jrcxz: @cond is the opcode; @fix prefixes in front of it */
	SITE_CALL,   /* same, pushes its own next instruction's address */
	SITE_CALL_MEM, /* call through a register or memory: modrm at @modrm, perhaps a displacement at @fix */
	SITE_NR_KINDS,
};

#define SITE_F_ENTRY 1u /* where a function begins: arguments are where the ABI has them */
#define SITE_F_NO_RETURN_PROBE 2u /* returns twice or asks who called (vfork, setjmp, ...) */
#define SITE_F_ALL 3u

#define SITE_JUMP_LEN 5u /* of a jump that takes an instruction's place */
#define SITE_MORE_MAX 4u

struct site_insn {
	u8 kind;
	u8 len;	       /* 1 .. SITE_INSN_MAX */
	u8 fix, modrm; /* offsets in @bytes, 0: none */
	u8 cond;
	u8 bytes[SITE_INSN_MAX]; /* as the file has them; not what a relocation or another tracer left there */
	s32 rel;
};

struct site_plan {
	struct site_insn insn;
	/* So many bytes from the start no branch of the file leads into, 1 .. len: those may change. */
	u8 free;
	u8 flags;
	/* Those that a jump covers, too, if no branch leads to them. 0: one does, the function ends, ... */
	u8 nr_more;
	u8 pad;
	struct site_insn more[SITE_MORE_MAX];
};

/* A plan from elsewhere: nothing in it leads outside of itself. */
bool site_plan_valid(const struct site_plan *plan);

#endif
