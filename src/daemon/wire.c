/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/wire.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_PER_CHUNK 250u
#define KEEP_ROOM     (64u << 10)
#define FIRST_ROOM    (16u << 10)

static int fds_reserve(struct wire_msg *m, u32 more)
{
	u32 room = m->fd_room ? m->fd_room : 8;
	int *p;

	while (room < m->nr_fds + more)
		room *= 2;
	if (room == m->fd_room)
		return 0;
	p = realloc(m->fds, room * sizeof(int));
	if (!p)
		return -ENOMEM;
	m->fds = p;
	m->fd_room = room;
	return 0;
}

/* Every fd that arrived is kept or closed, whatever else goes wrong. */
static int collect_fds(struct wire_msg *m, struct msghdr *mh)
{
	int err = mh->msg_flags & MSG_CTRUNC ? -EMFILE : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		u32 n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		bool keep = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS;

		if (!keep)
			continue;
		if (m->nr_fds + n > PROTO_MAX_FDS || fds_reserve(m, n)) {
			for (u32 i = 0; i < n; i++)
				close(((int *)CMSG_DATA(c))[i]);
			err = -EMFILE;
			continue;
		}
		memcpy(m->fds + m->nr_fds, CMSG_DATA(c), n * sizeof(int));
		m->nr_fds += n;
	}
	return err;
}

/* One recvmsg() into @iov: bytes, 0 at the end, or -errno. */
static ssize_t recv_some(int sock, struct wire_msg *m, struct iovec *iov, int nr, int flags)
{
	union {
		char space[CMSG_SPACE(253 * sizeof(int))];
		struct cmsghdr align;
	} ctl;
	struct msghdr mh = {.msg_iov = iov,
			    .msg_iovlen = nr,
			    .msg_control = &ctl,
			    .msg_controllen = sizeof(ctl)};
	ssize_t n;
	int err;

	do
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	err = collect_fds(m, &mh);
	return err ? err : n;
}

/* The rest of @len bytes, of which @got are there; 0 when the peer closed before the first one
 * and that is allowed. */
static int recv_all(int sock, struct wire_msg *m, void *buf, size_t len, size_t got, bool may_end)
{
	while (got < len) {
		struct iovec iov = {(char *)buf + got, len - got};
		ssize_t n = recv_some(sock, m, &iov, 1, 0);

		if (n < 0)
			return n == -EAGAIN ? -EPIPE : n; /* -EAGAIN is for "no message yet" */
		if (!n)
			return !got && may_end ? 0 : -EPIPE;
		got += n;
	}
	return 1;
}

/* Room for @len bytes, of which the first @keep are there. */
static int body_reserve(struct wire_msg *m, size_t len, size_t keep,
			int (*may_grow)(void *arg, size_t len), void *arg)
{
	int err = 0;
	u8 *p;

	if (len <= m->room)
		return 0;
	if (may_grow)
		err = may_grow(arg, len);
	if (err)
		return err;
	p = malloc(len); /* touched only as bytes arrive */
	if (!p)
		return -ENOMEM;
	if (keep)
		memcpy(p, m->body, keep);
	free(m->body);
	m->body = p;
	m->room = len;
	return 0;
}

/* Who has asked often asks again at once, and a thread that sleeps takes longer to wake than to answer. */
static ssize_t recv_eagerly(int sock, struct wire_msg *m, struct iovec *iov, int nr)
{
	for (u32 tries = 0; tries < m->eager; tries++) {
		ssize_t n = recv_some(sock, m, iov, nr, MSG_DONTWAIT);

		if (n != -EAGAIN)
			return n;
	}
	return recv_some(sock, m, iov, nr, 0);
}

/* The header, and with a strict peer as much of the body as has come (*got). As wire_recv(). */
static int recv_header(int sock, struct wire_msg *m, size_t *got)
{
	struct iovec iov[2] = {{&m->hdr, sizeof(m->hdr)}, {m->body, m->room}};
	ssize_t n;

	*got = 0;
	if (!m->strict)
		return recv_all(sock, m, &m->hdr, sizeof(m->hdr), 0, true);
	n = recv_eagerly(sock, m, iov, 2);
	if (n <= 0)
		return n;
	if (n >= sizeof(m->hdr)) {
		*got = n - sizeof(m->hdr);
		return 1;
	}
	return recv_all(sock, m, &m->hdr, sizeof(m->hdr), n, false);
}

int wire_recv(int sock, struct wire_msg *m, int (*may_grow)(void *arg, size_t len), void *arg)
{
	size_t got;
	int err;

	wire_msg_reset(m);
	if (m->strict && body_reserve(m, FIRST_ROOM, 0, NULL, NULL))
		return -ENOMEM;
	err = recv_header(sock, m, &got);
	if (err <= 0)
		return err;
	if (m->hdr.len > PROTO_MAX_BODY || m->hdr.nfds > PROTO_MAX_FDS)
		return -EMSGSIZE;
	if (got > m->hdr.len)
		return -EBADMSG;
	err = body_reserve(m, m->hdr.len, got, may_grow, arg);
	if (!err)
		err = recv_all(sock, m, m->body, m->hdr.len, got, false);
	if (err < 0)
		return err;
	return m->nr_fds == m->hdr.nfds ? 1 : -EBADMSG;
}

static ssize_t send_some(int sock, struct iovec *iov, int nr, const int *fds, u32 nfds)
{
	union {
		char space[CMSG_SPACE(FDS_PER_CHUNK * sizeof(int))];
		struct cmsghdr align;
	} ctl;
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = nr};
	ssize_t n;

	if (nfds) {
		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = &ctl;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		ctl.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(nfds * sizeof(int)),
					     .cmsg_level = SOL_SOCKET,
					     .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&mh)), fds, nfds * sizeof(int));
	}
	do
		n = sendmsg(sock, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int wire_send(int sock, const struct msg_hdr *hdr, const void *body, const int *fds)
{
	struct iovec iov[2] = {{(void *)hdr, sizeof(*hdr)}, {(void *)body, hdr->len}}, *v = iov;
	u32 left = hdr->nfds;
	int nr = hdr->len ? 2 : 1;

	while (nr) {
		u32 chunk = min(left, FDS_PER_CHUNK);
		struct iovec byte = {v->iov_base, 1};
		bool more = left > chunk; /* not the last fds: send them with one byte */
		ssize_t n = send_some(sock, more ? &byte : v, more ? 1 : nr, fds + hdr->nfds - left,
				      chunk);

		if (n < 0)
			return n;
		left -= chunk;
		while (nr && (size_t)n >= v->iov_len) {
			n -= v->iov_len;
			v++;
			nr--;
		}
		if (nr) {
			v->iov_base = (char *)v->iov_base + n;
			v->iov_len -= n;
		}
	}
	return 0;
}

void wire_msg_reset(struct wire_msg *m)
{
	for (u32 i = 0; i < m->nr_fds; i++)
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	m->nr_fds = 0;
	memset(&m->hdr, 0, sizeof(m->hdr));
	if (m->room > KEEP_ROOM) {
		free(m->body);
		m->body = NULL;
		m->room = 0;
	}
}

void wire_msg_free(struct wire_msg *m)
{
	wire_msg_reset(m);
	free(m->body);
	free(m->fds);
	memset(m, 0, sizeof(*m));
}

int wire_take_fd(struct wire_msg *m, u32 i)
{
	int fd = i < m->nr_fds ? m->fds[i] : -1;

	if (fd >= 0)
		m->fds[i] = -1;
	return fd;
}
