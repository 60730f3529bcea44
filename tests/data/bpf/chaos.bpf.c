/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests/e2e/chaos.c runs in processes that are killed: updates of maps and records of a ring buffer. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

typedef unsigned int u32;
typedef unsigned long long u64;

#define KEYS  256 /* as in chaos.c */
#define MAGIC 0xc0de000000000000ull

struct value {
	u64 word[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KEYS / 2);
	__type(key, u32);
	__type(value, struct value);
} in_programs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} ring SEC(".maps");

static void fill(u64 *word, u32 key)
{
	for (int i = 0; i < 8; i++)
		word[i] = MAGIC | (u64)key << 32 | i;
}

SEC("tc") int update(struct __sk_buff *skb)
{
	struct value v;

	for (int i = 0; i < 64; i++) {
		u32 key = bpf_get_prandom_u32() % KEYS;

		fill(v.word, key);
		if (bpf_get_prandom_u32() & 1)
			bpf_map_update_elem(&in_programs, &key, &v, BPF_ANY);
		else
			bpf_map_delete_elem(&in_programs, &key);
	}
	return 0;
}

SEC("tc") int records(struct __sk_buff *skb)
{
	for (int i = 0; i < 64; i++) {
		u32 key = bpf_get_prandom_u32() % KEYS;
		u64 *r = bpf_ringbuf_reserve(&ring, 64, 0);

		if (!r)
			continue;
		fill(r, key);
		if (key & 1)
			bpf_ringbuf_submit(r, 0);
		else
			bpf_ringbuf_discard(r, 0);
	}
	return 0;
}

char _license[] SEC("license") = "GPL";
