// SPDX-License-Identifier: BSD-2-Clause
/* btf_keys.bpf.c - maps whose keys and values are structs with BTF, nested and with arrays, enums and bitfields. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum direction { IN = 1, OUT = -1 };

struct address {
	__u8 octets[4];
	__u16 port;
	__u16 pad;
};

struct flow {
	struct address from, to;
	enum direction dir;
};

struct record {
	__u64 packets;
	union {
		__u64 bytes;
		__u32 halves[2];
	};
	__u32 syn : 1, fin : 1, rest : 30;
	char tag[12];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, struct flow);
	__type(value, struct record);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, struct record);
} totals SEC(".maps");

SEC("socket")
int record(struct __sk_buff *skb)
{
	struct flow f = {.from.port = 80, .dir = OUT};
	struct record r = {.packets = 1, .bytes = skb->len, .syn = 1, .tag = "new"}, *old;
	int zero = 0;

	bpf_map_update_elem(&flows, &f, &r, BPF_NOEXIST);
	old = bpf_map_lookup_elem(&totals, &zero);
	if (old)
		old->packets++;
	return old ? (int)old->packets : 0;
}

char LICENSE[] SEC("license") = "GPL";
