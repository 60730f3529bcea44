/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps of maps: initial slots, look-ups through both kinds. tests/e2e/mapinmap.c uses it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 2);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} by_index SEC(".maps") = {.values = {&first, 0, &second}};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 600);
	__type(key, __u64);
	__array(values, struct inner);
} by_key SEC(".maps");

/* which element the next run is about */
struct {
	__u64 key, index;
} choice SEC(".data.choice") = {};

static int add_to(void *inner)
{
	__u32 zero = 0;
	__u64 *value;

	if (!inner)
		return -1;
	value = bpf_map_lookup_elem(inner, &zero);
	if (!value)
		return -2;
	return __sync_fetch_and_add(value, 1) + 1;
}

SEC("tc") int through_index(struct __sk_buff *skb)
{
	__u32 i = choice.index;

	return add_to(bpf_map_lookup_elem(&by_index, &i));
}

SEC("tc") int through_key(struct __sk_buff *skb)
{
	__u64 k = choice.key;

	return add_to(bpf_map_lookup_elem(&by_key, &k));
}

/* Every inner map there is, in one run. */
SEC("tc") int all_keys(struct __sk_buff *skb)
{
	int found = 0;

	for (__u64 k = 0; k < 600; k++)
		found += add_to(bpf_map_lookup_elem(&by_key, &k)) > 0;
	return found;
}

char LICENSE[] SEC("license") = "GPL";
