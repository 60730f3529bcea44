// SPDX-License-Identifier: BSD-2-Clause
/* xdp.bpf.c - XDP, packets read directly. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

__u64 bytes;
const volatile __u16 wanted = 0x0800;

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	bytes += end - data;
	return eth->h_proto == bpf_htons(wanted) ? XDP_PASS : XDP_DROP;
}

SEC("xdp.frags")
int frags(struct xdp_md *ctx)
{
	return bpf_xdp_get_buff_len(ctx) > 2000 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
