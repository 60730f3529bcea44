/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_fault_x86_64.c - loads of compiled programs that faulted. From a signal handler. */
#include <ucontext.h>
#include "exec/x86.h"

static const u8 greg_of[16] = {
	[RAX] = REG_RAX, [RCX] = REG_RCX, [RDX] = REG_RDX, [RBX] = REG_RBX,
	[RBP] = REG_RBP, [RSI] = REG_RSI, [RDI] = REG_RDI, [R8] = REG_R8,
	[R10] = REG_R10, [R13] = REG_R13, [R14] = REG_R14, [R15] = REG_R15,
};

bool jit_fault(const struct jit_code *jit, void *ucontext)
{
	greg_t *regs = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
	u64 at = (u64)regs[REG_RIP] - (u64)jit->code;
	u32 low = 0, high = jit->nr_faults;

	while (at < jit->code_len && low < high) {
		const struct jit_fault *f = &jit->faults[(low + high) / 2];

		if (f->at == at) {
			regs[greg_of[f->reg]] = 0;
			regs[REG_RIP] += f->len;
			return true;
		}
		if (f->at < at)
			low = (low + high) / 2 + 1;
		else
			high = (low + high) / 2;
	}
	return false;
}
