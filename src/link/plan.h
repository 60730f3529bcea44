/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_PLAN_H
#define USERBPF_LINK_PLAN_H
/*
 * plan.h - from an ELF file and an offset to what a process must know to put a probe there
 * (exec/site.h). The file may be anything a user names: nothing in it is trusted.
 *
 * The whole file is read once; what else is needed (where functions begin, where branches lead) is
 * made of it once, so many sites of one file are cheap. Functions are known by their symbols and,
 * in stripped files, by their unwind information. Not thread-safe: one thread per struct plan_file.
 */
#include "exec/site.h"

struct plan_file;

/* x86-64 executables and libraries. -ENOEXEC: not one; -EFBIG; errors of reading. @fd stays the caller's. */
int plan_open(int fd, struct plan_file **out);
void plan_close(struct plan_file *f);

/* The instruction at @offset of the file.
 *   -ENOENT   not in what the file says is executable
 *   -ENOEXEC  no instruction
 *   -ENOTSUPP (524) an instruction that cannot be probed, as in the kernel: int3, privileged ones ... */
int plan_site(struct plan_file *f, u64 offset, struct site_plan *plan);

/*
 * The places where functions of the file call the kernel. @enter is where the number is in EAX, or is
 * @nr (not -1) and put there next; @exit is behind the call. Stops when @each says other than 0, which
 * is the result. Code without symbols and unwind information is not looked at.
 */
struct plan_syscall {
	u64 enter, exit; /* offsets in the file */
	s32 nr;
	struct site_plan enter_plan, exit_plan;
};
int plan_syscalls(struct plan_file *f, int (*each)(void *arg, const struct plan_syscall *c), void *arg);

/* The address, relative to where the file is loaded, of @offset; -ENOENT as above. */
int plan_vaddr(const struct plan_file *f, u64 offset, u64 *vaddr);

#endif
