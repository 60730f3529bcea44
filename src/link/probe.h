/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_PROBE_H
#define USERBPF_LINK_PROBE_H
/*
 * probe.h - the one list of programs that are attached to something in *processes*: user code, their
 * system calls, their lives, the time they use. Whoever runs in the processes (src/daemon's agents)
 * registers struct probe_ops, hears of every change, and may walk the list.
 *
 * What the service does itself (functions and tracepoints of its own) is not in here: hook.h.
 *
 * A probe never changes. It is counted: the list holds one reference until probes_del(), who keeps a
 * probe longer takes another. It holds its program, its file and its path. What the program sees as
 * its context follows from kind and program type:
 *   KPROBE program                    struct pt_regs (x86-64) of the hit; at a return RIP is what the
 *                                     kernel shows: the address returned to, RAX the value.
 *                                     PROBE_SYS_KPROBE: RDI points to the pt_regs of the system call
 *   TRACEPOINT program                the record of the event, exec/trace_record.h
 *   RAW_TRACEPOINT, TRACING program   u64 args[]: (regs, nr), (regs, ret), ...
 *   PERF_EVENT program                struct bpf_perf_event_data
 *
 * Locking: the list's mutex is held briefly, never across ops. Calls of ops for one probe come in
 * order (added, then removed), for different ones at the same time. One that is being added can be
 * seen by a walk before added() was called: tell them by id.
 */
#include <pthread.h>
#include <sys/types.h>
#include "base/list.h"
#include "exec/probe_kind.h"
#include "prog/prog.h"

struct probe_point {
	enum probe_kind kind;
	pid_t pid;	     /* this process only (tgid in the service's pid namespace); 0: every one */
	pid_t tid;	     /* SAMPLE: this thread only; 0: all of the process */
	/* UPROBE, URETPROBE */
	int file;	     /* O_RDONLY (O_PATH where it cannot be read); the caller's, a probe has its own; else -1 */
	dev_t dev;	     /* of fstat(file) */
	u64 ino;
	const char *path;    /* absolute, in the client's view; borrowed by probes_add() */
	u64 offset;	     /* in the file */
	u64 ref_ctr_offset;  /* of the u16 semaphore in the file, 0: none */
	/* SYS_* */
	s32 nr;		     /* of the system call, -1: all */
	/* SAMPLE */
	bool task_clock;     /* CPU time of the thread; else: wall clock while it runs (cpu-clock) */
	bool freq;	     /* period is a number per second, else ns between two */
	s32 cpu;	     /* only when it runs there, -1: anywhere */
	u64 period;
};

struct probe {
	u64 id;		     /* of the list, ascending, from 1; never used twice */
	struct probe_point point;
	struct bpf_prog *prog;
	u64 cookie;
	/* private */
	struct list node;
	u32 refs;
};

struct probe_ops {
	/*
	 * New probes, @n at a time; all or none. Returns when every process concerned has them in
	 * place, or was waited for long enough. Negative errno: they cannot be (that is what the
	 * attach returns), nothing is left behind.
	 */
	int (*added)(void *arg, struct probe *const *p, u32 n);
	/* They are not in the list any more. Returns when no process runs them, or ... long enough. */
	void (*removed)(void *arg, struct probe *const *p, u32 n);
};

/* What a program is attached to: one of many of the same program (uprobe_multi). */
struct probe_spec {
	struct probe_point point;
	u64 cookie;
};

struct probes;

struct probes *probes_new(void); /* NULL: no memory */
void probes_free(struct probes *ps); /* none is left */
/* Once, before there is a probe. Without: probes_add() is -EOPNOTSUPP. */
void probes_set_ops(struct probes *ps, const struct probe_ops *ops, void *arg);

/*
 * All of them, or none and the errno. Their ids follow each other from *first on. Takes references of
 * its own (program, file, path). May block for as long as ops do.
 */
int probes_add(struct probes *ps, const struct probe_spec *spec, u32 n, struct bpf_prog *prog, u64 *first);
void probes_del(struct probes *ps, u64 first, u32 n);

/* The first with an id above @after, referenced; NULL at the end. */
struct probe *probes_next(struct probes *ps, u64 after);
u32 probes_count(struct probes *ps);
struct probe *probe_get(struct probe *p);
void probe_put(struct probe *p); /* NULL is fine */

#endif
