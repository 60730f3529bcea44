// SPDX-License-Identifier: BSD-2-Clause
/* prog_array.bpf.c - tail calls, the table filled at load time. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int left(struct __sk_buff *skb);
int right(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct __sk_buff *));
} table SEC(".maps") = {
	.values = {[0] = (void *)&left, [2] = (void *)&right},
};

SEC("socket")
int left(struct __sk_buff *skb)
{
	return 100;
}

SEC("socket")
int right(struct __sk_buff *skb)
{
	return 200;
}

SEC("socket")
int enter(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &table, skb->len & 3);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
