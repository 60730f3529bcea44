/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resume.c - out of a signal handler without the kernel, which asks a third of the whole trap's time for
 * rt_sigreturn(2).
 *
 * All it does there for a handler that left the signal mask alone can be done here: vector registers
 * by XRSTOR, the rest by IRET. The stack of the handler, an alternate one too, is free as soon as
 * nobody stands on it.
 */
#include <ucontext.h>
#include "agent/engine.h"

/* What the kernel says of the registers it saved, in bytes the FXSAVE area leaves to software. */
#define AT_SW	     464u
#define XSTATE_MAGIC 0x46505853u /* FP_XSTATE_MAGIC1 */
struct sw_bytes {
	u32 magic, extended_size;
	u64 features;
	u32 size;
};

#define EFLAGS_NT      0x4000u
#define STACK_DISARMED (1u << 31) /* SS_AUTODISARM: the kernel arms it again */

/* offsets in gregs[] */
_Static_assert(REG_R8 == 0 && REG_RDI == 8 && REG_RSI == 9 && REG_RBP == 10 && REG_RBX == 11 &&
		       REG_RDX == 12 && REG_RAX == 13 && REG_RCX == 14 && REG_RSP == 15 &&
		       REG_RIP == 16 && REG_EFL == 17,
	       "resume.c: gregs");

/* A sanitizer remembers the frames that are skipped. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_LEAVE false
#else
#define CAN_LEAVE true
#endif

void patch_resume(const void *ucontext)
{
	const ucontext_t *uc = ucontext;
	const greg_t *regs = uc->uc_mcontext.gregs;
	const u8 *fp = (const u8 *)uc->uc_mcontext.fpregs;
	const struct sw_bytes *sw = (const void *)(fp + AT_SW);

	if (!CAN_LEAVE || !fp || sw->magic != XSTATE_MAGIC || (regs[REG_EFL] & EFLAGS_NT) ||
	    ((u32)uc->uc_stack.ss_flags & STACK_DISARMED) || (u16)regs[REG_CSGSFS] != 0x33)
		return;
	asm volatile("xrstor64 (%0)\n"
		     "	pushq	$0x2b\n"
		     "	pushq	120(%%rdi)\n"
		     "	pushq	136(%%rdi)\n"
		     "	pushq	$0x33\n"
		     "	pushq	128(%%rdi)\n"
		     "	mov	0(%%rdi), %%r8\n"
		     "	mov	8(%%rdi), %%r9\n"
		     "	mov	16(%%rdi), %%r10\n"
		     "	mov	24(%%rdi), %%r11\n"
		     "	mov	32(%%rdi), %%r12\n"
		     "	mov	40(%%rdi), %%r13\n"
		     "	mov	48(%%rdi), %%r14\n"
		     "	mov	56(%%rdi), %%r15\n"
		     "	mov	72(%%rdi), %%rsi\n"
		     "	mov	80(%%rdi), %%rbp\n"
		     "	mov	88(%%rdi), %%rbx\n"
		     "	mov	96(%%rdi), %%rdx\n"
		     "	mov	104(%%rdi), %%rax\n"
		     "	mov	112(%%rdi), %%rcx\n"
		     "	mov	64(%%rdi), %%rdi\n"
		     "	iretq\n" ::"r"(fp),
		     "a"((u32)sw->features), "d"((u32)(sw->features >> 32)), "D"(regs)
		     : "memory");
	__builtin_unreachable();
}
