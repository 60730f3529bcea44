/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench/map/map.c runs: each program does one map operation OPS times, "KIND_OPERATION". */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define OPS	128 /* map.c divides by it */
#define RECORDS 64
#define RECORD	64

typedef unsigned int u32;
typedef unsigned long long u64;

#define MAP(kind, type_)                      \
	struct {                              \
		__uint(type, type_);          \
		__uint(max_entries, 2 * OPS); \
		__type(key, u32);             \
		__type(value, u64);           \
	} kind SEC(".maps")

#define VALUES(kind, type_)                   \
	struct {                              \
		__uint(type, type_);          \
		__uint(max_entries, 2 * OPS); \
		__type(value, u64);           \
	} kind SEC(".maps")

struct lpm_key {
	u32 bits, addr;
};

MAP(array, BPF_MAP_TYPE_ARRAY);
MAP(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY);
MAP(hash, BPF_MAP_TYPE_HASH);
MAP(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH);
MAP(lru_hash, BPF_MAP_TYPE_LRU_HASH);
MAP(lru_percpu_hash, BPF_MAP_TYPE_LRU_PERCPU_HASH);
VALUES(queue, BPF_MAP_TYPE_QUEUE);
VALUES(stack, BPF_MAP_TYPE_STACK);
VALUES(bloom_filter, BPF_MAP_TYPE_BLOOM_FILTER);

#define TRIE(name)                                    \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);  \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__uint(max_entries, 2 * OPS);         \
		__type(key, struct lpm_key);          \
		__type(value, u64);                   \
	} name SEC(".maps")

TRIE(lpm_trie);
TRIE(lpm_near);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ringbuf SEC(".maps");

u32 first = 0; /* so that keys are no constants, and every run has the same */

#define LOOP(prog, body)                          \
	SEC("tc") int prog(struct __sk_buff *skb) \
	{                                         \
		u64 sum = 0;                      \
		for (u32 i = 0; i < OPS; i++) {   \
			u32 key = first + i;      \
			u64 value = key;          \
			body;                     \
		}                                 \
		return (int)sum;                  \
	}

#define LOOKUP(kind)                                                                     \
	LOOP(kind##_lookup, u64 *p = bpf_map_lookup_elem(&kind, &key); if (p) sum += *p; \
	     sum += value)
#define UPDATE(kind) LOOP(kind##_update, sum += bpf_map_update_elem(&kind, &key, &value, BPF_ANY))
/* what is put in is taken out, so that the next run finds the map as it was: two operations */
#define CYCLE(kind)                                                        \
	LOOP(kind##_cycle, key += OPS;                                     \
	     sum += bpf_map_update_elem(&kind, &key, &value, BPF_NOEXIST); \
	     sum += bpf_map_delete_elem(&kind, &key))

UPDATE(array)
LOOKUP(array)
UPDATE(percpu_array)
LOOKUP(percpu_array)
UPDATE(hash)
LOOKUP(hash)
CYCLE(hash)
UPDATE(percpu_hash)
LOOKUP(percpu_hash)
CYCLE(percpu_hash)
UPDATE(lru_hash)
LOOKUP(lru_hash)
CYCLE(lru_hash)
UPDATE(lru_percpu_hash)
LOOKUP(lru_percpu_hash)
CYCLE(lru_percpu_hash)

#define LPM struct lpm_key lpm = {.bits = 32, .addr = key}
LOOP(lpm_trie_update, LPM; sum += bpf_map_update_elem(&lpm_trie, &lpm, &value, BPF_ANY))
LOOP(lpm_trie_lookup, LPM; u64 *p = bpf_map_lookup_elem(&lpm_trie, &lpm); if (p) sum += *p;
     sum += value)
/* addresses of one network, as they stand in a packet: their first bytes are the same */
#define NEAR struct lpm_key lpm = {.bits = 32, .addr = __builtin_bswap32(0x0a000000 | key)}
LOOP(lpm_near_update, NEAR; sum += bpf_map_update_elem(&lpm_near, &lpm, &value, BPF_ANY))
LOOP(lpm_near_lookup, NEAR; u64 *p = bpf_map_lookup_elem(&lpm_near, &lpm); if (p) sum += *p;
     sum += value)
LOOP(lpm_trie_cycle, LPM; lpm.addr += OPS;
     sum += bpf_map_update_elem(&lpm_trie, &lpm, &value, BPF_NOEXIST);
     sum += bpf_map_delete_elem(&lpm_trie, &lpm))

LOOP(queue_cycle, sum += bpf_map_push_elem(&queue, &value, 0);
     sum += bpf_map_pop_elem(&queue, &value))
LOOP(stack_cycle, sum += bpf_map_push_elem(&stack, &value, 0);
     sum += bpf_map_pop_elem(&stack, &value))
LOOP(bloom_filter_push, sum += bpf_map_push_elem(&bloom_filter, &value, 0))
LOOP(bloom_filter_peek, sum += bpf_map_peek_elem(&bloom_filter, &value))

/* RECORDS at a time; -> how many found room */
SEC("tc") int records(struct __sk_buff *skb)
{
	int n = 0;

	for (u32 i = 0; i < RECORDS; i++) {
		u64 *r = bpf_ringbuf_reserve(&ringbuf, RECORD, 0);

		if (!r)
			continue;
		r[0] = i;
		bpf_ringbuf_submit(r, 0);
		n++;
	}
	return n;
}

char _license[] SEC("license") = "GPL";
