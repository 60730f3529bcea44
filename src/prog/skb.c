/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skb.c - program types whose context is struct __sk_buff, and the flow dissector's reduced one.
 * Access rules: Linux 6.1 net/core/filter.c.
 */
#include "prog/ctx.h"

#define FIELD(name, kern, fl, reg)                                                              \
	{                                                                                       \
		offsetof(struct __sk_buff, name), sizeof_field(struct __sk_buff, name),         \
			offsetof(struct sk_buff, kern), sizeof_field(struct sk_buff, kern), fl, \
			reg                                                                     \
	}
/* 32-bit UAPI field that stands for a pointer */
#define PKT(name, kern, reg)                                                                       \
	{                                                                                          \
		offsetof(struct __sk_buff, name), 4, offsetof(struct sk_buff, kern), 8, CTX_EXACT, \
			reg                                                                        \
	}
/* pointers are unions with padding in the UAPI */
#define PTR(off, kern, reg)                                               \
	{                                                                 \
		off, 8, offsetof(struct sk_buff, kern), 8, CTX_EXACT, reg \
	}
#define SOCK_COMMON_OR_NULL (PTR_TO_SOCK_COMMON | PTR_MAYBE_NULL)

/* Every field as __sk_buff has it; what a type may write is decided per type. */
static const struct ctx_field fields[] = {
	FIELD(len, len, 0, 0),
	FIELD(pkt_type, pkt_type, 0, 0),
	FIELD(mark, mark, CTX_W, 0),
	FIELD(queue_mapping, queue_mapping, CTX_W, 0),
	FIELD(protocol, protocol, 0, 0),
	FIELD(vlan_present, vlan_present, 0, 0),
	FIELD(vlan_tci, vlan_tci, 0, 0),
	FIELD(vlan_proto, vlan_proto, 0, 0),
	FIELD(priority, priority, CTX_W, 0),
	FIELD(ingress_ifindex, skb_iif, 0, 0),
	FIELD(ifindex, ifindex, 0, 0),
	FIELD(tc_index, tc_index, CTX_W, 0),
	FIELD(cb, cb_data, CTX_W | CTX_BYTES, 0),
	FIELD(hash, hash, 0, 0),
	FIELD(tc_classid, tc_classid, CTX_W, 0),
	PKT(data, data, 0),
	PKT(data_end, data_end, 0),
	FIELD(napi_id, napi_id, 0, 0),
	PKT(data_meta, data_meta, 0),
	FIELD(tstamp, tstamp, CTX_W | CTX_EXACT, 0),
	FIELD(wire_len, wire_len, 0, 0),
	FIELD(gso_segs, gso_segs, 0, 0),
	PTR(offsetof(struct __sk_buff, sk), sk, SOCK_COMMON_OR_NULL),
	FIELD(gso_size, gso_size, 0, 0),
	FIELD(tstamp_type, tstamp_type, CTX_EXACT, 0),
	FIELD(hwtstamp, hwtstamp, CTX_EXACT, 0),
};

/* The addresses and ports of the packet's socket: struct bpf_sock behind skb->sk. Loads through it
 * in two steps. */
#define SOCK(name, sockname)                                                            \
	{                                                                               \
		offsetof(struct __sk_buff, name), sizeof_field(struct __sk_buff, name), \
			offsetof(struct bpf_sock, sockname), 4, 0, 0                    \
	}
static const struct ctx_field sock_fields[] = {
	SOCK(family, family),	    SOCK(remote_ip4, dst_ip4), SOCK(local_ip4, src_ip4),
	SOCK(remote_ip6, dst_ip6),  SOCK(local_ip6, src_ip6),  SOCK(remote_port, dst_port),
	SOCK(local_port, src_port),
};

#define AT(name)  offsetof(struct __sk_buff, name)
#define BIT(name) (1ull << (AT(name) / 4))
/* What a type may do, one bit per 32-bit word of __sk_buff. */
struct skb_rules {
	u64 hidden; /* not accessible at all */
	u64 writable;
	u64 bpf, wbpf;	     /* with CAP_BPF only */
	u32 data, data_meta; /* register types */
	bool sock;	     /* family ... local_port */
};

static u64 word(int off)
{
	return 1ull << (off / 4);
}

#define CB_BITS (BIT(cb[0]) | BIT(cb[1]) | BIT(cb[2]) | BIT(cb[3]) | BIT(cb[4]))

