/* SPDX-License-Identifier: BSD-2-Clause */
/* branches.bpf.c - a chain of branches on unknown values, whose sides leave different states
 * behind: many states, compared with many. */
#include "bench.bpf.h"

#define STEP(n)                                                                                                                        \
	do {                                                                                                                           \
		__u32 v = unknown();                                                                                                   \
		if (v & (1u << (n)))                                                                                                   \
			sum += v & 15;                                                                                                 \
		else if (v > (n) * 100)                                                                                                \
			sum += 2;                                                                                                      \
		else                                                                                                                   \
			sum ^= v;                                                                                                      \
		if (sum > 5000)                                                                                                        \
			sum &= 4095;                                                                                                   \
		barrier_var(sum);                                                                                                      \
	} while (0)
#define STEP4(n) STEP(n); STEP(n + 1); STEP(n + 2); STEP(n + 3)
#define STEP16(n) STEP4(n); STEP4(n + 4); STEP4(n + 8); STEP4(n + 12)

SEC("socket") int branches(struct __sk_buff *skb)
{
	__u32 sum = skb->mark;

	for (int i = 0; i < 12; i++) {
		STEP16(0);
		STEP16(15);
	}
	return sum;
}
