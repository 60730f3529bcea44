// SPDX-License-Identifier: BSD-2-Clause
/* maps.bpf.c - several maps in one program: each reference is a map of its own. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} lengths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 5);
	__uint(key_size, 7);
	__uint(value_size, 11);
} odd SEC(".maps");

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 len = skb->len, zero = 0;
	__u64 one = 1, *n;
	char key[7] = "abcdef";

	bpf_map_update_elem(&lengths, &len, &one, BPF_ANY);
	n = bpf_map_lookup_elem(&counts, &zero);
	if (n)
		__sync_fetch_and_add(n, 1);
	n = bpf_map_lookup_elem(&lengths, &len);
	return bpf_map_lookup_elem(&odd, key) ? 1 : n ? (int)*n + 1 : 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
