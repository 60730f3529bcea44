/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sock.c - program types around sockets. They run on the UAPI structs themselves, so only the
 * access rules are here (Linux 6.1 net/core/filter.c).
 */
#include "prog/ctx.h"

#define F(S, name, fl, reg)                                                           \
	{                                                                             \
		offsetof(struct S, name), sizeof_field(struct S, name), 0, 0, fl, reg \
	}
#define P(S, name, reg)                                           \
	{                                                         \
		offsetof(struct S, name), 8, 0, 0, CTX_EXACT, reg \
	}
#define W4 (CTX_EXACT | CTX_W)

static bool in_field(int off, u32 start, u32 size)
{
	return off >= (int)start && off < (int)(start + size);
}
#define IN(off, S, name) in_field(off, offsetof(struct S, name), sizeof_field(struct S, name))
#define WITHIN(attach, ...)                                                \
	({                                                                 \
		static const enum bpf_attach_type list_[] = {__VA_ARGS__}; \
		attach_in(attach, list_, ARRAY_SIZE(list_));               \
	})

static bool attach_in(enum bpf_attach_type a, const enum bpf_attach_type *list, u32 n)
{
	while (n--)
		if (list[n] == a)
			return true;
	return false;
}

/* A narrow access of an array of 32-bit words goes word by word; rows of arrays are checked here.
 */
static bool words_access(int off, int size, struct insn_access_aux *info)
{
	if (off % size || size > 4)
		return false;
	info->ctx_field_size = 4;
	return true;
}

/* --- cgroup/sock: struct bpf_sock --- */

static const struct ctx_field sock_fields[] = {
	F(bpf_sock, bound_dev_if, W4, 0),
	F(bpf_sock, family, 0, 0),
	F(bpf_sock, type, 0, 0),
	F(bpf_sock, protocol, 0, 0),
	F(bpf_sock, mark, W4, 0),
	F(bpf_sock, priority, W4, 0),
	F(bpf_sock, src_ip4, 0, 0),
	F(bpf_sock, src_port, 0, 0),
	F(bpf_sock, dst_ip4, 0, 0),
	F(bpf_sock, state, 0, 0),
	F(bpf_sock, rx_queue_mapping, 0, 0),
};

static bool sock_field_access(int off, int size, enum bpf_access_type type,
			      const struct vfy_prog *prog, struct insn_access_aux *info)
{
	if (off < 0 || off >= (int)sizeof(struct bpf_sock) || off % size)
		return false;
	if (IN(off, bpf_sock, src_ip6) || IN(off, bpf_sock, dst_ip6))
		return type == BPF_READ && words_access(off, size, info);
	/* 16 bits, and for old programs 32 */
	if (IN(off, bpf_sock, dst_port)) {
		info->ctx_field_size = size == 4 ? 4 : 2;
		return type == BPF_READ && size <= 4;
	}
	/* but for addresses, pieces are read at the start of a field only */
	if (off % 4 && !IN(off, bpf_sock, src_ip4) && !IN(off, bpf_sock, dst_ip4))
		return false;
	return ctx_field_access(ctx_field_at(sock_fields, ARRAY_SIZE(sock_fields), off), off, size,
				type, prog, info);
}

static bool cgroup_sock_access(int off, int size, enum bpf_access_type type,
			       const struct vfy_prog *prog, struct insn_access_aux *info)
{
	enum bpf_attach_type at = prog->expected_attach_type;

	if (!sock_field_access(off, size, type, prog, info))
		return false;
	if (off == offsetof(struct bpf_sock, bound_dev_if) ||
	    off == offsetof(struct bpf_sock, mark) || off == offsetof(struct bpf_sock, priority))
		return WITHIN(at, BPF_CGROUP_INET_SOCK_CREATE, BPF_CGROUP_INET_SOCK_RELEASE);
	if (IN(off, bpf_sock, src_ip4) && at != BPF_CGROUP_INET4_POST_BIND)
		return false;
	if (IN(off, bpf_sock, src_ip6) && at != BPF_CGROUP_INET6_POST_BIND)
		return false;
	if (IN(off, bpf_sock, src_port) &&
	    !WITHIN(at, BPF_CGROUP_INET4_POST_BIND, BPF_CGROUP_INET6_POST_BIND))
		return false;
	return type == BPF_READ;
}

