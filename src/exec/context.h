/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CONTEXT_H
#define USERBPF_CONTEXT_H
/*
 * context.h - what R1 of a running program points to. Run side.
 *
 * Programs are written against the UAPI layouts (struct __sk_buff, xdp_md ...); the verifier's
 * rewrite turns their accesses into accesses to the structs here (src/prog has the tables). Fields
 * are as wide as the kernel's, which programs can tell: what is written is cut to 16 bits, and a
 * two-byte load from the upper half of a 32-bit UAPI field that is 16 bits wide inside gives the
 * lower half.
 *
 * Types not listed run on the UAPI struct itself: bpf_sock, bpf_sock_addr, bpf_sock_ops (but for
 * its pointers), sk_msg_md, bpf_sk_lookup, sk_reuseport_md, bpf_cgroup_dev_ctx, bpf_sysctl,
 * bpf_sockopt, pt_regs, bpf_perf_event_data, tracepoint records, u64 argument arrays, the client's
 * own buffer of syscall programs. Sockets a packet context points to are struct bpf_sock too.
 */
#include "exec/exec.h"

#define SKB_NO_HEADER	     UINT32_MAX
#define CHECKSUM_NONE	     0
#define CHECKSUM_UNNECESSARY 1
#define CHECKSUM_COMPLETE    2
#define CHECKSUM_PARTIAL     3

/* The tunnel a packet is to take (bpf_skb_set_tunnel_key). */
struct skb_tunnel {
	bool set, ipv6, has_options;
	u8 options_len;
	u16 flags; /* as tunnel_flags of struct bpf_tunnel_key */
	struct bpf_tunnel_key key;
	u8 options[255];
};

/* A linear packet: [head ... data_meta ... data ... data_end ... end). Owner of the buffer: whoever
 * runs the program. */
struct sk_buff {
	u32 len; /* data_end - data; kept in step by the helpers */
	u32 mark, priority, skb_iif, ifindex, hash, napi_id, wire_len;
	u32 vlan_present;
	u32 cb_data[5];
	u16 queue_mapping, protocol, vlan_tci, vlan_proto, tc_index, tc_classid, gso_segs, gso_size;
	u8 pkt_type;
	u8 tstamp_type;
	u8 cloned; /* always 0: a run owns its packet */
	u8 ip_summed, csum_level;
	bool encapsulation;
	u64 tstamp, hwtstamp;
	u8 *data, *data_meta, *data_end;
	struct bpf_sock *sk;
	struct bpf_flow_keys *flow_keys;
	/* private */
	u8 *head, *end;
	u32 mac_header, network_header; /* offsets from head */
	u32 csum;
	u32 redirect_ifindex, redirect_flags;
	struct skb_tunnel tunnel;
};

struct xdp_buff {
	u8 *data, *data_end, *data_meta;
	u8 *data_hard_start, *data_hard_end;
	u32 ingress_ifindex, rx_queue_index, egress_ifindex;
	u32 redirect_ifindex;
	u8 *frags; /* what did not fit the first page; contiguous, whole pages but for the last */
	u32 frags_size;
};

/* struct bpf_flow_dissector of the kernel: context of flow dissector programs */
struct bpf_flow_dissector {
	struct bpf_flow_keys *flow_keys;
	u8 *data, *data_end;
};

/* Room before a packet; XDP_PACKET_HEADROOM (256) is in the UAPI. */
#define SKB_HEADROOM 66u /* NET_SKB_PAD + NET_IP_ALIGN */

#endif
