/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_VMLINUX_SOCK_H
#define USERBPF_VMLINUX_SOCK_H
/*
 * sock.h - what lies behind a socket for programs that ask for more than struct bpf_sock: the
 * kernel's names and nesting (a tcp_sock begins with a sock, a sock with a sock_common), and of
 * their members those that every socket has. No helper returns one while no TCP socket exists here.
 */
#include "base/base.h"

struct sock_common {
	u32 skc_daddr, skc_rcv_saddr;
	u16 skc_dport, skc_num;
	u16 skc_family;
	volatile u8 skc_state;
	int skc_bound_dev_if;
};

struct sock {
	struct sock_common __sk_common;
	u32 sk_priority, sk_mark;
	u16 sk_type, sk_protocol;
};

struct inet_sock {
	struct sock sk;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 rcv_nxt, snd_nxt, snd_una;
};

struct tcp6_sock {
	struct tcp_sock tcp;
};

struct tcp_timewait_sock {
	struct inet_timewait_sock {
		struct sock_common __tw_common;
	} tw_sk;
	u32 tw_rcv_nxt, tw_snd_nxt;
};

struct tcp_request_sock {
	struct inet_request_sock {
		struct request_sock {
			struct sock_common __req_common;
		} req;
	} req;
	u32 rcv_isn, snt_isn;
};

struct udp6_sock {
	struct udp_sock {
		struct inet_sock inet;
		int pending;
	} udp;
};

struct unix_sock {
	struct sock sk;
	struct sock *peer;
};

struct mptcp_sock {
	struct inet_connection_sock sk;
	u32 token;
};

#endif
