/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_REWRITE_H
#define USERBPF_REWRITE_H
/*
 * rewrite.h - the passes after a program was found safe: dead code, context access, fixups (REWRITE
 * conventions in exec/exec.h).
 *
 * The check leaves one struct vfy_insn_aux per instruction; every pass that inserts or removes
 * instructions goes through rw.h, which keeps jumps, aux, subprog starts, func_info and line_info in
 * step. Order (kernel): loops of bpf_loop(), dead code, context accesses, fixups (division by zero,
 * helper inlining, tail calls), subprogs and addresses. What zext and rnd_hi32 do is not needed.
 */
#include "verifier/verifier.h"

#define VFY_NO_KPTR 0xfffeu

/* vfy_insn_aux.alu_state: speculation state of pointer arithmetic */
#define ALU_SANITIZE_SRC (1u << 0)
#define ALU_SANITIZE_DST (1u << 1)
#define ALU_NEG_VALUE	 (1u << 2)
#define ALU_NON_POINTER	 (1u << 3)
#define ALU_IMMEDIATE	 (1u << 4)
#define ALU_SANITIZE	 (ALU_SANITIZE_SRC | ALU_SANITIZE_DST)

struct vfy_insn_aux {
	u32 seen;	     /* reached by the check: subprog number + 1 or pass count; 0 = dead */
	u32 ptr_type;	     /* enum bpf_reg_type of the base register of a load/store, 0 = not a pointer access */
	u32 ctx_field_size;
	u32 map_index;	     /* LD_IMM64 of a map: index into used_maps */
	u32 map_off;	     /* PSEUDO_MAP_VALUE: offset */
	u32 alu_state, alu_limit; /* speculation masks (unprivileged) */
	u64 imm64;	     /* PSEUDO_BTF_ID: address */
	u32 func_subprog;    /* PSEUDO_FUNC / PSEUDO_CALL target subprog; callback of a bpf_loop() that may be inlined, 0 = not */
	u16 kptr;	     /* accesses a pointer in a map value: 1 + its type (map/kptr.h); VFY_NO_KPTR + 1: anything else */
	u16 kfunc;	     /* PSEUDO_KFUNC_CALL: row of helper/kfuncs.def, from 1 */
	struct bpf_map *call_map; /* the one constant map a map helper call always gets, or NULL */
	u32 hidden;	     /* PSEUDO_KFUNC_CALL: what the function gets ... */
	u8 hidden_reg;	     /* ... in this register; 0: nothing */
	u32 orig_idx;	     /* instruction index as loaded */
	bool probe_mem;	     /* load through a BTF pointer that may fault: becomes BPF_PROBE_MEM */
	bool prune_point, jmp_point; /* private to the check */
};

/* Applies all passes. @aux has prog->len entries, malloc'ed, may be replaced. 0 or negative
 * errno; log for the rare messages. */
int vfy_rewrite(struct vfy_prog *prog, struct vfy_insn_aux **aux, struct log *log);

#endif
