/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers in map values that count in an array. tests/e2e/timer.c runs the programs. */
#include <linux/bpf.h>
#include <linux/time.h>
#include <bpf/bpf_helpers.h>

#define MS 1000000ull

enum { FIRED, REARMED, OF_HASH, OF_INNER, SELF_CANCEL, NR_COUNTS };

struct elem {
	__u64 before;
	struct bpf_timer timer;
	__u64 after;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct elem);
	__uint(max_entries, 4);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, int);
	__type(value, struct elem);
	__uint(max_entries, 4);
} hash SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct elem);
	__uint(max_entries, 2);
} inner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, int);
	__array(values, struct inner);
} outer SEC(".maps") = {.values = {&inner}};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, __u64);
	__uint(max_entries, NR_COUNTS);
} counts SEC(".maps");

static void count(int what, __u64 n)
{
	__u64 *c = bpf_map_lookup_elem(&counts, &what);

	if (c)
		__sync_fetch_and_add(c, n);
}

/* Counts the index of its element, plus one, and what is beside the timer. */
static int fired(void *map, int *key, struct elem *e)
{
	count(FIRED, *key + 1 + e->before + e->after);
	return 0;
}

/* Five times, by itself. */
static int again(void *map, int *key, struct elem *e)
{
	count(REARMED, 1);
	if (++e->before < 5)
		bpf_timer_start(&e->timer, MS, 0);
	return 0;
}

static int of_hash(void *map, int *key, struct elem *e)
{
	count(OF_HASH, *key);
	return 0;
}

static int of_inner(void *map, int *key, struct elem *e)
{
	count(OF_INNER, 1);
	return 0;
}

static int cancels_itself(void *map, int *key, struct elem *e)
{
	count(SELF_CANCEL, (__u64)-bpf_timer_cancel(&e->timer));
	return 0;
}

SEC("tc") int start_array(struct __sk_buff *skb)
{
	int key = 2;
	struct elem *e = bpf_map_lookup_elem(&array, &key);

	if (!e)
		return 1;
	e->before = 100;
	e->after = 1000;
	if (bpf_timer_start(&e->timer, MS, 0) != -22)
		return 2;
	if (bpf_timer_init(&e->timer, &array, 77) != -22)
		return 3;
	if (bpf_timer_init(&e->timer, &array, CLOCK_MONOTONIC))
		return 4;
	if (bpf_timer_init(&e->timer, &array, CLOCK_MONOTONIC) != -16)
		return 5;
	if (bpf_timer_start(&e->timer, MS, 0) != -22)
		return 6;
	if (bpf_timer_set_callback(&e->timer, fired))
		return 7;
	if (bpf_timer_start(&e->timer, MS, 64) != -22)
		return 8;
	return bpf_timer_start(&e->timer, 20 * MS, 0);
}

/* Without initialising it again. */
SEC("tc") int restart_array(struct __sk_buff *skb)
{
	int key = 2;
	struct elem *e = bpf_map_lookup_elem(&array, &key);

	return e ? bpf_timer_start(&e->timer, 20 * MS, 0) : 1;
}

/* 100: it was armed. */
SEC("tc") int cancel_array(struct __sk_buff *skb)
{
	int key = 2;
	struct elem *e = bpf_map_lookup_elem(&array, &key);

	return e ? 99 + bpf_timer_cancel(&e->timer) : 1;
}

SEC("tc") int start_again(struct __sk_buff *skb)
{
	int key = 0;
	struct elem *e = bpf_map_lookup_elem(&array, &key);

	if (!e || bpf_timer_init(&e->timer, &array, CLOCK_BOOTTIME) ||
	    bpf_timer_set_callback(&e->timer, again))
		return 1;
	return bpf_timer_start(&e->timer, 0, 0);
}

SEC("tc") int start_hash(struct __sk_buff *skb)
{
	int key = 7;
	struct elem *e = bpf_map_lookup_elem(&hash, &key);

	if (!e)
		return 1;
	if (bpf_timer_init(&e->timer, &hash, CLOCK_REALTIME) ||
	    bpf_timer_set_callback(&e->timer, of_hash))
		return 2;
	return bpf_timer_start(&e->timer, 50 * MS, 0);
}

SEC("tc") int start_inner(struct __sk_buff *skb)
{
	int key = 0;
	void *map = bpf_map_lookup_elem(&outer, &key);
	struct elem *e;

	if (!map)
		return 1;
	e = bpf_map_lookup_elem(map, &key);
	if (!e)
		return 2;
	if (bpf_timer_init(&e->timer, map, CLOCK_MONOTONIC) ||
	    bpf_timer_set_callback(&e->timer, of_inner))
		return 3;
	return bpf_timer_start(&e->timer, MS, 0);
}

SEC("tc") int start_self_cancel(struct __sk_buff *skb)
{
	int key = 1;
	struct elem *e = bpf_map_lookup_elem(&array, &key);

	if (!e || bpf_timer_init(&e->timer, &array, CLOCK_MONOTONIC) ||
	    bpf_timer_set_callback(&e->timer, cancels_itself))
		return 1;
	return bpf_timer_start(&e->timer, 0, 0);
}

char LICENSE[] SEC("license") = "GPL";
