/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_BUCKET_LOCK_H
#define USERBPF_BUCKET_LOCK_H
/*
 * bucket_lock.h - a one-word lock in shared memory that names its owner.
 *
 *   word = 0 free | owner's thread id | LOCK_WAITERS when somebody sleeps on it (futex)
 *
 * The word is not trusted: whatever a hostile peer writes there, bucket_lock() comes back after a
 * bounded time with -EBUSY, at once in a run that is to end (base/current.h). A dead owner's lock is taken over at once by the next who waits (same
 * pid namespace), or broken by the service. What it protects must stay consistent at every
 * instruction. bucket_lock() by the thread that holds the word already (a program that interrupted
 * an update) is -EBUSY too, as in the kernel.
 */
#include "base/base.h"

#define LOCK_WAITERS 0x80000000u

/* -EBUSY or 0; *stolen set when the previous owner died holding it (its elements in flight are lost
 * until somebody looks). */
int bucket_lock(u32 *word, bool *stolen);
/* The same without waiting for a live owner. */
int bucket_trylock(u32 *word, bool *stolen);
void bucket_unlock(u32 *word);
/* Is the thread gone, or a zombie? For release_dead(), too. */
bool bucket_owner_dead(u32 tid, void *arg);
/* Frees @word when its owner is dead; true when it was. */
bool bucket_lock_break(u32 *word, bool (*tid_dead)(u32 tid, void *arg), void *arg);
/* Once per process and again in a forked child: our thread id is cached. */
void bucket_lock_setup(void);

#endif
