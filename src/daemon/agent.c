// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent.c - the service's side of programs in processes: which processes a probe concerns, an agent in
 * each of them (shim/agent.c), and what it is told.
 *
 * The agent's connection belongs to its thread here, which reads the answers; whoever changes the list of
 * probes sends on it, in the order of the changes (agent->order), and waits for the answers, but
 * not for long: a process that is stopped, or traced, gets its probes when it goes on.
 *
 * A new process looks for the file "probes" when it starts. It is made before the first look at
 * /proc: a process that has our library in it by then is found there, every other one finds the file.
 *
 * Locking: agents->lock for the lists and counters; order before lock; neither is held while
 * somebody is waited for.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/agent.h"
#include "daemon/daemon.h"
#include "daemon/inject.h"
#include "daemon/targets.h"
#include "exec/site.h"
#include "link/plan.h"
#include "link/probe.h"

#define WAIT_MS	  1000
#define STOP_MS	  500  /* until a thread of a process stands still */
#define FORGET_MS 5000 /* a process that could not be reached is left alone for so long */
#define LOOK_MS	  1000
#define SKIPPED	  64u
#define AT_ONCE	  16u

struct agent {
	struct list node; /* agents->list */
	struct conn *c;
	pid_t pid;
	pthread_mutex_t order;
	u64 sent;     /* messages to be answered; under order */
	u64 answered; /* under lock; UINT64_MAX when it is gone */
	bool synced;
	bool slow;		   /* did not answer in time: nobody waits for it until it does */
	u32 users;		   /* who waits or sends */
	struct msg_probe_ack last; /* answer; under lock */
};

/* A probe and how it is put in place. */
struct entry {
	struct list node; /* agents->entries, by time */
	struct probe *p;
	struct site_plan plan;
};

struct skipped {
	pid_t pid;
	u64 started, at_ms;
	char why[80];
};

struct agents {
	struct daemon *d;
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct list list, entries;
	struct skipped skipped[SKIPPED];
	u32 nr_skipped;
	bool shown;    /* the file "probes" is there */
	u64 looked_ms; /* when all processes were looked at last, while it was */
	struct target_lib lib;
	bool lib_ok;
	char sock[256];
	u64 sock_ino;
};

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/* Until something changes, or @until; with the lock held. False: it is later. */
static bool wait_change(struct agents *as, u64 until, u32 at_most_ms)
{
	u64 now = now_ms(), ms = min(until > now ? until - now : 0, (u64)at_most_ms);
	struct timespec ts;

	if (now >= until)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += ms % 1000 * 1000000;
	ts.tv_sec += ms / 1000 + ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&as->change, &as->lock, &ts);
	return true;
}

/* --- the "probes" file --- */

/* With the lock held. */
static void show_file(struct agents *as, bool there)
{
	int fd;

	if (there == as->shown)
		return;
	as->shown = there;
	as->looked_ms = 0;
	if (!there) {
		unlinkat(as->d->dir_fd, "probes", 0);
		return;
	}
	fd = openat(as->d->dir_fd, "probes", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0444);
	if (fd >= 0)
		close(fd);
}

/* --- messages --- */

static bool concerns(const struct agent *a, const struct probe *p)
{
	uid_t uid = p->prog->aux->uid;

	if (p->point.pid && p->point.pid != a->pid)
		return false;
	/* a program's maps become memory of the process: another user's are not for it */
	return !a->c->uid || a->c->uid == a->c->d->uid || a->c->uid == uid;
}

static void fill(struct msg_probe *m, const struct probe *p)
{
	const struct probe_point *pt = &p->point;

	*m = (struct msg_probe){
		.id = p->id,
		.kind = pt->kind,
		.flags = (pt->pid ? MSG_PROBE_PID : 0) |
			 (pt->task_clock ? MSG_PROBE_TASK_CLOCK : 0) |
			 (pt->freq ? MSG_PROBE_FREQ : 0),
		.dev = pt->dev,
		.ino = pt->ino,
		.offset = pt->offset,
		.ref_ctr_offset = pt->ref_ctr_offset,
		.cookie = p->cookie,
		.period = pt->period,
		.nr = pt->nr,
		.cpu = pt->cpu,
		.tid = pt->tid,
		.prog_id = p->prog->aux->id,
	};
}

