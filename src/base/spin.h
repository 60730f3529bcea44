/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SPIN_H
#define USERBPF_SPIN_H
/*
 * spin.h - the 4 byte lock behind struct bpf_spin_lock, in shared memory between processes (DESIGN D4). Run side.
 *
 * The word is 0 or the owner's tid, with SPIN_WAITERS when somebody sleeps on it (a futex: user space cannot disable preemption, so
 * real spinning could wait for a whole time slice). A waiter that has waited long asks whether the owner still lives and takes
 * a dead one's lock. Owner and waiters must share a pid namespace for that; else a lock held for SPIN_SUSPECT_MS counts as abandoned.
 * The value behind a lock may then be half written, as it can be after any kill -9.
 */
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/slot.h"

#define SPIN_WAITERS 0x80000000u
#define SPIN_SUSPECT_MS 100

static inline bool spin_trylock(u32 *lock)
{
	u32 unlocked = 0;

	return __atomic_compare_exchange_n(lock, &unlocked, slot_tid(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline bool spin_owner_dead(u32 word)
{
	return syscall(SYS_tkill, word & ~SPIN_WAITERS, 0) < 0 && errno == ESRCH;
}

/* Sleeps until the lock may be free; marks it first, *seen follows. -ETIMEDOUT after SPIN_SUSPECT_MS without change. */
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

static inline void spin_lock(u32 *lock)
{
	int saved = errno;

	for (int tries = 0; !spin_trylock(lock); tries++) {
		u32 seen = __atomic_load_n(lock, __ATOMIC_RELAXED);

		if (!seen || tries < 64)
			continue;
		if (spin_wait(lock, &seen) == -ETIMEDOUT && spin_owner_dead(seen) &&
		    __atomic_compare_exchange_n(lock, &seen, slot_tid() | SPIN_WAITERS, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			break;
	}
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
