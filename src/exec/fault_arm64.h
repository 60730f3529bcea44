/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FAULT_ARM64_H
#define USERBPF_FAULT_ARM64_H
/* fault_arm64.h - see fault.h. */
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
			     "3: mov %w0, wzr\n"                                                     \
			     "mov %w1, %3\n"                                                         \
			     "b 2b\n"                                                                \
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
FAULT_LOAD(fault_load8, "ldrb %w0, [%2]")
FAULT_LOAD(fault_load16, "ldrh %w0, [%2]")
FAULT_LOAD(fault_load32, "ldr %w0, [%2]")
FAULT_LOAD(fault_load64, "ldr %x0, [%2]")
#undef FAULT_LOAD

static inline u64 fault_pc(const void *uc)
{
	return ((const ucontext_t *)uc)->uc_mcontext.pc;
}
static inline void fault_set_pc(void *uc, u64 pc)
{
	((ucontext_t *)uc)->uc_mcontext.pc = pc;
}

static inline void fault_nospec(void)
{
	asm volatile("dsb nsh\n\tisb" ::: "memory");
}

#endif