static int send_msg(struct agent *a, u32 type, struct reply *r)
{
	struct msg_hdr h = {.type = type, .len = r->len, .nfds = r->nr_fds};
	int err = r->failed ? -ENOMEM : wire_send(a->c->sock, &h, r->data, r->fds);

	if (err)
		shutdown(a->c->sock, SHUT_RDWR); /* out of step */
	return err;
}

static int send_entry(struct agent *a, const struct entry *e, bool image, bool more)
{
	bool file = e->p->point.kind == PROBE_UPROBE || e->p->point.kind == PROBE_URETPROBE;
	struct reply r = {};
	struct msg_probe m;
	size_t head;
	int err = 0;

	fill(&m, e->p);
	m.flags |= more ? MSG_PROBE_MORE : 0;
	m.plan_len = file ? sizeof(e->plan) : 0;
	reply_add(&r, &m, sizeof(m));
	if (file)
		reply_add(&r, &e->plan, sizeof(e->plan));
	head = r.len;
	if (image)
		err = image_reply(&r, e->p->prog);
	if (!err && !r.failed) {
		((struct msg_probe *)r.data)->image_len = r.len - head;
		err = send_msg(a, MSG_PROBE_ADD, &r);
	}
	reply_reset(&r);
	free(r.data);
	return err;
}

static int send_sync(struct agent *a)
{
	struct reply r = {};

	return send_msg(a, MSG_PROBE_SYNC, &r);
}

static int send_del(struct agent *a, u64 first, u32 n)
{
	struct msg_probe_del m = {.first = first, .n = n};
	struct reply r = {};
	int err;

	reply_add(&r, &m, sizeof(m));
	err = send_msg(a, MSG_PROBE_DEL, &r);
	free(r.data);
	return err;
}

/* --- an agent's connection --- */

struct snapshot {
	struct entry *e;
	u32 nr;
};

/* What concerns @a now, referenced. With the lock held. */
static int take_snapshot(struct agents *as, const struct agent *a, struct snapshot *s)
{
	struct entry *e;
	u32 n = 0;

	list_for_each(e, &as->entries, node)
		n++;
	s->nr = 0;
	s->e = calloc(n ? n : 1, sizeof(*s->e));
	if (!s->e)
		return -ENOMEM;
	list_for_each(e, &as->entries, node) {
		if (!concerns(a, e->p))
			continue;
		s->e[s->nr] = *e;
		probe_get(s->e[s->nr++].p);
	}
	return 0;
}

static bool first_of_prog(const struct snapshot *s, u32 i)
{
	for (u32 k = 0; k < i; k++)
		if (s->e[k].p->prog == s->e[i].p->prog)
			return false;
	return true;
}

static void put_snapshot(struct snapshot *s)
{
	for (u32 i = 0; i < s->nr; i++)
		probe_put(s->e[i].p);
	free(s->e);
}

/* All there is, then SYNC; the agent's order is ours already. */
static int first_messages(struct agent *a, struct snapshot *s)
{
	struct msg_hdr ok = {.type = MSG_AGENT};
	int err = wire_send(a->c->sock, &ok, NULL, NULL);

	for (u32 i = 0; !err && i < s->nr; i++)
		err = send_entry(a, &s->e[i], first_of_prog(s, i), true);
	if (!err)
		err = send_sync(a);
	if (!err)
		a->sent = 1;
	return err;
}

static void answered(struct agents *as, struct agent *a, const struct wire_msg *m)
{
	pthread_mutex_lock(&as->lock);
	a->answered++;
	a->slow = false;
	if (m->hdr.len >= sizeof(a->last))
		memcpy(&a->last, m->body, sizeof(a->last));
	if (m->hdr.type == MSG_PROBE_SYNC)
		a->synced = true;
	pthread_cond_broadcast(&as->change);
	pthread_mutex_unlock(&as->lock);
}

