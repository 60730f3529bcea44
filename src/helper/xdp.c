/* SPDX-License-Identifier: BSD-2-Clause */
/* xdp.c - helpers on struct xdp_buff of exec/context.h. */
#include <linux/if_ether.h>
#include "exec/context.h"
#include "helper/fn.h"

#define XDP_FRAME_SIZE 40 /* the kernel keeps struct xdp_frame at the start of the headroom */
#define META_MAX       32
#define FRAG_PAGE      4096u

static u32 linear_len(const struct xdp_buff *x)
{
	return x->data_end - x->data;
}
static u32 buff_len(const struct xdp_buff *x)
{
	return linear_len(x) + x->frags_size;
}

HELPER_FN(xdp_adjust_head)
{
	struct xdp_buff *x = (void *)r1;
	s64 offset = (s32)r2, metalen = x->data - x->data_meta;
	u8 *data = x->data + offset;

	if (data < x->data_hard_start + XDP_FRAME_SIZE + metalen || data > x->data_end - ETH_HLEN)
		return -EINVAL;
	memmove(x->data_meta + offset, x->data_meta, metalen);
	x->data_meta += offset;
	x->data = data;
	return 0;
}

static u64 frags_tail(struct xdp_buff *x, s64 offset)
{
	u32 used = x->frags_size % FRAG_PAGE, cut;

	if (offset >= 0) {
		if (offset > (used ? FRAG_PAGE - used : 0))
			return -EINVAL;
		memset(x->frags + x->frags_size, 0, offset);
		x->frags_size += offset;
		return 0;
	}
	offset = -offset;
	if (offset > (s64)buff_len(x) - ETH_HLEN)
		return -EINVAL;
	cut = min((u32)offset, x->frags_size);
	x->frags_size -= cut;
	x->data_end -= offset - cut;
	return 0;
}

HELPER_FN(xdp_adjust_tail)
{
	struct xdp_buff *x = (void *)r1;
	s64 offset = (s32)r2;
	u8 *end = x->data_end + offset;

	if (x->frags_size)
		return frags_tail(x, offset);
	if (end > x->data_hard_end || end < x->data + ETH_HLEN)
		return -EINVAL;
	if (offset > 0)
		memset(x->data_end, 0, offset);
	x->data_end = end;
	return 0;
}

HELPER_FN(xdp_adjust_meta)
{
	struct xdp_buff *x = (void *)r1;
	u8 *meta = x->data_meta + (s32)r2;
	s64 len = x->data - meta;

	if (meta < x->data_hard_start + XDP_FRAME_SIZE || meta > x->data)
		return -EINVAL;
	if (len & 3 || len > META_MAX)
		return -EACCES;
	x->data_meta = meta;
	return 0;
}

/* Copies @len bytes at @offset, first page and rest alike. */
static s64 copy(struct xdp_buff *x, u32 offset, u8 *buf, u32 len, bool store)
{
	u32 linear = linear_len(x), n;

	if (offset > 0xffff || len > 0xffff)
		return -EFAULT;
	if (offset + len > buff_len(x))
		return -EINVAL;
	while (len) {
		u8 *p = offset < linear ? x->data + offset : x->frags + (offset - linear);

		n = offset < linear ? min(len, linear - offset) : len;
		memcpy(store ? p : buf, store ? buf : p, n);
		offset += n;
		buf += n;
		len -= n;
	}
	return 0;
}

HELPER_FN(xdp_load_bytes)
{
	return copy((void *)r1, r2, (void *)r3, r4, false);
}

HELPER_FN(xdp_store_bytes)
{
	return copy((void *)r1, r2, (void *)r3, r4, true);
}

HELPER_FN(xdp_get_buff_len)
{
	return buff_len((const struct xdp_buff *)r1);
}

/* Maps of devices, CPUs and sockets are always empty: the answer is the action the program named
 * for that, or a broadcast to nobody. */
HELPER_FN(redirect_map)
{
	struct bpf_map *map = (void *)r1;
	u32 key = (u32)r2;
	bool devices =
		map->map_type == BPF_MAP_TYPE_DEVMAP || map->map_type == BPF_MAP_TYPE_DEVMAP_HASH;
	u64 actions = XDP_ABORTED | XDP_DROP | XDP_PASS | XDP_TX;

	if (r3 & ~(actions | (devices ? BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS : 0)))
		return XDP_ABORTED;
	return r3 & BPF_F_BROADCAST || map->ops->lookup(map, &key) ? XDP_REDIRECT : r3 & actions;
}
