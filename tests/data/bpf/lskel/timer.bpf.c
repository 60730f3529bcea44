// SPDX-License-Identifier: BSD-2-Clause
/* timer.bpf.c - a timer in map values, with a callback: BTF of the value, address of a function, a map as argument. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct slot {
	__u64 fired;
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

static int fire(void *map, __u32 *key, struct slot *s)
{
	s->fired++;
	return 0;
}

SEC("tc")
int arm(struct __sk_buff *skb)
{
	__u32 key = skb->len & 1;
	struct slot *s = bpf_map_lookup_elem(&slots, &key);

	if (!s)
		return 0;
	bpf_timer_init(&s->timer, &slots, 1 /* CLOCK_MONOTONIC */);
	bpf_timer_set_callback(&s->timer, fire);
	return bpf_timer_start(&s->timer, 1000000, 0);
}

char LICENSE[] SEC("license") = "GPL";
