// SPDX-License-Identifier: BSD-2-Clause
/* subprog_static.bpf.c - calls inside the object: static functions, of .text and of the program's own section. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int twice(int x)
{
	return x * 2 + (int)(bpf_ktime_get_ns() & 0);
}

static __attribute__((noinline)) int four_times(int x)
{
	return twice(twice(x)) + 1;
}

SEC("socket")
int compute(struct __sk_buff *skb)
{
	return four_times(skb->len) + twice(3);
}

char LICENSE[] SEC("license") = "GPL";
