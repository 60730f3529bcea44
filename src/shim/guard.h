/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_GUARD_H
#define USERBPF_GUARD_H
/*
 * guard.h - the caller's memory: a bpf(2) with a bad pointer answers -EFAULT, it does not crash its
 * caller. 0 or -EFAULT.
 */
#include "base/base.h"

/* Any length; a few hundred ns at least. */
int guard_read(void *dst, u64 uaddr, u64 len);
int guard_write(u64 uaddr, const void *src, u64 len);
/* Text up to and including NUL, at most @cap bytes; its length with NUL; -EFAULT, -ENAMETOOLONG
 * when there is no NUL in cap bytes. */
long guard_read_str(char *dst, u64 uaddr, u64 cap);

/* For short pieces on the hot path: no system call when the memory is good. */
int guard_read_fast(void *dst, u64 uaddr, u32 len);
int guard_any(u64 uaddr, u32 len); /* is any byte there not 0? */
int guard_write_fast(u64 uaddr, const void *src, u32 len);

#endif
