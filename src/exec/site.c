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

static bool cond_valid(const struct site_plan *p)
{
	if (p->kind == SITE_JCC)
		return p->cond < 16;
	if (p->kind == SITE_LOOP)
		return p->cond >= 0xe0 && p->cond <= 0xe3 && p->fix + 2 <= p->len;
	return true;
}

bool site_plan_valid(const struct site_plan *p)
{
	if (p->kind >= SITE_NR_KINDS || p->len < kinds[p->kind].min_len || p->len > SITE_INSN_MAX)
		return false;
	if (!p->free || p->free > p->len || (p->flags & ~SITE_F_ALL) || !cond_valid(p))
		return false;
	if (kinds[p->kind].modrm && (!p->modrm || p->modrm >= p->len))
		return false;
	if (kinds[p->kind].disp && !p->fix)
		return false;
	return p->kind == SITE_LOOP || !p->fix || p->fix + 4 <= p->len;
}
