/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SLOT_H
#define USERBPF_SLOT_H
/*
 * slot.h - CPU slots (DESIGN D5): a program runs holding one of N slots, N = possible CPUs, so that
 * per-CPU values lose no update although user space cannot disable preemption. Run side, libc only.
 *
 * A slot table is one page of shared memory per service (anonymous for libuserbpf and unit tests).
 * slot_enter() takes the slot of the CPU we run on, else any free one, else waits (futex); it
 * nests: a thread that holds a slot keeps it (depth counter). The word holds the owner's tid, so
 * the service can release the slots of a dead client: slot_release_dead().
 */
#include "base/base.h"

#define SLOT_MAX 256u
#define SLOT_OBJECT_TYPES 16u
/* Who finds every slot held for so long runs on the one of its CPU all the same, sharing it:
 * stopped or hostile holders stop nobody. */
#define SLOT_PATIENCE_MS 1000u

struct slot_table {
	u32 nr;		 /* slots in use by this service: the number of possible CPUs, at most SLOT_MAX */
	u32 waiters;
	u32 owner[SLOT_MAX]; /* tid that holds the slot, 0 = free; futex word */
	u32 object_refs[SLOT_OBJECT_TYPES]; /* of objects that map values may point to (map/kptr.h) */
	u32 stats;	 /* who wants run statistics (BPF_ENABLE_STATS); the service's, clients only look */
};

u32 slot_possible_cpus(void); /* as /sys/devices/system/cpu/possible; libbpf reads the same file */
void slot_table_init(struct slot_table *t);

/* Process-wide: which table this process uses. Set once before the first program runs; default
 * is a private one. */
void slot_use(struct slot_table *t);
u32 slot_enter(void); /* -> slot number, 0..nr-1 */
void slot_leave(void);
u32 slot_current(void); /* the slot held by this thread; 0 when none is */
/* This thread's word, the slot in its upper half: for code that reads it without a call. */
const u32 *slot_word(void);
u32 slot_tid(void);	/* our own tid, cached; what owner[] and spin locks (base/spin.h) name */
/* For a moment, while it has a slot: a vfork()ed child runs on its parent's memory, the cache too. What it was. */
u32 slot_tid_as(u32 tid);
/* The count of a type's object in this process's table. */
u32 *slot_object_refs(u32 type);
/* Does anybody want statistics of runs? */
bool slot_stats(void);
void slot_count_stats(s32 by);
void slot_release_dead(struct slot_table *t, bool (*tid_dead)(u32 tid, void *arg), void *arg);

#endif
