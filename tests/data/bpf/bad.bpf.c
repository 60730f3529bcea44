// SPDX-License-Identifier: BSD-2-Clause
/* bad.bpf.c - the verifier must refuse it: a map value is used without a NULL check. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} cells SEC(".maps");

SEC("socket")
int unchecked(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *cell = bpf_map_lookup_elem(&cells, &zero);

	return *cell;
}

char LICENSE[] SEC("license") = "GPL";
