/* SPDX-License-Identifier: BSD-2-Clause */
/* trap.c - what signal handlers ask: was this int3 ours, where would the program have had this fault? */
#include <ucontext.h>
#include "agent/engine.h"

#define INT3 0xcc

/* Goes on in the stub, where the hit happens outside of the signal handler. A probe that was taken out
 * between the trap and here left its instruction behind: again. */
bool patch_trap(void *ucontext)
{
	greg_t *regs = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
	struct site *s = site_find((u64)regs[REG_RIP] - 1);
	u8 now;

	if (!s)
		return false;
	if (__atomic_load_n(&s->patched, __ATOMIC_ACQUIRE)) {
		regs[REG_RIP] = (greg_t)__atomic_load_n(&s->stub, __ATOMIC_ACQUIRE);
		return true;
	}
	if (text_read(s->addr, &now, 1) || now == INT3)
		return false;
	regs[REG_RIP] = (greg_t)s->addr;
	return true;
}

/* The displaced instruction is the first thing behind the call in any stub of a site. */
static bool in_stub(const struct site *s, u64 rip)
{
	for (u32 i = 0; i < s->nr_stubs; i++)
		if (rip >= s->stubs[i] && rip < s->stubs[i] + STUB_MAX)
			return true;
	return false;
}

bool patch_fault(void *ucontext)
{
	greg_t *regs = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
	struct site_table *table = __atomic_load_n(&patch_sites, __ATOMIC_ACQUIRE);
	u64 rip = (u64)regs[REG_RIP];

	for (u32 i = 0; table && i <= table->mask; i++) {
		const struct site *s = __atomic_load_n(&table->slot[i], __ATOMIC_ACQUIRE);

		if (!s || !in_stub(s, rip))
			continue;
		regs[REG_RIP] = (greg_t)s->addr;
		return true;
	}
	return false;
}
