/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conn.c - one thread per connection: receive, look the request up, answer. Whatever is malformed
 * ends the connection it came on and nothing else.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/slot.h"
#include "daemon/agent.h"
#include "daemon/daemon.h"

#define CONN_STACK (1u << 20) /* virtual; the verifier recurses little, but logs on the stack */

/* --- requests --- */

static int hello(struct conn *c)
{
	struct msg_hello in = {}, out = {.version = PROTO_VERSION,
					 .pid = getpid(),
					 .nr_cpus = c->d->slots->nr};
	int fd;

	if (c->msg.hdr.len < sizeof(in))
		return -EPROTO;
	memcpy(&in, c->msg.body, sizeof(in));
	reply_add(&c->reply, &out, sizeof(out));
	if (in.version != PROTO_VERSION)
		return -EPROTO;
	c->greeted = true;
	if (in.flags & HELLO_SLOTS) {
		fd = fcntl(c->d->slots_fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		reply_fd(&c->reply, fd);
	}
	return 0;
}

static int shut_down(struct conn *c)
{
	if (c->uid && c->uid != c->d->uid)
		return -EPERM;
	c->d->stopping = true;
	daemon_wake(c->d);
	return 0;
}

/* By type: no two can have the same number. */
static const struct {
	u32 min_len;
	int (*handle)(struct conn *c);
} requests[] = {
	[MSG_HELLO] = {0, hello},
	[MSG_BPF] = {sizeof(struct msg_bpf), bpf_handle},
	[MSG_HANDLE] = {0, image_handle_info},
	[MSG_IMAGE] = {0, image_handle_prog},
	[MSG_TAIL_TARGET] = {sizeof(struct msg_tail_target), image_handle_tail},
	[MSG_WATCH] = {sizeof(struct msg_watch), image_handle_watch},
	[MSG_INNER_MAP] = {sizeof(struct msg_inner_map), image_handle_inner},
	[MSG_TIMER] = {sizeof(struct msg_timer), image_handle_timer},
	[MSG_PERF_RING] = {sizeof(struct msg_perf_ring), image_handle_perf_ring},
	[MSG_VIEW_CHANGED] = {sizeof(struct msg_view_changed), image_handle_view_changed},
	[MSG_PRINTK] = {sizeof(struct msg_printk), trace_handle_printk},
	[MSG_BTF_SHOW] = {sizeof(struct msg_btf_show), image_handle_btf_show},
	[MSG_ACCOUNT] = {sizeof(struct msg_account), image_handle_account},
	[MSG_BTF_FIND] = {sizeof(struct msg_btf_find) + 1, symbol_handle_btf},
	[MSG_KSYM_FIND] = {1, symbol_handle_ksym},
	[MSG_PERF_OPEN] = {sizeof(struct msg_perf_open), perf_handle_open},
	[MSG_PERF_IOCTL] = {sizeof(struct msg_perf_ioctl), perf_handle_ioctl},
	[MSG_TRACE_EVENTS] = {sizeof(struct msg_trace_events) + 1, perf_handle_trace_events},
	[MSG_CLOSED] = {sizeof(struct msg_closed), perf_handle_closed},
	[MSG_CALL_TESTS] = {sizeof(struct msg_call_tests), perf_handle_call_tests},
	[MSG_SYSCALLS] = {0, syscalls_handle},
	[MSG_MAP_TOP] = {0, map_top_handle},
	[MSG_STATUS] = {sizeof(struct msg_status), status_handle},
	[MSG_MOUNT] = {sizeof(struct msg_mount), mount_handle_mount},
	[MSG_REMOUNT] = {sizeof(struct msg_mount), mount_handle_remount},
	[MSG_FS_CAT] = {sizeof(struct msg_fs_req), mount_handle_cat},
	[MSG_FS_LS] = {sizeof(struct msg_fs_req), mount_handle_ls},
	[MSG_SHUTDOWN] = {0, shut_down},
	[MSG_EXPOSE] = {sizeof(struct msg_expose), expose_handle_expose},
	[MSG_WHY] = {sizeof(struct msg_fs_req), expose_handle_why},
	[MSG_UMOUNT] = {sizeof(struct msg_fs_req), mount_handle_umount},
	[MSG_FS_RM] = {sizeof(struct msg_fs_req), mount_handle_rm},
	[MSG_FS_MKDIR] = {sizeof(struct msg_fs_req), mount_handle_mkdir},
	[MSG_ATTACH] = {sizeof(struct msg_attach), agent_handle_attach},
	[MSG_AGENT] = {sizeof(struct msg_agent), agent_handle},
};

/* -errno: not a request; the connection ends. */
static int serve(struct conn *c)
{
	const struct msg_hdr *h = &c->msg.hdr;

	if (h->type >= ARRAY_SIZE(requests) || !requests[h->type].handle ||
	    h->len < requests[h->type].min_len || (!c->greeted && h->type != MSG_HELLO))
		return -EBADMSG;
	__atomic_add_fetch(&c->d->served, 1, __ATOMIC_RELAXED);
	c->reply.result = requests[h->type].handle(c);
	return h->type == MSG_AGENT ? -EPIPE
				    : reply_send(c); /* an agent's was its connection's last */
}

/* Bounds what all clients together make us hold. */
static int may_grow(void *arg, size_t len)
{
	struct conn *c = arg;

	if (len <= 64u << 10)
		return 0;
	if (__atomic_add_fetch(&c->d->body_bytes, len, __ATOMIC_RELAXED) > BODY_TOTAL_MAX) {
		__atomic_sub_fetch(&c->d->body_bytes, len, __ATOMIC_RELAXED);
		return -ENOMEM;
	}
	c->charged = len;
	return 0;
}

static void uncharge(struct conn *c)
{
	__atomic_sub_fetch(&c->d->body_bytes, c->charged, __ATOMIC_RELAXED);
	c->charged = 0;
}

static void conn_free(struct conn *c)
{
	struct daemon *d = c->d;

	map_top_end(c);
	wire_msg_free(&c->msg);
	reply_reset(&c->reply);
	free(c->reply.data);
	cred_close(c);
	pthread_mutex_lock(&d->lock);
	list_del(&c->node);
	close(c->sock); /* under the lock: conn_stop_all() shuts it down */
	d->nr_conns--;
	pthread_cond_signal(&d->idle);
	pthread_mutex_unlock(&d->lock);
	free(c);
	daemon_wake(d);
}

/* One request; 1: go on. */
static int conn_step(struct conn *c)
{
	int err;

	do
		err = wire_recv(c->sock, &c->msg, may_grow, c);
	while (err == -EAGAIN && !cred_gone(c));
	if (err > 0)
		err = serve(c) < 0 ? -EIO : 1;
	reply_reset(&c->reply);
	wire_msg_reset(&c->msg);
	uncharge(c);
	return err;
}

static void *conn_main(void *arg)
{
	struct conn *c = arg;

	while (conn_step(c) > 0)
		;
	conn_free(c);
	return NULL;
}

/* Who connects says hello at once: answered here it does not wait for the thread. Only what is there in full, so that nobody waits for it. */
static bool greet_now(struct conn *c)
{
	struct {
		struct msg_hdr hdr;
		struct msg_hello hello;
	} m;

	if (recv(c->sock, &m, sizeof(m), MSG_PEEK | MSG_DONTWAIT) != sizeof(m) ||
	    m.hdr.type != MSG_HELLO || m.hdr.len != sizeof(m.hello) || m.hdr.nfds)
		return true; /* the thread sees to it */
	return conn_step(c) > 0;
}

static int thread_start(struct conn *c)
{
	pthread_attr_t attr;
	pthread_t tid;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, CONN_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	err = -pthread_create(&tid, &attr, conn_main, c);
	pthread_attr_destroy(&attr);
	return err;
}

/*
 * A client that sends us its own end of the connection keeps it open beyond its death, so the end
 * of the file is not all we wait for. A message that stalls for so long half-way ends the
 * connection.
 */
static const struct timeval patience = {.tv_sec = 5};

static void conn_new(struct daemon *d, int sock)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		close(sock);
		return;
	}
	c->d = d;
	c->sock = sock;
	c->msg.strict = true;
	c->msg.eager = EAGER_TRIES;
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (cred_open(c)) {
		close(sock);
		free(c);
		return;
	}
	pthread_mutex_lock(&d->lock);
	list_add(&d->conns, &c->node);
	d->nr_conns++;
	pthread_mutex_unlock(&d->lock);
	if (!greet_now(c) || thread_start(c))
		conn_free(c);
}

