// SPDX-License-Identifier: BSD-2-Clause
/* heavy.bpf.c - a loop the verifier has to walk through turn by turn: near the limit of a million instructions. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int heavy(struct __sk_buff *skb)
{
	__u64 x = skb->len;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 80000; i++) {
		x ^= x << 7;
		x += skb->mark;
	}
	return x;
}

char LICENSE[] SEC("license") = "GPL";
