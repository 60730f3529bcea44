/* SPDX-License-Identifier: BSD-2-Clause */
/* sock.c - which bytes of the UAPI socket structs a program may load. */
#include "verifier/vfy.h"

#define FIELD(s, f)	offsetof(struct s, f), offsetofend(struct s, f)
#define FIELDS(s, f, l) offsetof(struct s, f), offsetofend(struct s, l)

/* Fields of struct bpf_sock of which parts may be loaded. */
static const struct {
	u32 first, end;
	bool any_offset;
} narrow[] = {
	{FIELD(bpf_sock, state), false},    {FIELD(bpf_sock, family), false},
	{FIELD(bpf_sock, type), false},	    {FIELD(bpf_sock, protocol), false},
	{FIELD(bpf_sock, src_port), false}, {FIELD(bpf_sock, rx_queue_mapping), false},
	{FIELD(bpf_sock, src_ip4), true},   {FIELDS(bpf_sock, src_ip6[0], src_ip6[3]), true},
	{FIELD(bpf_sock, dst_ip4), true},   {FIELDS(bpf_sock, dst_ip6[0], dst_ip6[3]), true},
};

static bool narrow_ok(s32 size, u32 field, u32 *field_size)
{
	*field_size = field;
	return (u32)size <= field && !(size & (size - 1));
}

static bool bpf_sock_ok(s32 off, s32 size, u32 *field_size)
{
	u32 o = off;

	if (o >= sizeof(struct bpf_sock))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(narrow); i++)
		if (o == narrow[i].first ||
		    (narrow[i].any_offset && o > narrow[i].first && o < narrow[i].end))
			return narrow_ok(size, 4, field_size);
	if (o >= offsetof(struct bpf_sock, dst_port) && o < offsetofend(struct bpf_sock, dst_port))
		return narrow_ok(size, size == 4 ? 4 : sizeof_field(struct bpf_sock, dst_port),
				 field_size);
	if (o >= offsetofend(struct bpf_sock, dst_port) && o < offsetof(struct bpf_sock, dst_ip4))
		return false;
	return size == 4;
}

static bool tcp_sock_ok(s32 off, s32 size)
{
	if ((u32)off >= offsetofend(struct bpf_tcp_sock, icsk_retransmits))
		return false;
	if (off == offsetof(struct bpf_tcp_sock, bytes_received) ||
	    off == offsetof(struct bpf_tcp_sock, bytes_acked))
		return size == 8;
	return size == 4;
}

bool vfy_sock_access(u32 type, s32 off, s32 size, u32 *field_size)
{
	if (off < 0 || off % size)
		return false;
	switch (type) {
	case PTR_TO_SOCK_COMMON:
		if ((u32)off >= offsetof(struct bpf_sock, type) &&
		    (u32)off < offsetofend(struct bpf_sock, priority))
			return false;
		fallthrough;
	case PTR_TO_SOCKET: return bpf_sock_ok(off, size, field_size);
	case PTR_TO_TCP_SOCK: return tcp_sock_ok(off, size);
	case PTR_TO_XDP_SOCK:
		return (u32)off < offsetofend(struct bpf_xdp_sock, queue_id) && size == 4;
	}
	return false;
}
