/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FAULT_GENERIC_H
#define USERBPF_FAULT_GENERIC_H
/* fault_generic.h - see fault.h: no table, the kernel reads for us and says EFAULT. */
#include <sys/uio.h>
#include <unistd.h>

static inline int fault_read_self(void *dst, const void *p, size_t len)
{
	struct iovec to = { dst, len }, from = { (void *)p, len };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

#define FAULT_LOAD(name, type)                                                                       \
	static inline int name(u64 *v, const void *p)                                                \
	{                                                                                            \
		type val = 0;                                                                        \
		int err = fault_read_self(&val, p, sizeof(val));                                     \
                                                                                                     \
		*v = err ? 0 : val;                                                                  \
		return err;                                                                          \
	}
FAULT_LOAD(fault_load8, u8)
FAULT_LOAD(fault_load16, u16)
FAULT_LOAD(fault_load32, u32)
FAULT_LOAD(fault_load64, u64)
#undef FAULT_LOAD

static inline void fault_nospec(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
