/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CLIENT_H
#define USERBPF_CLIENT_H
/*
 * client.h - a process's side of the wire (daemon/proto.h): a pool of connections, one request in
 * flight on each.
 *
 * A call claims an idle connection or opens one more, so threads never wait for each other.
 * Claiming is one compare-and-swap: no lock is held across fork() or in a signal handler. Sockets
 * are close-on-exec, live at high fd numbers, and are recognised by inode before each use, so a
 * program that closes what it does not know costs a reconnect and never sees its own fd written to.
 * A forked child does not touch its parent's connections.
 *
 * Ownership: client_call() leaves the reply in the connection's buffer; client_done() gives the
 * connection back and closes fds that the caller has not taken (set reply.fds[i] to -1 to keep
 * one).
 */
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include "daemon/proto.h"

#define CLIENT_CONNS	 32
#define CLIENT_REPLY_FDS 256

struct conn {
	u32 busy;  /* claimed; atomic */
	int fd;	   /* -1: not connected */
	ino_t ino; /* of the socket behind fd, to recognise it */
	char *buf; /* replies; grows */
	size_t buf_len;
};

struct client {
	struct sockaddr_un addr;
	int pid;		  /* process the connections belong to */
	u32 greeted;		  /* slot table taken over; atomic */
	void (*slots)(int memfd); /* called once with the service's slot table (borrowed fd); may be
				     NULL */
	struct conn conn[CLIENT_CONNS];
};

struct client_req {
	u32 type;
	const struct iovec *iov; /* the body */
	int nr_iov;
	const int *fds;
	u32 nr_fds;
};

struct client_reply {
	s32 result;
	u32 type; /* of the message */
	u32 len; /* bytes of body */
	void *body;
	u32 nr_fds;
	int fds[CLIENT_REPLY_FDS];
	struct conn *conn;
	bool many;	/* more messages may follow */
	bool temporary; /* pool was full: connection ends with the call */
};

/* -ENAMETOOLONG */
int client_init(struct client *c, const char *path);
/* In a child: forgets the parent's connections and closes this process's copies. */
void client_after_fork(struct client *c);
/* Closes everything. */
void client_close(struct client *c);
/*
 * Sends @req and waits for the reply: 0 and a reply to be given to client_done() (whatever
 * reply->result says), or negative errno when there is no service to talk to: -EIO (gone or not
 * answering by protocol), -EMFILE, -ENOMEM. A request that was sent is never repeated.
 */
int client_call(struct client *c, const struct client_req *req, struct client_reply *reply);
/* Is there a service? Connects when no connection is up. 0 or negative errno. */
int client_ping(struct client *c);
/* The next message of an answer that comes in several (MSG_FS_CAT): replaces body, closes fds not
 * taken. */
int client_next(struct client_reply *reply);
void client_done(struct client_reply *reply);
/* The connection is out of step after a failed client_next(): it ends with client_done(). */
void client_broken(struct client_reply *reply);
/* One flat body, no fds back: result of the reply, or negative errno. */
int client_simple(struct client *c, u32 type, const void *body, u32 len);
/* Moves @fd, which is closed, out of the program's way; negative ones stay. */
int client_high_fd(int fd);
/* Does @fd belong to the pool? */
bool client_owns_fd(const struct client *c, int fd);
unsigned int
client_next_fd(const struct client *c,
	       unsigned int first); /* lowest of the pool's from @first on; ~0u: none */

#endif
