// SPDX-License-Identifier: BSD-2-Clause
/* hits.bpf.c - the least a program does, and counting. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

static int count_one(void)
{
	__u32 key = 0;
	__u64 *n = bpf_map_lookup_elem(&hits, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

SEC("uprobe")
int empty(void *ctx)
{
	return 0;
}

SEC("uprobe")
int count(void *ctx)
{
	return count_one();
}

SEC("tracepoint")
int empty_tp(void *ctx)
{
	return 0;
}

SEC("tracepoint")
int count_tp(void *ctx)
{
	return count_one();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