/* --- cgroup/bind, connect, sendmsg ...: struct bpf_sock_addr --- */

static const struct ctx_field addr_fields[] = {
	F(bpf_sock_addr, user_family, CTX_EXACT, 0), F(bpf_sock_addr, user_ip4, CTX_W, 0),
	F(bpf_sock_addr, user_port, CTX_W, 0),	     F(bpf_sock_addr, family, CTX_EXACT, 0),
	F(bpf_sock_addr, type, CTX_EXACT, 0),	     F(bpf_sock_addr, protocol, CTX_EXACT, 0),
	F(bpf_sock_addr, msg_src_ip4, CTX_W, 0),     P(bpf_sock_addr, sk, PTR_TO_SOCKET),
};

static bool ip6_access(int off, int size, u32 start, enum bpf_access_type type,
		       struct insn_access_aux *info)
{
	if (off % size)
		return false;
	if (size == 8) /* two words at once: the 8-byte aligned halves */
		return off % 8 == 0 && off + 8 <= (int)start + 16;
	return type == BPF_WRITE ? size == 4 : words_access(off, size, info);
}

static bool cgroup_sock_addr_access(int off, int size, enum bpf_access_type type,
				    const struct vfy_prog *prog, struct insn_access_aux *info)
{
	enum bpf_attach_type at = prog->expected_attach_type;
	bool v4 = WITHIN(at, BPF_CGROUP_INET4_BIND, BPF_CGROUP_INET4_CONNECT,
			 BPF_CGROUP_INET4_GETPEERNAME, BPF_CGROUP_INET4_GETSOCKNAME,
			 BPF_CGROUP_UDP4_SENDMSG, BPF_CGROUP_UDP4_RECVMSG);

	if (off < 0 || off >= (int)sizeof(struct bpf_sock_addr) || off % size)
		return false;
	if (IN(off, bpf_sock_addr, user_ip4) && !v4)
		return false;
	if (IN(off, bpf_sock_addr, user_ip6))
		return !v4 &&
		       ip6_access(off, size, offsetof(struct bpf_sock_addr, user_ip6), type, info);
	if (IN(off, bpf_sock_addr, msg_src_ip4) && at != BPF_CGROUP_UDP4_SENDMSG)
		return false;
	if (IN(off, bpf_sock_addr, msg_src_ip6))
		return at == BPF_CGROUP_UDP6_SENDMSG &&
		       ip6_access(off, size, offsetof(struct bpf_sock_addr, msg_src_ip6), type,
				  info);
	return ctx_field_access(ctx_field_at(addr_fields, ARRAY_SIZE(addr_fields), off), off, size,
				type, prog, info);
}

/* --- sock_ops --- */

static bool sock_ops_access(int off, int size, enum bpf_access_type type,
			    const struct vfy_prog *prog, struct insn_access_aux *info)
{
	static const struct ctx_field special[] = {
		F(bpf_sock_ops, bytes_received, CTX_EXACT, 0),
		F(bpf_sock_ops, bytes_acked, CTX_EXACT, 0),
		P(bpf_sock_ops, sk, PTR_TO_SOCKET | PTR_MAYBE_NULL),
		P(bpf_sock_ops, skb_data, PTR_TO_PACKET),
		P(bpf_sock_ops, skb_data_end, PTR_TO_PACKET_END),
		F(bpf_sock_ops, skb_tcp_flags, 0, 0),
	};
	const struct ctx_field *f;

	if (off < 0 || off >= (int)sizeof(struct bpf_sock_ops) || off % size)
		return false;
	if (type == BPF_WRITE)
		return size == 4 && (off == offsetof(struct bpf_sock_ops, reply) ||
				     off == offsetof(struct bpf_sock_ops, sk_txhash));
	if (IN(off, bpf_sock_ops, skb_tcp_flags) && off % 4)
		return false;
	f = ctx_field_at(special, ARRAY_SIZE(special), off);
	return f ? ctx_field_access(f, off, size, type, prog, info) : size == 4;
}

/* --- sk_msg, sk_lookup, sk_reuseport --- */

