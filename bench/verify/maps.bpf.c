/* SPDX-License-Identifier: BSD-2-Clause */
/* maps.bpf.c - lookups in a row, each with its null check, and accesses at variable offsets of
 * the values; pointers live on the stack in between. */
#include "bench.bpf.h"

struct value {
	__u64 hits;
	__u32 bucket[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, struct value);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct value);
} list SEC(".maps");

SEC("tc") int maps(struct __sk_buff *skb)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < 40; i++) {
		__u64 key = skb->hash + i;
		__u32 at = unknown() & 63, slot;
		struct value *a = bpf_map_lookup_elem(&table, &key), *b = bpf_map_lookup_elem(&list, &at);

		slot = unknown() & 15;
		barrier_var(slot);
		if (a) {
			a->hits++;
			a->bucket[slot & 15]++;
		}
		if (b) {
			b->bucket[slot & 15] += a ? a->bucket[1] : 1;
			sum += b->hits;
		}
	}
	return sum ? TC_ACT_OK : TC_ACT_SHOT;
}
