/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/slot.h"

/*
 * waiters is an event word: bit 0 says that somebody may be asleep on it, the rest counts wake-ups,
 * so that a waiter that saw an old value does not go to sleep. A waiter that dies leaves at most
 * one needless wake-up behind.
 */
#define SLEEPERS  1u
#define ONE_EVENT 2u
/* One word, stored at once, so that a signal handler that runs programs finds it before or after,
 * never between. */
#define HELD(slot, depth) ((slot) << 16 | (depth))
#define HELD_DEPTH(h)	  ((h)&0xffff)
#define HELD_SLOT(h)	  ((h) >> 16)

/* Signal-safe thread state: initial-exec, so that reaching it never allocates. */
#define THREAD_STATE static __thread __attribute__((tls_model("initial-exec")))
THREAD_STATE u32 held;
THREAD_STATE u32 my_tid;

/* The process's table and its size (the shared copy of the size is not trusted). */
static struct slot_table own_table;
static struct slot_table *table;
static u32 table_nr;

static u32 read_cpu_list(const char *path)
{
	char buf[512];
	ssize_t len;
	u32 cpus = 0, from = 0, n = 0;
	bool range = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	len = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (len <= 0)
		return 0;
	buf[len] = '\0';
	for (const char *p = buf;; p++) {
		if (*p >= '0' && *p <= '9') {
			n = n * 10 + (u32)(*p - '0');
		} else if (*p == '-') {
			from = n;
			range = true;
			n = 0;
		} else {
			cpus += range && n >= from ? n - from + 1 : 1;
			range = false;
			n = 0;
			if (*p != ',')
				return cpus;
		}
	}
}

u32 slot_possible_cpus(void)
{
	u32 n = read_cpu_list("/sys/devices/system/cpu/possible");
	long conf;

	if (!n) {
		conf = sysconf(_SC_NPROCESSORS_CONF);
		n = conf > 0 ? (u32)conf : 1;
	}
	return min(n, SLOT_MAX);
}

void slot_table_init(struct slot_table *t)
{
	memset(t, 0, sizeof(*t));
	t->nr = slot_possible_cpus();
}

void slot_use(struct slot_table *t)
{
	u32 nr = READ_ONCE(t->nr);

	table_nr = nr && nr <= SLOT_MAX ? nr : SLOT_MAX;
	__atomic_store_n(&table, t, __ATOMIC_RELEASE);
}

static void use_own_table(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	if (!table) {
		slot_table_init(&own_table);
		slot_use(&own_table);
	}
	pthread_mutex_unlock(&lock);
}

static struct slot_table *any_table(void)
{
	if (!__atomic_load_n(&table, __ATOMIC_ACQUIRE))
		use_own_table();
	return __atomic_load_n(&table, __ATOMIC_ACQUIRE);
}

u32 *slot_object_refs(u32 type)
{
	return &any_table()->object_refs[type % SLOT_OBJECT_TYPES];
}

bool slot_stats(void)
{
	return __atomic_load_n(&any_table()->stats, __ATOMIC_RELAXED);
}

void slot_count_stats(s32 by)
{
	__atomic_add_fetch(&any_table()->stats, by, __ATOMIC_RELAXED);
}

/* A child has its own tid and holds nothing: its parent's thread does. */
static void forget_parent(void)
{
	held = 0;
	my_tid = 0;
}

__attribute__((constructor)) static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, forget_parent);
}

u32 slot_tid_as(u32 tid)
{
	u32 was = slot_tid();

	my_tid = tid;
	return was;
}

u32 slot_tid(void)
{
	if (unlikely(!my_tid))
		my_tid = (u32)syscall(SYS_gettid);
	return my_tid;
}

static bool take(struct slot_table *t, u32 slot)
{
	u32 free_word = 0;

	return __atomic_load_n(&t->owner[slot], __ATOMIC_RELAXED) == 0 &&
	       __atomic_compare_exchange_n(&t->owner[slot], &free_word, slot_tid(), false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* First the slot of our CPU, then the others in a circle; -1 when all are held. */
static int take_any(struct slot_table *t, u32 nr, u32 first)
{
	for (u32 i = 0; i < nr; i++) {
		u32 slot = first + i < nr ? first + i : first + i - nr;

		if (take(t, slot))
			return (int)slot;
	}
	return -1;
}

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

/* The slot to run on; after SLOT_PATIENCE_MS that is @first, whoever holds it: a stopped or hostile
 * peer must not stop us. */
static u32 wait_and_take(struct slot_table *t, u32 nr, u32 first)
{
	struct timespec limit = {.tv_nsec = 50 * 1000 * 1000};
	u64 until = now_ms() + SLOT_PATIENCE_MS;
	int slot;

	do {
		u32 seen = __atomic_or_fetch(&t->waiters, SLEEPERS, __ATOMIC_SEQ_CST);

		slot = take_any(t, nr, first);
		if (slot >= 0)
			return (u32)slot;
		syscall(SYS_futex, &t->waiters, FUTEX_WAIT, seen, &limit, NULL, 0);
	} while (now_ms() < until);
	return first;
}

static void wake(struct slot_table *t)
{
	u32 seen = __atomic_load_n(&t->waiters, __ATOMIC_SEQ_CST);

	if (likely(!(seen & SLEEPERS)))
		return;
	__atomic_store_n(&t->waiters, (seen + ONE_EVENT) & ~SLEEPERS, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &t->waiters, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

u32 slot_enter(void)
{
	struct slot_table *t;
	int cpu, slot, saved;
	u32 first;

	if (held) {
		held++;
		return HELD_SLOT(held);
	}
	t = __atomic_load_n(&table, __ATOMIC_ACQUIRE);
	if (unlikely(!t)) {
		use_own_table();
		t = table;
	}
	cpu = sched_getcpu();
	first = cpu > 0 ? (u32)cpu : 0;
	if (unlikely(first >= table_nr))
		first %= table_nr;
	slot = take_any(t, table_nr, first);
	if (unlikely(slot < 0)) {
		saved = errno;
		slot = (int)wait_and_take(t, table_nr, first);
		errno = saved;
	}
	WRITE_ONCE(held, HELD((u32)slot, 1));
	return (u32)slot;
}

void slot_leave(void)
{
	struct slot_table *t = table;
	u32 slot = HELD_SLOT(held), me = my_tid;

	if (HELD_DEPTH(held) > 1) {
		held--;
		return;
	}
	if (!held)
		return;
	WRITE_ONCE(held, 0);
	/* not ours when we had lost patience */
	__atomic_compare_exchange_n(&t->owner[slot], &me, 0, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_RELAXED);
	wake(t);
}

u32 slot_current(void)
{
	return HELD_SLOT(held);
}

const u32 *slot_word(void)
{
	return &held;
}

void slot_release_dead(struct slot_table *t, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	bool any = false;

	for (u32 i = 0; i < SLOT_MAX; i++) {
		u32 owner = __atomic_load_n(&t->owner[i], __ATOMIC_RELAXED);

		if (owner && tid_dead(owner, arg))
			any |= __atomic_compare_exchange_n(&t->owner[i], &owner, 0, false,
							   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	}
	if (any)
		wake(t);
}
