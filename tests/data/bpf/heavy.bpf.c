// SPDX-License-Identifier: BSD-2-Clause
/* heavy.bpf.c - loops the verifier has to walk through turn by turn, each near the limit of a million instructions. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define HEAVY(name)                                \
	SEC("socket") int name(struct __sk_buff *skb) \
	{                                             \
		__u64 x = skb->len;                   \
		int i;                                \
		_Pragma("clang loop unroll(disable)") \
		for (i = 0; i < 80000; i++) {         \
			x ^= x << 7;                  \
			x += skb->mark;               \
		}                                     \
		return x;                             \
	}

HEAVY(heavy1)
HEAVY(heavy2)
HEAVY(heavy3)
HEAVY(heavy4)
HEAVY(heavy5)
HEAVY(heavy6)
HEAVY(heavy7)
HEAVY(heavy8)

char LICENSE[] SEC("license") = "GPL";
