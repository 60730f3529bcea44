/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skb_room.c - helpers that open or close a gap inside a packet: VLAN tags, protocol change, room
 * for encapsulation. Everything before the gap moves; data, MAC and network header go with it.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include "exec/context.h"
#include "helper/fn.h"

#define SKB_MAX_LEN  16064u
#define ADJ_ROOM_MAX 0xfffu
#define IPV4_LEN     20u
#define IPV6_LEN     40u
#define VLAN_LEN     4u
#define ADDRS_LEN    (2 * ETH_ALEN)

#define ENCAP_L3 (BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6)
#define ADJ_ROOM_FLAGS                                                       \
	(BPF_F_ADJ_ROOM_FIXED_GSO | ENCAP_L3 | BPF_F_ADJ_ROOM_ENCAP_L4_GRE | \
	 BPF_F_ADJ_ROOM_ENCAP_L4_UDP | BPF_F_ADJ_ROOM_ENCAP_L2_ETH |         \
	 BPF_F_ADJ_ROOM_ENCAP_L2(BPF_ADJ_ROOM_ENCAP_L2_MASK) | BPF_F_ADJ_ROOM_NO_CSUM_RESET)

/* One's complement sum of @len bytes, @len even, added to or taken from the packet's. */
static void csum_account(struct sk_buff *skb, const u8 *p, u32 len, bool add)
{
	u64 sum = skb->csum;
	u16 w;

	if (skb->ip_summed != CHECKSUM_COMPLETE)
		return;
	for (; len >= 2; len -= 2, p += 2) {
		memcpy(&w, p, 2);
		sum += add ? w : (u16)~w;
	}
	sum = (sum & UINT32_MAX) + (sum >> 32);
	skb->csum = (u32)sum;
}

/* @len zero bytes at @off; what lies before moves down. */
static int gap_open(struct sk_buff *skb, u32 off, u32 len)
{
	if (len > skb->data - skb->head)
		return -ENOMEM;
	memmove(skb->data - len, skb->data, off);
	skb->data -= len;
	skb->data_meta = skb->data;
	skb->len += len;
	memset(skb->data + off, 0, len);
	return 0;
}

static int gap_close(struct sk_buff *skb, u32 off, u32 len)
{
	if (off + len > skb->len)
		return -ENOMEM;
	csum_account(skb, skb->data + off, len, false);
	memmove(skb->data + len, skb->data, off);
	skb->data += len;
	skb->data_meta = skb->data;
	skb->len -= len;
	return 0;
}

static int headers_push(struct sk_buff *skb, u32 off, u32 len)
{
	int err = gap_open(skb, off, len);

	if (!err) {
		skb->mac_header -= len;
		skb->network_header -= len;
	}
	return err;
}

static int headers_pop(struct sk_buff *skb, u32 off, u32 len)
{
	int err = gap_close(skb, off, len);

	if (!err) {
		skb->mac_header += len;
		skb->network_header += len;
	}
	return err;
}

static u32 mac_len(const struct sk_buff *skb)
{
	return skb->network_header - skb->mac_header;
}

/* --- VLAN: the outermost tag lives beside the packet, further ones in it --- */

static bool is_vlan(u32 proto)
{
	return proto == htons(ETH_P_8021Q) || proto == htons(ETH_P_8021AD);
}

HELPER_FN(skb_vlan_push)
{
	struct sk_buff *skb = (void *)r1;
	u16 proto = r2, word[2];
	int err;

	if (!is_vlan(proto))
		proto = htons(ETH_P_8021Q);
	if (skb->vlan_present) {
		err = gap_open(skb, ADDRS_LEN, VLAN_LEN);
		if (err)
			return err;
		skb->mac_header -= VLAN_LEN;
		word[0] = skb->vlan_proto;
		word[1] = htons(skb->vlan_tci);
		memcpy(skb->data + ADDRS_LEN, word, VLAN_LEN);
		csum_account(skb, skb->data + ADDRS_LEN, VLAN_LEN, true);
		skb->protocol = skb->vlan_proto;
	}
	skb->vlan_present = 1;
	skb->vlan_proto = proto;
	skb->vlan_tci = (u16)r3;
	return 0;
}

/* Takes the tag out of the packet. */
static int vlan_take(struct sk_buff *skb, u16 *tci)
{
	u16 word[3];
	int err;

	if (skb->len < ADDRS_LEN + VLAN_LEN + 2)
		return -ENOMEM;
	memcpy(word, skb->data + ADDRS_LEN, sizeof(word));
	err = gap_close(skb, ADDRS_LEN, VLAN_LEN);
	if (err)
		return err;
	*tci = ntohs(word[1]);
	skb->protocol = ntohs(word[2]) >= ETH_P_802_3_MIN ? word[2] : htons(ETH_P_802_2);
	skb->mac_header += VLAN_LEN;
	if (skb->network_header < skb->mac_header + ETH_HLEN)
		skb->network_header = skb->mac_header + ETH_HLEN;
	return 0;
}

