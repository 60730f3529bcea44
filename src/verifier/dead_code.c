/* SPDX-License-Identifier: BSD-2-Clause */
/* dead_code.c - what no path reached goes, or traps where the kernel keeps it. */
#include "verifier/rw.h"

static bool is_cond_jump(const struct bpf_insn *insn)
{
	u8 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	if (class != BPF_JMP && class != BPF_JMP32)
		return false;
	return op != BPF_JA && op != BPF_CALL && op != BPF_EXIT;
}

/* The second half of a 64-bit load lives and dies with the first. */
static void mark_ld_imm64(struct vfy_prog *p, struct vfy_insn_aux *aux)
{
	u32 i;

	for (i = 0; i + 1 < p->len; i++) {
		if (!is_ld_imm64(&p->insns[i]))
			continue;
		aux[i + 1].seen = aux[i].seen;
		i++;
	}
}

static bool dead_at(const struct vfy_prog *p, const struct vfy_insn_aux *aux, s64 i)
{
	return i < 0 || i >= p->len || !aux[i].seen;
}

/* Branches of which one way is never taken become unconditional. */
static void hard_wire(struct vfy_prog *p, struct vfy_insn_aux *aux)
{
	struct bpf_insn ja = {.code = BPF_JMP | BPF_JA};
	u32 i;

	for (i = 0; i < p->len; i++) {
		if (!aux[i].seen || !is_cond_jump(&p->insns[i]))
			continue;
		if (dead_at(p, aux, (s64)i + 1))
			ja.off = p->insns[i].off;
		else if (dead_at(p, aux, (s64)i + 1 + p->insns[i].off))
			ja.off = 0;
		else
			continue;
		p->insns[i] = ja;
	}
}

static int drop_dead(struct rw *rw, u32 i)
{
	return (*rw->aux)[i].seen ? rw_keep(rw, i) : 0;
}

static int drop_nop(struct rw *rw, u32 i)
{
	static const struct bpf_insn nop = {.code = BPF_JMP | BPF_JA};

	return memcmp(&rw->prog->insns[i], &nop, sizeof(nop)) ? rw_keep(rw, i) : 0;
}

static void trap_dead(struct vfy_prog *p, const struct vfy_insn_aux *aux)
{
	u32 i;

	for (i = 0; i < p->len; i++)
		if (!aux[i].seen)
			p->insns[i] = (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = -1};
}

int rw_dead_code(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	u32 i, dead = 0, nops = 0;
	int err = 0;

	mark_ld_imm64(p, *rw->aux);
	if (!cred_bpf(p->cred)) {
		trap_dead(p, *rw->aux);
		return 0;
	}
	hard_wire(p, *rw->aux);
	for (i = 0; i < p->len; i++)
		dead += !(*rw->aux)[i].seen;
	if (dead)
		err = rw_pass(rw, drop_dead);
	for (i = 0; !err && i < p->len; i++)
		nops += p->insns[i].code == (BPF_JMP | BPF_JA) && !p->insns[i].off;
	if (nops && !err)
		err = rw_pass(rw, drop_nop);
	return err;
}
