/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/membarrier.h>
#include "shim/hold.h"
#include "base/raw.h"

#define BATCH	 (4096 / sizeof(struct hold))
#define SPINS	 64
#define PATIENCE 2000 /* naps of half a millisecond: an update may wait as long for a bucket */

__thread __attribute__((tls_model("initial-exec"))) struct hold *hold_mine;
bool hold_fenced = true;

static struct hold *all; /* atomic; grows only */

void hold_init(void)
{
	hold_fenced = raw3(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0;
}

static bool take(struct hold *h, u32 tid)
{
	u32 old = __atomic_load_n(&h->tid, __ATOMIC_RELAXED);

	/* one of our number ended without giving it back, as all do */
	if (old && old != tid && raw3(SYS_tgkill, raw_getpid(), old, 0) != -ESRCH)
		return false;
	if (!__atomic_compare_exchange_n(&h->tid, &old, tid, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&h->what, NULL, __ATOMIC_RELAXED);
	hold_mine = h;
	return true;
}

/* A page of words, the first of them this thread's. */
static bool grow(u32 tid)
{
	struct hold *h = raw_mmap(NULL, BATCH * sizeof(*h), PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct hold *seen = __atomic_load_n(&all, __ATOMIC_RELAXED);

	if (IS_ERR(h))
		return false;
	h[0].tid = tid;
	for (u32 i = 0; i + 1 < BATCH; i++)
		h[i].next = &h[i + 1];
	do {
		h[BATCH - 1].next = seen;
	} while (!__atomic_compare_exchange_n(&all, &seen, h, false, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	hold_mine = h;
	return true;
}

bool hold_register(void)
{
	u32 tid = raw3(SYS_gettid, 0, 0, 0);

	for (struct hold *h = __atomic_load_n(&all, __ATOMIC_ACQUIRE); h; h = h->next)
		if (take(h, tid))
			return true;
	return grow(tid);
}

/* Only this thread is here now. */
void hold_after_fork(void)
{
	hold_init();
	for (struct hold *h = all; h; h = h->next) {
		h->what = NULL;
		h->tid = h == hold_mine ? (u32)raw3(SYS_gettid, 0, 0, 0) : 0;
	}
}

static bool held(const void *what)
{
	for (struct hold *h = __atomic_load_n(&all, __ATOMIC_ACQUIRE); h; h = h->next)
		if (__atomic_load_n(&h->what, __ATOMIC_ACQUIRE) == what)
			return true;
	return false;
}

bool hold_wait(const void *what)
{
	const struct timespec nap = {.tv_nsec = 500000};

	if (!__atomic_load_n(&all, __ATOMIC_ACQUIRE))
		return true;
	if (hold_fenced)
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	else
		raw3(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	for (u32 i = 0; held(what); i++) {
		if (i == SPINS + PATIENCE)
			return false;
		if (i < SPINS)
			raw3(SYS_sched_yield, 0, 0, 0);
		else
			raw3(SYS_nanosleep, (long)&nap, 0, 0);
	}
	return true;
}
