/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SPIN_H
#define USERBPF_SPIN_H
/*
 * spin.h - the 4 byte lock behind struct bpf_spin_lock, in shared memory between processes (DESIGN
 * D4). Run side.
 *
 * The word is 0 or the owner's tid, with SPIN_WAITERS when somebody sleeps on it (a futex: user
 * space cannot disable preemption, so real spinning could wait for a whole time slice). A waiter
 * asks every SPIN_SUSPECT_MS whether the owner still lives and takes a dead one's lock (owner and
 * waiters should share a pid namespace), and takes it in any case after SPIN_PATIENCE_MS, or when its run is to end: critical
 * sections are a few instructions, so the owner is stopped or the word was scribbled over. The
 * value behind the lock may then be half written, as after kill -9.
 */
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/current.h"
#include "base/slot.h"

#define SPIN_WAITERS 0x80000000u
#define SPIN_SUSPECT_MS 100
#define SPIN_PATIENCE_MS 1000

static inline bool spin_trylock(u32 *lock)
{
	u32 unlocked = 0;

	return __atomic_compare_exchange_n(lock, &unlocked, slot_tid(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline bool spin_owner_dead(u32 word)
{
	return syscall(SYS_tkill, word & ~SPIN_WAITERS, 0) < 0 && errno == ESRCH;
}

/* Sleeps until the lock may be free; marks it first, *seen follows. -ETIMEDOUT after
 * SPIN_SUSPECT_MS without change. */
static inline int spin_wait(u32 *lock, u32 *seen)
{
	struct timespec limit = { .tv_nsec = SPIN_SUSPECT_MS * 1000000L };

	if (!(*seen & SPIN_WAITERS) &&
	    !__atomic_compare_exchange_n(lock, seen, *seen | SPIN_WAITERS, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return 0;
	*seen |= SPIN_WAITERS;
	if (syscall(SYS_futex, lock, FUTEX_WAIT, *seen, &limit, NULL, 0) < 0 && errno == ETIMEDOUT)
		return -ETIMEDOUT;
	return 0;
}

static inline u64 spin_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

static inline void spin_lock_slow(u32 *lock)
{
	u64 until = spin_now_ms() + SPIN_PATIENCE_MS;

	while (!spin_trylock(lock)) {
		u32 seen = __atomic_load_n(lock, __ATOMIC_RELAXED);
		bool late = run_hurries() || spin_now_ms() >= until;

		if (!seen || (!late && (spin_wait(lock, &seen) != -ETIMEDOUT || !spin_owner_dead(seen))))
			continue;
		if (__atomic_compare_exchange_n(lock, &seen, slot_tid() | SPIN_WAITERS, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
	}
}

static inline void spin_lock(u32 *lock)
{
	int saved = errno;

	for (int tries = 0; tries < 64; tries++)
		if (spin_trylock(lock))
			return;
	spin_lock_slow(lock);
	errno = saved;
}

/* Wakes all who sleep: each marks the lock again before it goes back to sleep. */
static inline void spin_unlock(u32 *lock)
{
	u32 was = __atomic_exchange_n(lock, 0, __ATOMIC_RELEASE);

	if (unlikely(was & SPIN_WAITERS))
		syscall(SYS_futex, lock, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
}

#endif
