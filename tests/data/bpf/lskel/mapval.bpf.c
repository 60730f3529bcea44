// SPDX-License-Identifier: BSD-2-Clause
/* mapval.bpf.c - global data: .data, .bss and .rodata with offsets that are not 0. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 factor = 3;
const volatile char greeting[12] = "hello";
__u64 unused_first = 0x1122334455667788;
__u32 start = 1000;
__u16 pairs[4] = {1, 2, 3, 4};
__u64 calls;
struct {
	__u32 len;
	char mark;
} last;

SEC("socket")
int use_globals(struct __sk_buff *skb)
{
	calls++;
	last.len = skb->len;
	last.mark = greeting[1];
	start += pairs[2];
	return start * factor;
}

char LICENSE[] SEC("license") = "GPL";
