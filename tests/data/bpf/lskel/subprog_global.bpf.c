// SPDX-License-Identifier: BSD-2-Clause
/* subprog_global.bpf.c - global functions: verified on their own, by their BTF. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 seen;

__attribute__((noinline)) int scale(int x, int by)
{
	seen++;
	return x * by;
}

__attribute__((noinline)) int weigh(struct __sk_buff *skb)
{
	return scale(skb->len, 3);
}

SEC("tc")
int classify(struct __sk_buff *skb)
{
	return weigh(skb) > 1000 ? 2 : 0;
}

char LICENSE[] SEC("license") = "GPL";
