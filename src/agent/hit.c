// SPDX-License-Identifier: BSD-2-Clause
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "agent/hit.h"
#include "base/slot.h"

__thread int hit_inside __attribute__((tls_model("initial-exec")));

/* Of this process only. */
static struct {
	u64 seq; /* odd: a hit is running with the slot */
} __attribute__((aligned(64))) in_slot[SLOT_MAX];

static u64 clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

void (*hit_counted)(void);
static u32 counted;

void hit_counted_seen(void)
{
	__atomic_store_n(&counted, 0, __ATOMIC_RELEASE);
}

static void tell(void)
{
	if (hit_counted && !__atomic_exchange_n(&counted, 1, __ATOMIC_ACQ_REL))
		hit_counted();
}

static void count(struct hit *h, u64 since)
{
	__atomic_add_fetch(&h->runs, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&h->ns, clock_ns() - since, __ATOMIC_RELAXED);
	tell();
}

bool hit_begin(u32 *slot)
{
	if (hit_inside || unlikely(exec_current() != NULL))
		return false;
	hit_inside = 1;
	*slot = slot_enter();
	WRITE_ONCE(in_slot[*slot].seq, in_slot[*slot].seq + 1);
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* hit_quiesce() has the barrier */
	return true;
}

static u64 execute(struct hit *h, void *ctx, struct exec_run *run)
{
	u64 ret, since;
	int saved = errno;

	run->host = h->host;
	run->cookie = h->cookie;
	since = unlikely(slot_stats()) ? clock_ns() : 0;
	ret = exec_run(h->img, ctx, run);
	if (unlikely(since))
		count(h, since);
	errno = saved;
	return ret;
}

u64 hit_exec(struct hit *h, void *ctx, u64 ip, const struct exec_regs *user)
{
	struct exec_run run;

	if (unlikely(READ_ONCE(h->dead)))
		return 0;
	memset(&run, 0, sizeof(run));
	run.ip = ip;
	run.user = user;
	return execute(h, ctx, &run);
}

bool hit_exec_call(struct hit *h, void *ctx, const struct exec_regs *user, u64 *ret)
{
	struct exec_run run;

	if (unlikely(READ_ONCE(h->dead)))
		return false;
	memset(&run, 0, sizeof(run));
	run.user = user;
	execute(h, ctx, &run);
	if (unlikely(run.override))
		*ret = run.override_rc;
	return run.override;
}

u64 hit_exec_perf(struct hit *h, void *ctx, const struct exec_regs *user,
		  const struct bpf_perf_event_value *value)
{
	struct exec_run run;

	if (unlikely(READ_ONCE(h->dead)))
		return 0;
	memset(&run, 0, sizeof(run));
	run.user = user;
	run.perf = value;
	return execute(h, ctx, &run);
}

void hit_end(u32 slot)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&in_slot[slot].seq, in_slot[slot].seq + 1, __ATOMIC_RELEASE);
	slot_leave();
	hit_inside = 0;
}

u64 hit_run(struct hit *h, void *ctx, u64 ip, const struct exec_regs *user)
{
	u64 ret;
	u32 slot;

	if (!hit_begin(&slot)) {
		if (!hit_inside) {
			__atomic_add_fetch(&h->missed, 1, __ATOMIC_RELAXED);
			tell();
		}
		return 0;
	}
	ret = hit_exec(h, ctx, ip, user);
	hit_end(slot);
	return ret;
}

/* Every thread of the process has passed a full barrier. */
static void barrier_everywhere(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)) {
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
			syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	}
}

bool hit_quiesce(u32 ms)
{
	u64 until = clock_ns() + ms * 1000000ull, seen[SLOT_MAX];
	const struct timespec nap = {.tv_nsec = 50000};

	barrier_everywhere();
	for (u32 i = 0; i < SLOT_MAX; i++)
		seen[i] = __atomic_load_n(&in_slot[i].seq, __ATOMIC_ACQUIRE);
	for (u32 i = 0; i < SLOT_MAX; i++) {
		while (seen[i] & 1 &&
		       __atomic_load_n(&in_slot[i].seq, __ATOMIC_ACQUIRE) == seen[i]) {
			if (clock_ns() > until)
				return false;
			nanosleep(&nap, NULL);
		}
	}
	return true;
}

void hit_after_fork(void)
{
	memset(in_slot, 0, sizeof(in_slot));
}
