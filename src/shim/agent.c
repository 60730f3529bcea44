// SPDX-License-Identifier: BSD-2-Clause
/* agent.c - the agent's life and its conversation with the service; see agent.h. */
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include "shim/agent.h"
#include "shim/agent_probe.h"
#include "shim/interpose.h"
#include "agent/patch.h"
#include "base/raw.h"
#include "shim/shim.h"

#define READY_MS  1000 /* a program waits for its probes at its start ... */
#define RESCAN_MS 500  /* ... and when it loads a library */
#define COUNT_MS  20   /* statistics are so late */

#define POLLIN_ 1

/* AGAIN: somebody asked for an agent while there was one, whose service may be just gone. */
enum { OFF, STARTING, ON, AGAIN, ENDING };

static struct {
	bool configured; /* atomic */
	bool stay; /* was brought in from outside: children have nobody else to find the service */
	u32 state; /* atomic */
	u32 tid;   /* of the thread, 0: none; the kernel clears it */
	u32 ready; /* futex: 1 when what there was at the start is in place, or cannot be */
	u32 lock;
	u32 forking;	 /* a thread is between the fork handlers */
	int wake;	 /* eventfd: look at the mappings again */
	u32 rescans;	 /* futex: counts when that was done */
	u32 want_rescan; /* atomic */
	bool counted;	 /* soon the service is told */
	int sock;	 /* in the conversation, -1: not */
	struct client client;
	char probes[sizeof(((struct sockaddr_un *)0)->sun_path) + 8]; /* the service's file */
} agent;

static __thread u32 holds __attribute__((tls_model("initial-exec")));

static struct {
	char stack[8192];
	char end[64];
} borrowed __attribute__((aligned(64), used));
__asm__(".globl userbpf_agent_stack_end\n.type userbpf_agent_stack_end, @object\n"
	".set userbpf_agent_stack_end, borrowed + 8192\n");

/* A signal handler that forks finds its own thread in here. */
void agent_lock(void)
{
	if (holds++)
		return;
	while (__atomic_exchange_n(&agent.lock, 1, __ATOMIC_ACQUIRE))
		raw3(SYS_sched_yield, 0, 0, 0);
}

void agent_unlock(void)
{
	if (!--holds)
		__atomic_store_n(&agent.lock, 0, __ATOMIC_RELEASE);
}

bool agent_on(void)
{
	return __atomic_load_n(&agent.state, __ATOMIC_ACQUIRE) != OFF;
}

bool agent_owns_fd(int fd)
{
	return agent_on() && (fd == agent.wake || client_owns_fd(&agent.client, fd));
}

unsigned int agent_next_fd(unsigned int first)
{
	unsigned int wake = agent.wake;

	if (!agent_on())
		return ~0u;
	return min(client_next_fd(&agent.client, first), wake >= first ? wake : ~0u);
}

/* --- conversation --- */

static void set_ready(void)
{
	__atomic_store_n(&agent.ready, 1, __ATOMIC_RELEASE);
	raw4(SYS_futex, &agent.ready, FUTEX_WAKE_PRIVATE, 1 << 30, NULL);
}

