/* SPDX-License-Identifier: BSD-2-Clause */
/* parse.bpf.c - a packet parser: VLAN tags, IPv4, options byte by byte, each access behind a
 * bounds check with a moving pointer. */
#include "bench.bpf.h"

struct vlan {
	__be16 tci, proto;
};

static __always_inline __u32 options(const __u8 *p, const __u8 *end, __u32 len)
{
	__u32 sum = 0;

	for (int i = 0; i < 9; i++) {
		if (i >= len || p + 2 > end)
			break;
		if (p[0] == 0)
			break;
		if (p[0] == 1) {
			p++;
			continue;
		}
		sum += p[1];
		if (p[1] < 2)
			break;
		p += p[1] & 15;
	}
	return sum;
}

SEC("xdp") int parse(struct xdp_md *ctx)
{
	const __u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = (void *)p;
	const struct iphdr *ip;
	__be16 proto;
	__u32 sum = 0;

	if (p + sizeof(*eth) > end)
		return XDP_PASS;
	proto = eth->h_proto;
	p += sizeof(*eth);
	for (int i = 0; i < 6 && (proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD)); i++) {
		const struct vlan *v = (void *)p;

		if (p + sizeof(*v) > end)
			return XDP_DROP;
		proto = v->proto;
		sum += v->tci;
		p += sizeof(*v);
	}
	ip = (void *)p;
	if (proto != bpf_htons(ETH_P_IP) || p + sizeof(*ip) > end)
		return XDP_PASS;
	sum += options(p + sizeof(*ip), end, ip->ihl * 4 - sizeof(*ip));
	for (int i = 0; i < 64; i++) {
		const __u8 *q = p + sizeof(*ip) + (i * 7 & 63);

		if (q + 8 > end)
			break;
		sum = sum * 31 + q[0] + q[7];
	}
	return sum & 1 ? XDP_PASS : XDP_DROP;
}
