/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench/exec runs: each program does one kind of work on a packet of 256 bytes, some hundred to some
 * thousand instructions long. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SIZE 256

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u64);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u64);
} hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} percpu SEC(".maps");

/* The packet, or leave. */
#define PACKET(skb, p)                                                     \
	u8 *p = (u8 *)(long)(skb)->data;                                   \
	if (p + SIZE > (u8 *)(long)(skb)->data_end)                        \
		return 0

SEC("tc") int empty(struct __sk_buff *skb)
{
	return 0;
}

SEC("tc") int arithmetic(struct __sk_buff *skb)
{
	u64 a = skb->len, b = 88172645463325252ull;

	for (int i = 0; i < 200; i++) {
		b ^= b << 13;
		b ^= b >> 7;
		b ^= b << 17;
		a = a * 31 + (b & 0xffff);
	}
	return (int)(a >> 7);
}

SEC("tc") int divide(struct __sk_buff *skb)
{
	u64 a = skb->len + 0x123456789abcdefull;
	u32 sum = 0;

	for (int i = 0; i < 100; i++) {
		sum += a % 1000 + (u32)a / 7;
		a = a * 6364136223846793005ull + 1442695040888963407ull;
	}
	return sum;
}

SEC("tc") int checksum(struct __sk_buff *skb)
{
	u64 sum = 0;
	PACKET(skb, p);

	for (int i = 0; i < SIZE; i += 4)
		sum += *(u32 *)(p + i);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

SEC("tc") int fnv(struct __sk_buff *skb)
{
	u64 h = 0xcbf29ce484222325ull;
	PACKET(skb, p);

#pragma clang loop unroll(disable)
	for (int i = 0; i < SIZE; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return (int)h;
}

SEC("tc") int search(struct __sk_buff *skb)
{
	int found = 0;
	PACKET(skb, p);

#pragma clang loop unroll(disable)
	for (int i = 0; i < SIZE - 4; i++)
		if (p[i] == 'u' && p[i + 1] == 'b' && p[i + 2] == 'p')
			found++;
	return found;
}

SEC("tc") int parse(struct __sk_buff *skb)
{
	u8 *p = (u8 *)(long)skb->data, *end = (u8 *)(long)skb->data_end;
	u32 sum = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 30; i++) {
		if (p + 8 > end)
			break;
		switch (p[0] & 7) {
		case 0: sum += p[1]; break;
		case 1: sum ^= p[2]; break;
		case 2: sum += __builtin_bswap16(*(u16 *)(p + 4)); break;
		case 3: sum -= p[3]; break;
		case 4: sum += __builtin_bswap32(*(u32 *)(p + 4)); break;
		default: sum++;
		}
		p += 8;
	}
	return sum;
}

SEC("tc") int bits(struct __sk_buff *skb)
{
	u32 n = 0;
	PACKET(skb, p);

#pragma clang loop unroll(disable)
	for (int i = 0; i < SIZE; i += 8) {
		u64 v = *(u64 *)(p + i);

		v = v - ((v >> 1) & 0x5555555555555555ull);
		v = (v & 0x3333333333333333ull) + ((v >> 2) & 0x3333333333333333ull);
		v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
		n += (v * 0x0101010101010101ull) >> 56;
	}
	return n;
}

static __attribute__((noinline)) u32 leaf(u32 a, u32 b)
{
	return a * 5 + b;
}

static __attribute__((noinline)) u32 middle(u32 a, u32 b)
{
	return leaf(a, b) ^ leaf(b, a);
}

SEC("tc") int calls(struct __sk_buff *skb)
{
	u32 n = skb->len;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 50; i++)
		n = middle(n, i);
	return n;
}

SEC("tc") int map_array(struct __sk_buff *skb)
{
	u64 sum = 0;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 64; i++) {
		u32 key = i;
		u64 *v = bpf_map_lookup_elem(&array, &key);

		if (v)
			sum += (*v)++;
	}
	return (int)sum;
}

SEC("tc") int map_hash(struct __sk_buff *skb)
{
	u64 sum = 0, one = 1;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 64; i++) {
		u32 key = i * 7;
		u64 *v = bpf_map_lookup_elem(&hash, &key);

		if (v)
			sum += (*v)++;
		else
			bpf_map_update_elem(&hash, &key, &one, BPF_ANY);
	}
	return (int)sum;
}

SEC("tc") int map_percpu(struct __sk_buff *skb)
{
	u64 sum = 0;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 64; i++) {
		u32 key = i;
		u64 *v = bpf_map_lookup_elem(&percpu, &key);

		if (v)
			sum += (*v)++;
	}
	return (int)sum;
}

SEC("tc") int cpu(struct __sk_buff *skb)
{
	u32 sum = 0;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 64; i++)
		sum += bpf_get_smp_processor_id();
	return sum;
}

static long round_(u32 i, u64 *sum)
{
	*sum += i;
	return 0;
}

SEC("tc") int loop(struct __sk_buff *skb)
{
	u64 sum = 0;

	bpf_loop(200, round_, &sum, 0);
	return (int)sum;
}

char _license[] SEC("license") = "GPL";
