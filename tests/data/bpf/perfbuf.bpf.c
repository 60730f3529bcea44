/* SPDX-License-Identifier: BSD-2-Clause */
/* Records for readers of perf events: tests/e2e/perfbuf.c. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

typedef unsigned int u32;
typedef unsigned long long u64;

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

u64 number = 0, packet = 0, where = BPF_F_CURRENT_CPU;
int result = 0;
u32 size = 16;

struct record {
	u64 number, from;
	char more[240];
};

/* One record of @size bytes and @packet bytes of the packet. */
SEC("tc") int emit(struct __sk_buff *skb)
{
	struct record r = {};
	u32 n = size;

	r.number = number++;
	r.from = 1;
	__builtin_memset(r.more, 'x', sizeof(r.more));
	if (n > sizeof(r))
		n = sizeof(r);
	result = bpf_perf_event_output(skb, &events, where | packet << 32, &r, n);
	return 0;
}

SEC("xdp") int emit_xdp(struct xdp_md *ctx)
{
	struct record r = {.number = number++, .from = 2};

	result = bpf_perf_event_output(ctx, &events, where | packet << 32, &r, 16);
	return XDP_PASS;
}

SEC("raw_tp/sys_enter") int emit_tp(void *ctx)
{
	struct record r = {.number = number++, .from = 3};

	result = bpf_perf_event_output(ctx, &events, where | packet << 32, &r, 16);
	return 0;
}

char _license[] SEC("license") = "GPL";
