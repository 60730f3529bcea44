/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs of programs.def, each some hundred to some thousand instructions long, on a packet of 256 bytes.
 * Compiled for BPF, and by native.h as plain C. */
#ifdef NATIVE
#include "native.h"
#else
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;
typedef int s32;
#endif

#define SIZE	   256
#define noinline   __attribute__((noinline))
#define keep(x)	   asm volatile("" : "+r"(x)) /* so that no compiler knows its value */
#ifdef __clang__
#define no_unroll _Pragma("clang loop unroll(disable)")
#else
#define no_unroll _Pragma("GCC unroll 1")
#endif
#define ARRAY_MAP(name, kind, n)         \
	struct {                         \
		__uint(type, kind);      \
		__uint(max_entries, n);  \
		__type(key, u32);        \
		__type(value, u64);      \
	} name SEC(".maps")

struct key16 {
	u32 a, b;
	u64 c;
};

#ifndef NATIVE
ARRAY_MAP(array, BPF_MAP_TYPE_ARRAY, 256);
ARRAY_MAP(hash, BPF_MAP_TYPE_HASH, 256);
ARRAY_MAP(percpu, BPF_MAP_TYPE_PERCPU_ARRAY, 64);
ARRAY_MAP(pchash, BPF_MAP_TYPE_PERCPU_HASH, 256);
ARRAY_MAP(updated, BPF_MAP_TYPE_HASH, 256);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct key16);
	__type(value, u64);
} hash16 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10);
} ring SEC(".maps");
#endif

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

SEC("tc") int modulo(struct __sk_buff *skb)
{
	u32 sum = 0, a = 0, b = 0;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < 16; i++) {
		a = *(u16 *)(p + i * 8) + 1;
		b = *(u16 *)(p + i * 8 + 2) + 1;
		no_unroll for (int k = 0; k < 12 && b; k++) {
			u32 t = a % b;

			a = b;
			b = t;
		}
		sum += a;
	}
	return sum;
}

SEC("tc") int collatz(struct __sk_buff *skb)
{
	u32 steps = 0;

	no_unroll for (u32 i = 0; i < 10; i++) {
		u32 n = skb->len + i;

		no_unroll for (int k = 0; k < 60; k++) {
			if (n == 1)
				break;
			n = n & 1 ? 3 * n + 1 : n >> 1;
			steps++;
		}
	}
	return steps;
}

SEC("tc") int fnv(struct __sk_buff *skb)
{
	u64 h = 0xcbf29ce484222325ull;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < SIZE; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return (int)h;
}

#define rol32(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define rol64(x, n) ((x) << (n) | (x) >> (64 - (n)))

SEC("tc") int jhash(struct __sk_buff *skb)
{
	u32 a = 0xdeadbeef + SIZE, b = a, c = a;
	PACKET(skb, p);

	no_unroll for (int i = 0; i + 12 <= SIZE; i += 12) {
		a += *(u32 *)(p + i);
		b += *(u32 *)(p + i + 4);
		c += *(u32 *)(p + i + 8);
		a -= c, a ^= rol32(c, 4), c += b;
		b -= a, b ^= rol32(a, 6), a += c;
		c -= b, c ^= rol32(b, 8), b += a;
		a -= c, a ^= rol32(c, 16), c += b;
		b -= a, b ^= rol32(a, 19), a += c;
		c -= b, c ^= rol32(b, 4), b += a;
	}
	return c;
}

#define SIP_ROUND                                                           \
	(v0 += v1, v1 = rol64(v1, 13), v1 ^= v0, v0 = rol64(v0, 32), v2 += v3, \
	 v3 = rol64(v3, 16), v3 ^= v2, v0 += v3, v3 = rol64(v3, 21), v3 ^= v0, \
	 v2 += v1, v1 = rol64(v1, 17), v1 ^= v2, v2 = rol64(v2, 32))

