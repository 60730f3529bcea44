/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FAULT_H
#define USERBPF_FAULT_H
/*
 * fault.h - loads that survive bad addresses (DESIGN D7). Run side.
 *
 * Every such load is one machine instruction with a row in the section "fault_table": where it may
 * fault and where to go on then. The SIGSEGV/SIGBUS handler looks the program counter up there, so
 * a load that does not fault costs nothing. What is not in the table goes to the handler that was
 * there before. One file per CPU (fault_<cpu>.h) with the same functions; a CPU without one asks
 * the kernel for each load (process_vm_readv), which is slow and right.
 *
 *   int fault_load8(u64 *v, const void *p), fault_load16, 32, 64     0 or -EFAULT; zero-extends; *v is 0 after a fault
 *   void fault_nospec(void)                                          nothing behind it runs, not even speculatively, before what is in front
 *
 * A thread that runs programs must not block SIGSEGV and SIGBUS: the kernel kills a process that
 * faults with the signal blocked. A process that installs its own handler later takes ours away
 * until the next image is bound; it (or the shim for it) may call fault_handle() first.
 */
#include "exec/exec.h"

struct fault_row {
	s32 at, resume; /* relative to the field itself */
};

/* Puts the handler in front if it is not there; two system calls. exec_image_bind() calls it,
 * fault_copy() only the first time. */
void fault_init(void);
/* From a signal handler: true when @ucontext was a load of ours and now points behind it. */
bool fault_handle(void *ucontext);

#if defined(__x86_64__)
#include "exec/fault_x86_64.h"
#elif defined(__aarch64__)
#include "exec/fault_arm64.h"
#else
#include "exec/fault_generic.h"
#endif

#endif
