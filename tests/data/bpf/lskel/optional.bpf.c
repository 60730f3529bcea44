// SPDX-License-Identifier: BSD-2-Clause
/* optional.bpf.c - programs that are not loaded unless somebody asks, and a map that is only theirs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} mine SEC(".maps");

SEC("socket")
int always(struct __sk_buff *skb)
{
	return 1;
}

SEC("?socket")
int sometimes(struct __sk_buff *skb)
{
	__u32 zero = 0, *v = bpf_map_lookup_elem(&mine, &zero);

	return v ? (int)*v : 0;
}

char LICENSE[] SEC("license") = "GPL";
