/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * context.c - what a program sees of its context: the UAPI struct, kept beside our own struct of
 * the twin by a table of what is where. Fields that are not in it are any number. Rules that the
 * conversion has to follow (widths, what cannot be stored) stand here a second time on purpose.
 */
#include "exec/context.h"
#include "machine.h"

#define SKB(name, kern)                                                                    \
	{                                                                                  \
		offsetof(struct __sk_buff, name), sizeof_field(struct __sk_buff, name),    \
			offsetof(struct sk_buff, kern), sizeof_field(struct sk_buff, kern) \
	}
static const struct ctx_place skb[] = {
	SKB(len, len),
	SKB(pkt_type, pkt_type),
	SKB(mark, mark),
	SKB(queue_mapping, queue_mapping),
	SKB(protocol, protocol),
	SKB(vlan_present, vlan_present),
	SKB(vlan_tci, vlan_tci),
	SKB(vlan_proto, vlan_proto),
	SKB(priority, priority),
	SKB(ingress_ifindex, skb_iif),
	SKB(ifindex, ifindex),
	SKB(tc_index, tc_index),
	SKB(cb[0], cb_data[0]),
	SKB(cb[1], cb_data[1]),
	SKB(cb[2], cb_data[2]),
	SKB(cb[3], cb_data[3]),
	SKB(cb[4], cb_data[4]),
	SKB(hash, hash),
	SKB(tc_classid, tc_classid),
	SKB(napi_id, napi_id),
	SKB(tstamp, tstamp),
	SKB(wire_len, wire_len),
	SKB(gso_segs, gso_segs),
	SKB(gso_size, gso_size),
	SKB(hwtstamp, hwtstamp),
};
#define XDP(name)                                                                    \
	{                                                                            \
		offsetof(struct xdp_md, name), 4, offsetof(struct xdp_buff, name), 4 \
	}
static const struct ctx_place xdp[] = {
	XDP(ingress_ifindex),
	XDP(rx_queue_index),
};

const struct ctx_place *ctx_places(u32 type, u32 *n)
{
	switch (type) {
	case BPF_PROG_TYPE_XDP: *n = ARRAY_SIZE(xdp); return xdp;
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_SK_SKB: *n = ARRAY_SIZE(skb); return skb;
	}
	*n = 0;
	return NULL;
}

static const struct ctx_place *place_of(const struct machine *m, u32 off)
{
	u32 n;
	const struct ctx_place *p = ctx_places(m->p->type, &n);

	for (u32 i = 0; i < n; i++)
		if (off >= p[i].off && off < p[i].off + p[i].size)
			return &p[i];
	return NULL;
}

static u64 cut(u64 v, u32 bytes)
{
	return bytes < 8 ? v & ((1ull << bytes * 8) - 1) : v;
}

void ctx_set_up(struct machine *m)
{
	u32 n;
	const struct ctx_place *p = ctx_places(m->p->type, &n);

	m->iter_object = chance(&m->r, 70);
	memset(m->ctx_shadow, SH_JUNK, sizeof(m->ctx_shadow));
	for (u32 i = 0; i < n; i++) {
		u64 v = cut(rnd_interesting(&m->r), p[i].kern_size);

		memcpy(m->ctx + p[i].off, &v, p[i].size);
		memset(m->ctx_shadow + p[i].off, 0, p[i].size);
	}
}

void ctx_packet(struct machine *m)
{
	u32 n;

	if (ctx_places(m->p->type, &n) == skb)
		memcpy(m->ctx + offsetof(struct __sk_buff, len), &m->pkt_len, 4);
}

/* Where the packet is. */
static bool load_packet(struct machine *m, u32 off, u64 *v)
{
	static const struct {
		u32 data, end, meta;
	} places[] = {{offsetof(struct __sk_buff, data), offsetof(struct __sk_buff, data_end),
		       offsetof(struct __sk_buff, data_meta)},
		      {offsetof(struct xdp_md, data), offsetof(struct xdp_md, data_end),
		       offsetof(struct xdp_md, data_meta)}};
	u32 kind = m->p->type == BPF_PROG_TYPE_XDP;

	if (off == places[kind].data)
		*v = pkt_start(m);
	else if (off == places[kind].end)
		*v = pkt_end(m);
	else if (off == places[kind].meta)
		*v = addr(RG_PKT + m->pkt_epoch);
	else
		return false;
	return true;
}

/* Arguments of an iterator: what is around, and a map or NULL. */
static bool load_argument(struct machine *m, u32 off, u32 size, u64 *v)
{
	if (m->p->type != BPF_PROG_TYPE_TRACING || size != 8 || off % 8 || off > 8)
		return stop(m);
	*v = !off ? addr(RG_ANY) : m->iter_object ? addr(RG_HANDLE + MAP_ARRAY) : 0;
	return true;
}

/* A field nobody modelled: any number; of a pointer we know nothing but that it may be NULL. */
static bool load_other(struct machine *m, u32 off, u32 size, u64 *v)
{
	struct cred cred = {.caps = ~0ull};
	struct vfy_prog prog = {.type = m->p->type, .cred = &cred};
	struct insn_access_aux info = {.reg_type = SCALAR_VALUE};
	const struct vfy_type_ops *ops = prog_type_of(m->p->type)->ops;

	if (ops->btf_ctx)
		return load_argument(m, off, size, v);
	*v = cut(rnd_interesting(&m->r), size);
	if (!ops->is_valid_access(off, size, BPF_READ, &prog, &info))
		return stop(m);
	if (info.reg_type == SCALAR_VALUE)
		return true;
	*v = 0;
	return info.reg_type & PTR_MAYBE_NULL ? true : stop(m);
}

bool ctx_load(struct machine *m, u64 a, u32 size, u64 *v, enum how *how)
{
	u32 off = region_pos(a), n;
	const struct ctx_place *p = place_of(m, off), *any = ctx_places(m->p->type, &n);

	if (p && size <= p->size) {
		*v = load(m->ctx + off, size);
		/* (the kernel shows the low half twice in fields that are narrower inside) */
		*how = off - p->off >= p->kern_size ? JUNK : SAME;
		return true;
	}
	*how = ADDRESS;
	if (any && m->p->type != BPF_PROG_TYPE_SOCKET_FILTER && load_packet(m, off, v))
		return true;
	if (any && m->p->type != BPF_PROG_TYPE_XDP && off == offsetof(struct __sk_buff, sk) &&
	    size == 8) {
		*v = 0;
		*how = SAME;
		return true;
	}
	*how = m->p->type != BPF_PROG_TYPE_TRACING ? JUNK : off && !m->iter_object ? SAME : ADDRESS;
	return load_other(m, off, size, v);
}

void ctx_store(struct machine *m, u64 a, u32 size, u64 v, enum how how)
{
	u32 off = region_pos(a);
	const struct ctx_place *p = place_of(m, off);
	bool queue = p && p->kern == offsetof(struct sk_buff, queue_mapping) &&
		     p->off == offsetof(struct __sk_buff, queue_mapping);

	if (how != SAME) {
		mem_set_how(m, a, size, JUNK, false);
		if (queue)
			unpair(m);
		return;
	}
	if (!p || (queue && v >= UINT16_MAX))
		return;
	if (size == p->size)
		v = cut(v, p->kern_size);
	memcpy(m->ctx + off, &v, size);
	mem_set_how(m, a, size, SAME, false);
}
