/* SPDX-License-Identifier: BSD-2-Clause */
/* ring.c - reading ring buffers with unmodified libbpf: ring_buffer__poll() sleeps until a program in another
 * process, or an iterator, has written, and no longer. argv[1]: ring.bpf.o. Prints what went wrong. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define max(a, b) ((a) > (b) ? (a) : (b))

static int wrong;

#define IS(what, want, got)                                                         \
	do {                                                                        \
		long w = (want), g = (got);                                         \
		if (w != g && ++wrong)                                              \
			printf("%s:%d: want %ld, got %ld\n", what, __LINE__, w, g); \
	} while (0)

struct record {
	unsigned long long number, from;
	char text[48];
};

/* .bss of ring.bpf.o, in its order. */
struct bss {
	unsigned long long flags, next, query_what, query_answer, discard;
};

struct app {
	struct bpf_object *obj;
	struct bss *bss;
	unsigned long long seen, from[5], stop_at;
};

static int on_record(void *ctx, void *data, size_t size)
{
	struct app *a = ctx;
	struct record *r = data;

	if (size != sizeof(*r) || r->from > 4)
		return -EPROTO;
	a->from[r->from]++;
	a->seen++;
	return a->stop_at && a->seen >= a->stop_at ? -EINTR : 0;
}

static int map_fd(struct app *a, const char *name)
{
	return bpf_object__find_map_fd_by_name(a->obj, name);
}

static int run(struct app *a, const char *prog)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	struct bpf_program *p = bpf_object__find_program_by_name(a->obj, prog);
	int err = bpf_prog_test_run_opts(bpf_program__fd(p), &opts);

	return err ? -1000 + err : (int)opts.retval;
}

/* Writes @n records in another process, after @ms. */
static pid_t writer(struct app *a, const char *prog, int n, int ms)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	usleep(ms * 1000);
	while (n)
		if (!run(a, prog))
			n--;
		else
			usleep(100);
	_exit(0);
}

static void reap(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	IS("writer", 0, status);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* What mmap shows, and refuses. */
static void mapping(struct app *a)
{
	int fd = map_fd(a, "ring");
	char *p;

	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	IS("writable producer page", EPERM, p == MAP_FAILED ? errno : 0);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	IS("writable, too much", EPERM, p == MAP_FAILED ? errno : 0);
	p = mmap(NULL, 4096 * 7, PROT_READ, MAP_SHARED, fd, 0);
	IS("beyond the end", EINVAL, p == MAP_FAILED ? errno : 0);
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	IS("private", EINVAL, p == MAP_FAILED ? errno : 0);
	p = mmap(NULL, 4096 * 6, PROT_READ, MAP_SHARED, fd, 0);
	IS("all", 0, p == MAP_FAILED ? errno : 0);
	if (p == MAP_FAILED)
		return;
	IS("data twice", 0, memcmp(p + 8192, p + 8192 + 8192, 8192));
	IS("mprotect", EACCES, mprotect(p, 4096, PROT_READ | PROT_WRITE) ? errno : 0);
	munmap(p, 4096 * 6);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096 * 5);
	IS("second half", 0, p == MAP_FAILED ? errno : 0);
	if (p != MAP_FAILED)
		munmap(p, 4096);
}

/* poll(2) on the map itself. */
static void polled(struct app *a, struct ring_buffer *rb, int fd)
{
	struct pollfd p[2] = {{.fd = -1, .events = POLLIN}, {.fd = fd, .events = POLLIN | POLLOUT}};
	double t = now();
	pid_t pid;

	ring_buffer__consume(rb);
	IS("empty", 0, poll(p, 2, 100));
	IS("sleeps", 1, now() - t > 0.09);
	pid = writer(a, "reserve", 1, 50);
	IS("one fd", 1, poll(p, 2, 5000));
	IS("readable", POLLIN, p[1].revents);
	IS("still", 1, poll(p, 2, 0));
	reap(pid);
	ring_buffer__consume(rb);
	IS("read", 0, poll(p, 2, 0));
}

