/* SPDX-License-Identifier: BSD-2-Clause */
/* userring.c - user_ring_buffer of unmodified libbpf: programs in this process and others drain it, a writer without
 * room sleeps until they have. argv[1]: userring.bpf.o. Prints what went wrong. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int wrong;

#define IS(what, want, got)                                                         \
	do {                                                                        \
		long w = (want), g = (got);                                         \
		if (w != g && ++wrong)                                              \
			printf("%s:%d: want %ld, got %ld\n", what, __LINE__, w, g); \
	} while (0)

typedef unsigned long long u64;

struct sample {
	u64 number, twice;
};

struct bss {
	u64 flags, stop_at, sum, seen, bad, nested;
	long long ret;
};

struct app {
	struct bpf_object *obj;
	struct user_ring_buffer *in;
	struct ring_buffer *out;
	struct bss *bss;
	u64 sum;
	u64 *page[2]; /* consumer's, producer's */
};

static int map_fd(struct app *a, const char *name)
{
	return bpf_object__find_map_fd_by_name(a->obj, name);
}

static int drain(struct app *a)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	struct bpf_program *p = bpf_object__find_program_by_name(a->obj, "drain");
	int err = bpf_prog_test_run_opts(bpf_program__fd(p), &opts);

	return err ? -1000 + err : (int)opts.retval;
}

static int put(struct app *a, u64 n, int wait_ms)
{
	struct sample *s = wait_ms ? user_ring_buffer__reserve_blocking(a->in, sizeof(*s), wait_ms)
				   : user_ring_buffer__reserve(a->in, sizeof(*s));

	if (!s)
		return -errno;
	*s = (struct sample){n, 2 * n};
	user_ring_buffer__submit(a->in, s);
	return 0;
}

static int on_out(void *ctx, void *data, size_t size)
{
	((struct app *)ctx)->sum += ((struct sample *)data)->number;
	return 0;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void round_trip(struct app *a)
{
	struct sample *s;

	IS("nothing", 0, drain(a));
	IS("none", 0, a->bss->ret);
	for (int i = 1; i <= 10; i++)
		IS("put", 0, put(a, i, 0));
	s = user_ring_buffer__reserve(a->in, sizeof(*s));
	user_ring_buffer__discard(a->in, s);
	put(a, 100, 0);
	IS("calls", 11, drain(a));
	IS("samples", 11, a->bss->ret);
	IS("sum", 155, a->bss->sum);
	IS("bad", 0, a->bss->bad);
	ring_buffer__poll(a->out, 1000);
	IS("came back", 155, a->sum);
	a->bss->stop_at = 2;
	for (int i = 1; i <= 3; i++)
		put(a, i, 0);
	IS("stops", 2, drain(a));
	IS("the rest", 1, drain(a));
	a->bss->stop_at = 0;
	a->bss->nested = 1;
	put(a, 5, 0);
	drain(a);
	IS("nested", -EBUSY, (long)a->bss->nested);
	a->bss->nested = 0;
	a->bss->flags = 4;
	drain(a);
	IS("flags", -EINVAL, a->bss->ret);
	a->bss->flags = 0;
}

/* 24 bytes a sample: 170 fit. */
static void full(struct app *a)
{
	double t;
	int n = 0, status;
	pid_t pid;

	while (!put(a, 1, 0))
		n++;
	IS("fits", 170, n);
	t = now();
	IS("no room", -ENOSPC, put(a, 1, 100));
	IS("waited", 1, now() - t > 0.09 && now() - t < 2);
	a->bss->stop_at = 1; /* one goes, one comes: more, and the drain could see what comes */
	pid = fork();
	if (!pid) {
		usleep(100000);
		drain(a);
		_exit(0);
	}
	t = now();
	IS("room again", 0, put(a, 1, 5000));
	IS("in time", 1, now() - t < 3);
	waitpid(pid, &status, 0);
	a->bss->stop_at = 0;
	IS("one gone, one come", 170, drain(a));
}

static void poll_out(struct app *a)
{
	struct epoll_event ev = {.events = EPOLLOUT};
	int ep = epoll_create1(0);

	IS("add", 0, epoll_ctl(ep, EPOLL_CTL_ADD, map_fd(a, "in"), &ev));
	IS("room", 1, epoll_wait(ep, &ev, 1, 0));
	IS("out", EPOLLOUT, ev.events);
	while (!put(a, 1, 0))
		;
	epoll_wait(ep, &ev, 1, 0);
	a->bss->flags = BPF_RB_NO_WAKEUP;
	IS("all", 170, drain(a));
	a->bss->flags = 0;
	IS("room", 1, epoll_wait(ep, &ev, 1, 1000) >= 0);
	close(ep);
}

/* What a broken writer may leave: the kernel's errno. */
static void broken(struct app *a)
{
	u64 *data = a->page[1] + 512, *pos = a->page[1], cons = a->page[0][0];
	unsigned int *head = (unsigned int *)((char *)data + cons % 4096);

	IS("drained", cons, *pos);
	*pos = cons + 4;
	drain(a);
	IS("odd position", -EINVAL, a->bss->ret);
	*pos = cons + 8;
	*head = 100;
	drain(a);
	IS("longer than what is there", -EINVAL, a->bss->ret);
	*pos = cons + 8192;
	*head = 5000;
	drain(a);
	IS("longer than the ring", -E2BIG, a->bss->ret);
	*pos = cons + 16;
	*head = 8 | BPF_RINGBUF_BUSY_BIT;
	drain(a);
	IS("busy", 0, a->bss->ret);
	*pos = cons;
}

static void mapping(struct app *a)
{
	int fd = map_fd(a, "in");
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	IS("writable consumer page", EPERM, p == MAP_FAILED ? errno : 0);
	a->page[0] = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	IS("consumer page", 0, a->page[0] == MAP_FAILED ? errno : 0);
	a->page[1] = mmap(NULL, 4096 * 3, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	IS("the rest", 0, a->page[1] == MAP_FAILED ? errno : 0);
}

int main(int argc, char **argv)
{
	struct app a = {};

	setvbuf(stdout, NULL, _IOLBF, 0);
	a.obj = bpf_object__open_file(argv[1], NULL);
	if (!a.obj || bpf_object__load(a.obj)) {
		printf("load: %d\n", errno);
		return 1;
	}
	a.bss = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd(&a, ".bss"), 0);
	a.in = user_ring_buffer__new(map_fd(&a, "in"), NULL);
	a.out = ring_buffer__new(map_fd(&a, "out"), on_out, &a, NULL);
	if (!a.in || !a.out || a.bss == MAP_FAILED) {
		printf("new: %d\n", errno);
		return 1;
	}
	mapping(&a);
	if (!wrong) {
		round_trip(&a);
		full(&a);
		poll_out(&a);
		broken(&a);
	}
	user_ring_buffer__free(a.in);
	ring_buffer__free(a.out);
	bpf_object__close(a.obj);
	if (!wrong)
		printf("ok\n");
	return 0;
}
