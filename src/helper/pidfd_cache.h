/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PIDFD_CACHE_H
#define USERBPF_PIDFD_CACHE_H
/*
 * pidfd_cache.h - whose task a pidfd names, remembered: the kernel tells it as text of two files only. In a process
 * where somebody tells of fds that are closed; elsewhere nothing is remembered. Run side.
 *
 * An entry is two words that fit together only if both were written for the same fd, so readers need no lock. An fd
 * that is closed while another thread looks at it is noticed by a count of closes.
 */
#include "base/base.h"

/* pidfd_cache_closed() will be called from now on. */
void pidfd_cache_begin(void);
void pidfd_cache_closed(unsigned int first, unsigned int last);

/* The task's number (helper/task_view.h), 0: not known. */
u64 pidfd_cache_find(int fd);
/* To be asked before the answer is looked for, and given to pidfd_cache_keep() with it. */
u32 pidfd_cache_count(void);
void pidfd_cache_keep(int fd, u64 number, u32 count);

#endif
