/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TEST_PEER_H
#define USERBPF_TEST_PEER_H
/*
 * peer.h - a stand-in for userbpfd: a thread that answers HELLO and hands every other request to
 * the test's function, which fills in the reply. One connection at a time is enough for these
 * tests; each gets its own thread.
 */
#include "daemon/proto.h"

struct peer_msg {
	struct msg_hdr hdr;
	char *body;
	int fds[PROTO_MAX_FDS];
	u32 nr_fds;
};

struct peer_reply {
	s32 result;
	char body[8192];
	u32 len;
	int fd;	      /* -1: none; closed after sending */
	bool hang_up; /* close the connection instead of answering */
};

typedef void (*peer_fn)(void *arg, const struct peer_msg *m, struct peer_reply *r);

struct peer;
struct peer *peer_start(peer_fn fn, void *arg);
const char *peer_path(const struct peer *p);
u32 peer_connections(const struct peer *p); /* ever made */
void peer_stop(struct peer *p);

#endif
