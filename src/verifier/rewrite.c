/* SPDX-License-Identifier: BSD-2-Clause */
/* rewrite.c - what happens to a program after it was found safe: the passes in order, and the REWRITE
 * conventions of exec/exec.h at the end. */
#include "verifier/rw.h"

static u32 subprog_at(const struct vfy_prog *p, u32 start)
{
	u32 lo = 0, hi = p->nr_subprogs;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (p->subprogs[mid].start == start)
			return mid;
		if (p->subprogs[mid].start < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return UINT32_MAX;
}

static int finish_ld_imm64(struct rw *rw, u32 i)
{
	struct bpf_insn *insn = &rw->prog->insns[i];
	const struct vfy_insn_aux *aux = &(*rw->aux)[i];
	u32 sub;

	switch (insn->src_reg) {
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_IDX:
		insn[0].src_reg = BPF_PSEUDO_MAP_FD;
		insn[0].imm = aux->map_index;
		insn[1].imm = 0;
		return 0;
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		insn[0].src_reg = BPF_PSEUDO_MAP_VALUE;
		insn[0].imm = aux->map_index;
		insn[1].imm = aux->map_off;
		return 0;
	case BPF_PSEUDO_FUNC:
		sub = subprog_at(rw->prog, i + 1 + insn->imm);
		insn[1].imm = sub;
		/* loaded, but no path that is taken calls it: the function is gone, and nobody will
		 * miss its address */
		if (sub == UINT32_MAX)
			insn[0].src_reg = insn[0].imm = insn[1].imm = 0;
		return 0;
	case BPF_PSEUDO_BTF_ID:
		insn[0].imm = (u32)aux->imm64;
		insn[1].imm = aux->imm64 >> 32;
		return 0;
	}
	return 0;
}

static int finish(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	u32 i, sub;
	int err;

	for (i = 0; i < p->len; i++) {
		struct bpf_insn *insn = &p->insns[i];

		if (is_ld_imm64(insn)) {
			err = finish_ld_imm64(rw, i);
			if (err)
				return err;
			i++;
		} else if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) {
			sub = subprog_at(p, i + 1 + insn->imm);
			if (sub == UINT32_MAX)
				return rw_misconfigured(rw);
			insn->off = sub;
			if (p->subprogs[sub].is_global)
				insn->dst_reg = EXEC_CALL_IF_NOT_STOPPED;
		} else if (insn->code == (BPF_JMP | BPF_CALL) &&
			   insn->src_reg == BPF_PSEUDO_KFUNC_CALL) {
			insn->off = (*rw->aux)[i].kfunc;
		}
	}
	return 0;
}

int vfy_rewrite(struct vfy_prog *prog, struct vfy_insn_aux **aux, struct log *log)
{
	struct rw rw = {.prog = prog, .aux = aux, .log = log};
	int err = rw_inline_loops(&rw);

	if (!err)
		err = rw_dead_code(&rw);
	if (!err)
		err = rw_convert(&rw);
	if (!err)
		err = rw_fix_ups(&rw);
	if (!err)
		err = finish(&rw);
	return err;
}
