/* SPDX-License-Identifier: BSD-2-Clause */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "peer.h"

struct peer {
	peer_fn fn;
	void *arg;
	char dir[64], path[96];
	int sock;
	u32 connections;
	pthread_t thread;
};

struct peer_conn {
	struct peer *peer;
	int fd;
};

static int recv_part(int fd, void *buf, size_t len, struct peer_msg *m)
{
	while (len) {
		char ctl[CMSG_SPACE(253 * sizeof(int))];
		struct iovec iov = {buf, len};
		struct msghdr h = {.msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = ctl,
				   .msg_controllen = sizeof(ctl)};
		ssize_t n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);

		if (n <= 0)
			return -1;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
			u32 nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

			memcpy(m->fds + m->nr_fds, CMSG_DATA(c), nr * sizeof(int));
			m->nr_fds += nr;
		}
		buf = (char *)buf + n;
		len -= n;
	}
	return 0;
}

static void send_reply(int fd, u32 type, const struct peer_reply *r)
{
	struct msg_hdr h = {.type = type, .len = r->len, .nfds = r->fd >= 0, .result = r->result};
	struct iovec iov[] = {{&h, sizeof(h)}, {(void *)r->body, r->len}};
	char ctl[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	struct cmsghdr *c = (void *)ctl;

	if (r->fd >= 0) {
		m.msg_control = ctl;
		m.msg_controllen = sizeof(ctl);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &r->fd, sizeof(int));
	}
	sendmsg(fd, &m, MSG_NOSIGNAL);
	if (r->fd >= 0)
		close(r->fd);
}

static void *serve(void *arg)
{
	struct peer_conn *c = arg;
	struct peer_msg *m = calloc(1, sizeof(*m));
	struct peer_reply *r = malloc(sizeof(*r));

	for (;;) {
		m->nr_fds = 0;
		if (recv_part(c->fd, &m->hdr, sizeof(m->hdr), m))
			break;
		m->body = malloc(m->hdr.len + 1);
		if (recv_part(c->fd, m->body, m->hdr.len, m)) {
			free(m->body);
			break;
		}
		memset(r, 0, sizeof(*r));
		r->fd = -1;
		if (m->hdr.type == MSG_HELLO)
			r->len = sizeof(struct msg_hello);
		else
			c->peer->fn(c->peer->arg, m, r);
		free(m->body);
		for (u32 i = 0; i < m->nr_fds; i++)
			close(m->fds[i]);
		if (r->hang_up)
			break;
		send_reply(c->fd, m->hdr.type, r);
	}
	close(c->fd);
	free(m);
	free(r);
	free(c);
	return NULL;
}

static void *accept_loop(void *arg)
{
	struct peer *p = arg;
	int fd;

	while ((fd = accept(p->sock, NULL, NULL)) >= 0) {
		struct peer_conn *c = malloc(sizeof(*c));
		pthread_t t;

		*c = (struct peer_conn){p, fd};
		__atomic_add_fetch(&p->connections, 1, __ATOMIC_RELAXED);
		pthread_create(&t, NULL, serve, c);
		pthread_detach(t);
	}
	return NULL;
}

struct peer *peer_start(peer_fn fn, void *arg)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct peer *p = calloc(1, sizeof(*p));

	p->fn = fn;
	p->arg = arg;
	strcpy(p->dir, "/tmp/userbpf-peer-XXXXXX");
	if (!mkdtemp(p->dir))
		abort();
	snprintf(p->path, sizeof(p->path), "%s/sock", p->dir);
	strcpy(sun.sun_path, p->path);
	p->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(p->sock, (struct sockaddr *)&sun, sizeof(sun)) || listen(p->sock, 16))
		abort();
	pthread_create(&p->thread, NULL, accept_loop, p);
	return p;
}

const char *peer_path(const struct peer *p)
{
	return p->path;
}
u32 peer_connections(const struct peer *p)
{
	return __atomic_load_n(&p->connections, __ATOMIC_RELAXED);
}

void peer_stop(struct peer *p)
{
	shutdown(p->sock, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->sock);
	unlink(p->path);
	rmdir(p->dir);
	free(p);
}
