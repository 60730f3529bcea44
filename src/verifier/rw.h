/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_RW_H
#define USERBPF_RW_H
/*
 * rw.h - rewriting in passes; private to src/verifier.
 *
 * Each pass walks the program once and emits a new one: nothing, the instruction itself, or several
 * in its place. Afterwards jumps, subprog starts, func_info and line_info are put in step, so a pass
 * costs O(n) whatever it changes.
 */
#include "exec/exec.h"
#include "verifier/rewrite.h"

#define RW_BUF 32u /* most instructions one may turn into */

struct rw {
	struct vfy_prog *prog;
	struct vfy_insn_aux **aux;
	struct log *log;
	/* the program being emitted */
	struct bpf_insn *out;
	struct vfy_insn_aux *out_aux;
	u32 *from; /* per emitted insn: old index + 1 when its jump is to be relocated, 0 for insns of our own */
	u32 n, cap;
	u32 *pos;     /* old index -> first emitted insn; [len] = end */
};

#define INSN(...)	 ((struct bpf_insn){__VA_ARGS__})
#define ALU64(op, d, s)	 INSN(.code = BPF_ALU64 | (op) | BPF_X, .dst_reg = (d), .src_reg = (s))
#define ALU64K(op, d, k) INSN(.code = BPF_ALU64 | (op) | BPF_K, .dst_reg = (d), .imm = (k))
#define MOV(d, s)	 ALU64(BPF_MOV, d, s)
#define MOV32(d, k)	 INSN(.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = (d), .imm = (k))
#define MEM(op, reg, base, at)                                                             \
	INSN(.code = (op) | BPF_MEM | BPF_DW, .dst_reg = (op) == BPF_STX ? (base) : (reg), \
	     .src_reg = (op) == BPF_STX ? (reg) : (base), .off = (at))

static inline bool is_ld_imm64(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* A pass: @one is called per old instruction, in order. */
int rw_pass(struct rw *rw, int (*one)(struct rw *rw, u32 i));

/* --- for @one --- */
/* Emits @insn. It stands for old instruction @i (jump relocated, aux inherited), or, with @own, is an
 * addition for it. */
int rw_emit(struct rw *rw, const struct bpf_insn *insn, u32 i, bool own);
int rw_keep(struct rw *rw, u32 i);
/* @cnt instructions instead of @i; @self: which of them is the old one and inherits its aux, or -1 */
int rw_patch(struct rw *rw, u32 i, const struct bpf_insn *buf, int cnt, int self);
int rw_misconfigured(struct rw *rw);

/* --- the passes, one file each --- */
int rw_inline_loops(struct rw *rw);
int rw_dead_code(struct rw *rw);
int rw_convert(struct rw *rw);
int rw_fix_ups(struct rw *rw);

#endif
