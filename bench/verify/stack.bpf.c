/* SPDX-License-Identifier: BSD-2-Clause */
/* stack.bpf.c - straight code, unrolled: a full stack of spilled values, a hash over it,
 * variable access into it; big states. */
#include "bench.bpf.h"

SEC("socket") int stack(struct __sk_buff *skb)
{
	volatile __u64 w[48];
	__u64 h = skb->len;

#pragma unroll
	for (int i = 0; i < 48; i++)
		w[i] = h += skb->mark ^ i;
#pragma unroll
	for (int r = 0; r < 4; r++) {
#pragma unroll
		for (int i = 0; i < 48; i++) {
			__u64 v = w[i];

			h = (h << 5) + h + v;
			if (h & 256)
				w[i] = h;
			else
				w[(i + 1) % 48] = v;
		}
	}
	return h;
}
