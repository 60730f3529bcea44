// SPDX-License-Identifier: BSD-2-Clause
/* ringbuf.bpf.c - a ring buffer: a map without keys and values. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u32 len;
	__u32 mark;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* keeps the type in the BTF, for readers */
const struct event *unused __attribute__((unused));

SEC("socket")
int report(struct __sk_buff *skb)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	e->len = skb->len;
	e->mark = 0xbeef;
	bpf_ringbuf_submit(e, 0);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
