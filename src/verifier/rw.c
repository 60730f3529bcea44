/* SPDX-License-Identifier: BSD-2-Clause */
/* rw.c - one pass over a program (rw.h): emitting, and putting everything in step after it. */
#include <stdlib.h>
#include "verifier/rw.h"

int rw_misconfigured(struct rw *rw)
{
	log_printf(rw->log, "bpf verifier is misconfigured\n");
	return -EINVAL;
}

static int rw_begin(struct rw *rw)
{
	u32 len = rw->prog->len;

	rw->n = 0;
	rw->cap = len + len / 4 + RW_BUF;
	rw->out = malloc(rw->cap * sizeof(*rw->out));
	rw->out_aux = malloc(rw->cap * sizeof(*rw->out_aux));
	rw->from = malloc(rw->cap * sizeof(*rw->from));
	rw->pos = malloc((len + 1) * sizeof(*rw->pos));
	return rw->out && rw->out_aux && rw->from && rw->pos ? 0 : -ENOMEM;
}

static void rw_drop(struct rw *rw)
{
	free(rw->out);
	free(rw->out_aux);
	free(rw->from);
	free(rw->pos);
	rw->out = NULL;
	rw->out_aux = NULL;
	rw->from = rw->pos = NULL;
}

static bool grow(void **p, size_t bytes)
{
	void *q = realloc(*p, bytes);

	if (q)
		*p = q;
	return q;
}

static int rw_room(struct rw *rw)
{
	u32 cap = rw->cap * 2;

	if (likely(rw->n < rw->cap))
		return 0;
	if (!grow((void **)&rw->out, cap * sizeof(*rw->out)) ||
	    !grow((void **)&rw->out_aux, cap * sizeof(*rw->out_aux)) ||
	    !grow((void **)&rw->from, cap * sizeof(*rw->from)))
		return -ENOMEM;
	rw->cap = cap;
	return 0;
}

int rw_emit(struct rw *rw, const struct bpf_insn *insn, u32 i, bool own)
{
	const struct vfy_insn_aux *aux = &(*rw->aux)[i];

	if (rw_room(rw))
		return -ENOMEM;
	rw->out[rw->n] = *insn;
	rw->from[rw->n] = own ? 0 : i + 1;
	if (own)
		rw->out_aux[rw->n] =
			(struct vfy_insn_aux){.seen = aux->seen, .orig_idx = aux->orig_idx};
	else
		rw->out_aux[rw->n] = *aux;
	rw->n++;
	return 0;
}

int rw_keep(struct rw *rw, u32 i)
{
	return rw_emit(rw, &rw->prog->insns[i], i, false);
}

int rw_patch(struct rw *rw, u32 i, const struct bpf_insn *buf, int cnt, int self)
{
	int k, err = 0;

	for (k = 0; k < cnt && !err; k++)
		err = rw_emit(rw, &buf[k], i, k != self);
	return err;
}

/* --- keeping everything in step --- */

enum jump_kind { JUMP_NONE, JUMP_OFF, JUMP_IMM };

static enum jump_kind jump_kind(const struct bpf_insn *insn)
{
	u8 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	if (is_ld_imm64(insn))
		return insn->src_reg == BPF_PSEUDO_FUNC ? JUMP_IMM : JUMP_NONE;
	if (class != BPF_JMP && class != BPF_JMP32)
		return JUMP_NONE;
	if (op == BPF_CALL)
		return insn->src_reg == BPF_PSEUDO_CALL ? JUMP_IMM : JUMP_NONE;
	if (op == BPF_EXIT || insn->code == (BPF_JMP | BPF_TAIL_CALL))
		return JUMP_NONE;
	return class == BPF_JMP32 && op == BPF_JA ? JUMP_IMM : JUMP_OFF;
}

static u32 jump_target(const struct rw *rw, u32 old, s64 rel)
{
	s64 to = (s64)old + 1 + rel;

	if (to < 0 || to > rw->prog->len)
		return UINT32_MAX;
	return rw->pos[to];
}

/* The jump at @old no longer reaches: names the instruction whose replacement was too much, those
 * before it being replaced first. */
static int err_too_far(struct rw *rw, u32 old, s16 off)
{
	u32 first = off < 0 ? old + 1 + off : old + 1, end = off < 0 ? old : old + off, k;
	u32 most = off < 0 ? -INT16_MIN : INT16_MAX;

	for (k = first; k < end; k++)
		if (rw->pos[k + 1] - rw->pos[first] + end - k > most)
			break;
	log_printf(rw->log, "insn %d cannot be patched due to 16-bit range\n",
		   (*rw->aux)[k].orig_idx);
	return -ENOMEM;
}