/* Of programs that are attached. What a process says of them it could bring about as well. */
static void take_stats(struct agents *as, const struct wire_msg *m)
{
	struct msg_probe_stats s;
	struct entry *e;

	if (m->hdr.len < sizeof(s))
		return;
	memcpy(&s, m->body, sizeof(s));
	pthread_mutex_lock(&as->lock);
	list_for_each(e, &as->entries, node) {
		if (e->p->prog->aux->id != s.prog_id)
			continue;
		prog_account(e->p->prog, s.runs, s.ns);
		__atomic_add_fetch(&e->p->prog->misses, s.missed, __ATOMIC_RELAXED);
		break;
	}
	pthread_mutex_unlock(&as->lock);
}

static int enlist(struct agents *as, struct agent *a, struct snapshot *s)
{
	int err;

	pthread_mutex_lock(&a->order);
	pthread_mutex_lock(&as->lock);
	err = take_snapshot(as, a, s);
	if (!err)
		list_add_tail(&as->list, &a->node);
	pthread_mutex_unlock(&as->lock);
	if (err)
		pthread_mutex_unlock(&a->order);
	return err;
}

static void delist(struct agents *as, struct agent *a)
{
	pthread_mutex_lock(&as->lock);
	list_del(&a->node);
	a->answered = UINT64_MAX;
	pthread_cond_broadcast(&as->change);
	while (a->users)
		pthread_cond_wait(&as->change, &as->lock);
	pthread_mutex_unlock(&as->lock);
}

/* False: the process is gone. A message that stops half-way ends by the socket's time limit. */
static bool wait_message(const struct conn *c)
{
	struct pollfd p[2] = {{c->sock, POLLIN, 0}, {c->pidfd, POLLIN, 0}};

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	return p[0].revents;
}

/* The rest of the connection's life is this conversation. */
int agent_handle(struct conn *c)
{
	static const struct timeval stuck = {.tv_sec = 2};
	struct agents *as = c->d->agents;
	struct agent a = {.c = c, .pid = c->pid};
	struct snapshot s;
	int err;

	if (!as)
		return -EOPNOTSUPP;
	setsockopt(c->sock, SOL_SOCKET, SO_SNDTIMEO, &stuck, sizeof(stuck));
	c->msg.strict = false;
	pthread_mutex_init(&a.order, NULL);
	err = enlist(as, &a, &s);
	if (err)
		goto out;
	err = first_messages(&a, &s);
	pthread_mutex_unlock(&a.order);
	put_snapshot(&s);
	while (!err) {
		err = wait_message(c) ? wire_recv(c->sock, &c->msg, NULL, NULL) : 0;
		if (err <= 0 || c->msg.hdr.type < MSG_PROBE_ADD ||
		    c->msg.hdr.type > MSG_PROBE_STATS)
			break;
		if (c->msg.hdr.type == MSG_PROBE_STATS)
			take_stats(as, &c->msg);
		else
			answered(as, &a, &c->msg);
		err = 0;
	}
	delist(as, &a);
out:
	pthread_mutex_destroy(&a.order);
	shutdown(c->sock, SHUT_RDWR);
	return -EPIPE;
}

/* --- agents where there are none yet --- */

static struct agent *agent_of(struct agents *as, pid_t pid)
{
	struct agent *a;

	list_for_each(a, &as->list, node)
		if (a->pid == pid)
			return a;
	return NULL;
}

static void skip(struct agents *as, pid_t pid, u64 started, const char *why)
{
	struct skipped *s = NULL;

	for (u32 i = 0; i < as->nr_skipped; i++)
		if (as->skipped[i].pid == pid)
			s = &as->skipped[i];
	if (!s) {
		s = &as->skipped[as->nr_skipped < SKIPPED ? as->nr_skipped++ : now_ms() % SKIPPED];
	}
	*s = (struct skipped){.pid = pid, .started = started, .at_ms = now_ms()};
	snprintf(s->why, sizeof(s->why), "%s", why);
}

