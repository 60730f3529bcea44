// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent_proc.c - programs at the beginning of another program in this process, its forks and its ends. The
 * first is seen when our constructor runs there, the others by their system calls (agent_sys.c): a
 * process that is killed does not see its end, and threads that end with their process are one
 * event, that of the thread which ends it.
 *
 * Arguments of raw_tp and tp_btf programs: this task; a child's struct, and that of the program's file
 * (linux_binprm), are NULL, through which everything reads zero.
 */
#include <asm/ptrace.h>
#include "agent/patch.h"
#include "base/raw.h"
#include "base/slot.h"
#include "exec/trace_record.h"
#include "helper/task.h"
#include "shim/agent.h"
#include "shim/agent_probe.h"

#define DEFAULT_PRIO 120
#define NAME_MAX_    4096u

/* What the constructor runs; the thread hands it over before it says that all is in place. */
static struct {
	u32 nr;
	struct agent_probe *p[64];
} execs;

static struct trace_entry entry(void)
{
	return (struct trace_entry){.pid = (s32)slot_tid()};
}

static void get_comm(char comm[16])
{
	raw3(SYS_prctl, 16 /* PR_GET_NAME */, comm, 0);
}

/* Of a thread or child, which has the name it was born with. */
static void run(struct agent_probe *p, void *rec, u64 *args, struct pt_regs *regs)
{
	struct exec_regs user = {};

	if (regs)
		user = (struct exec_regs){regs->rip, regs->rsp, regs->rbp};
	hit_exec(&p->hit, rec ? rec : args, 0, regs ? &user : NULL);
}

static bool by_record(const struct agent_probe *p)
{
	return p->prog->img->prog_type == BPF_PROG_TYPE_TRACEPOINT;
}

void agent_proc_fork(struct agent_probe *p, struct pt_regs *regs)
{
	struct trace_event_raw_sched_process_fork rec = {};
	u64 args[2] = {};

	if (!by_record(p)) {
		patch_save_vectors();
		args[0] = (u64)task_current();
		run(p, NULL, args, regs);
		return;
	}
	rec.ent = entry();
	get_comm(rec.parent_comm);
	memcpy(rec.child_comm, rec.parent_comm, sizeof(rec.child_comm));
	rec.parent_pid = rec.ent.pid;
	rec.child_pid = (s32)regs->rax;
	run(p, &rec, NULL, regs);
}

void agent_proc_exit(struct agent_probe *p, struct pt_regs *regs)
{
	struct trace_event_raw_sched_process_template rec = {};
	u64 args[1];

	if (!by_record(p)) {
		patch_save_vectors();
		args[0] = (u64)task_current();
		run(p, NULL, args, regs);
		return;
	}
	rec.ent = entry();
	get_comm(rec.comm);
	rec.pid = rec.ent.pid;
	rec.prio = DEFAULT_PRIO;
	run(p, &rec, NULL, regs);
}

static void run_exec(struct agent_probe *p)
{
	union {
		struct trace_event_raw_sched_process_exec rec;
		char room[sizeof(struct trace_event_raw_sched_process_exec) + NAME_MAX_];
	} u;
	u64 args[3] = {};
	long n;

	if (!by_record(p)) {
		args[0] = (u64)task_current();
		args[1] = slot_tid();
		run(p, NULL, args, NULL);
		return;
	}
	n = raw_readlinkat(AT_FDCWD, "/proc/self/exe", u.rec.__data, NAME_MAX_ - 1);
	n = max(n, 0l);
	u.rec.__data[n] = '\0';
	u.rec.ent = entry();
	u.rec.__data_loc_filename =
		(u32)(n + 1) << 16 | offsetof(struct trace_event_raw_sched_process_exec, __data);
	u.rec.pid = u.rec.old_pid = u.rec.ent.pid;
	run(p, &u.rec, NULL, NULL);
}

void agent_proc_exec(void)
{
	u32 slot;

	if (!__atomic_load_n(&execs.nr, __ATOMIC_ACQUIRE) || !hit_begin(&slot))
		return;
	for (u32 i = 0; i < execs.nr; i++)
		run_exec(execs.p[i]);
	hit_end(slot);
}

/* Only what there is at the start can see it. */
void agent_proc_place(struct agent_probe *all)
{
	u32 n = 0;

	__atomic_store_n(&execs.nr, 0, __ATOMIC_RELEASE);
	for (struct agent_probe *p = all; p && n < ARRAY_SIZE(execs.p); p = p->next)
		if (p->m.kind == PROBE_PROC_EXEC && !p->orphan)
			execs.p[n++] = p;
	__atomic_store_n(&execs.nr, n, __ATOMIC_RELEASE);
}
