/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/resource.h>
#include "shim/client.h"
#include "base/raw.h"

#define FDS_PER_MSG 250u

int client_init(struct client *c, const char *path)
{
	size_t len = strlen(path);

	memset(c, 0, sizeof(*c));
	for (u32 i = 0; i < CLIENT_CONNS; i++)
		c->conn[i].fd = -1;
	if (len >= sizeof(c->addr.sun_path))
		return -ENAMETOOLONG;
	c->addr.sun_family = AF_UNIX;
	memcpy(c->addr.sun_path, path, len + 1);
	c->pid = raw_getpid();
	return 0;
}

/* Is the fd still the socket we opened? The program may have closed or replaced it. */
static bool conn_intact(const struct conn *n)
{
	struct stat st;

	return n->fd >= 0 && !raw_fstat(n->fd, &st) && S_ISSOCK(st.st_mode) && st.st_ino == n->ino;
}

static void conn_drop(struct conn *n)
{
	if (conn_intact(n))
		raw_close(n->fd);
	n->fd = -1;
}

static void conn_free(struct conn *n)
{
	conn_drop(n);
	if (n->buf)
		raw_munmap(n->buf, n->buf_len);
	n->buf = NULL;
	n->buf_len = 0;
}

static bool conn_claim(struct conn *n)
{
	u32 idle = 0;

	return __atomic_compare_exchange_n(&n->busy, &idle, 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static void conn_unclaim(struct conn *n)
{
	__atomic_store_n(&n->busy, 0, __ATOMIC_RELEASE);
}

void client_after_fork(struct client *c)
{
	c->pid = raw_getpid();
	for (u32 i = 0; i < CLIENT_CONNS; i++) {
		conn_free(&c->conn[i]);
		conn_unclaim(&c->conn[i]);
	}
}

void client_close(struct client *c)
{
	for (u32 i = 0; i < CLIENT_CONNS; i++)
		conn_free(&c->conn[i]);
}

bool client_owns_fd(const struct client *c, int fd)
{
	if (fd < 0)
		return false;
	for (u32 i = 0; i < CLIENT_CONNS; i++)
		if (c->conn[i].fd == fd)
			return conn_intact(&c->conn[i]);
	return false;
}

unsigned int client_next_fd(const struct client *c, unsigned int first)
{
	unsigned int lowest = ~0u;

	for (u32 i = 0; i < CLIENT_CONNS; i++) {
		int fd = c->conn[i].fd;

		if (fd >= 0 && (unsigned int)fd >= first && (unsigned int)fd < lowest &&
		    conn_intact(&c->conn[i]))
			lowest = fd;
	}
	return lowest;
}

/* Out of the program's way: the top of what the fd limit allows, but not so high that the kernel's
 * fd table grows much. */
int client_high_fd(int fd)
{
	struct rlimit rl;
	long high = -1;

	if (fd < 0)
		return fd;
	if (!raw4(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &rl) && rl.rlim_cur > 128)
		high = raw_fcntl(fd, F_DUPFD_CLOEXEC, (long)min(rl.rlim_cur, (rlim_t)1024) - 64);
	if (high < 0)
		return fd;
	raw_close(fd);
	return high;
}

/* Room for @len bytes; the first @keep ones stay. */
static int buf_grow(struct conn *n, size_t len, size_t keep)
{
	void *p;

	if (len <= n->buf_len)
		return 0;
	len = round_up(len, (size_t)65536);
	p = raw_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (IS_ERR(p))
		return -ENOMEM;
	if (n->buf) {
		memcpy(p, n->buf, keep);
		raw_munmap(n->buf, n->buf_len);
	}
	n->buf = p;
	n->buf_len = len;
	return 0;
}

/* -EIO for everything that means "nobody there". */
static int lost(long err)
{
	return err == -EINTR || err == -EAGAIN ? 0 : -EIO;
}

static int wait_writable(int fd)
{
	struct {
		int fd;
		short events, revents;
	} p = {fd, 4 /* POLLOUT */, 0};
	struct timespec forever = {3600, 0};

	raw6(SYS_ppoll, (long)&p, 1, (long)&forever, 0, 8, 0);
	return 0;
}

/* One sendmsg; @fds travel with its first byte. */
static long send_some(int fd, struct iovec *iov, int nr, const int *fds, u32 nr_fds)
{
	char ctl[CMSG_SPACE(FDS_PER_MSG * sizeof(int))] __attribute__((aligned(8)));
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = min(nr, 1024)};

	if (nr_fds) {
		struct cmsghdr *cm = (void *)ctl;

		memset(ctl, 0, CMSG_SPACE(nr_fds * sizeof(int)));
		m.msg_control = ctl;
		m.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, nr_fds * sizeof(int));
	}
	return raw_sendmsg(fd, &m, MSG_NOSIGNAL);
}

