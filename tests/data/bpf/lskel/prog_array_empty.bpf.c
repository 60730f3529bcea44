// SPDX-License-Identifier: BSD-2-Clause
/* prog_array_empty.bpf.c - tail calls through a table that user space fills later. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} table SEC(".maps");

SEC("socket")
int leaf(struct __sk_buff *skb)
{
	return 55;
}

SEC("socket")
int enter(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &table, 1);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
