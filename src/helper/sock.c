/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sock.c - helpers about the sockets a packet meets. The network of a test run holds one socket,
 * the one the packet pretends to belong to: no TCP socket, not listening, and nobody can look it up
 * by address. So lookups find nothing, which every program has to be ready for.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include "exec/context.h"
#include "helper/fn.h"

#define STATE_LISTEN 10 /* TCP_LISTEN */

HELPER_FN(sk_lookup_tcp)
{
	return 0;
}
HELPER_FN(sk_lookup_udp)
{
	return 0;
}
HELPER_FN(skc_lookup_tcp)
{
	return 0;
}

/* Sockets of a run are not counted: they end with it. */
HELPER_FN(sk_release)
{
	return 0;
}

/* There are no request or time-wait sockets here: every one is a full one. */
HELPER_FN(sk_fullsock)
{
	return r1;
}

/* What a TCP socket has beyond a socket lies behind it in memory only for TCP sockets, of which
 * there are none. */
HELPER_FN(tcp_sock)
{
	return 0;
}

#define NO_SUCH_SOCK(name) \
	HELPER_FN(name)    \
	{                  \
		return 0;  \
	}
NO_SUCH_SOCK(skc_to_tcp_sock)
NO_SUCH_SOCK(skc_to_tcp6_sock)
NO_SUCH_SOCK(skc_to_tcp_timewait_sock)
NO_SUCH_SOCK(skc_to_tcp_request_sock)
NO_SUCH_SOCK(skc_to_udp6_sock)
NO_SUCH_SOCK(skc_to_unix_sock)
NO_SUCH_SOCK(skc_to_mptcp_sock)

/* As of a context without a full socket. */
HELPER_FN(getsockopt)
{
	memset((void *)(uintptr_t)r4, 0, r5);
	return (u64)-EINVAL;
}

/* The machine of a test run forwards nothing, which is how Linux starts. */
HELPER_FN(fib_lookup)
{
	const struct bpf_fib_lookup *p = (const void *)r2;

	if (r3 < sizeof(*p) || r4 & ~(u64)(BPF_FIB_LOOKUP_DIRECT | BPF_FIB_LOOKUP_OUTPUT))
		return (u64)-EINVAL;
	if (p->family != AF_INET && p->family != AF_INET6)
		return (u64)-EAFNOSUPPORT;
	return p->ifindex ? BPF_FIB_LKUP_RET_FWD_DISABLED : (u64)-ENODEV;
}

HELPER_FN(get_listener_sock)
{
	const struct bpf_sock *sk = (const void *)r1;

	return sk->protocol == IPPROTO_TCP && sk->state == STATE_LISTEN ? r1 : 0;
}