/* select(2) and pselect(2): the map among other fds, in any set. */
static void selected(struct app *a, struct ring_buffer *rb, int fd)
{
	struct timeval tv = {0, 100000};
	struct timespec ts = {5, 0}, none = {};
	fd_set in, out, ex;
	int p[2], r;
	double t = now();
	pid_t pid;

	if (pipe(p))
		exit(2);
	ring_buffer__consume(rb);
	FD_ZERO(&in);
	FD_SET(fd, &in);
	FD_SET(p[0], &in);
	IS("select, empty", 0, select(max(fd, p[0]) + 1, &in, NULL, NULL, &tv));
	IS("select sleeps", 1, now() - t > 0.09);
	IS("no time left", 0, tv.tv_sec * 1000000 + tv.tv_usec);
	IS("not in the set", 0, FD_ISSET(fd, &in) || FD_ISSET(p[0], &in));
	pid = writer(a, "reserve", 1, 50);
	FD_SET(fd, &in);
	FD_SET(p[0], &in);
	tv = (struct timeval){5, 0};
	IS("select", 1, select(max(fd, p[0]) + 1, &in, NULL, NULL, &tv));
	IS("time left", 1, tv.tv_sec == 4);
	IS("in the set", 1, FD_ISSET(fd, &in) && !FD_ISSET(p[0], &in));
	reap(pid);
	FD_ZERO(&out);
	FD_ZERO(&ex);
	FD_SET(fd, &out);
	FD_SET(fd, &ex);
	FD_SET(p[1], &out);
	IS("pselect", 2, pselect(max(fd, p[1]) + 1, &in, &out, &ex, &ts, NULL));
	IS("a ring is not written", 1, !FD_ISSET(fd, &out) && FD_ISSET(p[1], &out));
	IS("no exception", 0, FD_ISSET(fd, &ex));
	ring_buffer__consume(rb);
	IS("read", 0, pselect(fd + 1, &in, NULL, NULL, &none, NULL));
	FD_SET(fd, &in);
	close(p[0]);
	FD_SET(p[0], &in);
	r = select(max(fd, p[0]) + 1, &in, NULL, NULL, NULL);
	IS("closed", EBADF, r < 0 ? errno : 0);
	IS("sets stay", 1, FD_ISSET(fd, &in) && FD_ISSET(p[0], &in));
	close(p[1]);
}

static void empty(struct app *a, struct ring_buffer *rb)
{
	double t = now();

	IS("nothing there", 0, ring_buffer__poll(rb, 100));
	IS("sleeps", 1, now() - t > 0.09);
}

static void woken(struct app *a, struct ring_buffer *rb)
{
	pid_t pid = writer(a, "reserve", 1, 50);
	double t = now();

	IS("one record", 1, ring_buffer__poll(rb, 5000));
	IS("woken in time", 1, now() - t < 2);
	reap(pid);
	empty(a, rb);
	run(a, "output");
	IS("written before the wait", 1, ring_buffer__poll(rb, 5000));
	empty(a, rb);
}

static void many(struct app *a, struct ring_buffer *rb)
{
	unsigned long long want = a->seen + 20000;
	pid_t pid[2] = {writer(a, "reserve", 10000, 0), writer(a, "output", 10000, 0)};
	double t = now();
	int n;

	while (a->seen < want && now() - t < 60) {
		n = ring_buffer__poll(rb, 10000);
		if (n < 0) /* 0: woken by a record that is not finished yet */
			break;
	}
	if (a->seen < want) {
		kill(pid[0], SIGKILL);
		kill(pid[1], SIGKILL);
	}
	reap(pid[0]);
	reap(pid[1]);
	IS("all came", 0, want - a->seen);
}

static void wakeups(struct app *a, struct ring_buffer *rb)
{
	struct epoll_event ev;
	int ep = ring_buffer__epoll_fd(rb);

	IS("settled", 0, epoll_wait(ep, &ev, 1, 0));
	a->bss->flags = BPF_RB_NO_WAKEUP;
	run(a, "output");
	IS("no wake-up", 0, epoll_wait(ep, &ev, 1, 50));
	a->bss->flags = BPF_RB_FORCE_WAKEUP;
	run(a, "output");
	IS("forced", 1, epoll_wait(ep, &ev, 1, 1000));
	IS("still there", 1, epoll_wait(ep, &ev, 1, 1000));
	a->bss->flags = 0;
	IS("both", 2, ring_buffer__consume(rb));
	IS("nothing left", 0, epoll_wait(ep, &ev, 1, 50));
	a->bss->discard = 1;
	run(a, "reserve");
	a->bss->discard = 0;
	IS("a discarded record wakes", 1, epoll_wait(ep, &ev, 1, 1000));
	IS("but is none", 0, ring_buffer__consume(rb));
	/* a reader that gives up is called again */
	run(a, "output");
	run(a, "output");
	a->stop_at = a->seen + 1;
	IS("stopped", -EINTR, ring_buffer__poll(rb, 1000));
	a->stop_at = 0;
	IS("the rest", 1, ring_buffer__poll(rb, 1000));
	a->bss->flags = 4;
	IS("unknown flag", EINVAL, run(a, "output"));
	a->bss->flags = 0;
}

