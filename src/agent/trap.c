/* SPDX-License-Identifier: BSD-2-Clause */
/* trap.c - what signal handlers ask: was this int3 ours, where would the program have had this fault? */
#include <ucontext.h>
#include "agent/engine.h"

#define INT3 0xcc

/* The site whose jump covers the instruction at @addr, and where that is in the stub. */
static struct site *site_covering(u64 addr, u64 *in_stub)
{
	for (u32 i = 1; i < JUMP_LEN; i++) {
		struct site *s = site_find(addr - i);
		u64 at;

		if (!s || !s->many)
			continue;
		at = s->addr + s->plan.insn.len;
		for (u32 j = 0; j < s->plan.nr_more; at += s->plan.more[j++].len) {
			if (at != addr)
				continue;
			*in_stub = s->inner[j];
			return s;
		}
	}
	return NULL;
}

/* Goes on in the stub, where the hit happens outside of the signal handler. A probe that was taken out
 * between the trap and here left its instruction behind: again. */
bool patch_trap(void *ucontext)
{
	greg_t *regs = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
	u64 addr = (u64)regs[REG_RIP] - 1, go_on;
	struct site *s = site_find(addr), *covering = site_covering(addr, &go_on);
	u8 now;

	if (covering && __atomic_load_n(&covering->is_many, __ATOMIC_ACQUIRE)) {
		regs[REG_RIP] = (greg_t)go_on;
		return true;
	}
	if (s && __atomic_load_n(&s->patched, __ATOMIC_ACQUIRE)) {
		regs[REG_RIP] = (greg_t)__atomic_load_n(&s->stub, __ATOMIC_ACQUIRE);
		return true;
	}
	if ((!s && !covering) || text_read(addr, &now, 1) || now == INT3)
		return false;
	regs[REG_RIP] = (greg_t)addr;
	return true;
}

/* Where the program has what is at @rip in a stub of the site; 0: not in one. */
static u64 program_address(const struct site *s, u64 rip)
{
	u64 addr = s->addr, next = s->addr + s->plan.insn.len;

	for (u32 i = 0; i < s->nr_stubs; i++)
		if (rip >= s->stubs[i] && rip < s->stubs[i] + STUB_MAX)
			return addr;
	if (!s->many || rip < s->many || rip >= s->many + STUB_MANY_MAX)
		return 0;
	for (u32 i = 0; i < s->plan.nr_more && rip >= s->inner[i]; next += s->plan.more[i++].len)
		addr = next;
	return addr;
}

bool patch_fault(void *ucontext)
{
	greg_t *regs = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
	struct site_table *table = __atomic_load_n(&patch_sites, __ATOMIC_ACQUIRE);

	for (u32 i = 0; table && i <= table->mask; i++) {
		const struct site *s = __atomic_load_n(&table->slot[i], __ATOMIC_ACQUIRE);
		u64 addr = s ? program_address(s, (u64)regs[REG_RIP]) : 0;

		if (!addr)
			continue;
		regs[REG_RIP] = (greg_t)addr;
		return true;
	}
	return false;
}
