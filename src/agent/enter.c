/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enter.c - from a stub to C and back with every register as it was. Both ways in build a struct
 * pt_regs on the program's stack and go on on the thread's own.
 *
 *   patch_enter    called by a stub, below the red zone
 *   patch_return   jumped to by a return stub, which pushed its number where the return address was
 *
 * Flags come back by sahf and an addition that overflows; popf is slow, and needed only for a
 * program that runs backwards (DF).
 */
#include "agent/engine.h"

#define STR2(x) #x
#define STR(x)	STR2(x)

/* offsets in struct pt_regs and struct hit_thread, and what stands behind the former */
#define REGS	    168
#define AT_STACK    0
#define AT_BUSY	    8
#define AT_SEQ	    12
#define AT_OUTER    16
#define RED_ZONE    128
#define HEAD_TO_RET 27 /* from a stub's data to behind its call: STUB_HEAD + lea + call */

_Static_assert(sizeof(struct pt_regs) == REGS, "enter.c: pt_regs");
_Static_assert(offsetof(struct pt_regs, rax) == 80 && offsetof(struct pt_regs, rip) == 128 &&
		       offsetof(struct pt_regs, rsp) == 152 && offsetof(struct pt_regs, rbp) == 32,
	       "enter.c: pt_regs");
_Static_assert(offsetof(struct hit_thread, stack) == AT_STACK &&
		       offsetof(struct hit_thread, busy) == AT_BUSY &&
		       offsetof(struct hit_thread, seq) == AT_SEQ &&
		       offsetof(struct hit_thread, outer_sp) == AT_OUTER,
	       "enter.c: hit_thread");
_Static_assert(HEAD_TO_RET == STUB_HEAD + 5 + 6, "enter.c: stub.c");

/* Called from below. */
void patch_hit_entry(struct site *site, struct pt_regs *regs, struct hit_thread *t)
	__attribute__((used));
u64 patch_hit_return(u64 idx, struct pt_regs *regs, struct hit_thread *t) __attribute__((used));
struct hit_thread *patch_slow(struct site *site, struct pt_regs *regs) __attribute__((used));

/* clang-format off */
asm(
	".pushsection .text\n"
	".macro SAVE_REGS\n"
	"	lea	-" STR(REGS) "(%rsp), %rsp\n"
	"	mov	%r15, 0(%rsp)\n"
	"	mov	%r14, 8(%rsp)\n"
	"	mov	%r13, 16(%rsp)\n"
	"	mov	%r12, 24(%rsp)\n"
	"	mov	%rbp, 32(%rsp)\n"
	"	mov	%rbx, 40(%rsp)\n"
	"	mov	%r11, 48(%rsp)\n"
	"	mov	%r10, 56(%rsp)\n"
	"	mov	%r9, 64(%rsp)\n"
	"	mov	%r8, 72(%rsp)\n"
	"	mov	%rax, 80(%rsp)\n"
	"	mov	%rcx, 88(%rsp)\n"
	"	mov	%rdx, 96(%rsp)\n"
	"	mov	%rsi, 104(%rsp)\n"
	"	mov	%rdi, 112(%rsp)\n"
	"	pushfq\n"
	"	popq	144(%rsp)\n"
	"	mov	%rsp, %rbp\n"
	"	cld\n"
	".endm\n"
	/* rbp: the registers; all but rsp come back, flags too */
	".macro RESTORE_REGS\n"
	"	mov	144(%rbp), %rcx\n"
	"	bt	$10, %ecx\n"
	"	jc	8f\n"
	"	mov	%ecx, %edx\n"
	"	shr	$11, %edx\n"
	"	and	$1, %edx\n"
	"	mov	%cl, %ah\n"
	"	add	$0x7f, %dl\n" /* OF: 0x7f + 1 overflows */
	"	sahf\n"
	"	jmp	9f\n"
	"8:	pushq	%rcx\n"
	"	popfq\n"
	"9:	mov	40(%rbp), %rbx\n"
	"	mov	48(%rbp), %r11\n"
	"	mov	56(%rbp), %r10\n"
	"	mov	64(%rbp), %r9\n"
	"	mov	72(%rbp), %r8\n"
	"	mov	80(%rbp), %rax\n"
	"	mov	88(%rbp), %rcx\n"
	"	mov	96(%rbp), %rdx\n"
	"	mov	104(%rbp), %rsi\n"
	"	mov	112(%rbp), %rdi\n"
	"	lea	" STR(REGS) "(%rbp), %rsp\n"
	"	mov	32(%rbp), %rbp\n"
	".endm\n"
	/* rbx: the thread; its own stack from here on */
	".macro BEGIN_HIT\n"
	"	mov	%rbp, " STR(
	AT_OUTER) "(%rbx)\n"
	"	movl	$1, " STR(
	AT_BUSY) "(%rbx)\n"
	"	incl	" STR(
	AT_SEQ) "(%rbx)\n"
	"	mov	" STR(
	AT_STACK) "(%rbx), %rsp\n"
	".endm\n"
	".macro THIS_THREAD\n"
	"	mov	hit_thread@gottpoff(%rip), %rbx\n"
	"	mov	%fs:(%rbx), %rbx\n"
	"	test	%rbx, %rbx\n"
	"	jz	2f\n"
	"	cmpl	$0, " STR(AT_BUSY) "(%rbx)\n"
	"	jne	2f\n"
	".endm\n"

	".globl patch_enter\n"
	".hidden patch_enter\n"
	".type patch_enter, @function\n"
	".balign 64\n"
	"patch_enter:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	SAVE_REGS\n"
	"	mov	" STR(REGS) "(%rbp), %rdi\n"
	"	mov	-" STR(HEAD_TO_RET) "+8(%rdi), %r12\n" /* the site */
	"	THIS_THREAD\n"
	"1:	BEGIN_HIT\n"
	"	mov	%r12, %rdi\n"
	"	mov	%rbp, %rsi\n"
	"	mov	%rbx, %rdx\n"
	"	call	patch_hit_entry\n"
	"	movl	$0, " STR(AT_BUSY) "(%rbx)\n"
	"3:	mov	24(%rbp), %r12\n"
	"	RESTORE_REGS\n"
	"	ret\n"
	"2:	and	$-16, %rsp\n"
	"	mov	%r12, %rdi\n"
	"	mov	%rbp, %rsi\n"
	"	call	patch_slow\n"
	"	mov	%rax, %rbx\n"
	"	test	%rax, %rax\n"
	"	jnz	1b\n"
	"	jmp	3b\n"
	"	.cfi_endproc\n"
	".size patch_enter, . - patch_enter\n"

	".globl patch_return\n"
	".hidden patch_return\n"
	".type patch_return, @function\n"
	".balign 64\n"
	"patch_return:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	SAVE_REGS\n"
	"	THIS_THREAD\n"
	"1:	BEGIN_HIT\n"
	"	mov	" STR(REGS) "(%rbp), %rdi\n"
	"	mov	%rbp, %rsi\n"
	"	mov	%rbx, %rdx\n"
	"	call	patch_hit_return\n"
	"	movl	$0, " STR(AT_BUSY) "(%rbx)\n"
	"3:	mov	%rax, " STR(
	REGS) "(%rbp)\n"
	"	RESTORE_REGS\n"
	"	lea	8(%rsp), %rsp\n"
	"	jmp	*-8(%rsp)\n" /* no ret: nobody called */
	"2:	and	$-16, %rsp\n"
	"	xor	%edi, %edi\n"
	"	mov	%rbp, %rsi\n"
	"	call	patch_slow\n"
	"	mov	%rax, %rbx\n"
	"	test	%rax, %rax\n"
	"	jnz	1b\n"
	"	mov	" STR(REGS) "(%rbp), %rdi\n"
	"	mov	%rbp, %rsi\n"
	"	xor	%edx, %edx\n"
	"	call	patch_hit_return\n"
	"	jmp	3b\n"
	"	.cfi_endproc\n"
	".size patch_return, . - patch_return\n"

	/* where a hit goes that was told to go on elsewhere: rcx has the place */
	".globl patch_divert\n"
	".hidden patch_divert\n"
	".type patch_divert, @function\n"
	"patch_divert:\n"
	"	lea	" STR(RED_ZONE) "(%rsp), %rsp\n"
	"	jmp	*%rcx\n"
	".size patch_divert, . - patch_divert\n"
	".popsection\n");