static bool skipped_lately(struct agents *as, const struct target *p)
{
	for (u32 i = 0; i < as->nr_skipped; i++)
		if (as->skipped[i].pid == p->pid && as->skipped[i].started == p->started)
			return now_ms() - as->skipped[i].at_ms < FORGET_MS;
	return false;
}

static void unskip(struct agents *as, pid_t pid)
{
	for (u32 i = 0; i < as->nr_skipped; i++)
		if (as->skipped[i].pid == pid)
			as->skipped[i] = as->skipped[--as->nr_skipped];
}

static const char *reason(int err)
{
	switch (err) {
	case -EPERM: return "may not be traced by the service";
	case -EBUSY: return "is traced by another process";
	case -EAGAIN: return "does not come to a stop";
	case -ENOEXEC: return "runs no 64-bit code";
	case -EINPROGRESS: return "was entered and has not come back yet";
	default: return "could not be entered";
	}
}

struct found {
	pid_t pid;
	u64 started;
	struct inject in;
	struct inject_call call;
	int err;
	bool waiting; /* an agent will come */
};

struct search {
	struct agents *as;
	struct found *f;
	u32 nr, room;
};

static void consider(void *arg, const struct target *p)
{
	struct search *s = arg;
	struct agents *as = s->as;
	struct found *f;
	bool known;

	pthread_mutex_lock(&as->lock);
	known = agent_of(as, p->pid) || skipped_lately(as, p);
	if (!known && p->why)
		skip(as, p->pid, p->started, p->why);
	pthread_mutex_unlock(&as->lock);
	if (known || p->why)
		return;
	if (s->nr == s->room) {
		f = realloc(s->f, (s->room * 2 + 16) * sizeof(*f));
		if (!f)
			return;
		s->f = f;
		s->room = s->room * 2 + 16;
	}
	s->f[s->nr++] = (struct found){
		.pid = p->pid,
		.started = p->started,
		.in = {.pid = p->pid,
		       .fn = p->lib + as->lib.start,
		       .stack = p->lib + as->lib.stack_end,
		       .patience_ms = STOP_MS},
	};
}

/* A few at a time. */
static void enter_all(struct agents *as, struct found *f, u32 nr)
{
	long result;

	for (u32 i = 0; i < nr; i += AT_ONCE) {
		u32 end = min(i + AT_ONCE, nr);

		for (u32 k = i; k < end; k++)
			f[k].err = inject_start(&f[k].in, &f[k].call);
		for (u32 k = i; k < end; k++) {
			if (!f[k].err) {
				f[k].err = inject_wait(&f[k].call, &result);
				/* -EAGAIN: its constructor is still to come, and will see the file */
				if (!f[k].err && result < 0 && result != -EAGAIN)
					f[k].err = -EFAULT;
			}
			f[k].waiting = !f[k].err;
			if (f[k].err && f[k].err != -ESRCH) {
				pthread_mutex_lock(&as->lock);
				skip(as, f[k].pid, f[k].started, reason(f[k].err));
				pthread_mutex_unlock(&as->lock);
			}
		}
	}
}

static bool all_synced(struct agents *as, struct found *f, u32 nr)
{
	for (u32 i = 0; i < nr; i++) {
		struct agent *a = f[i].waiting ? agent_of(as, f[i].pid) : NULL;

		if (a && a->synced)
			unskip(as, f[i].pid);
		if ((a && a->synced) ||
		    (f[i].waiting && !a && target_started(f[i].pid) != f[i].started))
			f[i].waiting = false;
		if (f[i].waiting)
			return false;
	}
	return true;
}