SEC("tc") int siphash(struct __sk_buff *skb)
{
	u64 v0 = 0x736f6d6570736575ull, v1 = 0x646f72616e646f6dull, v2 = 0x6c7967656e657261ull,
	    v3 = 0x7465646279746573ull;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < SIZE; i += 8) {
		u64 m = *(u64 *)(p + i);

		v3 ^= m;
		SIP_ROUND;
		SIP_ROUND;
		v0 ^= m;
	}
	return (int)(v0 ^ v1 ^ v2 ^ v3);
}

SEC("tc") int crc(struct __sk_buff *skb)
{
	u32 c = ~0u;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < 32; i++) {
		c ^= p[i];
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1) * 0xedb88320u;
	}
	return (int)~c;
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

SEC("tc") int csum16(struct __sk_buff *skb)
{
	u32 sum = 0;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < SIZE; i += 2) {
		u32 word = __builtin_bswap16(*(u16 *)(p + i));

		keep(word); /* no vectors: BPF has none */
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

struct ports {
	u16 source, dest;
};

/* Ethernet, any VLAN tags, IPv4 or IPv6, TCP or UDP: 32 packets with headers of 60 bytes, which overlap. */
static noinline int parse_one(u8 *p, u8 *end)
{
	u32 proto, l4, result;

	if (p + 14 > end)
		return -1;
	proto = __builtin_bswap16(*(u16 *)(p + 12));
	p += 14;
	if ((proto & 0x0f00) == 0x0100) {
		if (p + 4 > end)
			return -2;
		proto = __builtin_bswap16(*(u16 *)(p + 2));
		p += 4;
	}
	if (proto & 1) {
		if (p + 20 > end)
			return -3;
		l4 = p[9];
		result = __builtin_bswap32(*(u32 *)(p + 12)) ^ __builtin_bswap32(*(u32 *)(p + 16));
		p += 20;
	} else {
		if (p + 40 > end)
			return -4;
		l4 = p[6];
		result = __builtin_bswap32(*(u32 *)(p + 20)) + __builtin_bswap32(*(u32 *)(p + 36));
		p += 40;
	}
	if (l4 > 250)
		return result;
	if (p + sizeof(struct ports) > end)
		return -5;
	return result + (__builtin_bswap16(((struct ports *)p)->source) << 16) +
	       __builtin_bswap16(((struct ports *)p)->dest);
}

SEC("tc") int parse(struct __sk_buff *skb)
{
	u8 *end = (u8 *)(long)skb->data_end;
	u32 sum = 0;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < 32; i++) sum = sum * 3 + parse_one(p + i * 7, end);
	return sum;
}

SEC("tc") int options(struct __sk_buff *skb)
{
	u8 *p = (u8 *)(long)skb->data, *end = (u8 *)(long)skb->data_end;
	u32 sum = 0;

	no_unroll for (int i = 0; i < 30; i++) {
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

SEC("tc") int search(struct __sk_buff *skb)
{
	int found = 0;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < SIZE - 4; i++)
		if (p[i] == 'u' && p[i + 1] == 'b' && p[i + 2] == 'p')
			found++;
	return found;
}

SEC("tc") int compare(struct __sk_buff *skb)
{
	u32 same = 0, i;
	PACKET(skb, p);

	no_unroll for (i = 0; i < SIZE / 2; i++) {
		u8 a = p[i], b = p[i + SIZE / 2];

		if (a < b && b - a > 200)
			break;
		same += a == b;
	}
	return i * 256 + same;
}

SEC("tc") int dispatch(struct __sk_buff *skb)
{
	u32 acc = 1, x = skb->len;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < 64; i++) {
		switch (p[i] & 15) {
		case 0: acc += x; break;
		case 1: acc -= 3; break;
		case 2: acc ^= x; break;
		case 3: acc |= 64; break;
		case 4: acc &= ~32u; break;
		case 5: acc <<= 1; break;
		case 6: acc = acc >> 1 | 1; break;
		case 7: x += acc; break;
		case 8: x ^= 0x55; break;
		case 9: acc *= 5; break;
		case 10: acc = ~acc; break;
		case 11: acc += 1000; break;
		case 12: x = x * 3 + 1; break;
		case 13: acc = x - acc; break;
		case 14: acc ^= x << 4; break;
		default: acc++;
		}
	}
	return acc;
}