/* clang-format on */

static void fill(struct pt_regs *regs, u64 ip, u64 sp)
{
	regs->rip = ip;
	regs->rsp = sp;
	regs->cs = 0x33;
	regs->ss = 0x2b;
	regs->orig_rax = (u64)-1;
}

static void run(struct hit_thread *t, const struct hit_row *row, u32 nr, struct pt_regs *regs)
{
	int saved = *t->err;

	for (u32 i = 0; i < nr; i++)
		row[i].fn(row[i].arg, regs);
	if (unlikely(t->vectors))
		thread_restore_vectors(t);
	*t->err = saved;
}

void patch_hit_entry(struct site *site, struct pt_regs *regs, struct hit_thread *t)
{
	const struct hits *hits = __atomic_load_n(&site->hits, __ATOMIC_ACQUIRE);
	u64 sp = (u64)(regs + 1) + sizeof(u64) + RED_ZONE;

	if (unlikely(!hits))
		return;
	fill(regs, site->addr, sp);
	if (hits->nr_entry)
		run(t, hits->row, hits->nr_entry, regs);
	if (unlikely(regs->rip != site->addr)) { /* not behind the stub's call, but there */
		regs->rcx = regs->rip;
		*(u64 *)(regs + 1) = (u64)patch_divert;
		return;
	}
	if (hits->nr_ret && !ret_plant(t, site, (u64 *)sp))
		thread_miss(t);
}

u64 patch_hit_return(u64 idx, struct pt_regs *regs, struct hit_thread *t)
{
	const struct hits *hits;
	struct site *site;
	u64 to = ret_take(t, (u32)idx, &site);

	if (unlikely(!t)) {
		thread_miss(NULL);
		return to;
	}
	hits = __atomic_load_n(&site->hits, __ATOMIC_ACQUIRE);
	if (hits && hits->nr_ret) {
		fill(regs, patch_return_address(to), (u64)(regs + 1) + sizeof(u64));
		run(t, hits->row + hits->nr_entry, hits->nr_ret, regs);
	}
	return to;
}

/* No thread state yet, or it is in a hit already. Returns the state to go on with on its own stack, or NULL:
 * all is done here. @site is NULL at a return. Runs on the program's stack. */
struct hit_thread *patch_slow(struct site *site, struct pt_regs *regs)
{
	struct hit_thread *t = hit_thread;

	if (!t) {
		t = thread_get();
		if (!t && site)
			thread_miss(NULL);
		return t;
	}
	switch (thread_inside(t, (u64)regs)) {
	case HIT_ABANDONED: return t;
	case HIT_INTERRUPTED:
		if (!site)
			return NULL;
		t->on_own = true;
		patch_hit_entry(site, regs, t);
		t->on_own = false;
		return NULL;
	default:
		if (site)
			thread_miss(t);
		return NULL;
	}
}
