/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skb.c - packet helpers on struct sk_buff of exec/context.h. Packets are linear and belong to the
 * run, so "make writable" is a bounds check.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include "exec/context.h"
#include "helper/fn.h"

#define SKB_MAX_LEN	16064u /* BPF_SKB_MAX_LEN: four pages less the shared info */
#define SKF_NET		(-0x100000)
#define SKF_LL		(-0x200000)
#define PACKET_TYPE_MAX 3u /* PACKET_OTHERHOST */
#define CSUM_MANGLED	0xffffu
#define CSUM_DIFF_MAX	512u
#define CSUM_LEVEL_MAX	3u

/* --- checksum arithmetic, in the byte order of memory --- */

static u32 csum_add(u32 a, u32 b)
{
	u32 r = a + b;

	return r + (r < a);
}

static u32 csum_sub(u32 a, u32 b)
{
	return csum_add(a, ~b);
}

static u16 csum_fold(u32 c)
{
	c = (c & 0xffff) + (c >> 16);
	c = (c & 0xffff) + (c >> 16);
	return ~c;
}

static u32 csum_partial(const u8 *p, u32 len, u32 seed)
{
	u64 sum = seed;
	u32 w;
	u16 h = 0;

	for (; len >= 4; len -= 4, p += 4) {
		memcpy(&w, p, 4);
		sum += w;
	}
	if (len >= 2) {
		memcpy(&h, p, 2);
		sum += h;
		p += 2;
		len -= 2;
	}
	if (len) {
		h = 0;
		memcpy(&h, p, 1);
		sum += h;
	}
	sum = (sum & UINT32_MAX) + (sum >> 32);
	return (u32)((sum & UINT32_MAX) + (sum >> 32));
}

/* A block at an odd offset counts with its bytes swapped. */
static u32 csum_at(u32 csum, u32 offset)
{
	return offset & 1 ? (csum >> 8 | csum << 24) : csum;
}

static u16 get16(const u8 *p)
{
	u16 v;

	memcpy(&v, p, 2);
	return v;
}

static void put16(u8 *p, u16 v)
{
	memcpy(p, &v, 2);
}

static void replace4(u8 *p, u32 from, u32 to)
{
	u32 tmp = csum_sub((u16)~get16(p), from);

	put16(p, csum_fold(csum_add(tmp, to)));
}

static void replace_diff(u8 *p, u32 diff)
{
	put16(p, csum_fold(csum_add(diff, (u16)~get16(p))));
}

/* --- bounds --- */

static bool inside(const struct sk_buff *skb, u32 offset, u64 len)
{
	return offset <= INT_MAX && (u64)offset + len <= skb->len;
}

static u32 net_offset(const struct sk_buff *skb)
{
	u8 *net = skb->head + skb->network_header;

	return net > skb->data ? net - skb->data : 0;
}

/* --- moving bytes --- */

HELPER_FN(skb_load_bytes)
{
	const struct sk_buff *skb = (const void *)r1;
	const struct bpf_flow_dissector *flow = (const void *)r1;
	bool dissector = run->image->prog_type == BPF_PROG_TYPE_FLOW_DISSECTOR;
	const u8 *data = dissector ? flow->data : skb->data;
	u64 avail = dissector ? (u64)(flow->data_end - flow->data) : skb->len;
	u32 offset = r2, len = r4;

	if (offset > INT_MAX || (u64)offset + len > avail) {
		memset((void *)r3, 0, len);
		return -EFAULT;
	}
	memcpy((void *)r3, data + offset, len);
	return 0;
}

HELPER_FN(skb_load_bytes_relative)
{
	const struct sk_buff *skb = (const void *)r1;
	u32 offset = r2, len = r4, header = r5;
	u32 start = header == BPF_HDR_START_MAC	  ? skb->mac_header
		    : header == BPF_HDR_START_NET ? skb->network_header
						  : SKB_NO_HEADER;

	if (offset > 0xffff || start == SKB_NO_HEADER ||
	    skb->head + start + offset + len > skb->data_end) {
		memset((void *)r3, 0, len);
		return -EFAULT;
	}
	memcpy((void *)r3, skb->head + start + offset, len);
	return 0;
}

HELPER_FN(skb_store_bytes)
{
	struct sk_buff *skb = (void *)r1;
	u32 offset = r2, len = r4;
	bool csum = (r5 & BPF_F_RECOMPUTE_CSUM) && skb->ip_summed == CHECKSUM_COMPLETE;
	u8 *p;

	if (r5 & ~(u64)(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH))
		return -EINVAL;
	if (!inside(skb, offset, len))
		return -EFAULT;
	p = skb->data + offset;
	if (csum)
		skb->csum = csum_sub(skb->csum, csum_at(csum_partial(p, len, 0), offset));
	memcpy(p, (const void *)r3, len);
	if (csum)
		skb->csum = csum_add(skb->csum, csum_at(csum_partial(p, len, 0), offset));
	if (r5 & BPF_F_INVALIDATE_HASH)
		skb->hash = 0;
	return 0;
}