static const struct ctx_field msg_fields[] = {
	P(sk_msg_md, data, PTR_TO_PACKET),	 P(sk_msg_md, data_end, PTR_TO_PACKET_END),
	P(sk_msg_md, sk, PTR_TO_SOCKET),	 F(sk_msg_md, family, CTX_EXACT, 0),
	F(sk_msg_md, remote_ip4, CTX_EXACT, 0),	 F(sk_msg_md, local_ip4, CTX_EXACT, 0),
	F(sk_msg_md, remote_port, CTX_EXACT, 0), F(sk_msg_md, local_port, CTX_EXACT, 0),
	F(sk_msg_md, size, CTX_EXACT, 0),
};

static bool sk_msg_access(int off, int size, enum bpf_access_type type, const struct vfy_prog *prog,
			  struct insn_access_aux *info)
{
	if (type == BPF_WRITE || off < 0)
		return false;
	if (IN(off, sk_msg_md, remote_ip6) || IN(off, sk_msg_md, local_ip6))
		return size == 4 && off % 4 == 0;
	return ctx_field_access(ctx_field_at(msg_fields, ARRAY_SIZE(msg_fields), off), off, size,
				type, prog, info);
}

static const struct ctx_field lookup_fields[] = {
	P(bpf_sk_lookup, sk, PTR_TO_SOCKET | PTR_MAYBE_NULL),
	F(bpf_sk_lookup, family, 0, 0),
	F(bpf_sk_lookup, protocol, 0, 0),
	F(bpf_sk_lookup, remote_ip4, 0, 0),
	F(bpf_sk_lookup, remote_port, 0, 0),
	F(bpf_sk_lookup, local_ip4, 0, 0),
	F(bpf_sk_lookup, local_port, 0, 0),
	F(bpf_sk_lookup, ingress_ifindex, 0, 0),
	/* the padding behind remote_port */
	{offsetofend(struct bpf_sk_lookup, remote_port), 2, 0, 0, 0, 0},
};

static bool sk_lookup_access(int off, int size, enum bpf_access_type type,
			     const struct vfy_prog *prog, struct insn_access_aux *info)
{
	if (off < 0 || type != BPF_READ || off % size)
		return false;
	if (IN(off, bpf_sk_lookup, remote_ip6) || IN(off, bpf_sk_lookup, local_ip6))
		return words_access(off, size, info);
	if (off == offsetof(struct bpf_sk_lookup, remote_port) && size == 4)
		return true;
	return ctx_field_access(ctx_field_at(lookup_fields, ARRAY_SIZE(lookup_fields), off), off,
				size, type, prog, info);
}

static const struct ctx_field reuseport_fields[] = {
	P(sk_reuseport_md, data, PTR_TO_PACKET),
	P(sk_reuseport_md, data_end, PTR_TO_PACKET_END),
	F(sk_reuseport_md, len, 0, 0),
	F(sk_reuseport_md, eth_protocol, 0, 0),
	F(sk_reuseport_md, ip_protocol, 0, 0),
	F(sk_reuseport_md, bind_inany, 0, 0),
	F(sk_reuseport_md, hash, CTX_EXACT, 0),
	P(sk_reuseport_md, sk, PTR_TO_SOCKET),
	P(sk_reuseport_md, migrating_sk, PTR_TO_SOCK_COMMON | PTR_MAYBE_NULL),
};

static bool sk_reuseport_access(int off, int size, enum bpf_access_type type,
				const struct vfy_prog *prog, struct insn_access_aux *info)
{
	if (off < 0 || type != BPF_READ)
		return false;
	if (IN(off, sk_reuseport_md, eth_protocol) && size < 2)
		return false;
	return ctx_field_access(ctx_field_at(reuseport_fields, ARRAY_SIZE(reuseport_fields), off),
				off, size, type, prog, info);
}

#define OPS(name, ...)                           \
	const struct vfy_type_ops name##_ops = { \
		.helper = prog_helper, .is_valid_access = name##_access, __VA_ARGS__};
OPS(cgroup_sock)
OPS(cgroup_sock_addr)
OPS(sk_msg, .packet_read = true, .packet_write = true)
OPS(sk_lookup)
OPS(sk_reuseport, .packet_read = true)

const struct vfy_type_ops sock_ops_ops = {.helper = prog_helper,
					  .is_valid_access = sock_ops_access};