static void iov_skip(struct iovec **iov, int *nr, size_t n)
{
	while (*nr && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*nr)--;
	}
	if (*nr) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

#define MAX_IOV 64

static int send_request(int fd, const struct client_req *req)
{
	struct msg_hdr hdr = {.type = req->type, .nfds = req->nr_fds};
	struct iovec vec[MAX_IOV + 1], *iov = vec;
	u32 sent_fds = 0;
	int nr = 1;

	if (req->nr_iov > MAX_IOV)
		return -E2BIG;
	vec[0] = (struct iovec){&hdr, sizeof(hdr)};
	for (int i = 0; i < req->nr_iov; i++) {
		if (!req->iov[i].iov_len)
			continue;
		hdr.len += req->iov[i].iov_len;
		vec[nr++] = req->iov[i];
	}
	/* all fds but the last chunk go out with a byte of the header each, so that none of them is
	 * late */
	while (nr) {
		u32 chunk = min(req->nr_fds - sent_fds, FDS_PER_MSG);
		bool more = req->nr_fds - sent_fds > chunk;
		struct iovec byte = {iov->iov_base, 1};
		long n;

		n = more ? send_some(fd, &byte, 1, req->fds + sent_fds, chunk)
			 : send_some(fd, iov, nr, req->fds + sent_fds, chunk);
		if (n < 0) {
			if (n == -EAGAIN && wait_writable(fd) == 0)
				continue;
			if (n == -EPIPE && iov == vec && iov->iov_len == sizeof(hdr))
				return -EPIPE; /* not a byte went out */
			if (n == -EBADF || n == -ETOOMANYREFS || n == -ENOMEM || n == -ENOBUFS)
				return n;
			if (lost(n))
				return -EIO;
			continue;
		}
		sent_fds += chunk;
		iov_skip(&iov, &nr, n);
	}
	return 0;
}

static void take_fds(struct msghdr *m, struct client_reply *reply)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(m); cm; cm = CMSG_NXTHDR(m, cm)) {
		u32 nr = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		const int *fds = (const int *)CMSG_DATA(cm);

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		for (u32 i = 0; i < nr; i++) {
			if (reply->nr_fds < CLIENT_REPLY_FDS)
				reply->fds[reply->nr_fds++] = fds[i];
			else
				raw_close(fds[i]);
		}
	}
}

static int recv_all(int fd, void *buf, size_t len, struct client_reply *reply)
{
	char ctl[CMSG_SPACE(FDS_PER_MSG * sizeof(int))] __attribute__((aligned(8)));

	while (len) {
		struct iovec iov = {buf, len};
		struct msghdr m = {.msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = ctl,
				   .msg_controllen = sizeof(ctl)};
		long n = raw_recvmsg(fd, &m, MSG_CMSG_CLOEXEC);

		if (n > 0) {
			take_fds(&m, reply);
			if (m.msg_flags & MSG_CTRUNC)
				return -EMFILE;
			buf = (char *)buf + n;
			len -= n;
		} else if (n == 0 || lost(n)) {
			return -EIO;
		}
	}
	return 0;
}