HELPER_FN(skb_pull_data)
{
	const struct sk_buff *skb = (const void *)r1;

	return (u32)r2 > skb->len ? -ENOMEM : 0;
}

static u64 load_abs(const struct sk_buff *skb, s32 offset, u32 size, u8 *to)
{
	s64 off = offset;
	const u8 *p;

	if (off < 0 && off >= SKF_NET)
		off += -(s64)SKF_NET + (skb->head + skb->network_header - skb->data);
	else if (off < SKF_NET && off >= SKF_LL && skb->mac_header != SKB_NO_HEADER)
		off += -(s64)SKF_LL + (skb->head + skb->mac_header - skb->data);
	else if (off < 0)
		return -EFAULT;
	if (off < skb->head - skb->data || off + size > skb->len)
		return -EFAULT;
	p = skb->data + off;
	memcpy(to, p, size);
	return 0;
}

HELPER_FN(int_skb_load_8)
{
	u8 v;

	return load_abs((const void *)r1, (s32)r2, sizeof(v), &v) ? (u64)-EFAULT : v;
}

HELPER_FN(int_skb_load_16)
{
	u16 v;

	return load_abs((const void *)r1, (s32)r2, sizeof(v), (u8 *)&v) ? (u64)-EFAULT : ntohs(v);
}

HELPER_FN(int_skb_load_32)
{
	u32 v;

	return load_abs((const void *)r1, (s32)r2, sizeof(v), (u8 *)&v) ? (u64)-EFAULT : ntohl(v);
}

/* --- size --- */