/* Who came since the last look has found the file. Not for long, as some lose their agent. */
static bool looked_lately(struct agents *as)
{
	bool yes;

	pthread_mutex_lock(&as->lock);
	yes = as->looked_ms && now_ms() - as->looked_ms < LOOK_MS;
	pthread_mutex_unlock(&as->lock);
	return yes;
}

/* Agents for all processes of ours, or for @pid; waits until they have all their probes. */
static void make_agents(struct agents *as, pid_t pid)
{
	struct search s = {.as = as};
	u64 until;

	if (!as->lib_ok || (!pid && looked_lately(as)))
		return;
	target_each(&as->lib, as->sock, as->sock_ino, pid, consider, &s);
	enter_all(as, s.f, s.nr);
	until = now_ms() + WAIT_MS;
	pthread_mutex_lock(&as->lock);
	while (!all_synced(as, s.f, s.nr) && wait_change(as, until, 50))
		;
	if (!pid && as->shown)
		as->looked_ms = now_ms();
	pthread_mutex_unlock(&as->lock);
	free(s.f);
}

/* --- changes of the list --- */

/* Those there are, in use by us. */
struct told {
	struct agent *a;
	u64 seq; /* the answer we want */
};

static struct told *hold_agents(struct agents *as, u32 *nr)
{
	struct told *t;
	struct agent *a;

	*nr = 0;
	list_for_each(a, &as->list, node)
		++*nr;
	t = calloc(*nr ? *nr : 1, sizeof(*t));
	*nr = 0;
	list_for_each(a, &as->list, node) {
		if (!t)
			break;
		a->users++;
		t[(*nr)++].a = a;
	}
	return t;
}

static bool all_answered(const struct told *t, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		if (t[i].a->answered < t[i].seq && !t[i].a->slow)
			return false;
	return true;
}

static void wait_answers(struct agents *as, struct told *t, u32 nr)
{
	u64 until = now_ms() + WAIT_MS;

	pthread_mutex_lock(&as->lock);
	while (!all_answered(t, nr) && wait_change(as, until, WAIT_MS))
		;
	for (u32 i = 0; i < nr; i++) {
		t[i].a->slow = t[i].a->answered < t[i].seq;
		t[i].a->users--;
	}
	pthread_cond_broadcast(&as->change);
	pthread_mutex_unlock(&as->lock);
	free(t);
}

static void tell_new(struct told *t, struct entry *const *e, u32 n)
{
	u32 last = n, first = n;
	int err = 0;

	for (u32 i = n; i-- > 0;) {
		if (!concerns(t->a, e[i]->p))
			continue;
		last = last == n ? i : last;
		first = i;
	}
	if (first == n)
		return;
	pthread_mutex_lock(&t->a->order);
	for (u32 i = first; !err && i <= last; i++)
		if (concerns(t->a, e[i]->p))
			err = send_entry(t->a, e[i], i == first, i < last);
	if (!err)
		t->seq = ++t->a->sent;
	pthread_mutex_unlock(&t->a->order);
}

static void put_entries(struct entry **e, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		probe_put(e[i]->p);
		free(e[i]);
	}
	free(e);
}

/* What is known from the file alone; of one file there are often many. */
struct planner {
	struct plan_file *file;
	dev_t dev;
	u64 ino;
};

static int plan(struct planner *pl, const struct probe_point *pt, struct site_plan *out)
{
	int err;

	if (!pl->file || pl->dev != pt->dev || pl->ino != pt->ino) {
		plan_close(pl->file);
		pl->file = NULL;
		err = plan_open(pt->file, &pl->file);
		if (err)
			return err == -ENOEXEC ? -EINVAL : err;
		pl->dev = pt->dev;
		pl->ino = pt->ino;
	}
	err = plan_site(pl->file, pt->offset, out);
	return err == -ENOENT || err == -ENOEXEC ? -EINVAL : err;
}

/* How each of them is put in place. */
static struct entry **make_entries(struct probe *const *p, u32 n)
{
	struct entry **e = calloc(n, sizeof(*e));
	struct planner pl = {};
	int err = -ENOMEM;
	u32 i = 0;

