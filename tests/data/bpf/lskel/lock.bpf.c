// SPDX-License-Identifier: BSD-2-Clause
/* lock.bpf.c - a spin lock in map values: the kernel finds it in their BTF, so the map cannot be made without. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct counter {
	struct bpf_spin_lock lock;
	__u32 users;
	__u64 total;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&counters, &key);

	if (!c)
		return 0;
	bpf_spin_lock(&c->lock);
	c->users++;
	c->total += skb->len;
	bpf_spin_unlock(&c->lock);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