static int rw_jumps(struct rw *rw)
{
	u32 i;

	for (i = 0; i < rw->n; i++) {
		struct bpf_insn *insn = &rw->out[i];
		enum jump_kind kind = rw->from[i] ? jump_kind(insn) : JUMP_NONE;
		u32 old = rw->from[i] - 1, to;
		s64 rel;

		if (kind == JUMP_NONE)
			continue;
		/* dead code of unprivileged programs: a trap that jumps to itself, wherever it is
		 */
		if (!(*rw->aux)[old].seen)
			continue;
		to = jump_target(rw, old, kind == JUMP_OFF ? insn->off : insn->imm);
		if (to == UINT32_MAX)
			return rw_misconfigured(rw);
		rel = (s64)to - i - 1;
		if (kind == JUMP_IMM) {
			insn->imm = rel;
		} else {
			if (rel < INT16_MIN || rel > INT16_MAX)
				return err_too_far(rw, old, insn->off);
			insn->off = rel;
		}
	}
	return 0;
}

/* Start and entry of subprogs; those that lost all instructions go, and their func_info with them.
 */
static void rw_subprogs(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	bool infos = p->func_info_cnt && p->func_info_cnt == p->nr_subprogs;
	u32 i, k = 0;

	for (i = 0; i < p->nr_subprogs; i++) {
		u32 end = i + 1 < p->nr_subprogs ? p->subprogs[i + 1].start : p->len;
		u32 start = rw->pos[p->subprogs[i].start];

		if (i && start == rw->pos[end])
			continue;
		if (infos) {
			p->func_info[k] = p->func_info[i];
			p->func_info[k].insn_off = start;
		}
		p->subprogs[k] = p->subprogs[i];
		/* the next one's old start is still needed above, and k <= i */
		p->subprogs[k].linfo_idx = start; /* parked; rw_end() moves it to .start */
		k++;
	}
	for (i = 0; i < k; i++)
		p->subprogs[i].start = p->subprogs[i].linfo_idx;
	p->nr_subprogs = k;
	if (infos)
		p->func_info_cnt = k;
}

/*
 * A line of removed instructions passes to the first one after them, unless that has a line of its
 * own.
 */
static void rw_lines(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	u32 i, k = 0, live = 0;

	for (i = 0; i < p->nr_linfo; i++) {
		u32 off = p->line_info[i].insn_off;

		if (off >= p->len)
			continue;
		if (live < off)
			live = off;
		while (live < p->len && rw->pos[live] == rw->pos[live + 1])
			live++;
		if (live == p->len)
			continue;
		if (live != off && i + 1 < p->nr_linfo && p->line_info[i + 1].insn_off <= live)
			continue;
		p->line_info[k] = p->line_info[i];
		p->line_info[k++].insn_off = rw->pos[live];
	}
	p->nr_linfo = k;
}

static void rw_line_idx(struct vfy_prog *p)
{
	u32 i, k = 0;

	for (i = 0; i < p->nr_subprogs; i++) {
		while (k < p->nr_linfo && p->line_info[k].insn_off < p->subprogs[i].start)
			k++;
		p->subprogs[i].linfo_idx = k < p->nr_linfo ? k : 0;
	}
}

static int rw_end(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	int err;

	rw->pos[p->len] = rw->n;
	err = rw_jumps(rw);
	if (err)
		return err;
	if (p->nr_subprogs)
		rw_subprogs(rw);
	rw_lines(rw);
	rw_line_idx(p);
	free(p->insns);
	free(*rw->aux);
	p->insns = rw->out;
	p->len = rw->n;
	*rw->aux = rw->out_aux;
	rw->out = NULL;
	rw->out_aux = NULL;
	rw_drop(rw);
	return 0;
}

int rw_pass(struct rw *rw, int (*one)(struct rw *rw, u32 i))
{
	int err = rw_begin(rw);
	u32 i;

	for (i = 0; i < rw->prog->len && !err; i++) {
		/* the prologue, if any, is emitted by the pass while it does instruction 0 and
		 * belongs to it */
		rw->pos[i] = rw->n;
		err = one(rw, i);
	}
	if (!err)
		err = rw_end(rw);
	if (err)
		rw_drop(rw);
	return err;
}
