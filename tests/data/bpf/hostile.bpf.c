/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs and an iterator on maps that somebody writes nonsense over: tests/e2e/hostile.c. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

typedef unsigned int u32;
typedef unsigned long long u64;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct seq_file;
struct bpf_map;
struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};
#pragma clang attribute pop

struct value {
	u64 word[8];
};
struct lpm_key {
	u32 bits, addr;
};

#define MAP(name, type_, key_)              \
	struct {                            \
		__uint(type, type_);        \
		__uint(max_entries, 128);   \
		__type(key, key_);          \
		__type(value, struct value); \
	} name SEC(".maps")

#define VALUES(name, type_)                 \
	struct {                            \
		__uint(type, type_);        \
		__uint(max_entries, 128);   \
		__type(value, struct value); \
	} name SEC(".maps")

MAP(hash, BPF_MAP_TYPE_HASH, u32);
MAP(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, u32);
MAP(lru_hash, BPF_MAP_TYPE_LRU_HASH, u32);
MAP(lru_percpu, BPF_MAP_TYPE_LRU_PERCPU_HASH, u32);
MAP(array, BPF_MAP_TYPE_ARRAY, u32);
MAP(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, u32);
VALUES(queue, BPF_MAP_TYPE_QUEUE);
VALUES(stack, BPF_MAP_TYPE_STACK);
VALUES(bloom, BPF_MAP_TYPE_BLOOM_FILTER);

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 128);
	__type(key, struct lpm_key);
	__type(value, struct value);
} lpm SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} ring SEC(".maps");

static long visit(struct bpf_map *map, const void *key, struct value *value, u64 *sum)
{
	*sum += value->word[0];
	return 0;
}

#define KEYED(map)                                                    \
	do {                                                          \
		struct value *p = bpf_map_lookup_elem(&map, &key);    \
		if (p)                                                \
			p->word[key & 7] += key;                      \
		if (key & 1)                                          \
			bpf_map_update_elem(&map, &key, &v, BPF_ANY); \
		else                                                  \
			bpf_map_delete_elem(&map, &key);              \
	} while (0)

SEC("tc") int touch(struct __sk_buff *skb)
{
	struct value v = {};
	u64 sum = 0;

	for (int i = 0; i < 32; i++) {
		u32 key = bpf_get_prandom_u32() & 255;
		struct lpm_key l = {.bits = key & 31, .addr = key};
		u64 *r;

		v.word[0] = key;
		KEYED(hash);
		KEYED(percpu_hash);
		KEYED(lru_hash);
		KEYED(lru_percpu);
		KEYED(array);
		KEYED(percpu_array);
		if (key & 1)
			bpf_map_update_elem(&lpm, &l, &v, BPF_ANY);
		else if (bpf_map_lookup_elem(&lpm, &l))
			bpf_map_delete_elem(&lpm, &l);
		bpf_map_push_elem(&queue, &v, BPF_EXIST);
		bpf_map_push_elem(&stack, &v, BPF_EXIST);
		bpf_map_pop_elem(&queue, &v);
		bpf_map_pop_elem(&stack, &v);
		bpf_map_push_elem(&bloom, &v, 0);
		bpf_map_peek_elem(&bloom, &v);
		r = bpf_ringbuf_reserve(&ring, 64, 0);
		if (r) {
			r[0] = key;
			bpf_ringbuf_submit(r, 0);
		}
	}
	bpf_for_each_map_elem(&hash, visit, &sum, 0);
	bpf_for_each_map_elem(&array, visit, &sum, 0);
	return 0;
}

SEC("iter/bpf_map_elem") int elements(struct bpf_iter__bpf_map_elem *ctx)
{
	struct value *v = ctx->value;

	if (v)
		bpf_seq_write(ctx->meta->seq, v, sizeof(v->word[0]));
	return 0;
}

char _license[] SEC("license") = "GPL";