static bool skb_access(const struct skb_rules *r, int off, int size, enum bpf_access_type type,
		       const struct vfy_prog *prog, struct insn_access_aux *info)
{
	const struct ctx_field *f;

	if (off < 0 || off >= (int)sizeof(struct __sk_buff) || off % size)
		return false;
	if (r->hidden & word(off))
		return false;
	if (type == BPF_WRITE && !(r->writable & word(off)))
		return false;
	if ((r->bpf & word(off) || (type == BPF_WRITE && r->wbpf & word(off))) &&
	    !cred_bpf(prog->cred))
		return false;
	if (off >= (int)AT(family) && off < (int)offsetofend(struct __sk_buff, local_port)) {
		f = r->sock ? ctx_field_at(sock_fields, ARRAY_SIZE(sock_fields), off) : NULL;
		if (!f || type == BPF_WRITE)
			return false;
		if (off >= (int)AT(remote_ip4) && off < (int)AT(remote_port))
			return size == 4;
		info->ctx_field_size = 4;
		return size <= 4 && !(size & (size - 1));
	}
	if (off == (int)AT(data) || off == (int)AT(data_end) || off == (int)AT(data_meta)) {
		/* sockets' filters and cgroup programs see these as plain words unless they may
		 * look */
		if (off == (int)AT(data) && r->data)
			info->reg_type = PTR_TO_PACKET;
		if (off == (int)AT(data_end) && r->data)
			info->reg_type = PTR_TO_PACKET_END;
		if (off == (int)AT(data_meta) && r->data_meta)
			info->reg_type = PTR_TO_PACKET_META;
		return size == 4;
	}
	f = ctx_field_at(fields, ARRAY_SIZE(fields), off);
	return f && ctx_field_access(f, off, size, type, prog, info);
}

static u32 skb_sock_convert(const struct ctx_field *f, const struct bpf_insn *si,
			    struct bpf_insn *buf, u32 *target_size)
{
	u32 word_off = (si->off - f->off) & ~3u;

	buf[0] = (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_DW,
				   .dst_reg = si->dst_reg,
				   .src_reg = si->src_reg,
				   .off = offsetof(struct sk_buff, sk)};
	/* no socket: zero */
	buf[1] = (struct bpf_insn){
		.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = si->dst_reg, .off = 1};
	buf[2] = (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
				   .dst_reg = si->dst_reg,
				   .src_reg = si->dst_reg,
				   .off = f->kern_off + word_off};
	if (f->off == AT(remote_port)) {
		/* bpf_sock.dst_port is 16 bits in network order in the low half; __sk_buff has it
		 * in the high half */
		buf[2].code = BPF_LDX | BPF_MEM | BPF_H;
		buf[1].off = 2;
		buf[3] = (struct bpf_insn){
			.code = BPF_ALU | BPF_LSH | BPF_K, .dst_reg = si->dst_reg, .imm = 16};
		*target_size = 4;
		return 4;
	}
	*target_size = 4;
	return 3;
}

/* Values the kernel has no queue for leave the field as it is. */
static u32 skb_write_queue(const struct ctx_field *f, const struct bpf_insn *si,
			   struct bpf_insn *buf, u32 *target_size)
{
	buf[0] = (struct bpf_insn){.code = BPF_JMP | BPF_JGE | BPF_K,
				   .dst_reg = si->src_reg,
				   .off = 1,
				   .imm = UINT16_MAX};
	return 1 + ctx_field_convert(f, BPF_WRITE, si, buf + 1, target_size);
}

static u32 skb_convert(enum bpf_access_type type, const struct bpf_insn *si, struct bpf_insn *buf,
		       const struct vfy_prog *prog, u32 *target_size)
{
	const struct ctx_field *f = ctx_field_at(sock_fields, ARRAY_SIZE(sock_fields), si->off);

	if (f)
		return type == BPF_READ ? skb_sock_convert(f, si, buf, target_size) : 0;
	f = ctx_field_at(fields, ARRAY_SIZE(fields), si->off);
	if (type == BPF_WRITE && si->off == AT(queue_mapping))
		return skb_write_queue(f, si, buf, target_size);
	return ctx_field_convert(f, type, si, buf, target_size);
}

/* R2 = offset, R1 = context, call; leave the program with 0 when the packet is too short. */
static int skb_gen_ld_abs(const struct bpf_insn *orig, struct bpf_insn *buf)
{
	bool ind = BPF_MODE(orig->code) == BPF_IND;
	u32 id = BPF_SIZE(orig->code) == BPF_B	 ? BPF_FUNC_int_skb_load_8
		 : BPF_SIZE(orig->code) == BPF_H ? BPF_FUNC_int_skb_load_16
						 : BPF_FUNC_int_skb_load_32;
	int n = 0;

	if (!ind) {
		buf[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K,
					     .dst_reg = BPF_REG_2,
					     .imm = orig->imm};
	} else {
		buf[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X,
					     .dst_reg = BPF_REG_2,
					     .src_reg = orig->src_reg};
		if (orig->imm)
			buf[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_ADD | BPF_K,
						     .dst_reg = BPF_REG_2,
						     .imm = orig->imm};
	}
	buf[n++] = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_6};
	buf[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_CALL, .imm = id};
	buf[n++] = (struct bpf_insn){
		.code = BPF_JMP | BPF_JSGE | BPF_K, .dst_reg = BPF_REG_0, .off = 2};
	buf[n++] = (struct bpf_insn){.code = BPF_ALU | BPF_XOR | BPF_X};
	buf[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	return n;
}

/* --- the types --- */

#define SKB_TYPE(name, ...)                                                                  \
	static bool name##_access(int off, int size, enum bpf_access_type type,              \
				  const struct vfy_prog *prog, struct insn_access_aux *info) \
	{                                                                                    \
		static const struct skb_rules r = {__VA_ARGS__};                             \
		return skb_access(&r, off, size, type, prog, info);                          \
	}