static long ask(struct app *a, unsigned long long what)
{
	a->bss->query_what = what;
	run(a, "query");
	return a->bss->query_answer;
}

static void query(struct app *a, struct ring_buffer *rb)
{
	long pos = ask(a, BPF_RB_PROD_POS);

	IS("size", 8192, ask(a, BPF_RB_RING_SIZE));
	IS("empty", 0, ask(a, BPF_RB_AVAIL_DATA));
	IS("consumer", pos, ask(a, BPF_RB_CONS_POS));
	run(a, "output");
	IS("one record", 8 + sizeof(struct record), ask(a, BPF_RB_AVAIL_DATA));
	IS("producer", pos + 8 + sizeof(struct record), ask(a, BPF_RB_PROD_POS));
	IS("unknown", 0, ask(a, 77));
	ring_buffer__consume(rb);
}

/* The program runs in the service. */
static void iterator(struct app *a, struct ring_buffer *rb)
{
	struct bpf_program *p = bpf_object__find_program_by_name(a->obj, "maps");
	struct bpf_link *link = bpf_program__attach(p);
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1, n = 0, got;
	char buf[64];

	IS("iterator", 1, fd >= 0);
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	while ((got = ring_buffer__poll(rb, n ? 100 : 5000)) > 0)
		n += got;
	IS("a record per map", 1, n >= 3 && a->from[3] == n);
	close(fd);
	bpf_link__destroy(link);
}

/* Two rings with one epoll fd. */
static void two(struct app *a, struct ring_buffer *rb)
{
	unsigned long long before;
	struct ring_buffer *both = ring_buffer__new(map_fd(a, "other"), on_record, a, NULL);

	IS("other", 1, both != NULL);
	if (!both)
		return;
	ring_buffer__consume(both);
	before = a->from[4];
	IS("added", 0, ring_buffer__add(both, map_fd(a, "ring"), on_record, a));
	run(a, "reserve");
	IS("two rings", 2, ring_buffer__poll(both, 1000));
	IS("one in the other", before + 1, a->from[4]);
	ring_buffer__free(both);
}

static void twice(struct app *a)
{
	int ep = epoll_create1(0), fd = map_fd(a, "ring");
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 5};

	IS("not there", ENOENT, epoll_ctl(ep, EPOLL_CTL_DEL, fd, &ev) ? errno : 0);
	IS("add", 0, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	IS("again", EEXIST, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) ? errno : 0);
	IS("mod", 0, epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev));
	IS("del", 0, epoll_ctl(ep, EPOLL_CTL_DEL, fd, &ev));
	IS("gone", ENOENT, epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev) ? errno : 0);
	close(ep);
}

int main(int argc, char **argv)
{
	struct app a = {};
	struct ring_buffer *rb;

	setvbuf(stdout, NULL, _IOLBF, 0);
	a.obj = bpf_object__open_file(argv[1], NULL);
	if (!a.obj || bpf_object__load(a.obj)) {
		printf("load: %d\n", errno);
		return 1;
	}
	a.bss = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd(&a, ".bss"), 0);
	rb = ring_buffer__new(map_fd(&a, "ring"), on_record, &a, NULL);
	if (!rb || a.bss == MAP_FAILED) {
		printf("ring_buffer__new: %d\n", errno);
		return 1;
	}
	mapping(&a);
	empty(&a, rb);
	woken(&a, rb);
	polled(&a, rb, map_fd(&a, "ring"));
	selected(&a, rb, map_fd(&a, "ring"));
	many(&a, rb);
	wakeups(&a, rb);
	query(&a, rb);
	iterator(&a, rb);
	two(&a, rb);
	twice(&a);
	ring_buffer__free(rb);
	bpf_object__close(a.obj);
	if (!wrong)
		printf("ok\n");
	return 0;
}
