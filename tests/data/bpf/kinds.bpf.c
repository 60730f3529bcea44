// SPDX-License-Identifier: BSD-2-Clause
/* kinds.bpf.c - map kinds from the program's side: one operation per run, told by the packet, answered in it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct call {
	__u32 op, pad;
	__u64 flags;
	struct {
		__u32 prefixlen;
		__u8 data[4];
	} key;
	__u64 value;
	__s64 ret;
};

#define KIND(id, kind, n)                             \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_##kind);    \
		__uint(max_entries, n);               \
		__uint(key_size, 0);                  \
		__uint(value_size, 8);                \
	} id SEC(".maps")

KIND(queue, QUEUE, 4);
KIND(stack, STACK, 4);
KIND(bloom, BLOOM_FILTER, 100);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} lru SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, 8);
	__uint(value_size, 8);
} lpm SEC(".maps");

static __s64 lookup(void *map, void *key, __u64 *value)
{
	__u64 *v = bpf_map_lookup_elem(map, key);

	if (!v)
		return -1;
	*value = *v;
	return 0;
}

SEC("tc")
int call(struct __sk_buff *skb)
{
	struct call c;
	__u64 zero = 0;

	if (bpf_skb_load_bytes(skb, 0, &c, sizeof(c)))
		return 1;
	switch (c.op) {
	case 0: c.ret = bpf_map_push_elem(&queue, &c.value, c.flags); break;
	case 1: c.ret = bpf_map_pop_elem(&queue, &c.value); break;
	case 2: c.ret = bpf_map_peek_elem(&queue, &c.value); break;
	case 3: c.ret = bpf_map_push_elem(&stack, &c.value, c.flags); break;
	case 4: c.ret = bpf_map_pop_elem(&stack, &c.value); break;
	case 5: c.ret = bpf_map_peek_elem(&stack, &c.value); break;
	case 6: c.ret = bpf_map_push_elem(&bloom, &c.value, c.flags); break;
	case 7: c.ret = bpf_map_peek_elem(&bloom, &c.value); break;
	case 8: c.ret = lookup(&lru, &c.key, &c.value); break;
	case 9: c.ret = bpf_map_update_elem(&lru, &c.key, &c.value, c.flags); break;
	case 10: c.ret = bpf_map_delete_elem(&lru, &c.key); break;
	case 11: c.ret = lookup(&lpm, &c.key, &c.value); break;
	case 12: c.ret = bpf_map_update_elem(&lpm, &c.key, &c.value, c.flags); break;
	case 13: c.ret = bpf_map_delete_elem(&lpm, &c.key); break;
	default: c.ret = -77 - zero;
	}
	return bpf_skb_store_bytes(skb, 0, &c, sizeof(c), 0) ? 2 : 0;
}

char _license[] SEC("license") = "GPL";
