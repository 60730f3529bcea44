/* SPDX-License-Identifier: BSD-2-Clause */
/* inline_loop.c - bpf_loop() becomes a loop of the program itself, where its callback is always the
 * same. */
#include <stdlib.h>
#include "verifier/rw.h"

#define MAX_LOOPS (8 << 20) /* of bpf_loop() */

static u32 subprog_of(const struct vfy_prog *p, u32 i)
{
	u32 n = 0;

	while (n + 1 < p->nr_subprogs && p->subprogs[n + 1].start <= i)
		n++;
	return n;
}

/* Where the loop keeps R6..R8 of the function around it: below what that uses. 0: no room. */
static int loop_stack(const struct vfy_prog *p, u32 i)
{
	u32 depth = round_up((u32)p->subprogs[subprog_of(p, i)].stack_depth, 8) + 3 * 8;

	return depth <= MAX_BPF_STACK ? (int)depth : 0;
}

static bool inlinable(const struct rw *rw, u32 i)
{
	const struct bpf_insn *insn = &rw->prog->insns[i];
	const struct vfy_insn_aux *aux = &(*rw->aux)[i];

	return insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg && insn->imm == BPF_FUNC_loop &&
	       aux->seen && aux->func_subprog && aux->func_subprog < rw->prog->nr_subprogs &&
	       loop_stack(rw->prog, i);
}

/* R6: rounds wanted, R7: rounds done, R8: the callback's context. Change together with
 * bpf_loop(). */
static int inline_loop(struct rw *rw, u32 i)
{
	enum { CALL = 12 };
	s16 at;
	u32 start;

	if (!inlinable(rw, i))
		return rw_keep(rw, i);
	at = -loop_stack(rw->prog, i);
	start = rw->prog->subprogs[(*rw->aux)[i].func_subprog].start;
	const struct bpf_insn loop[] = {
		INSN(.code = BPF_JMP | BPF_JLE | BPF_K, .dst_reg = BPF_REG_1, .off = 2,
		     .imm = MAX_LOOPS),
		ALU64K(BPF_MOV, BPF_REG_0, -E2BIG), /* the kernel's w0 = -7 is no negative long */
		INSN(.code = BPF_JMP | BPF_JA, .off = 16),
		MEM(BPF_STX, BPF_REG_6, BPF_REG_10, at),
		MEM(BPF_STX, BPF_REG_7, BPF_REG_10, at + 8),
		MEM(BPF_STX, BPF_REG_8, BPF_REG_10, at + 16),
		MOV(BPF_REG_6, BPF_REG_1),
		MOV32(BPF_REG_7, 0),
		MOV(BPF_REG_8, BPF_REG_3),
		INSN(.code = BPF_JMP | BPF_JGE | BPF_X, .dst_reg = BPF_REG_7, .src_reg = BPF_REG_6,
		     .off = 5),
		MOV(BPF_REG_1, BPF_REG_7),
		MOV(BPF_REG_2, BPF_REG_8),
		[CALL] = INSN(.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL,
			      .dst_reg = EXEC_CALL_IF_NOT_STOPPED, .imm = (s32)start - (s32)i - 1),
		INSN(.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_7, .imm = 1),
		INSN(.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = -6),
		MOV(BPF_REG_0, BPF_REG_7),
		MEM(BPF_LDX, BPF_REG_6, BPF_REG_10, at),
		MEM(BPF_LDX, BPF_REG_7, BPF_REG_10, at + 8),
		MEM(BPF_LDX, BPF_REG_8, BPF_REG_10, at + 16),
	};

	return rw_patch(rw, i, loop, ARRAY_SIZE(loop), CALL);
}

int rw_inline_loops(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	u16 *deeper = NULL;
	u32 i, nr = p->nr_subprogs;
	int err;

	for (i = 0; i < p->len; i++) {
		if (!inlinable(rw, i))
			continue;
		if (!deeper)
			deeper = calloc(nr, sizeof(*deeper));
		if (!deeper)
			return -ENOMEM;
		deeper[subprog_of(p, i)] = loop_stack(p, i);
	}
	if (!deeper)
		return 0;
	err = rw_pass(rw, inline_loop);
	for (i = 0; i < nr && !err; i++)
		if (deeper[i])
			p->subprogs[i].stack_depth = deeper[i];
	free(deeper);
	return err;
}
