/* SPDX-License-Identifier: BSD-2-Clause */
/* system.c - time, CPU, randomness. */
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/slot.h"
#include "helper/fn.h"

/* Debian's kernels tick 250 times a second; the count starts 5 minutes before it wraps in 32 bits.
 */
#define JIFFIES_HZ	250u
#define INITIAL_JIFFIES ((u32)(-300 * (s32)JIFFIES_HZ))
#define NSEC		1000000000ull

static u64 now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (u64)ts.tv_sec * NSEC + (u64)ts.tv_nsec;
}

HELPER_FN(ktime_get_ns)
{
	return now(CLOCK_MONOTONIC);
}

HELPER_FN(ktime_get_boot_ns)
{
	return now(CLOCK_BOOTTIME);
}

HELPER_FN(ktime_get_coarse_ns)
{
	return now(CLOCK_MONOTONIC_COARSE);
}

HELPER_FN(ktime_get_tai_ns)
{
	return now(CLOCK_TAI);
}

HELPER_FN(jiffies64)
{
	return INITIAL_JIFFIES + now(CLOCK_MONOTONIC) / (NSEC / JIFFIES_HZ);
}

/* xorshift64*, one state per thread: as good as the kernel's, which promises no more. */
HELPER_FN(get_prandom_u32)
{
	static __thread __attribute__((tls_model("initial-exec"))) u64 state;
	u64 x = state;

	if (unlikely(!x) && (getrandom(&x, sizeof(x), GRND_NONBLOCK) != sizeof(x) || !x))
		x = now(CLOCK_MONOTONIC) ^ (u64)&state ^ 1;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	state = x;
	return (u32)((x * 0x2545f4914f6cdd1dull) >> 32);
}

HELPER_FN(get_smp_processor_id)
{
	return slot_current();
}

HELPER_FN(get_numa_node_id)
{
	unsigned int cpu, node;

	return syscall(SYS_getcpu, &cpu, &node, NULL) ? 0 : node;
}
