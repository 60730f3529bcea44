/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FAULT_X86_64_H
#define USERBPF_FAULT_X86_64_H
/* fault_x86_64.h - see fault.h. */
#include <ucontext.h>

#define FAULT_HAS_TABLE 1
/* %0 the value, %1 the error, %2 the address, %3 -EFAULT */
#define FAULT_RESUME "xorl %k0, %k0\nmovl %3, %1\njmp 2b\n"
#include "exec/fault_load.h"
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
