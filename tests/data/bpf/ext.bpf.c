/* SPDX-License-Identifier: BSD-2-Clause */
/* Extensions and tracers of target.bpf.c; tests/e2e/freplace.c says what becomes of each. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct val {
	int x, y;
};
struct other {
	int x, y;
};
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct xdp_buff {
	unsigned char *data, *data_end;
};
#pragma clang attribute pop

unsigned long long seen;

SEC("freplace")
int same(struct xdp_md *ctx, int n)
{
	return n > 3 ? -1 : 12345;
}

SEC("freplace")
int packet(struct xdp_md *ctx, int n)
{
	unsigned char *data = (void *)(long)ctx->data;

	return data + 1 <= (unsigned char *)(long)ctx->data_end ? data[0] : 0;
}

SEC("freplace")
int unchecked_packet(struct xdp_md *ctx, int n)
{
	return *(unsigned char *)(long)ctx->data;
}

SEC("freplace")
int not_of_xdp(struct xdp_md *ctx, int n)
{
	char buf[8];

	return bpf_skb_load_bytes(ctx, 0, buf, sizeof(buf));
}

SEC("freplace")
int fewer(struct xdp_md *ctx)
{
	return 0;
}

SEC("freplace")
int no_int(struct xdp_md *ctx, struct xdp_md *n)
{
	return 0;
}

SEC("freplace")
int wide(struct xdp_md *ctx, long n)
{
	return 0;
}

SEC("freplace")
int other_ctx(struct __sk_buff *ctx, int n)
{
	return 0;
}

SEC("freplace")
int plus(int a, int b)
{
	return a * b;
}

SEC("freplace")
int one(int n)
{
	return 0;
}

SEC("freplace")
int value(struct val *v)
{
	return v ? v->y : 7;
}

SEC("freplace")
int unchecked_value(struct val *v)
{
	return v->y;
}

SEC("freplace")
int other_value(struct other *v)
{
	return 0;
}

SEC("freplace")
int main_one(struct xdp_md *ctx)
{
	return 99;
}

SEC("fentry")
int enter(unsigned long long *ctx)
{
	struct xdp_buff *xdp = (void *)ctx[0];

	seen = xdp->data_end - xdp->data + ctx[1];
	return 0;
}

SEC("fentry")
int enter_number(unsigned long long *ctx)
{
	seen = ctx[0] + ctx[1];
	return 0;
}

SEC("fentry")
int enter_result(unsigned long long *ctx)
{
	seen = ctx[2];
	return 0;
}

SEC("fentry")
int enter_1(unsigned long long *ctx)
{
	return 1;
}

SEC("fexit")
int leave(unsigned long long *ctx)
{
	seen = ctx[2];
	return 0;
}

SEC("fexit")
int leave_beyond(unsigned long long *ctx)
{
	seen = ctx[3];
	return 0;
}

__noinline int twice(int n)
{
	return n * 2 + seen;
}

SEC("fentry")
int enter_calls(unsigned long long *ctx)
{
	seen = twice(ctx[1]);
	return 0;
}

SEC("fmod_ret")
int change(unsigned long long *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
