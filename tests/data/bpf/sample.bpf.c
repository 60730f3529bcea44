// SPDX-License-Identifier: BSD-2-Clause
/* sample.bpf.c - what the end-to-end tests load: maps of several kinds, global data, a static and a global subprogram. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct key {
	__u32 proto;
	__u32 port;
};

struct counters {
	__u64 packets;
	__u64 bytes;
	struct {
		__u16 first;
		char tag[6];
	} last;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct key);
	__type(value, struct counters);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} per_cpu SEC(".maps");

const volatile __u32 min_len = 14;
__u64 seen;
__u32 limit = 1500;

static __attribute__((noinline)) int clamp(int len)
{
	return len > (int)limit ? (int)limit : len;
}

__attribute__((noinline)) int weigh(int len, int scale)
{
	return clamp(len) * scale + 1;
}

SEC("socket")
int count_packets(struct __sk_buff *skb)
{
	struct key key = { .proto = skb->protocol, .port = 7 };
	struct counters *c, fresh = { .packets = 1, .bytes = skb->len, .last.tag = "first" };
	__u32 zero = 0;
	__u64 *total;

	if (skb->len < min_len)
		return 0;
	c = bpf_map_lookup_elem(&flows, &key);
	if (c) {
		__sync_fetch_and_add(&c->packets, 1);
		__sync_fetch_and_add(&c->bytes, skb->len);
	} else {
		bpf_map_update_elem(&flows, &key, &fresh, BPF_ANY);
	}
	total = bpf_map_lookup_elem(&totals, &zero);
	if (total)
		*total += skb->len;
	total = bpf_map_lookup_elem(&per_cpu, &zero);
	if (total)
		*total += 1;
	seen++;
	return weigh(skb->len, 2);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
