// SPDX-License-Identifier: BSD-2-Clause
/* plain.bpf.c - programs without maps whose translated instructions do not depend on the kernel's own structs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) __u64 mix(__u64 a, __u64 b)
{
	return (a ^ (b << 7)) * 31 + (b >> 3);
}

SEC("tc")
int arith(struct __sk_buff *skb)
{
	__u64 x = 1;
	__u32 i;

	for (i = 0; i < 8; i++)
		x = mix(x, i);
	return x & 0x7fffffff;
}

SEC("xdp")
int parse(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	unsigned char *p = data;

	if (data + 14 > end)
		return XDP_DROP;
	if (p[12] == 0x08 && p[13] == 0x00) {
		p[0] = 0xaa;
		return XDP_TX;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
