/* SPDX-License-Identifier: BSD-2-Clause */
/* site.c - is a plan one that code can be made of? */
#include "exec/site.h"

/* What a kind needs besides its bytes. */
static const struct {
	bool disp, modrm; /* of these it must have */
	u8 min_len;
} kinds[SITE_NR_KINDS] = {
	[SITE_COPY] = {.min_len = 1},
	[SITE_NOP] = {.min_len = 1},
	[SITE_RIPREL] = {.disp = true, .min_len = 5},
	[SITE_JMP] = {.min_len = 2},
	[SITE_JCC] = {.min_len = 2},
	[SITE_LOOP] = {.min_len = 2},
	[SITE_CALL] = {.min_len = 5},
	[SITE_CALL_MEM] = {.modrm = true, .min_len = 2},
};

static bool cond_valid(const struct site_insn *in)
{
	if (in->kind == SITE_JCC)
		return in->cond < 16;
	if (in->kind == SITE_LOOP)
		return in->cond >= 0xe0 && in->cond <= 0xe3 && in->fix + 2 <= in->len;
	return true;
}

static bool insn_valid(const struct site_insn *in)
{
	if (in->kind >= SITE_NR_KINDS || in->len < kinds[in->kind].min_len ||
	    in->len > SITE_INSN_MAX || !cond_valid(in))
		return false;
	if (kinds[in->kind].modrm && (!in->modrm || in->modrm >= in->len))
		return false;
	if (kinds[in->kind].disp && !in->fix)
		return false;
	return in->kind == SITE_LOOP || !in->fix || in->fix + 4 <= in->len;
}

bool site_plan_valid(const struct site_plan *p)
{
	u32 len = p->insn.len;

	if (!insn_valid(&p->insn) || !p->free || p->free > len || (p->flags & ~SITE_F_ALL) ||
	    p->nr_more > SITE_MORE_MAX)
		return false;
	for (u32 i = 0; i < p->nr_more; i++) {
		if (!insn_valid(&p->more[i]) || len >= SITE_JUMP_LEN)
			return false;
		len += p->more[i].len;
	}
	return !p->nr_more || len >= SITE_JUMP_LEN;
}