HELPER_FN(skb_change_tail)
{
	struct sk_buff *skb = (void *)r1;
	u32 len = r2;

	if (r3 || len > SKB_MAX_LEN || len < net_offset(skb))
		return -EINVAL;
	if (skb->encapsulation)
		return -ENOTSUPP;
	if (len > skb->end - skb->data)
		return -ENOMEM;
	if (len > skb->len)
		memset(skb->data + skb->len, 0, len - skb->len);
	if (len < skb->len && skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE;
	skb->len = len;
	skb->data_end = skb->data + len;
	if (skb->gso_size)
		skb->gso_size = skb->gso_segs = 0;
	return 0;
}

HELPER_FN(skb_change_head)
{
	struct sk_buff *skb = (void *)r1;
	u32 room = r2;
	u64 len = (u64)skb->len + room;

	if (r3 || (!skb->gso_size && len > SKB_MAX_LEN) || len > UINT32_MAX)
		return -EINVAL;
	if (room > skb->data - skb->head)
		return -ENOMEM;
	skb->data -= room;
	memset(skb->data, 0, room);
	skb->data_meta = skb->data;
	skb->mac_header = skb->data - skb->head;
	skb->len = len;
	return 0;
}

/* --- checksums in headers --- */

HELPER_FN(l3_csum_replace)
{
	struct sk_buff *skb = (void *)r1;
	u32 offset = r2;
	u8 *p;

	if (r5 & ~(u64)BPF_F_HDR_FIELD_MASK)
		return -EINVAL;
	if (offset > 0xffff || offset & 1 || !inside(skb, offset, 2))
		return -EFAULT;
	p = skb->data + offset;
	switch (r5 & BPF_F_HDR_FIELD_MASK) {
	case 0:
		if (r3)
			return -EINVAL;
		replace_diff(p, r4);
		return 0;
	case 2: replace4(p, (u16)r3, (u16)r4); return 0;
	case 4: replace4(p, r3, r4); return 0;
	}
	return -EINVAL;
}

#ifndef BPF_F_IPV6
#define BPF_F_IPV6 (1ULL << 7) /* 6.16 and stable kernels */
#endif

HELPER_FN(l4_csum_replace)
{
	struct sk_buff *skb = (void *)r1;
	bool pseudo = (r5 & BPF_F_PSEUDO_HDR) && skb->ip_summed == CHECKSUM_COMPLETE;
	u32 offset = r2, from = r3, to = r4;
	u8 *p;

	if (r5 & ~(u64)(BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_PSEUDO_HDR |
			BPF_F_HDR_FIELD_MASK | BPF_F_IPV6))
		return -EINVAL;
	if (offset > 0xffff || offset & 1 || !inside(skb, offset, 2))
		return -EFAULT;
	p = skb->data + offset;
	if ((r5 & BPF_F_MARK_MANGLED_0) && !(r5 & BPF_F_MARK_ENFORCE) && !get16(p))
		return 0;
	switch (r5 & BPF_F_HDR_FIELD_MASK) {
	case 0:
		if (r3)
			return -EINVAL;
		replace_diff(p, to);
		if (pseudo && !(r5 & BPF_F_IPV6))
			skb->csum = ~csum_sub(to, skb->csum);
		break;
	case 2:
		from = (u16)from;
		to = (u16)to;
		fallthrough;
	case 4:
		replace4(p, from, to);
		if (pseudo)
			skb->csum = ~csum_add(csum_sub(~skb->csum, from), to);
		break;
	default: return -EINVAL;
	}
	if ((r5 & BPF_F_MARK_MANGLED_0) && !get16(p))
		put16(p, CSUM_MANGLED);
	return 0;
}

HELPER_FN(csum_diff)
{
	const u8 *from = (const void *)r1, *to = (const void *)r3;
	u32 from_size = r2, to_size = r4, sum = r5, i, w;

	if ((from_size | to_size) & 3 || (u64)from_size + to_size > CSUM_DIFF_MAX)
		return -EINVAL;
	for (i = 0; i < from_size; i += 4) {
		memcpy(&w, from + i, 4);
		sum = csum_sub(sum, w);
	}
	return csum_partial(to, to_size, sum);
}

HELPER_FN(csum_update)
{
	struct sk_buff *skb = (void *)r1;

	if (skb->ip_summed != CHECKSUM_COMPLETE)
		return -ENOTSUPP;
	return skb->csum = csum_add(skb->csum, r2);
}

HELPER_FN(csum_level)
{
	struct sk_buff *skb = (void *)r1;
	bool ok = skb->ip_summed == CHECKSUM_UNNECESSARY;

	switch (r2) {
	case BPF_CSUM_LEVEL_INC:
		if (ok && skb->csum_level < CSUM_LEVEL_MAX) {
			skb->csum_level++;
		} else if (skb->ip_summed == CHECKSUM_NONE) {
			skb->ip_summed = CHECKSUM_UNNECESSARY;
			skb->csum_level = 0;
		}
		return 0;
	case BPF_CSUM_LEVEL_DEC:
		if (ok && skb->csum_level)
			skb->csum_level--;
		else if (ok)
			skb->ip_summed = CHECKSUM_NONE;
		return 0;
	case BPF_CSUM_LEVEL_RESET:
		if (ok) {
			skb->ip_summed = CHECKSUM_NONE;
			skb->csum_level = 0;
		}
		return 0;
	case BPF_CSUM_LEVEL_QUERY: return ok ? skb->csum_level : -EACCES;
	}
	return -EINVAL;
}

/* --- marks --- */

HELPER_FN(skb_change_type)
{
	struct sk_buff *skb = (void *)r1;

	if (skb->pkt_type > PACKET_TYPE_MAX || (u32)r2 > PACKET_TYPE_MAX)
		return -EINVAL;
	skb->pkt_type = r2;
	return 0;
}

HELPER_FN(skb_set_tstamp)
{
	struct sk_buff *skb = (void *)r1;

	if (skb->protocol != htons(ETH_P_IP) && skb->protocol != htons(ETH_P_IPV6))
		return -EOPNOTSUPP;
	if ((u32)r3 == BPF_SKB_TSTAMP_DELIVERY_MONO ? !r2 : (u32)r3 != BPF_SKB_TSTAMP_UNSPEC || r2)
		return -EINVAL;
	skb->tstamp = r2;
	skb->tstamp_type = r3;
	return 0;
}

/* Flow hash of the addresses and ports; never 0 for a flow it can see. Which value it is, is
 * nobody's business (the kernel seeds its own). */
static u32 flow_hash(const struct sk_buff *skb)
{
	const u8 *net = skb->head + skb->network_header;
	bool v6 = skb->protocol == htons(ETH_P_IPV6);
	u32 hdr = v6 ? 40 : 20, addrs = v6 ? 8 : 12, n = v6 ? 32 : 8, i, h = 2166136261u;

	if ((!v6 && skb->protocol != htons(ETH_P_IP)) || skb->network_header == SKB_NO_HEADER ||
	    net + hdr > skb->data_end)
		return 0;
	if (!v6)
		hdr = (net[0] & 15) * 4;
	for (i = 0; i < n; i++)
		h = (h ^ net[addrs + i]) * 16777619u;
	h = (h ^ (v6 ? net[6] : net[9])) * 16777619u;
	for (i = 0; i < 4 && net + hdr + 4 <= skb->data_end; i++)
		h = (h ^ net[hdr + i]) * 16777619u;
	return h ? h : 1;
}

HELPER_FN(get_hash_recalc)
{
	struct sk_buff *skb = (void *)r1;

	if (!skb->hash)
		skb->hash = flow_hash(skb);
	return skb->hash;
}

HELPER_FN(set_hash_invalid)
{
	((struct sk_buff *)r1)->hash = 0;
	return 0;
}

HELPER_FN(set_hash)
{
	((struct sk_buff *)r1)->hash = r2;
	return 0;
}

/* The verdict is all there is: a run has no device to send to. */
HELPER_FN(redirect)
{
	if (run->image->prog_type == BPF_PROG_TYPE_XDP)
		return r2 ? XDP_ABORTED : XDP_REDIRECT;
	return r2 & ~(u64)BPF_F_INGRESS ? TC_ACT_SHOT : TC_ACT_REDIRECT;
}

HELPER_FN(redirect_peer)
{
	return r2 ? TC_ACT_SHOT : TC_ACT_REDIRECT;
}
