/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_INTERPOSE_H
#define USERBPF_INTERPOSE_H
#include <stdbool.h>
/* interpose.h - the libc symbols this library replaces; see interpose.c. */

/* Finds libc's own functions. A replaced function called earlier than this (from another
 * constructor) finds them itself. */
void interpose_init(void);

struct sigaction;
int libc_sigaction(int sig, const struct sigaction *act, struct sigaction *old);

/* sigchain.c */
void sigchain_init(void);
bool sigchain_handles(int sig);
int sigchain_set(int sig, const struct sigaction *act, struct sigaction *old);

#endif
