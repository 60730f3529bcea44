// SPDX-License-Identifier: BSD-2-Clause
/* bigdata.bpf.c - global data of more than a page: sizes are rounded to pages of the machine that loads. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define N 3001

__u32 table[N];
__u8 prefilled[5000] = {[0] = 1, [4999] = 9};
const volatile __u32 mask = 1023;

SEC("socket")
int touch(struct __sk_buff *skb)
{
	__u32 at = skb->len & mask & 2047;

	table[at] += prefilled[4999];
	return table[at] + table[N - 1];
}

char LICENSE[] SEC("license") = "GPL";
