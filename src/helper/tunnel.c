/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tunnel.c - what a program says about the tunnel a packet is to take, kept with the packet. A
 * packet of a test run comes out of none.
 */
#include <arpa/inet.h>
#include "exec/context.h"
#include "helper/fn.h"

/* from linux/if_tunnel.h, which the kernel's own programs include; values of key.tun_flags */
#define CSUM	      htons(0x01)
#define SEQ	      htons(0x02)
#define KEY	      htons(0x04)
#define DONT_FRAGMENT htons(0x0100)
#define NOCACHE	      htons(0x2000)
#define FLOW_LABEL    0x000fffffu

#define SET_FLAGS (BPF_F_TUNINFO_IPV6 | BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT | BPF_F_SEQ_NUMBER)
#define GET_FLAGS (BPF_F_TUNINFO_IPV6 | BPF_F_TUNINFO_FLAGS)

static struct skb_tunnel *tunnel_of(u64 skb)
{
	return &((struct sk_buff *)(uintptr_t)skb)->tunnel;
}

/* Sizes of struct bpf_tunnel_key in earlier kernels. */
static bool size_ok(u32 size)
{
	return size == sizeof(struct bpf_tunnel_key) ||
	       size == offsetof(struct bpf_tunnel_key, local_ipv6[0]) ||
	       size == offsetof(struct bpf_tunnel_key, tunnel_label) ||
	       size == offsetof(struct bpf_tunnel_key, tunnel_ext) ||
	       size == offsetof(struct bpf_tunnel_key, remote_ipv6[1]);
}

static u16 flags_of(u64 flags)
{
	u16 f = KEY | NOCACHE;

	if (!(flags & BPF_F_ZERO_CSUM_TX))
		f |= CSUM;
	if (flags & BPF_F_DONT_FRAGMENT)
		f |= DONT_FRAGMENT;
	return flags & BPF_F_SEQ_NUMBER ? f | SEQ : f;
}

HELPER_FN(skb_set_tunnel_key)
{
	struct skb_tunnel *t = tunnel_of(r1);
	bool ipv6 = r4 & BPF_F_TUNINFO_IPV6;
	struct bpf_tunnel_key key = {};

	if (r4 & ~(u64)SET_FLAGS || !size_ok((u32)r3))
		return (u64)-EINVAL;
	memcpy(&key, (const void *)(uintptr_t)r2, (u32)r3);
	if ((!ipv6 && key.tunnel_label) || key.tunnel_ext)
		return (u64)-EINVAL;
	memset(t, 0, sizeof(*t));
	t->set = true;
	t->ipv6 = ipv6;
	t->flags = flags_of(r4);
	t->key = key;
	t->key.tunnel_label &= FLOW_LABEL;
	return 0;
}

/* Seen by the reader, who stands on the other side: remote is where a packet comes from. */
static void turn(struct bpf_tunnel_key *out, const struct skb_tunnel *t, u64 flags)
{
	u32 words = t->ipv6 ? 4 : 1;

	memset(out, 0, sizeof(*out));
	out->tunnel_id = t->key.tunnel_id;
	out->tunnel_tos = t->key.tunnel_tos;
	out->tunnel_ttl = t->key.tunnel_ttl;
	memcpy(out->remote_ipv6, t->key.local_ipv6, words * sizeof(u32));
	memcpy(out->local_ipv6, t->key.remote_ipv6, words * sizeof(u32));
	out->tunnel_label = t->ipv6 ? t->key.tunnel_label : 0;
	if (flags & BPF_F_TUNINFO_FLAGS)
		out->tunnel_ext = t->flags; /* tunnel_flags of later headers */
}

HELPER_FN(skb_get_tunnel_key)
{
	const struct skb_tunnel *t = tunnel_of(r1);
	u32 size = (u32)r3;
	struct bpf_tunnel_key key;
	int err = 0;

	if (!t->set || r4 & ~(u64)GET_FLAGS)
		err = -EINVAL;
	else if (t->ipv6 != !!(r4 & BPF_F_TUNINFO_IPV6))
		err = -EPROTO;
	else if (!size_ok(size) ||
		 (size == offsetof(struct bpf_tunnel_key, remote_ipv6[1]) && t->ipv6))
		err = -EINVAL;
	if (err) {
		memset((void *)(uintptr_t)r2, 0, size);
		return (u64)err;
	}
	turn(&key, t, r4);
	memcpy((void *)(uintptr_t)r2, &key, size);
	return 0;
}

HELPER_FN(skb_set_tunnel_opt)
{
	struct skb_tunnel *t = tunnel_of(r1);

	if (!t->set || r3 & 3)
		return (u64)-EINVAL;
	if (r3 > sizeof(t->options))
		return (u64)-ENOMEM;
	memcpy(t->options, (const void *)(uintptr_t)r2, r3);
	t->options_len = (u8)r3;
	t->has_options = true;
	return 0;
}

HELPER_FN(skb_get_tunnel_opt)
{
	const struct skb_tunnel *t = tunnel_of(r1);
	u8 *to = (u8 *)(uintptr_t)r2;
	u32 size = (u32)r3;

	memset(to, 0, size);
	if (!t->set || !t->has_options)
		return (u64)-ENOENT;
	if (size < t->options_len)
		return (u64)-ENOMEM;
	memcpy(to, t->options, t->options_len);
	return t->options_len;
}
