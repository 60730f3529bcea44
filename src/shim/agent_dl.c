// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent_dl.c - libraries loaded later. The dynamic linker calls an empty function (r_brk) for
 * debuggers when its list of libraries has changed: when they are mapped, before any of their code
 * runs. There a hit of our own lets the agent look at the mappings.
 */
#include <dlfcn.h>
#include <link.h>
#include "agent/patch.h"
#include "shim/agent.h"

static struct {
	const struct r_debug *debug;
	struct patch *patch;
} dl;

void agent_dl_init(void)
{
	dl.debug = dlsym(RTLD_DEFAULT, "_r_debug");
}

static void on_change(void *arg, struct pt_regs *regs)
{
	if (hit_inside || READ_ONCE(dl.debug->r_state) != RT_CONSISTENT)
		return;
	hit_inside++;
	agent_rescan();
	hit_inside--;
}

/* endbr64, or the return itself: runs anywhere as it is, and nobody jumps into it. */
static bool plan_of(const u8 *code, struct site_plan *plan)
{
	static const u8 endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
	bool begins = !memcmp(code, endbr, sizeof(endbr));

	*plan = (struct site_plan){
		.insn = {.kind = begins ? SITE_NOP : SITE_COPY, .len = begins ? sizeof(endbr) : 1},
		.flags = SITE_F_ENTRY};
	plan->free = plan->insn.len;
	memcpy(plan->insn.bytes, code, plan->insn.len);
	return begins || code[0] == 0xc3;
}

void agent_dl_watch(bool on)
{
	struct patch_hit hit = {.fn = on_change};
	struct site_plan plan;
	void *at;

	if (!on && dl.patch) {
		patch_del(dl.patch);
		dl.patch = NULL;
	}
	if (!on || dl.patch || !dl.debug || !dl.debug->r_brk)
		return;
	at = (void *)dl.debug->r_brk;
	if (plan_of(at, &plan) && patch_add(at, &plan, &hit, &dl.patch))
		dl.patch = NULL;
}
