/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FAULT_ARM64_H
#define USERBPF_FAULT_ARM64_H
/* fault_arm64.h - see fault.h. */
#include <ucontext.h>

#define FAULT_HAS_TABLE 1
/* %0 the value, %1 the error, %2 the address, %3 -EFAULT */
#define FAULT_RESUME "mov %w0, wzr\nmov %w1, %3\nb 2b\n"
#include "exec/fault_load.h"
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
