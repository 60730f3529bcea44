/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_INTERPOSE_H
#define USERBPF_INTERPOSE_H
#include <signal.h>
#include <stdbool.h>
/* interpose.h - the libc symbols this library replaces; see interpose.c. */

/* Finds libc's own functions. A replaced function called earlier than this (from another
 * constructor) finds them itself. */
void interpose_init(void);

int libc_sigaction(int sig, const struct sigaction *act, struct sigaction *old);

/* sigchain.c */
void sigchain_init(void);
void sigchain_probes(void); /* code is going to be patched */
bool sigchain_handles(int sig);
/* Takes out of @set, which is to be blocked, what must come through. */
void sigchain_let_through(sigset_t *set);
int sigchain_set(int sig, const struct sigaction *act, struct sigaction *old);

#endif
