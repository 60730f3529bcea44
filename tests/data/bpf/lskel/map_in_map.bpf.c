// SPDX-License-Identifier: BSD-2-Clause
/* map_in_map.bpf.c - maps of maps: inner maps of the definition, and slots that are filled at load time. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} one SEC(".maps"), two SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = {&one, 0, &two},
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} empty SEC(".maps");

SEC("socket")
int look(struct __sk_buff *skb)
{
	__u32 key = skb->len % 3, zero = 0;
	void *in = bpf_map_lookup_elem(&outer, &key);
	__u64 *n;

	if (!in)
		in = bpf_map_lookup_elem(&empty, &key);
	if (!in)
		return -1;
	n = bpf_map_lookup_elem(in, &zero);
	return n ? (int)++*n : -2;
}

char LICENSE[] SEC("license") = "GPL";
