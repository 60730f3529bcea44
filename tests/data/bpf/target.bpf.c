/* SPDX-License-Identifier: BSD-2-Clause */
/* A program with functions that others extend and trace (ext.bpf.c). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct val {
	int x, y;
};

__noinline int pick(struct xdp_md *ctx, int n)
{
	return ctx->rx_queue_index + n;
}

__noinline int add(int a, int b)
{
	return a + b;
}

__noinline int first(struct val *v)
{
	return v ? v->x : 0;
}

static __noinline int hidden(int n)
{
	return bpf_get_prandom_u32() % (n + 2);
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
	struct val v = { .x = 1 };

	return pick(ctx, 3) + add(1, 2) + first(&v) + hidden(ctx->rx_queue_index) ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
