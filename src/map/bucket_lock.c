/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/current.h"
#include "map/bucket_lock.h"

#define SPINS	 100	 /* an update holds a bucket for well below a microsecond */
#define NAP_NS	 2000000 /* between two looks at the owner */
#define PATIENCE 250	 /* naps before a live owner is given up: half a second */

/* The one piece of process state: our thread id, which a system call would cost as much as the
 * update itself. */
static __thread u32 tid_cache __attribute__((tls_model("initial-exec")));

static void forget_tid(void)
{
	tid_cache = 0;
}

static void setup_once(void)
{
	pthread_atfork(NULL, NULL, forget_tid);
}

void bucket_lock_setup(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, setup_once);
}

static inline u32 self(void)
{
	if (unlikely(!tid_cache))
		tid_cache = syscall(SYS_gettid);
	return tid_cache;
}

static inline bool cas(u32 *word, u32 from, u32 to)
{
	return __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__asm__ volatile("pause");
#endif
}

/* "PID (COMMAND) STATE ...": ended, but its parent has not looked yet? */
static bool is_zombie(u32 tid)
{
	char path[32], buf[256], *state;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT && !access("/proc/self", F_OK);
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return n == 0 || errno == ESRCH;
	buf[n] = '\0';
	state = strrchr(buf, ')');
	return state && state[1] == ' ' && (state[2] == 'Z' || state[2] == 'X');
}

bool bucket_owner_dead(u32 tid, void *arg)
{
	int saved = errno;
	bool dead = (kill((pid_t)tid, 0) && errno == ESRCH) || is_zombie(tid);

	errno = saved;
	return dead;
}

static void nap(u32 *word, u32 seen)
{
	struct timespec ts = {.tv_nsec = NAP_NS};
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAIT, seen, &ts, NULL, 0);
	errno = saved;
}

static int lock_slow(u32 *word, bool *stolen)
{
	u32 me = self(), left = PATIENCE;

	for (u32 i = 0; i < SPINS; i++) {
		if (!__atomic_load_n(word, __ATOMIC_RELAXED) && cas(word, 0, me))
			return 0;
		relax();
	}
	while (left-- && !run_hurries()) {
		u32 seen = __atomic_load_n(word, __ATOMIC_RELAXED);
		u32 owner = seen & ~LOCK_WAITERS;

		if (owner == me)
			return -EBUSY;
		/* others may sleep too: keep their bit, our unlock wakes the next */
		if (!owner) {
			if (cas(word, seen, me | LOCK_WAITERS))
				return 0;
			continue;
		}
		if (bucket_owner_dead(owner, NULL)) {
			if (!cas(word, seen, me | LOCK_WAITERS))
				continue;
			*stolen = true;
			return 0;
		}
		if (!(seen & LOCK_WAITERS) && !cas(word, seen, seen | LOCK_WAITERS))
			continue;
		nap(word, seen | LOCK_WAITERS);
	}
	return -EBUSY;
}

int bucket_lock(u32 *word, bool *stolen)
{
	u32 me = self();

	if (likely(cas(word, 0, me)))
		return 0;
	if ((__atomic_load_n(word, __ATOMIC_RELAXED) & ~LOCK_WAITERS) == me)
		return -EBUSY;
	return lock_slow(word, stolen);
}

int bucket_trylock(u32 *word, bool *stolen)
{
	u32 me = self(), seen, owner;

	if (likely(cas(word, 0, me)))
		return 0;
	seen = __atomic_load_n(word, __ATOMIC_RELAXED);
	owner = seen & ~LOCK_WAITERS;
	if (!owner || owner == me || !bucket_owner_dead(owner, NULL) ||
	    !cas(word, seen, me | (seen & LOCK_WAITERS)))
		return -EBUSY;
	*stolen = true;
	return 0;
}

/*
 * A plain store when nobody sleeps, since an exchange waits for all stores before it, other processors' lines
 * among them. Who goes to sleep between the two is not woken; he naps, and looks again by himself.
 */
void bucket_unlock(u32 *word)
{
	if (likely(!(__atomic_load_n(word, __ATOMIC_RELAXED) & LOCK_WAITERS))) {
		__atomic_store_n(word, 0, __ATOMIC_RELEASE);
		return;
	}
	if (__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) & LOCK_WAITERS) {
		int saved = errno;

		syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
		errno = saved;
	}
}

bool bucket_lock_break(u32 *word, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	u32 seen = __atomic_load_n(word, __ATOMIC_RELAXED);

	if (!(seen & ~LOCK_WAITERS) || !tid_dead(seen & ~LOCK_WAITERS, arg))
		return false;
	if (!cas(word, seen, 0))
		return false;
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	return true;
}
