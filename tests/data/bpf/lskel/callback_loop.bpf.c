// SPDX-License-Identifier: BSD-2-Clause
/* callback_loop.bpf.c - bpf_loop: addresses of functions as data. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sum {
	__u64 total;
	__u32 rounds;
};

static int add(__u32 i, void *arg)
{
	struct sum *s = arg;

	s->total += i;
	s->rounds++;
	return s->total > 1000;
}

static int subtract(__u32 i, void *arg)
{
	struct sum *s = arg;

	s->total -= i & 1;
	return 0;
}

SEC("socket")
int loop(struct __sk_buff *skb)
{
	struct sum s = {0};

	bpf_loop(20, add, &s, 0);
	bpf_loop(skb->len & 7, subtract, &s, 0);
	return s.total + s.rounds;
}

char LICENSE[] SEC("license") = "GPL";