/* Out of fds: give up the spare one for a moment, so that the peer is refused instead of the
 * loop spinning. */
static void refuse_one(struct daemon *d)
{
	int s;

	if (d->spare_fd >= 0)
		close(d->spare_fd);
	s = accept4(d->sock, NULL, NULL, SOCK_CLOEXEC);
	if (s >= 0)
		close(s);
	d->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void conn_accept(struct daemon *d)
{
	int s = accept4(d->sock, NULL, NULL, SOCK_CLOEXEC);

	if (s < 0 && (errno == EMFILE || errno == ENFILE))
		refuse_one(d);
	if (s < 0)
		return;
	if (__atomic_load_n(&d->nr_conns, __ATOMIC_RELAXED) >= CONNS_MAX)
		close(s);
	else
		conn_new(d, s);
}

static void hang_up(struct daemon *d, int how, u32 patience_s)
{
	struct timespec until;
	struct conn *c;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += patience_s;
	pthread_mutex_lock(&d->lock);
	list_for_each(c, &d->conns, node)
		shutdown(c->sock, how);
	while (d->nr_conns)
		if (pthread_cond_timedwait(&d->idle, &d->lock, &until))
			break;
	pthread_mutex_unlock(&d->lock);
}

/* Requests in progress are answered (the one for shutdown too), unless the client does not read. */
void conn_stop_all(struct daemon *d)
{
	hang_up(d, SHUT_RD, 2);
	hang_up(d, SHUT_RDWR, 3);
}
