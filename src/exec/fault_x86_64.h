/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FAULT_X86_64_H
#define USERBPF_FAULT_X86_64_H
/* fault_x86_64.h - see fault.h. */
#include <ucontext.h>

#define FAULT_HAS_TABLE 1
#define FAULT_LOAD(name, insn)                                                                       \
	static inline int name(u64 *v, const void *p)                                                \
	{                                                                                            \
		u64 val;                                                                             \
		int err = 0;                                                                         \
                                                                                                     \
		asm volatile("1: " insn "\n"                                                         \
			     "2:\n"                                                                  \
			     ".subsection 1\n"                                                       \
			     "3: xorl %k0, %k0\n"                                                    \
			     "movl %3, %1\n"                                                         \
			     "jmp 2b\n"                                                              \
			     ".previous\n"                                                           \
			     ".pushsection fault_table, \"a\"\n"                                     \
			     ".balign 4\n"                                                           \
			     ".long 1b - .\n"                                                        \
			     ".long 3b - .\n"                                                        \
			     ".popsection\n"                                                         \
			     : "=&r"(val), "+r"(err)                                                 \
			     : "r"(p), "i"(-EFAULT)                                                  \
			     : "memory");                                                            \
		*v = val;                                                                            \
		return err;                                                                          \
	}
FAULT_LOAD(fault_load8, "movzbl (%2), %k0")
FAULT_LOAD(fault_load16, "movzwl (%2), %k0")
FAULT_LOAD(fault_load32, "movl (%2), %k0")
FAULT_LOAD(fault_load64, "movq (%2), %q0")
#undef FAULT_LOAD

static inline u64 fault_pc(const void *uc)
{
	return (u64)((const ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
}
static inline void fault_set_pc(void *uc, u64 pc)
{
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

static inline void fault_nospec(void)
{
	asm volatile("lfence" ::: "memory");
}

#endif