/* The header and, in the same system call, what follows it of the one answer to this request. ->
 * bytes of the body received */
static long recv_head(struct conn *n, struct msg_hdr *hdr, struct client_reply *reply)
{
	char ctl[CMSG_SPACE(FDS_PER_MSG * sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov[] = {{hdr, sizeof(*hdr)}, {n->buf, reply->many ? 0 : n->buf_len}};
	struct msghdr m = {
		.msg_iov = iov, .msg_iovlen = 2, .msg_control = ctl, .msg_controllen = sizeof(ctl)};
	long got;

	/* An answer mostly comes sooner than a sleeping CPU wakes up: look a few times before. */
	for (int tries = 0; tries < EAGER_TRIES; tries++) {
		got = raw_recvmsg(n->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (got != -EAGAIN)
			break;
	}
	while (got < 0 && !lost(got))
		got = raw_recvmsg(n->fd, &m, MSG_CMSG_CLOEXEC);
	if (got <= 0)
		return -EIO;
	take_fds(&m, reply);
	if (m.msg_flags & MSG_CTRUNC)
		return -EMFILE;
	if (got < (long)sizeof(*hdr)) {
		int err = recv_all(n->fd, (char *)hdr + got, sizeof(*hdr) - got, reply);

		return err;
	}
	return got - sizeof(*hdr);
}

static void close_reply_fds(struct client_reply *reply)
{
	for (u32 i = 0; i < reply->nr_fds; i++)
		if (reply->fds[i] >= 0)
			raw_close(reply->fds[i]);
	reply->nr_fds = 0;
}

int client_next(struct client_reply *reply)
{
	struct conn *n = reply->conn;
	struct msg_hdr hdr;
	long have;
	int err;

	close_reply_fds(reply);
	err = n->buf ? 0 : buf_grow(n, 1, 0);
	if (err)
		return err;
	have = recv_head(n, &hdr, reply);
	if (have < 0)
		return have;
	if (hdr.len > PROTO_MAX_BODY || have > hdr.len)
		return -EIO;
	err = buf_grow(n, hdr.len, have);
	if (!err)
		err = recv_all(n->fd, n->buf + have, hdr.len - have, reply);
	if (err)
		return err;
	if (hdr.nfds != reply->nr_fds)
		return -EMFILE; /* no room for them in our fd table */
	reply->result = hdr.result;
	reply->type = hdr.type;
	reply->len = hdr.len;
	reply->body = n->buf;
	return 0;
}

static int converse(const struct client_req *req, struct client_reply *reply)
{
	int err;

	reply->nr_fds = 0;
	reply->many = req->type >= MSG_STATUS; /* the CLI's may come in several messages */
	err = send_request(reply->conn->fd, req);
	return err ?: client_next(reply);
}

static int greet(struct client *c, struct conn *n)
{
	bool want = c->slots && !__atomic_load_n(&c->greeted, __ATOMIC_ACQUIRE);
	struct msg_hello hello = {
		.version = PROTO_VERSION, .pid = c->pid, .flags = want ? HELLO_SLOTS : 0};
	struct iovec iov = {&hello, sizeof(hello)};
	struct client_req req = {.type = MSG_HELLO, .iov = &iov, .nr_iov = 1};
	struct client_reply reply;
	int err;

	reply.conn = n;
	err = converse(&req, &reply);
	if (!err)
		err = reply.result < 0 ? -EIO : 0;
	if (!err && reply.nr_fds && want && !__atomic_exchange_n(&c->greeted, 1, __ATOMIC_ACQ_REL))
		c->slots(reply.fds[0]);
	close_reply_fds(&reply);
	return err;
}

static int conn_open(struct client *c, struct conn *n)
{
	struct stat st;
	int fd, err;

	fd = raw_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC);
	if (fd < 0)
		return fd;
	fd = client_high_fd(fd);
	do
		err = raw_connect(fd, &c->addr, sizeof(c->addr));
	while (err == -EINTR);
	if (!err)
		err = raw_fstat(fd, &st);
	if (err) {
		raw_close(fd);
		return err == -EACCES
			       ? -EPERM
			       : -EIO; /* not ours: what the kernel says to those who may not */
	}
	n->ino = st.st_ino;
	n->fd = fd;
	err = greet(c, n);
	if (err)
		conn_drop(n);
	return err;
}

/* An idle connection that is up, else an idle place, claimed; NULL when all are busy. */
static struct conn *pool_claim(struct client *c)
{
	for (int want_open = 1; want_open >= 0; want_open--) {
		for (u32 i = 0; i < CLIENT_CONNS; i++) {
			struct conn *n = &c->conn[i];

			if ((READ_ONCE(n->fd) < 0) == !!want_open || !conn_claim(n))
				continue;
			return n;
		}
	}
	return NULL;
}

static int conn_ready(struct client *c, struct conn *n)
{
	if (n->fd >= 0 && !conn_intact(n))
		conn_drop(n);
	return n->fd >= 0 ? 0 : conn_open(c, n);
}

static struct conn *temporary_conn(void)
{
	struct conn *n = raw_mmap(NULL, sizeof(*n), PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (IS_ERR(n))
		return NULL;
	n->fd = -1;
	return n;
}

static void conn_release(struct conn *n, bool temporary)
{
	if (temporary) {
		conn_free(n);
		raw_munmap(n, sizeof(*n));
		return;
	}
	/* one huge reply shall not stay with us for good */
	if (n->buf_len > (1u << 20)) {
		raw_munmap(n->buf, n->buf_len);
		n->buf = NULL;
		n->buf_len = 0;
	}
	conn_unclaim(n);
}

static int try_again(struct client *c, const struct client_req *req, struct client_reply *reply)
{
	int err;

	conn_drop(reply->conn);
	err = conn_open(c, reply->conn);
	return err ?: converse(req, reply);
}

int client_call(struct client *c, const struct client_req *req, struct client_reply *reply)
{
	int err;

	if (raw_getpid() != READ_ONCE(c->pid))
		client_after_fork(c);
	reply->nr_fds = 0;
	reply->conn = pool_claim(c);
	reply->temporary = !reply->conn;
	if (reply->temporary)
		reply->conn = temporary_conn();
	if (!reply->conn)
		return -ENOMEM;
	err = conn_ready(c, reply->conn);
	if (!err) {
		err = converse(req, reply);
		if (err == -EPIPE) /* the service closed this idle connection, perhaps it was
				      restarted: nothing was sent yet */
			err = try_again(c, req, reply);
		if (!err)
			return 0;
		close_reply_fds(reply);
		conn_drop(reply->conn);
	}
	conn_release(reply->conn, reply->temporary);
	reply->conn = NULL;
	return err == -EPIPE ? -EIO : err;
}

void client_broken(struct client_reply *reply)
{
	conn_drop(reply->conn);
}

void client_done(struct client_reply *reply)
{
	close_reply_fds(reply);
	if (reply->conn)
		conn_release(reply->conn, reply->temporary);
	reply->conn = NULL;
}

int client_ping(struct client *c)
{
	struct conn *n = pool_claim(c);
	int err;

	if (!n)
		return 0; /* all busy: somebody answers them */
	err = conn_ready(c, n);
	conn_release(n, false);
	return err;
}

int client_simple(struct client *c, u32 type, const void *body, u32 len)
{
	struct iovec iov = {(void *)body, len};
	struct client_req req = {.type = type, .iov = &iov, .nr_iov = 1};
	struct client_reply reply;
	int result = client_call(c, &req, &reply);

	if (result)
		return result;
	result = reply.result;
	client_done(&reply);
	return result;
}
