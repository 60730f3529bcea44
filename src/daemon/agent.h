/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_DAEMON_AGENT_H
#define USERBPF_DAEMON_AGENT_H
/* agent.h - programs in processes, the service's side; agent.c has the idea. */
#include "base/base.h"

struct conn;
struct daemon;

/* After the socket is there. */
int agents_init(struct daemon *d);
void agents_free(struct daemon *d);
int agent_handle(struct conn *c);
int agent_handle_attach(struct conn *c);
int syscalls_handle(struct conn *c); /* syscalls.c */
/* Processes with an agent (@why is NULL), and those that could not get one. */
void agents_describe(struct daemon *d, void (*each)(void *arg, pid_t pid, const char *why), void *arg);

#endif