static int answer(struct client_reply *r, int result, const struct msg_probe_ack *ack)
{
	struct msg_hdr h = {.type = r->type, .len = sizeof(*ack), .result = result};
	struct iovec iov[] = {{&h, sizeof(h)}, {(void *)ack, sizeof(*ack)}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	long n;

	do
		n = raw_sendmsg(r->conn->fd, &m, MSG_NOSIGNAL);
	while (n == -EINTR);
	return n == sizeof(h) + sizeof(*ack) ? 0 : -EIO;
}

/* Where changes of the list lead. */
static void settle(void)
{
	agent_list_place();
	agent_dl_watch(agent_list_has_files());
}

static int on_add(struct client_reply *r, struct msg_probe_ack *ack)
{
	const struct msg_probe *m = r->body;
	const char *plan = (const char *)(m + 1);
	int err = -EPROTO;

	if (r->len < sizeof(*m) ||
	    r->len < sizeof(*m) + MSG_PAD((u64)m->plan_len) + (u64)m->image_len)
		return -EPROTO;
	agent_lock();
	err = agent_list_add(m, plan, r, plan + MSG_PAD(m->plan_len));
	if (!(m->flags & MSG_PROBE_MORE))
		settle();
	agent_unlock();
	return err;
}

static int on_del(struct client_reply *r, struct msg_probe_ack *ack)
{
	const struct msg_probe_del *m = r->body;

	if (r->len < sizeof(*m))
		return -EPROTO;
	agent_lock();
	agent_list_del(m->first, m->n);
	agent_dl_watch(agent_list_has_files());
	agent_unlock();
	return 0;
}

static int on_sync(struct client_reply *r, struct msg_probe_ack *ack)
{
	agent_lock();
	agent_list_sweep();
	settle();
	agent_unlock();
	set_ready();
	return 0;
}

/* ADD with MORE has no answer: the one to the last of them is for all. */
static int serve(struct client_reply *r)
{
	struct msg_probe_ack ack = {};
	int err = -EPROTO;

	if (r->type == MSG_PROBE_ADD)
		err = on_add(r, &ack);
	else if (r->type == MSG_PROBE_DEL)
		err = on_del(r, &ack);
	else if (r->type == MSG_PROBE_SYNC)
		err = on_sync(r, &ack);
	if (r->type == MSG_PROBE_ADD && r->len >= sizeof(struct msg_probe) &&
	    ((const struct msg_probe *)r->body)->flags & MSG_PROBE_MORE)
		return 0;
	agent_list_failures(&ack);
	return answer(r, err, &ack);
}

/* agent_rescan() in another thread. */
static void look_again(void)
{
	u64 n;

	if (raw_read(agent.wake, &n, sizeof(n)) != sizeof(n))
		return;
	agent.counted = true;
	if (!__atomic_exchange_n(&agent.want_rescan, 0, __ATOMIC_ACQ_REL))
		return;
	agent_lock();
	agent_list_place();
	agent_unlock();
	__atomic_add_fetch(&agent.rescans, 1, __ATOMIC_RELEASE);
	raw4(SYS_futex, &agent.rescans, FUTEX_WAKE_PRIVATE, 1 << 30, NULL);
}

void agent_account(struct msg_probe_stats *s)
{
	struct msg_hdr h = {.type = MSG_PROBE_STATS, .len = sizeof(*s)};
	struct iovec iov[] = {{&h, sizeof(h)}, {s, sizeof(*s)}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};

	if (agent.sock >= 0)
		raw_sendmsg(agent.sock, &m, MSG_NOSIGNAL);
}

static void account(void)
{
	agent.counted = false;
	hit_counted_seen();
	agent_lock();
	agent_list_account();
	agent_unlock();
}

static void wake(void)
{
	u64 one = 1;

	if (agent.wake >= 0)
		raw_write(agent.wake, &one, sizeof(one));
}

/* Until there is a message. */
static int wait_message(int sock)
{
	struct {
		int fd;
		short events, revents;
	} p[2] = {{sock, POLLIN_, 0}, {agent.wake, POLLIN_, 0}};
	long n;

	for (;;) {
		u32 ms = agent_time_look() ?: agent.counted ? COUNT_MS : 0;
		struct timespec ts = {.tv_nsec = ms * 1000000l};

		n = raw6(SYS_ppoll, (long)p, 2, ms ? (long)&ts : 0, 0, 8, 0);
		if (n < 0 && n != -EINTR)
			return n;
		if (agent.counted && !n)
			account();
		if (n > 0 && p[1].revents)
			look_again();
		if (!client_owns_fd(&agent.client, sock))
			return -EBADF;
		if (n > 0 && p[0].revents)
			return 0;
	}
}

/* Until the connection ends: -EBADF when the program closed it, else the service is gone. */
static int converse(void)
{
	struct msg_agent hello = {.pid = raw_getpid(), .tid = raw3(SYS_gettid, 0, 0, 0)};
	struct iovec iov = {&hello, sizeof(hello)};
	struct client_req req = {.type = MSG_AGENT, .iov = &iov, .nr_iov = 1};
	struct client_reply r;
	int err = client_call(&agent.client, &req, &r);

	if (err)
		return err;
	err = r.result;
	agent.sock = r.conn->fd;
	agent_lock();
	agent_list_mark();
	agent_unlock();
	while (!err) {
		err = wait_message(r.conn->fd);
		if (!err)
			err = client_next(&r);
		if (!err)
			err = serve(&r);
	}
	agent.sock = -1;
	client_broken(&r);
	client_done(&r);
	return err;
}

static bool change_state(u32 from, u32 to)
{
	return __atomic_compare_exchange_n(&agent.state, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

/* One service, until it goes. */
static void attend(void)
{
	while (converse() == -EBADF)
		;
	agent_lock();
	agent_list_clear();
	agent_dl_watch(false);
	agent_unlock();
	client_after_fork(&agent.client); /* nothing of it is left */
}

static void agent_main(void)
{
	static const char name[16] = "userbpf-agent";

	hit_inside = 1;
	agent.wake = client_high_fd(raw3(SYS_eventfd2, 0, 02000000 | 04000, 0));
	if (!patch_init() && shim.probe_signals)
		shim.probe_signals();
	raw3(SYS_prctl, 15 /* PR_SET_NAME */, name, 0);
	__atomic_store_n(&agent.state, ON, __ATOMIC_RELEASE);
	do
		attend();
	while (change_state(AGAIN, ON) || !change_state(ON, ENDING));
	raw_close(agent.wake);
	agent.wake = -1;
	__atomic_store_n(&agent.state, OFF, __ATOMIC_RELEASE);
	set_ready();
}

/* --- life --- */

/* The last thread's stack is ours when the kernel has cleared its id. */
static bool wait_thread_end(void)
{
	struct timespec nap = {.tv_nsec = 200000};

	for (u32 i = 0; i < 500 && __atomic_load_n(&agent.tid, __ATOMIC_ACQUIRE); i++)
		raw3(SYS_nanosleep, &nap, NULL, 0);
	return !agent.tid;
}

/* 0: none was there, and it is ours to start one; 1: there is one. */
static long claim(void)
{
	struct timespec nap = {.tv_nsec = 200000};

	for (u32 i = 0; i < 500; i++) {
		if (change_state(OFF, STARTING))
			return 0;
		if (__atomic_load_n(&agent.state, __ATOMIC_ACQUIRE) != ENDING) {
			change_state(ON, AGAIN);
			return 1;
		}
		raw3(SYS_nanosleep, &nap, NULL, 0);
	}
	return -EAGAIN;
}

long userbpf_agent_start(void)
{
	long err = -EAGAIN, there;

	if (!__atomic_load_n(&agent.configured, __ATOMIC_ACQUIRE) || agent.forking)
		return -EAGAIN;
	there = claim();
	if (there)
		return there;
	agent.ready = 0;
	if (wait_thread_end()) {
		client_after_fork(&agent.client);
		err = agent_thread_start(agent_main, &agent.tid);
	}
	if (err) {
		__atomic_store_n(&agent.state, OFF, __ATOMIC_RELEASE);
		set_ready();
	}
	return err;
}

static void wait_ready(void)
{
	struct timespec left = {READY_MS / 1000, READY_MS % 1000 * 1000000};
	long r;

	do
		r = raw4(SYS_futex, &agent.ready, FUTEX_WAIT_PRIVATE, 0, &left);
	while (!r && !__atomic_load_n(&agent.ready, __ATOMIC_ACQUIRE));
}

void agent_begin(void)
{
	if (agent.configured && !raw4(SYS_faccessat, AT_FDCWD, agent.probes, 0, 0) &&
	    userbpf_agent_start() >= 0) {
		wait_ready();
		agent_proc_exec();
		agent_sys_execed();
	}
}

/* The service's file stands beside its socket. */
void agent_init(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? slash + 1 - path : 0;

	agent.wake = agent.sock = -1;
	hit_counted = wake;
	if (client_init(&agent.client, path))
		return;
	agent.client.slots = shim_take_slots;
	agent_dl_init();
	memcpy(agent.probes, path, dir);
	memcpy(agent.probes + dir, "probes", sizeof("probes"));
	agent_thread_init();
	__atomic_store_n(&agent.configured, true, __ATOMIC_RELEASE);
}

void agent_before_fork(void)
{
	if (!agent_on())
		return;
	agent_lock();
	__atomic_store_n(&agent.forking, 1, __ATOMIC_RELEASE);
}

/* The child has the parent's code, with what is patched into it, and nobody who looks after it. */
void agent_after_fork(bool child)
{
	bool was_on = agent.forking;

	if (was_on) {
		agent.forking = 0;
		agent_unlock();
	}
	if (!child)
		return;
	agent.lock = 0;
	holds = 0;
	agent.tid = 0;
	agent.state = OFF;
	if (agent.wake >= 0)
		raw_close(agent.wake);
	agent.wake = agent.sock = -1;
	client_after_fork(&agent.client);
	hit_after_fork();
	agent_list_after_fork();
	agent_time_after_fork();
	if (was_on || agent.stay)
		userbpf_agent_start();
}

void agent_rescan(void)
{
	struct timespec left = {.tv_nsec = RESCAN_MS * 1000000};
	u32 seen = __atomic_load_n(&agent.rescans, __ATOMIC_ACQUIRE);
	u64 one = 1;

	if (!agent_on() || agent.forking || agent.wake < 0)
		return;
	__atomic_store_n(&agent.want_rescan, 1, __ATOMIC_RELEASE);
	if (raw_write(agent.wake, &one, sizeof(one)) != sizeof(one))
		return;
	raw4(SYS_futex, &agent.rescans, FUTEX_WAIT_PRIVATE, seen, &left);
}

long userbpf_agent_attach(const char *path)
{
	if (!agent.configured) {
		shim_attach(path);
		agent.stay = true;
	}
	return agent.configured ? userbpf_agent_start() : -ENXIO;
}
