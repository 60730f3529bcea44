/* SPDX-License-Identifier: BSD-2-Clause */
/* Loops of later kernels, as today's clang makes them (-mcpu=v4): over the numbers of an iterator, and until may_goto has had enough.
 * Each program returns 0, or the number of what went wrong. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define CHECK(n, ok)          \
	do {                  \
		if (!(ok))    \
			return n; \
	} while (0)
#define ROUNDS (8 << 20)

/* What vmlinux.h and later libbpf have: libbpf 1.1 has no bpf_for(). */
struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;

#define NUMBERS(it, start, end)                                                            \
	struct bpf_iter_num it __attribute__((cleanup(bpf_iter_num_destroy))),             \
		*it##_made __attribute__((unused)) = (bpf_iter_num_new(&it, start, end), &it)
#define bpf_for(i, start, end)                                                             \
	for (NUMBERS(it_, start, end); ({                                                  \
		     int *at_ = bpf_iter_num_next(&it_);                                   \
		     at_ && ((i) = *at_, (i) >= (start) && (i) < (end));                   \
	     });)
#define bpf_repeat(n) for (NUMBERS(it_, 0, n); bpf_iter_num_next(&it_);)

#define can_loop                                                                           \
	({                                                                                 \
		__label__ enough, done;                                                    \
		_Bool go_on_ = 1;                                                          \
		asm goto("may_goto %l[enough]" ::: : enough);                              \
		goto done;                                                                 \
enough:                                                                                    \
		go_on_ = 0;                                                                \
done:;                                                                                     \
		go_on_;                                                                    \
	})
#define cond_break                                                                         \
	if (!can_loop)                                                                     \
		break

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 32);
} cells SEC(".maps");

__u32 table[64];
int n_given = 100;

static __noinline int sum_of(int n)
{
	int i, sum = 0;

	bpf_for(i, 0, n)
		sum += i;
	return sum;
}

/* What a program counted in such a loop another one looks at: a number that is compared behind the loop would have to be followed
 * through all of its rounds. */
volatile long seen[16];

SEC("tc")
int numbers(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	int i, j, n = n_given, rounds;
	long sum = 0;

	bpf_for(i, 0, n)
		sum += i;
	seen[0] = sum;
	rounds = 0;
	bpf_for(i, -5, 5)
		rounds++;
	seen[1] = rounds;
	rounds = 0;
	bpf_for(i, 5, -5) /* new() fails, next() knows */
		rounds++;
	seen[2] = rounds;
	rounds = 0;
	bpf_repeat(7)
		rounds++;
	seen[3] = rounds;
	rounds = 0;
	bpf_for(i, 0, 10) {
		if (i == 3)
			continue;
		bpf_for(j, 0, i) {
			if (j == 5)
				break;
			rounds++;
		}
	}
	seen[4] = rounds;
	seen[5] = sum_of(n);
	bpf_for(i, 0, 64)
		table[i] = i * i;
	seen[6] = bpf_iter_num_new(&it, 0, ROUNDS + 1);
	bpf_iter_num_destroy(&it);
	seen[7] = bpf_iter_num_new(&it, -2147483647 - 1, 0);
	bpf_iter_num_destroy(&it);
	seen[8] = bpf_iter_num_new(&it, -2147483647 - 1, -2147483647 - 1 + ROUNDS);
	bpf_iter_num_destroy(&it);
	rounds = 0;
	bpf_for(i, 2147483647 - 3, 2147483647)
		rounds++;
	seen[9] = rounds;
	return 0;
}

SEC("tc")
int numbers_seen(struct __sk_buff *skb)
{
	CHECK(1, seen[0] == 4950);
	CHECK(2, seen[1] == 10);
	CHECK(3, seen[2] == 0);
	CHECK(4, seen[3] == 7);
	CHECK(5, seen[4] == 0 + 1 + 2 + 4 + 5 * 5);
	CHECK(6, seen[5] == 4950);
	CHECK(7, table[63] == 63 * 63);
	CHECK(8, seen[6] == -7);
	CHECK(9, seen[7] == -7);
	CHECK(10, seen[8] == 0);
	CHECK(11, seen[9] == 3);
	return 0;
}

SEC("tc")
int values(struct __sk_buff *skb)
{
	__u64 *v, sum = 0;
	__u32 key;
	int i;

	bpf_for(i, 0, 32) {
		key = i;
		v = bpf_map_lookup_elem(&cells, &key);
		if (!v)
			return 1;
		*v = i;
	}
	bpf_for(i, 0, 32) {
		key = i;
		v = bpf_map_lookup_elem(&cells, &key);
		if (v)
			sum += *v;
	}
	CHECK(2, sum == 31 * 32 / 2);
	return 0;
}

SEC("tc")
int until_enough(struct __sk_buff *skb)
{
	long rounds = 0;

	for (;;) {
		cond_break;
		rounds++;
	}
	seen[10] = rounds;
	return 0;
}

SEC("tc")
int enough_seen(struct __sk_buff *skb)
{
	CHECK(1, seen[10] == ROUNDS);
	return 0;
}

static __noinline int find(__u32 what)
{
	int i;

	for (i = 0; i < 64 && can_loop; i++)
		if (table[i] == what)
			return i;
	return -1;
}

SEC("tc")
int searches(struct __sk_buff *skb)
{
	int i;

	for (i = 0; i < 64 && can_loop; i++)
		table[i] = i * 3;
	CHECK(1, find(33) == 11);
	CHECK(2, find(34) == -1);
	return 0;
}

/* The rest of cpu v4 from C: 32-bit offsets of jumps, signed division, loads and moves with sign, byte swaps. */
SEC("tc")
int v4(struct __sk_buff *skb)
{
	volatile signed char c = -3;
	volatile short s = -300;
	volatile int n = -30000, d = -7;
	volatile long l = -3000000000, q = -11;
	volatile __u64 x = 0x0123456789abcdef;

	CHECK(1, (long)c + s + n == -30303);
	CHECK(2, n / d == 4285 && n % d == -5);
	CHECK(3, l / q == 272727272 && l % q == -8);
	CHECK(4, __builtin_bswap64(x) == 0xefcdab8967452301 && __builtin_bswap32(x) == 0xefcdab89 && __builtin_bswap16(x) == 0xefcd);
	CHECK(5, (long)(signed char)x == -17 && (long)(short)x == -12817 && (long)(int)x == -1985229329);
	asm volatile goto("gotol %l[there]" ::: : there);
	return 6;
there:
	return 0;
}

char _license[] SEC("license") = "GPL";
