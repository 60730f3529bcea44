/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PATCH_H
#define USERBPF_PATCH_H
/*
 * patch.h - functions called when code of this process reaches an address, or returns from a
 * function: DESIGN D12. Run side: libc only, x86-64 only (elsewhere patch_init() is -EOPNOTSUPP).
 *
 * HOW. One instruction gives way to a jump to a stub within reach, which saves the registers, calls
 * the hits, runs the displaced instruction and goes on behind it. Of the jump's five bytes as many
 * as possible are bytes that stand there already ("punned": the distance is read from the
 * instructions behind, and the stub put where that leads). At best one byte of code changes, which
 * every CPU sees before or after, no instruction but the first is touched, so threads that stand or
 * branches that lead behind it need no care. In order of preference:
 *   1 byte changes           one store; no trap ever
 *   2..len bytes             (with prefixes in front of the jump too, so that its distance is read from other bytes) int3, the tail, the first byte, membarrier(SYNC_CORE) in between; where a thread blocks
 *                            SIGTRAP or /proc/self/mem is closed, the page is replaced by a copy in one step
 *   int3 for good            where no stub can be reached: SIGTRAP handler, which goes on in the same stub
 * Text pages are written through /proc/self/mem, so they are executable at all times and never
 * writable; stubs are written before they become executable. Removing a probe restores the bytes.
 *
 * RETURN PROBES. At the entry the return address is replaced by one of many return stubs, which
 * stands for this one call: so recursion, tail calls, signals, alternate and swapped stacks, and a
 * coroutine that goes on in another thread need nothing. longjmp and exceptions leave stubs unused,
 * which are found again when stubs run short. Unwinders (exceptions, pthread_cancel, backtrace) find
 * unwind information for the stubs that leads to the real caller: the library must export
 * patch_dl_find_object and patch_dl_iterate_phdr under libc's names (unwind.c). The stubs
 * themselves appear as frames. Functions that return twice are refused by their plan.
 *
 * A HIT runs in the thread that hit, on a stack of the engine's own (256 KiB per thread, mapped at the
 * thread's first hit), with any signal mask, in any place of the program, locks held: no libc
 * that allocates or locks, nothing that the probed code may call. Code called from a hit is not
 * probed (counted in patch_missed()); neither is a signal handler that interrupts one. The vector
 * and x87 registers are the program's: whoever runs in a hit is compiled with -mgeneral-regs-only, or
 * calls patch_save_vectors() before the first thing that is not (libc's memcpy() and strings are
 * not!); they are restored after the hits. errno is preserved.
 *
 * OWNERSHIP AND THREADS. Everything below may be called from any thread but not from a hit or a signal
 * handler, unless it says so. Memory for code and for addresses ever probed stays until the
 * process ends (a thread may stand there), and is used again for the same address.
 */
#include <asm/ptrace.h>
#include "exec/site.h"

struct patch;

/* What happens at a hit. @regs is as the kernel shows a uprobe's program the registers: ip is the
 * probed address, sp the stack there. A hit at an address may change ip (and registers): the thread goes on there, and rcx is that address, too, as
 * behind a system call. At a return: ip is where the function returns to, sp behind the
 * return address, ax the result. */
struct patch_hit {
	void (*fn)(void *arg, struct pt_regs *regs);
	void *arg;
	bool ret; /* at the return of the function that begins at the address, not at the address */
};

/* Process-wide; again and again is fine. Signal handlers are the caller's business: SIGTRAP must reach
 * patch_trap(), SIGSEGV, SIGBUS, SIGFPE and SIGILL should reach patch_fault(). A process without the
 * former is patched only where no trap can be needed (patch_can_trap()). */
int patch_init(void);
/* From now on SIGTRAP reaches patch_trap(). */
void patch_can_trap(bool yes);
/* Whether probes that come may be an int3 for good (they may, at first). Not where code runs with all signals
 * blocked at times, as libc's does: who runs into a trap then is killed. */
void patch_lasting_traps(bool yes);

/* Puts @hit at @addr; the code runs it when this returns. Hits of one address run in the order they
 * came. @plan and @hit are copied.
 *   -EINVAL      plan is not valid, or a return probe away from a function's entry
 *   -EILSEQ      the memory does not have the plan's bytes: another file, another tracer, not loaded yet
 *   -EFAULT      no executable mapping
 *   -EOPNOTSUPP  return probe on a function that cannot have one
 *   -EADDRNOTAVAIL  neither can a stub be reached nor may it trap
 *   -EPERM, -ENOMEM, -ENOSPC (too many probes) */
int patch_add(void *addr, const struct site_plan *plan, const struct patch_hit *hit, struct patch **out);
/* Takes it out; the last hit of an address restores its bytes. After 0 the hit's function does not run
 * any more and never will, so its argument may be freed. -EBUSY: some thread did not leave it within
 * a second (it sleeps there, or a signal handler left it by longjmp): removed all the same, but
 * the argument must stay. Frees @p in both cases. -EFAULT: the memory is gone (dlclose), as good as 0. */
int patch_del(struct patch *p);

/* Same for many: one walk, one grace period. Results per row in .err; returns the first of them. */
struct patch_req {
	void *addr;
	const struct site_plan *plan;
	struct patch_hit hit;
	struct patch *patch; /* out; for removal: in */
	int err;
};
int patch_add_many(struct patch_req *reqs, u32 nr);
int patch_del_many(struct patch_req *reqs, u32 nr);

/* The mapping [start, end) is gone or about to be (munmap, dlclose): forget what is there without
 * writing to it; patch_del() of its patches is due all the same. */
void patch_unmapped(u64 start, u64 end);

/* From signal handlers, async-signal-safe. true: dealt with, return from the handler. */
bool patch_trap(void *ucontext);
/* Goes on where the context says, and does not come back; where it does, return from the handler. Only for a
 * handler with SA_NODEFER and an empty mask that did not touch the signal mask: that stays as it is. */
void patch_resume(const void *ucontext);
/* A fault of a displaced instruction happens in its stub: lets the context say where the program would
 * have had it. false: no stub of ours, context unchanged; true: changed, deliver it to the program. */
bool patch_fault(void *ucontext);

/* --- from a hit --- */
/* Before the first use of vector or x87 registers in this hit; they come back by themselves. */
void patch_save_vectors(void);
/* The return address that the stack had at @slot before @value, a return stub, was put there; @value if it
 * is none. For walks of the user's stack. */
u64 patch_return_address(u64 value);

/* Hits that did not run: inside of another, or out of return stubs or memory. */
u64 patch_missed(void);

#endif
