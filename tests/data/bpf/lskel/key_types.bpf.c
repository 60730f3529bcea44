// SPDX-License-Identifier: BSD-2-Clause
/* key_types.bpf.c - keys whose types a kernel refuses. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum outcome { PASSED, DROPPED, OUTCOMES };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, enum outcome);
	__type(value, __u64);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, enum outcome);
	__type(value, __u64);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16);
	__type(key, __u64);
	__type(value, __u32);
} prefixes SEC(".maps");

SEC("socket")
int count(struct __sk_buff *skb)
{
	enum outcome key = skb->len > 64 ? DROPPED : PASSED;
	__u64 prefix = 32, *total = bpf_map_lookup_elem(&totals, &key);
	__u64 *here = bpf_map_lookup_elem(&per_cpu, &key);

	if (total && here) {
		__sync_fetch_and_add(total, 1);
		*here += 1;
	}
	return bpf_map_lookup_elem(&prefixes, &prefix) ? 1 : 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
