/* SPDX-License-Identifier: BSD-2-Clause */
/* loops.bpf.c - nested bounded loops over a table on the stack: each round is walked anew, with
 * a branch in it. */
#include "bench.bpf.h"

SEC("socket") int loops(struct __sk_buff *skb)
{
	__u32 table[16] = { 0 }, sum = 0;

	for (int i = 0; i < 150; i++) {
		for (int j = 0; j < 16; j++) {
			__u32 v = table[j];

			barrier_var(v);
			table[j] = v * 33 + i;
			sum ^= v >> (j & 7);
			barrier_var(sum);
		}
		if (sum > 1000)
			sum = skb->len;
	}
	return sum;
}
