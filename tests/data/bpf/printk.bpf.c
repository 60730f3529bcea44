// SPDX-License-Identifier: BSD-2-Clause
/* printk.bpf.c - a line for trace_pipe. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int say(struct __sk_buff *skb)
{
	bpf_printk("length %d", skb->len - 14);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