static noinline u32 leaf(u32 a, u32 b)
{
	return a * 5 + b;
}

static noinline u32 middle(u32 a, u32 b)
{
	return leaf(a, b) ^ leaf(b, a);
}

SEC("tc") int calls(struct __sk_buff *skb)
{
	u32 n = skb->len;

	no_unroll for (u32 i = 0; i < 50; i++) n = middle(n, i);
	return n;
}

SEC("tc") int branches(struct __sk_buff *skb)
{
	u32 a = 0, b = 0, c = 0;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < 128; i++) {
		u8 v = p[i];

		if (v < 50)
			a += v;
		else if (v & 1)
			b ^= a + v;
		else if (v > 200)
			c += b;
		else
			a++;
		keep(a);
	}
	return a + 3 * b + 7 * c;
}

SEC("tc") int minmax(struct __sk_buff *skb)
{
	s32 least = 0x7fffffff, most = -1;
	u32 clamped = 0;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < SIZE; i += 4) {
		s32 v = *(s32 *)(p + i);
		u32 c = v & 0xffff;

		keep(v);
		least = v < least ? v : least;
		most = v > most ? v : most;
		clamped += c > 40000 ? 40000 : c < 100 ? 100 : c;
	}
	return least ^ most ^ clamped;
}

SEC("tc") int bits(struct __sk_buff *skb)
{
	u32 n = 0;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < SIZE; i += 8) {
		u64 v = *(u64 *)(p + i);

		keep(v);
		v = v - ((v >> 1) & 0x5555555555555555ull);
		v = (v & 0x3333333333333333ull) + ((v >> 2) & 0x3333333333333333ull);
		v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
		n += (v * 0x0101010101010101ull) >> 56;
	}
	return n;
}

SEC("tc") int fields(struct __sk_buff *skb)
{
	u32 a = 0, b = 0, c = 0, d = 0;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < SIZE; i += 8) {
		u64 v = *(u64 *)(p + i);

		keep(v);
		a += (v >> 5) & 0x7f;
		b ^= (v >> 17) & 0xfff;
		c += (s64)(v << 12) >> 50;
		d |= (u32)(v >> 40) & 0xff;
	}
	return a + 3 * b + 5 * c + 7 * d;
}

SEC("tc") int copy(struct __sk_buff *skb)
{
	u64 buf[SIZE / 16], *w;
	PACKET(skb, p);

	w = __builtin_assume_aligned(p, 8);
	no_unroll for (int i = 0; i < 8; i++) {
		__builtin_memcpy(buf, w, sizeof(buf));
		asm volatile("" : : "r"(buf) : "memory");
		__builtin_memcpy(w + SIZE / 16, buf, sizeof(buf));
		asm volatile("" : : : "memory");
	}
	return p[100] + p[200];
}

SEC("tc") int bytes(struct __sk_buff *skb)
{
	PACKET(skb, p);

	no_unroll for (int i = 0; i < SIZE / 2; i++) {
		u8 a = p[i], b = p[SIZE - 1 - i];

		keep(i);
		if (i < 0 || i >= SIZE / 2)
			break;
		p[i] = b;
		p[SIZE - 1 - i] = a;
	}
	return p[3];
}

#define N 24

SEC("tc") int sort(struct __sk_buff *skb)
{
	u32 v[N];
	PACKET(skb, p);

	no_unroll for (int i = 0; i < N; i++) v[i] = *(u16 *)(p + 4 * i);
	no_unroll for (int i = 0; i < N; i++) {
		no_unroll for (int k = 0; k < N - 1; k++) {
			u32 a = v[k], b = v[k + 1];

			if (a > b) {
				v[k] = b;
				v[k + 1] = a;
			}
		}
	}
	return v[0] + 3 * v[N / 2] + 5 * v[N - 1];
}

#define M 4

