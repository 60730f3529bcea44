/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FAULT_LOAD_H
#define USERBPF_FAULT_LOAD_H
/* fault_load.h - one load with its row of the table, for the files of CPUs that have a FAULT_RESUME: what is done at a fault. */

#define FAULT_LOAD(name, insn)                                                                       \
	static inline int name(u64 *v, const void *p)                                                \
	{                                                                                            \
		u64 val;                                                                             \
		int err = 0;                                                                         \
                                                                                                     \
		asm volatile("1: " insn "\n"                                                         \
			     "2:\n"                                                                  \
			     ".subsection 1\n"                                                       \
			     "3: " FAULT_RESUME                                                      \
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

#endif
