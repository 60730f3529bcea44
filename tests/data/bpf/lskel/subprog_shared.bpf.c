// SPDX-License-Identifier: BSD-2-Clause
/* subprog_shared.bpf.c - several programs in several sections that share functions: each gets its own copy. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 hits[3];

static __attribute__((noinline)) void hit(__u32 which)
{
	if (which < 3)
		hits[which]++;
}

static __attribute__((noinline)) int common(struct __sk_buff *skb, int which)
{
	hit(which);
	return skb->len + which;
}

SEC("socket")
int first(struct __sk_buff *skb)
{
	return common(skb, 0);
}

SEC("socket")
int second(struct __sk_buff *skb)
{
	hit(2);
	return common(skb, 1);
}

SEC("tc")
int third(struct __sk_buff *skb)
{
	return common(skb, 2) & 1;
}

char LICENSE[] SEC("license") = "GPL";
