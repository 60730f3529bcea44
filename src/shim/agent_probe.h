/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_AGENT_PROBE_H
#define USERBPF_AGENT_PROBE_H
/* agent_probe.h - a probe in the list of the agent, for the files that put it somewhere. */
#include <signal.h>
#include "exec/probe_kind.h"
#include "exec/site.h"
#include "shim/agent.h"

#define AGENT_SITES 4u /* mappings of one file */

/* Programs in use, by id: one image, however many probes. */
struct agent_prog {
	struct agent_prog *next;
	struct exec_image *img;
	u32 users;
	bool plain; /* touches no vector register */
};

struct agent_site {
	struct agent_probe *p;
	u64 addr;	     /* 0: free */
	struct patch *patch; /* NULL: could not be patched */
	int err;
	bool seen;
};

struct agent_sem {
	u16 *at; /* NULL: free */
	bool seen;
};

struct agent_probe {
	struct agent_probe *next;
	struct hit hit;
	struct msg_probe m;
	struct site_plan plan;
	struct agent_prog *prog;
	bool marked; /* to go, unless it is named again */
	bool orphan; /* a parent's, which this process has no part in */
	struct agent_site site[AGENT_SITES];
	struct agent_sem sem[AGENT_SITES];
};

/* The kernel hears of forks and ends by system calls, and so do we. */
static inline bool agent_probe_is_sys(const struct agent_probe *p)
{
	return (p->m.kind >= PROBE_SYS_ENTER && p->m.kind <= PROBE_SYS_KRETPROBE) ||
	       p->m.kind == PROBE_PROC_FORK || p->m.kind == PROBE_PROC_EXIT;
}

/* agent_time.c: samples. The agent's thread looks for new threads every so often (ms; 0: never). */
void agent_time_place(struct agent_probe *all);
u32 agent_time_look(void);
/* From the signal's handler: true when it was a sample. */
bool agent_time_tick(const siginfo_t *info, void *ucontext);
void agent_time_after_fork(void);
#define AGENT_TIME_SIGNAL SIGSTKFLT

/* agent_proc.c: sched:sched_process_exec, _fork, _exit of this process. Between hit_begin() and hit_end(). */
struct pt_regs;
void agent_proc_fork(struct agent_probe *p, struct pt_regs *regs);
void agent_proc_exit(struct agent_probe *p, struct pt_regs *regs);
void agent_proc_place(struct agent_probe *all);

/* agent_sys.c: what is attached to system calls has changed, or what is mapped. */
void agent_sys_place(struct agent_probe *all);
/* This process executes another program since a moment: execve() has succeeded. */
void agent_sys_execed(void);

#endif
