/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SHIM_AGENT_H
#define USERBPF_SHIM_AGENT_H
/*
 * agent.h - programs attached to something in this process: a thread of ours that the service tells
 * what to put where (daemon/proto.h, MSG_AGENT).
 *
 *   agent.c        the thread's life and its conversation        agent_list.c   the probes, their places
 *   agent_thread.c a thread that libc does not know of           agent_maps.c   what is mapped where
 *   agent_dl.c     libraries loaded later                        agent_sys.c    system calls
 *   agent_time.c   samples                                       agent_proc.c   exec, fork, exit
 *
 * There is none while nobody attaches anything. It begins in the constructor when the service has
 * probes in processes (one access(2)), when the service calls userbpf_agent_start() in here, and in
 * the child of a fork. It takes everything out and ends when the service goes.
 *
 * It is no pthread: it may be born while a thread of the program stands anywhere, inside malloc()
 * too, and a program that has one thread stays one for its libc. So it calls nothing that locks or
 * allocates: raw.h, the run side, and the pure functions of libc.
 *
 * Locking: only the thread changes the list and code, with agent_lock() held; fork() takes it too, so
 * a child finds both whole.
 */
#include "agent/hit.h"
#include "shim/client.h"

/* init.c: the process has a socket to the service. @path: the socket's. */
void agent_init(const char *path);
/* Starts one if there is none, and waits until the probes there are are in place, but not long. */
void agent_begin(void);
/* From outside (daemon/agent.c), on a borrowed stack, wherever the thread stands. 0: started; 1: is
 * there; -EAGAIN: the constructor is still to come, it will look for itself. */
__attribute__((visibility("default"))) long userbpf_agent_start(void);
/* The same after a dlopen() from outside: @path is the service's socket. */
__attribute__((visibility("default"))) long userbpf_agent_attach(const char *path);
/* What the first of these may run on, up to here. */
extern __attribute__((visibility("default"))) char userbpf_agent_stack_end[];

void agent_before_fork(void);
void agent_after_fork(bool child);
bool agent_owns_fd(int fd);
unsigned int agent_next_fd(unsigned int first); /* from @first on; ~0u: none */
/* The program mapped or unmapped code: asks the thread to look, and waits for it, but not long. From
 * anywhere, a hit too. */
void agent_rescan(void);
bool agent_on(void);

void agent_lock(void);
void agent_unlock(void);

/* --- agent_proc.c --- */

/* This process executes another program since a moment. */
void agent_proc_exec(void);

/* --- agent_thread.c --- */

void agent_thread_init(void);
/* @tid becomes the thread's id, and 0 when it has ended (a futex). At most one at a time: its memory
 * is used again. */
long agent_thread_start(void (*fn)(void), u32 *tid);

/* --- agent_dl.c: libraries that come and go --- */

void agent_dl_init(void);
/* Under agent_lock(): the dynamic linker's changes lead to agent_rescan(). */
void agent_dl_watch(bool on);

/* --- agent_maps.c --- */

struct map_line {
	u64 start, end, off;
	u64 dev, ino;
	bool read, write, exec, shared;
	const char *path; /* "" */
};

/* One pass over what is mapped, under agent_lock(). */
int maps_each(void (*each)(void *arg, const struct map_line *m), void *arg);
/* Is it the file @dev, @ino? */
bool maps_is_file(const struct map_line *m, u64 dev, u64 ino);
bool maps_is_libc(const struct map_line *l); /* or the dynamic linker */

/* --- agent_list.c, all under agent_lock() --- */

/* A message's probe becomes one of ours; 0 or negative errno. */
int agent_list_add(const struct msg_probe *m, const void *plan, const struct client_reply *r,
		   const void *image);
u32 agent_list_del(u64 first, u64 n); /* how many there were */
/* What was not added again since agent_list_mark() goes. */
void agent_list_mark(void);
void agent_list_sweep(void);
/* In every mapping that has appeared, out of those that are gone. */
void agent_list_place(void);
void agent_list_clear(void);
void agent_list_failures(struct msg_probe_ack *ack);
bool agent_list_has_files(void);
void agent_list_after_fork(void);
void agent_list_account(void); /* agent_account() of all that was counted */

/* agent.c: tells the service. */
void agent_account(struct msg_probe_stats *s);

#endif
