// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent_thread.c - a thread by clone(2) alone, see agent.h.
 *
 * It needs what compiled code takes for granted: a stack, and a thread block with the variables of
 * our library and of libc (errno, the locale) at the offsets all threads have them, below the thread
 * pointer; the rest of libc's own thread structure is zero. The images that such variables begin with are
 * found in the constructor, when asking the dynamic linker is allowed.
 */
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include "shim/agent.h"
#include "base/raw.h"

#define STACK	 (256u << 10)
#define TCB_ROOM 8192u	      /* above the thread pointer: libc's struct pthread */
#define TLS_MAX	 (256u << 10) /* below it */

static struct {
	u64 below; /* bytes of thread variables below the thread pointer */
	struct {
		u64 off, len; /* from the thread pointer down */
		const void *image;
	} part[2];
	u32 nr;
	char *mem;
	size_t size;
} tls;

#if defined(__x86_64__)

static u64 thread_pointer(void)
{
	u64 tp;

	__asm__("mov %%fs:0, %0" : "=r"(tp));
	return tp;
}

static u64 from_tp(u32 off)
{
	u64 v;

	__asm__ volatile("mov %%fs:(%1), %0" : "=r"(v) : "r"((u64)off));
	return v;
}

/* x86-64 ABI and what compilers rely on: itself at 0 and 16, stack guard at 40, pointer guard at 48. */
static void make_tcb(u64 *tp)
{
	tp[0] = tp[2] = (u64)tp;
	tp[5] = from_tp(40);
	tp[6] = from_tp(48);
}

__attribute__((noinline, optimize("no-stack-protector"))) static long
clone_thread(void *stack, void *tp, u32 *tid, void (*fn)(void))
{
	const long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			   CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
			   CLONE_CHILD_CLEARTID;
	u64 *sp = (u64 *)stack - 1;
	register long r10 __asm__("r10") = (long)tid;
	register long r8 __asm__("r8") = (long)tp;
	long ret;

	sp[0] = (u64)fn;
	__asm__ volatile("syscall\n"
			 "test %%rax, %%rax\n"
			 "jnz 1f\n"
			 "xor %%ebp, %%ebp\n"
			 "pop %%rax\n"
			 "call *%%rax\n"
			 "mov $60, %%eax\n" /* exit */
			 "xor %%edi, %%edi\n"
			 "syscall\n"
			 "ud2\n"
			 "1:\n"
			 : "=a"(ret)
			 : "a"(SYS_clone), "D"(flags), "S"(sp), "d"(tid), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

#else

static u64 thread_pointer(void)
{
	return 0;
}

static void make_tcb(u64 *tp) {}

static long clone_thread(void *stack, void *tp, u32 *tid, void (*fn)(void))
{
	return -EOPNOTSUPP;
}

#endif

static bool module_has(const struct dl_phdr_info *info, const void *addr)
{
	for (u32 i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		u64 start = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD && (u64)addr >= start && (u64)addr < start + p->p_memsz)
			return true;
	}
	return false;
}

/* Ours and libc's: neither is ever unloaded. */
static int look_at_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	u64 tp = thread_pointer();

	if (!module_has(info, (void *)look_at_module) && !module_has(info, (void *)snprintf))
		return 0;
	for (u32 i = 0; i < info->dlpi_phnum && tls.nr < ARRAY_SIZE(tls.part); i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_TLS || !info->dlpi_tls_data)
			continue;
		tls.part[tls.nr].off = tp - (u64)info->dlpi_tls_data;
		tls.part[tls.nr].len = p->p_filesz;
		tls.part[tls.nr].image = (void *)(info->dlpi_addr + p->p_vaddr);
		tls.below = max(tls.below, tls.part[tls.nr].off);
		tls.nr++;
	}
	return 0;
}

void agent_thread_init(void)
{
	dl_iterate_phdr(look_at_module, NULL);
}

static int make_memory(void)
{
	size_t size = STACK + round_up(tls.below, (u64)4096) + TCB_ROOM;
	char *p;

	if (tls.mem)
		return 0;
	if (!tls.nr || tls.below > TLS_MAX)
		return -EOPNOTSUPP;
	p = raw_mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (IS_ERR(p))
		return -ENOMEM;
	raw3(SYS_mprotect, p, 4096, PROT_NONE);
	tls.mem = p;
	tls.size = size;
	return 0;
}

long agent_thread_start(void (*fn)(void), u32 *tid)
{
	u64 all = ~0ull, old, faults = 0;
	char *tp;
	long ret = make_memory();

	if (ret)
		return ret;
	tp = tls.mem + tls.size - TCB_ROOM;
	memset(tp - tls.below, 0, tls.below + TCB_ROOM);
	for (u32 i = 0; i < tls.nr; i++)
		memcpy(tp - tls.part[i].off, tls.part[i].image, tls.part[i].len);
	make_tcb((u64 *)tp);
	/* Signals are the program's; but the faults of our own loads must come, or they kill. */
	faults = 1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGTRAP - 1);
	all &= ~faults;
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
	ret = clone_thread(tls.mem + STACK, tp, tid, fn);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
	return ret < 0 ? ret : 0;
}