	for (; e && i < n; i++) {
		const struct probe_point *pt = &p[i]->point;

		e[i] = calloc(1, sizeof(**e));
		err = -ENOMEM;
		if (!e[i])
			goto fail;
		e[i]->p = probe_get(p[i]);
		err = 0;
		if (pt->kind == PROBE_UPROBE || pt->kind == PROBE_URETPROBE)
			err = plan(&pl, pt, &e[i]->plan);
		if (err) {
			i++;
			goto fail;
		}
	}
	plan_close(pl.file);
	return e ?: ERR_PTR(err);
fail:
	plan_close(pl.file);
	put_entries(e, i);
	return ERR_PTR(err);
}

static int added(void *arg, struct probe *const *p, u32 n)
{
	struct agents *as = arg;
	struct entry **e = make_entries(p, n);
	struct told *t;
	pid_t only = p[0]->point.pid;
	u32 nr;

	if (IS_ERR(e))
		return PTR_ERR(e);
	pthread_mutex_lock(&as->lock);
	show_file(as, true);
	for (u32 i = 0; i < n; i++) {
		list_add_tail(&as->entries, &e[i]->node);
		if (p[i]->point.pid != only)
			only = 0;
	}
	t = hold_agents(as, &nr);
	pthread_mutex_unlock(&as->lock);
	for (u32 i = 0; t && i < nr; i++)
		tell_new(&t[i], e, n);
	make_agents(as, only);
	if (t)
		wait_answers(as, t, nr);
	free(e);
	return 0;
}

static void tell_gone(struct told *t, u64 first, u32 n)
{
	pthread_mutex_lock(&t->a->order);
	if (!send_del(t->a, first, n))
		t->seq = ++t->a->sent;
	pthread_mutex_unlock(&t->a->order);
}

static void removed(void *arg, struct probe *const *p, u32 n)
{
	struct agents *as = arg;
	struct entry *e, *next;
	struct told *t;
	u32 nr;

	pthread_mutex_lock(&as->lock);
	list_for_each_safe(e, next, &as->entries, node) {
		if (e->p->id - p[0]->id >= n)
			continue;
		list_del(&e->node);
		probe_put(e->p);
		free(e);
	}
	if (list_empty(&as->entries))
		show_file(as, false);
	t = hold_agents(as, &nr);
	pthread_mutex_unlock(&as->lock);
	for (u32 i = 0; t && i < nr; i++)
		tell_gone(&t[i], p[0]->id, n);
	if (t)
		wait_answers(as, t, nr);
}

/* --- userbpf attach --- */

static int call_in(struct agents *as, pid_t pid, u64 fn, const char *text, u64 second, long *result)
{
	struct inject in = {.pid = pid,
			    .fn = fn,
			    .arg = {0, second},
			    .text = text,
			    .calm = true,
			    .r_debug = target_function(pid, "ld-linux", "_r_debug"),
			    .patience_ms = 2000};
	struct inject_call call;
	int err = target_linker(pid, in.linker) ? inject_start(&in, &call) : -ENXIO;

	return err ?: inject_wait(&call, result);
}

static void note_lib(void *arg, const struct target *p)
{
	*(struct target *)arg = *p;
}

/* A program that starts has its libc in a moment. */
static u64 dlopen_of(pid_t pid)
{
	const struct timespec nap = {.tv_nsec = 20000000};
	u64 fn, range[2];

	for (u32 i = 0; i < 25; i++) {
		fn = target_function(pid, "libc.so.6", "dlopen");
		if (fn || !target_linker(pid, range))
			return fn;
		nanosleep(&nap, NULL);
	}
	return 0;
}

/* The library, where it is not yet. */
static int bring_lib(struct agents *as, struct target *p)
{
	u64 fn = dlopen_of(p->pid);
	long result = 0;
	int err;

	if (!fn && !target_readable(p->pid))
		return -EPERM;
	if (!fn)
		return -ENXIO;
	err = call_in(as, p->pid, fn, as->d->preload.shim, 2 /* RTLD_NOW */, &result);
	if (err)
		return err;
	target_each(&as->lib, as->sock, as->sock_ino, p->pid, note_lib, p);
	return p->lib ? 0 : -ELIBBAD;
}

