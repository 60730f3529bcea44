// SPDX-License-Identifier: BSD-2-Clause
/* sections.bpf.c - global data in sections of one's own, and static variables. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 first SEC(".data.one") = 11;
__u32 second SEC(".data.two") = 22;
const volatile __u32 third SEC(".rodata.three") = 33;
__u32 fourth;
static __u32 hidden = 44;
static volatile const __u64 fixed[3] = {5, 6, 7};

SEC("socket")
int sum(struct __sk_buff *skb)
{
	__u32 n = skb->len & 1;

	hidden += skb->len;
	fourth = first + second + third + hidden + (__u32)fixed[n];
	return fourth;
}

char LICENSE[] SEC("license") = "GPL";