SEC("tc") int matrix(struct __sk_buff *skb)
{
	u32 a[M][M], b[M][M], sum = 0;
	PACKET(skb, p);

	no_unroll for (int i = 0; i < M; i++) no_unroll for (int k = 0; k < M; k++)
	{
		a[i][k] = p[i * 16 + k];
		b[i][k] = p[i * 16 + k + 64];
	}
	no_unroll for (int i = 0; i < M; i++) no_unroll for (int k = 0; k < M; k++)
	{
		u32 v = 0;

		no_unroll for (int n = 0; n < M; n++) v += a[i][n] * b[n][k];
		keep(v);
		sum = sum * 3 + v;
	}
	return sum;
}

/* --- maps and helpers --- */

SEC("tc") int map_array(struct __sk_buff *skb)
{
	u64 sum = 0;

	no_unroll for (u32 i = 0; i < 64; i++) {
		u32 key = i;
		u64 *v = bpf_map_lookup_elem(&array, &key);

		if (v)
			sum += *v ^= i;
	}
	return (int)sum;
}

SEC("tc") int map_percpu(struct __sk_buff *skb)
{
	u64 sum = 0;

	no_unroll for (u32 i = 0; i < 64; i++) {
		u32 key = i;
		u64 *v = bpf_map_lookup_elem(&percpu, &key);

		if (v)
			sum += *v ^= i;
	}
	return (int)sum;
}

SEC("tc") int map_hash(struct __sk_buff *skb)
{
	u64 sum = 0, one = 1;

	no_unroll for (u32 i = 0; i < 64; i++) {
		u32 key = i * 7;
		u64 *v = bpf_map_lookup_elem(&hash, &key);

		if (v)
			sum += *v ^= i;
		else
			bpf_map_update_elem(&hash, &key, &one, BPF_ANY);
	}
	return (int)sum;
}

SEC("tc") int map_hash16(struct __sk_buff *skb)
{
	u64 sum = 0, one = 1;

	no_unroll for (u32 i = 0; i < 64; i++) {
		struct key16 key = {i, i * 7, i * 1000003ull};
		u64 *v = bpf_map_lookup_elem(&hash16, &key);

		if (v)
			sum += *v ^= i;
		else
			bpf_map_update_elem(&hash16, &key, &one, BPF_ANY);
	}
	return (int)sum;
}

SEC("tc") int map_pchash(struct __sk_buff *skb)
{
	u64 sum = 0, one = 1;

	no_unroll for (u32 i = 0; i < 64; i++) {
		u32 key = i * 7;
		u64 *v = bpf_map_lookup_elem(&pchash, &key);

		if (v)
			sum += *v ^= i;
		else
			bpf_map_update_elem(&pchash, &key, &one, BPF_ANY);
	}
	return (int)sum;
}

SEC("tc") int map_update(struct __sk_buff *skb)
{
	int err = 0;

	no_unroll for (u32 i = 0; i < 32; i++) {
		u32 key = i * 5;
		u64 value = i;

		err |= bpf_map_update_elem(&updated, &key, &value, BPF_ANY);
	}
	return err;
}

SEC("tc") int ringbuf(struct __sk_buff *skb)
{
	u32 lost = 0;

	no_unroll for (u32 i = 0; i < 16; i++) {
		u64 *rec = bpf_ringbuf_reserve(&ring, 32, 0);

		if (!rec) {
			lost++;
			continue;
		}
		rec[0] = i;
		rec[1] = skb->len;
		rec[2] = rec[3] = 0;
		bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
	}
	return 0;
}

SEC("tc") int cpu(struct __sk_buff *skb)
{
	u32 sum = 0;

	no_unroll for (u32 i = 0; i < 64; i++) sum |= bpf_get_smp_processor_id();
	return sum > 0xffff;
}

SEC("tc") int time(struct __sk_buff *skb)
{
	u64 least = ~0ull;

	no_unroll for (u32 i = 0; i < 16; i++) {
		u64 t = bpf_ktime_get_ns();

		if (t < least)
			least = t;
	}
	return !least;
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