static int attach(struct agents *as, pid_t pid)
{
	struct target p = {};
	u64 until = now_ms() + 2 * WAIT_MS;
	bool there;
	long result;
	int err = 0;

	target_each(&as->lib, as->sock, as->sock_ino, pid, note_lib, &p);
	if (!p.started)
		return -ESRCH;
	if (!p.lib)
		err = bring_lib(as, &p);
	if (!err)
		err = call_in(as, pid, p.lib + as->lib.attach, as->sock, 0, &result);
	if (err)
		return err;
	if (result < 0)
		return result;
	pthread_mutex_lock(&as->lock);
	do {
		struct agent *a = agent_of(as, pid);

		there = a && a->synced;
	} while (!there && wait_change(as, until, 100));
	if (there)
		unskip(as, pid);
	pthread_mutex_unlock(&as->lock);
	return there ? 0 : -ETIMEDOUT;
}

int agent_handle_attach(struct conn *c)
{
	struct agents *as = c->d->agents;
	struct msg_attach m;
	bool there;

	memcpy(&m, c->msg.body, sizeof(m));
	if (c->uid && c->uid != c->d->uid)
		return -EPERM;
	if (!as || !as->lib_ok)
		return -EOPNOTSUPP;
	if (m.pid <= 0 || m.pid == getpid())
		return -EINVAL;
	pthread_mutex_lock(&as->lock);
	there = agent_of(as, m.pid);
	pthread_mutex_unlock(&as->lock);
	return there ? 0 : attach(as, m.pid);
}

/* --- status --- */

void agents_describe(struct daemon *d, void (*each)(void *arg, pid_t pid, const char *why),
		     void *arg)
{
	struct agents *as = d->agents;
	struct agent *a;

	if (!as)
		return;
	pthread_mutex_lock(&as->lock);
	list_for_each(a, &as->list, node) {
		char why[80];

		snprintf(why, sizeof(why), "has %u places without their probe: %s",
			 a->last.nr_failed, strerrorname_np(-a->last.err) ?: "?");
		each(arg, a->pid, NULL);
		if (a->last.nr_failed)
			each(arg, a->pid, why);
	}
	for (u32 i = 0; i < as->nr_skipped; i++)
		if (target_started(as->skipped[i].pid) == as->skipped[i].started)
			each(arg, as->skipped[i].pid, as->skipped[i].why);
	pthread_mutex_unlock(&as->lock);
}

/* --- life --- */

int agents_init(struct daemon *d)
{
	static const struct probe_ops ops = {.added = added, .removed = removed};
	struct agents *as = calloc(1, sizeof(*as));
	pthread_condattr_t attr;
	struct stat st;

	if (!as)
		return -ENOMEM;
	as->d = d;
	list_init(&as->list);
	list_init(&as->entries);
	pthread_mutex_init(&as->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&as->change, &attr);
	pthread_condattr_destroy(&attr);
	snprintf(as->sock, sizeof(as->sock), "%s/sock", d->dir);
	as->sock_ino = stat(as->sock, &st) ? 0 : st.st_ino;
	as->lib_ok = d->preload.shim && !target_lib_open(&as->lib, d->preload.shim);
	as->shown = true; /* left by one that was killed, maybe */
	show_file(as, false);
	d->agents = as;
	probes_set_ops(sys_probes(d->sys), &ops, as);
	return 0;
}

/* No connection is left, and no link. */
void agents_free(struct daemon *d)
{
	struct agents *as = d->agents;

	if (!as)
		return;
	show_file(as, false);
	pthread_cond_destroy(&as->change);
	pthread_mutex_destroy(&as->lock);
	free(as);
	d->agents = NULL;
}