HELPER_FN(skb_vlan_pop)
{
	struct sk_buff *skb = (void *)r1;
	u32 proto;
	u16 tci;
	int err;

	if (skb->vlan_present) {
		skb->vlan_present = skb->vlan_tci = skb->vlan_proto = 0;
	} else {
		if (!is_vlan(skb->protocol))
			return 0;
		err = vlan_take(skb, &tci);
		if (err)
			return err;
	}
	if (!is_vlan(skb->protocol))
		return 0;
	proto = skb->protocol;
	err = vlan_take(skb, &tci);
	if (err)
		return err;
	skb->vlan_present = 1;
	skb->vlan_proto = proto;
	skb->vlan_tci = tci;
	return 0;
}

/* --- IPv4 <-> IPv6 --- */

HELPER_FN(skb_change_proto)
{
	struct sk_buff *skb = (void *)r1;
	u32 from = skb->protocol, to = (u16)r2;
	int err;

	if (r3)
		return -EINVAL;
	if (from == htons(ETH_P_IP) && to == htons(ETH_P_IPV6))
		err = headers_push(skb, mac_len(skb), IPV6_LEN - IPV4_LEN);
	else if (from == htons(ETH_P_IPV6) && to == htons(ETH_P_IP))
		err = headers_pop(skb, mac_len(skb), IPV6_LEN - IPV4_LEN);
	else
		return -ENOTSUPP;
	if (err)
		return err;
	skb->protocol = to;
	skb->hash = 0;
	return 0;
}

/* --- room --- */

static int check_encap(const struct sk_buff *skb, u32 len, u64 flags)
{
	u32 inner_mac = flags >> BPF_ADJ_ROOM_ENCAP_L2_SHIFT & 0xff;

	if (!(flags & ENCAP_L3))
		return 0;
	if ((flags & ENCAP_L3) == ENCAP_L3)
		return -EINVAL;
	if (flags & BPF_F_ADJ_ROOM_ENCAP_L4_GRE && flags & BPF_F_ADJ_ROOM_ENCAP_L4_UDP)
		return -EINVAL;
	if (flags & BPF_F_ADJ_ROOM_ENCAP_L2_ETH && inner_mac < ETH_HLEN)
		return -EINVAL;
	if (skb->encapsulation)
		return -EALREADY;
	return inner_mac > len ? -EINVAL : 0;
}

static int room_grow(struct sk_buff *skb, u32 off, u32 len, u64 flags)
{
	int err;

	if (skb->gso_size) /* a run's packets have no GSO type */
		return -ENOTSUPP;
	err = check_encap(skb, len, flags);
	if (!err)
		err = headers_push(skb, off, len);
	if (err || !(flags & ENCAP_L3))
		return err;
	skb->encapsulation = true;
	skb->protocol = flags & BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	return 0;
}

static int room_shrink(struct sk_buff *skb, u32 off, u32 len, u64 flags)
{
	if (flags & ~(u64)(BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		return -EINVAL;
	if (skb->gso_size)
		return -ENOTSUPP;
	return headers_pop(skb, off, len);
}

HELPER_FN(skb_adjust_room)
{
	struct sk_buff *skb = (void *)r1;
	s32 diff = r2;
	u32 len = diff < 0 ? -(u32)diff : (u32)diff, mode = r3, off, cur;
	u32 base = skb->protocol == htons(ETH_P_IP)	? IPV4_LEN
		   : skb->protocol == htons(ETH_P_IPV6) ? IPV6_LEN
							: 0;
	int err;

	if (r4 & ~(u64)ADJ_ROOM_FLAGS)
		return -EINVAL;
	if (len > ADJ_ROOM_MAX)
		return -EFAULT;
	if (!base || (mode != BPF_ADJ_ROOM_NET && mode != BPF_ADJ_ROOM_MAC))
		return -ENOTSUPP;
	off = mac_len(skb) + (mode == BPF_ADJ_ROOM_NET ? base : 0);
	cur = skb->len - (u32)(skb->head + skb->network_header - skb->data);
	if (diff < 0 ? len >= cur || cur - len < base
		     : !skb->gso_size && skb->len + len > SKB_MAX_LEN)
		return -ENOTSUPP;
	err = diff < 0 ? room_shrink(skb, off, len, r4) : room_grow(skb, off, len, r4);
	if (!err && !(r4 & BPF_F_ADJ_ROOM_NO_CSUM_RESET) &&
	    skb->ip_summed == CHECKSUM_UNNECESSARY) {
		skb->ip_summed = CHECKSUM_NONE;
		skb->csum_level = 0;
	}
	return err;
}
