/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_WIRE_H
#define USERBPF_WIRE_H
/*
 * wire.h - sending and receiving messages of proto.h on a blocking socket; libc only, used by
 * service and CLI.
 *
 * Received fds belong to the message until taken (set to -1); wire_msg_reset() closes the rest. A
 * message struct is zeroed before its first use, reused for many messages and given back with
 * wire_msg_free().
 */
#include "daemon/proto.h"

struct wire_msg {
	struct msg_hdr hdr;
	u8 *body;	/* hdr.len bytes, 16-byte aligned */
	size_t room;
	int *fds;
	u32 nr_fds, fd_room;
	u32 eager;	/* strict: looks at the socket before sleeping on it */
	bool strict;	/* the peer sends nothing before it has our answer: header and body are read at once, more bytes are an error */
};

/*
 * 1: a message; 0: the peer closed between messages; -errno otherwise, the connection is of no use
 * any more. @may_grow (may be NULL) is asked before a body of that size is allocated: 0 or -ENOMEM.
 */
int wire_recv(int sock, struct wire_msg *m, int (*may_grow)(void *arg, size_t len), void *arg);
int wire_send(int sock, const struct msg_hdr *hdr, const void *body, const int *fds);
void wire_msg_reset(struct wire_msg *m);
void wire_msg_free(struct wire_msg *m);
int wire_take_fd(struct wire_msg *m, u32 i); /* -1: none there */

#endif