#define SKB_OPS(name, ...)                                                         \
	const struct vfy_type_ops name##_ops = {.helper = prog_helper,             \
						.is_valid_access = name##_access,  \
						.convert_ctx_access = skb_convert, \
						__VA_ARGS__};

#define TSTAMP	    (BIT(tstamp) | BIT(tstamp) << 1)
#define HWTSTAMP    (BIT(hwtstamp) | BIT(hwtstamp) << 1)
#define FLOW_KEYS   (1ull << (144 / 4) | 1ull << (148 / 4))
#define TSTAMP_TYPE BIT(tstamp_type) /* with the padding behind it */

_Static_assert(offsetof(struct __sk_buff, flow_keys) == 144 && sizeof(struct __sk_buff) <= 64 * 4,
	       "__sk_buff layout");

SKB_TYPE(socket_filter,
	 .hidden = BIT(tc_classid) | BIT(data) | BIT(data_meta) | BIT(data_end) | TSTAMP |
		   BIT(wire_len) | HWTSTAMP | FLOW_KEYS | TSTAMP_TYPE,
	 .writable = CB_BITS)
SKB_OPS(socket_filter, .skb_data = true, .gen_ld_abs = skb_gen_ld_abs)

SKB_TYPE(cgroup_skb,
	 .hidden = BIT(tc_classid) | BIT(data_meta) | BIT(wire_len) | FLOW_KEYS | TSTAMP_TYPE,
	 .writable = BIT(mark) | BIT(priority) | CB_BITS | TSTAMP, .bpf = BIT(data) | BIT(data_end),
	 .wbpf = TSTAMP, .data = 1, .sock = true)
SKB_OPS(cgroup_skb, .packet_read = true)

SKB_TYPE(sched_cls, .hidden = FLOW_KEYS,
	 .writable = BIT(mark) | BIT(tc_index) | BIT(priority) | BIT(tc_classid) | CB_BITS |
		     TSTAMP | BIT(queue_mapping),
	 .data = 1, .data_meta = 1)
#define sched_act_access sched_cls_access
SKB_OPS(sched_cls, .skb_data = true, .gen_ld_abs = skb_gen_ld_abs, .packet_read = true,
	.packet_write = true)
SKB_OPS(sched_act, .skb_data = true, .gen_ld_abs = skb_gen_ld_abs, .packet_read = true,
	.packet_write = true)

SKB_TYPE(lwt_in,
	 .hidden = BIT(tc_classid) | BIT(data_meta) | TSTAMP | BIT(wire_len) | HWTSTAMP |
		   FLOW_KEYS | TSTAMP_TYPE,
	 .writable = BIT(mark) | BIT(priority) | CB_BITS, .data = 1)
#define lwt_out_access	     lwt_in_access
#define lwt_xmit_access	     lwt_in_access
#define lwt_seg6local_access lwt_in_access
SKB_OPS(lwt_in, .packet_read = true)
SKB_OPS(lwt_out, .packet_read = true)
SKB_OPS(lwt_xmit, .packet_read = true, .packet_write = true)
SKB_OPS(lwt_seg6local, .packet_read = true)

SKB_TYPE(sk_skb,
	 .hidden = BIT(tc_classid) | BIT(data_meta) | TSTAMP | BIT(wire_len) | HWTSTAMP |
		   BIT(mark) | FLOW_KEYS | TSTAMP_TYPE,
	 .writable = BIT(tc_index) | BIT(priority), .data = 1, .sock = true)
SKB_OPS(sk_skb, .packet_read = true, .packet_write = true)

/* --- flow dissector: data, data_end and the keys it fills in --- */

#define FLOW(name, sz, kern, reg)                                                                \
	{                                                                                        \
		offsetof(struct __sk_buff, name), sz, offsetof(struct bpf_flow_dissector, kern), \
			8, CTX_EXACT, reg                                                        \
	}
static const struct ctx_field flow_fields[] = {
	FLOW(data, 4, data, PTR_TO_PACKET),
	FLOW(data_end, 4, data_end, PTR_TO_PACKET_END),
	FLOW(flow_keys, 8, flow_keys, PTR_TO_FLOW_KEYS),
};

static bool flow_access(int off, int size, enum bpf_access_type type, const struct vfy_prog *prog,
			struct insn_access_aux *info)
{
	return off >= 0 && ctx_field_access(ctx_field_at(flow_fields, ARRAY_SIZE(flow_fields), off),
					    off, size, type, prog, info);
}

static u32 flow_convert(enum bpf_access_type type, const struct bpf_insn *si, struct bpf_insn *buf,
			const struct vfy_prog *prog, u32 *target_size)
{
	return ctx_field_convert(ctx_field_at(flow_fields, ARRAY_SIZE(flow_fields), si->off), type,
				 si, buf, target_size);
}

const struct vfy_type_ops flow_dissector_ops = {
	.helper = prog_helper,
	.is_valid_access = flow_access,
	.convert_ctx_access = flow_convert,
	.packet_read = true,
};
