// SPDX-License-Identifier: BSD-2-Clause
/* percpu.bpf.c - per-CPU maps. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 8);
	__type(key, __u64);
	__type(value, __u32[3]);
} sizes SEC(".maps");

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 zero = 0, v[3] = {1, 2, 3};
	__u64 key = skb->len, *n = bpf_map_lookup_elem(&counts, &zero);

	if (n)
		++*n;
	bpf_map_update_elem(&sizes, &key, v, BPF_ANY);
	return n ? (int)*n : 0;
}

char LICENSE[] SEC("license") = "GPL";
