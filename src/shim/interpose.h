/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_INTERPOSE_H
#define USERBPF_INTERPOSE_H
/* interpose.h - the libc symbols this library replaces; see interpose.c. */

/* Finds libc's own functions. A replaced function called earlier than this (from another constructor) finds them itself. */
void interpose_init(void);

#endif
