// SPDX-License-Identifier: BSD-2-Clause
/* callback_each.bpf.c - bpf_for_each_map_elem over an array and a hash. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct arg {
	__u64 sum;
};

static long add(void *map, __u32 *key, __u64 *value, struct arg *a)
{
	a->sum += *value + *key;
	return 0;
}

static long count(void *map, __u32 *key, __u64 *value, struct arg *a)
{
	a->sum++;
	return 0;
}

SEC("socket")
int each(struct __sk_buff *skb)
{
	struct arg a = {0};

	bpf_for_each_map_elem(&values, add, &a, 0);
	bpf_for_each_map_elem(&table, count, &a, 0);
	return a.sum;
}

char LICENSE[] SEC("license") = "GPL";
