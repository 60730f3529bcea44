/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perfbuf.c - perf buffers read by unmodified libbpf, as on a kernel: records and what is said of them,
 * waiting, records that found no room, errno. argv[1]: perfbuf.bpf.o. Prints what went wrong, or "ok".
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGES 2

static int wrong;

#define IS(what, want, got)                                                         \
	do {                                                                        \
		long w = (want), g = (got);                                         \
		if (w != g && ++wrong)                                              \
			printf("%s:%d: want %ld, got %ld\n", what, __LINE__, w, g); \
	} while (0)

struct bss {
	unsigned long long number, packet;
	int result;
};
struct data {
	unsigned long long where;
	unsigned int size;
};

static struct app {
	struct bpf_object *obj;
	struct bss *bss;
	struct data *data;
	int events;
	unsigned long seen, lost, bytes, next;
	unsigned char last[512];
	unsigned int last_size;
} app;

static void on_record(void *ctx, int cpu, void *data, __u32 size)
{
	unsigned long long number;

	memcpy(&number, data, sizeof(number));
	if (number != app.next && ++wrong)
		printf("record %llu after %lu\n", number, app.next);
	app.next = number + 1;
	app.seen++;
	app.bytes += size;
	app.last_size = size;
	memcpy(app.last, data, size < sizeof(app.last) ? size : sizeof(app.last));
}

static void on_lost(void *ctx, int cpu, __u64 n)
{
	app.lost += n;
	app.next += n;
}

static int run(const char *name)
{
	unsigned char packet[128];
	unsigned long long args[2] = {1, 2};
	bool tp = !strcmp(name, "emit_tp");
	int fd = bpf_program__fd(bpf_object__find_program_by_name(app.obj, name));
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	for (int i = 0; i < (int)sizeof(packet); i++)
		packet[i] = i;
	if (tp) {
		opts.ctx_in = args;
		opts.ctx_size_in = sizeof(args);
	} else {
		opts.data_in = packet;
		opts.data_size_in = sizeof(packet);
	}
	IS(name, 0, bpf_prog_test_run_opts(fd, &opts));
	return app.bss->result;
}

static void *global(const char *name, size_t *size)
{
	struct bpf_map *map = bpf_object__find_map_by_name(app.obj, name);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return p == MAP_FAILED ? NULL : p;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Whoever runs a program elsewhere wakes who waits here. */
static void wakes(struct perf_buffer *pb)
{
	pid_t pid = fork();
	double t = now();

	if (!pid) {
		usleep(100000);
		run("emit");
		_exit(app.bss->result ? 1 : 0);
	}
	app.seen = 0;
	IS("wait", 1, perf_buffer__poll(pb, 5000));
	IS("woken", 1, app.seen);
	IS("waited", 1, now() - t > 0.05 && now() - t < 4);
	waitpid(pid, NULL, 0);
	IS("nothing more", 0, perf_buffer__poll(pb, 0));
}

static void records(struct perf_buffer *pb)
{
	app.seen = 0;
	IS("output", 0, run("emit"));
	IS("output", 0, run("emit"));
	IS("poll", 1, perf_buffer__poll(pb, 1000));
	IS("records", 2, app.seen);
	IS("size", 20, app.last_size); /* the size before the data makes it 8 bytes */
	IS("poll again", 0, perf_buffer__poll(pb, 0));
	app.data->size = 21;
	app.bss->packet = 9;
	IS("with packet", 0, run("emit"));
	perf_buffer__poll(pb, 1000);
	IS("size with packet", 36, app.last_size);
	IS("data", 'x', app.last[20]);
	IS("packet", 0, app.last[21]);
	IS("packet", 8, app.last[29]);
	IS("pad", 0, app.last[30]);
	app.data->size = 16;
	IS("xdp", 0, run("emit_xdp"));
	perf_buffer__poll(pb, 1000);
	IS("xdp packet", 8, app.last[24]);
	app.bss->packet = 1000;
	IS("more than the packet", -EFAULT, run("emit"));
	IS("more than the packet", -EFAULT, run("emit_xdp"));
	IS("flags of another kind", -EINVAL, run("emit_tp"));
	app.bss->packet = 0;
	app.next = app.bss->number;
	IS("tracepoint", 0, run("emit_tp"));
	IS("poll", 1, perf_buffer__poll(pb, 1000));
	IS("from", 3, app.last[8]);
}

/* Without libbpf's epoll: the buffer's fd by ppoll(2), select(2). */
static void polled(struct perf_buffer *pb)
{
	int fd = perf_buffer__buffer_fd(pb, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec ts = {1, 0}, none = {};
	struct timeval tv = {0, 50000};
	fd_set in;

	perf_buffer__consume(pb);
	IS("ppoll, empty", 0, ppoll(&p, 1, &none, NULL));
	FD_ZERO(&in);
	FD_SET(fd, &in);
	IS("select, empty", 0, select(fd + 1, &in, NULL, NULL, &tv));
	IS("output", 0, run("emit"));
	IS("ppoll", 1, ppoll(&p, 1, &ts, NULL));
	IS("readable", POLLIN, p.revents);
	IS("output", 0, run("emit")); /* a kernel reports each wake-up once */
	FD_SET(fd, &in);
	IS("select", 1, select(fd + 1, &in, NULL, NULL, &tv));
	IS("in the set", 1, !!FD_ISSET(fd, &in));
	perf_buffer__consume(pb);
	IS("read", 0, ppoll(&p, 1, &none, NULL));
}

static void overflow(struct perf_buffer *pb)
{
	unsigned long sent = 0, refused = 0;

	perf_buffer__consume(pb);
	app.seen = app.lost = 0;
	app.next = app.bss->number;
	app.data->size = 256;
	for (int i = 0; i < 100; i++)
		*(run("emit") == -ENOSPC ? &refused : &sent) += 1;
	IS("refused", 1, refused > 60);
	perf_buffer__consume(pb);
	IS("kept", sent, app.seen);
	IS("lost is said later", 0, app.lost);
	IS("room again", 0, run("emit"));
	perf_buffer__consume(pb);
	IS("lost", refused, app.lost);
	app.data->size = 16;
	/* round and round */
	for (int i = 0; i < 3000; i++) {
		app.data->size = 16 + i % 200;
		IS("output", 0, run("emit"));
		if (i % 8 == 7)
			perf_buffer__consume(pb);
	}
	app.data->size = 16;
}

static int event(int cpu, unsigned int wakeup)
{
	struct perf_event_attr attr = {.size = sizeof(attr),
				       .type = PERF_TYPE_SOFTWARE,
				       .config = PERF_COUNT_SW_BPF_OUTPUT,
				       .sample_type = PERF_SAMPLE_RAW | PERF_SAMPLE_TIME,
				       .sample_period = 1,
				       .disabled = 1,
				       .wakeup_events = wakeup};

	return syscall(__NR_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* By hand: what there is before and after, and with a time in front. */
static void by_hand(void)
{
	struct perf_event_mmap_page *p;
	struct {
		struct perf_event_header h;
		unsigned long long time;
		unsigned int size;
		char data[20];
	} * r;
	int key = 0, fd = event(0, 1),
	    map = bpf_map__fd(bpf_object__find_map_by_name(app.obj, ".bss")), big = 4096;

	IS("event", 1, fd >= 0);
	IS("no such element", -ENOENT, bpf_map_delete_elem(app.events, &key));
	IS("nobody listens", -ENOENT, run("emit"));
	IS("no event", -EBADF, bpf_map_update_elem(app.events, &key, &map, 0));
	IS("outside", -E2BIG, bpf_map_update_elem(app.events, &big, &fd, 0));
	IS("outside", -E2BIG, bpf_map_delete_elem(app.events, &big));
	IS("flags", -EINVAL, bpf_map_update_elem(app.events, &key, &fd, BPF_NOEXIST));
	IS("put", 0, bpf_map_update_elem(app.events, &key, &fd, 0));
	IS("lookup", 1, bpf_map_lookup_elem(app.events, &key, &map) < 0);
	IS("disabled", -EOPNOTSUPP, run("emit"));
	IS("enable", 0, ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	IS("not mapped", -ENOSPC, run("emit"));
	IS("odd size", -1, (long)mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	IS("mapped", 1, p != MAP_FAILED);
	if (p == MAP_FAILED)
		return;
	IS("another size", -1,
	   (long)mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	IS("emit", 0, run("emit"));
	r = (void *)((char *)p + p->data_offset);
	IS("head", sizeof(*r), p->data_head);
	IS("record", PERF_RECORD_SAMPLE, r->h.type);
	IS("record's size", sizeof(*r), r->h.size);
	IS("data size", 20, r->size);
	IS("time", 1, r->time > 0);
	app.data->where = 1;
	if (sysconf(_SC_NPROCESSORS_CONF) > 1) {
		int one = event(1, 1);

		key = 1;
		IS("put", 0, bpf_map_update_elem(app.events, &key, &one, 0));
		ioctl(one, PERF_EVENT_IOC_ENABLE, 0);
		IS("another cpu's", -EOPNOTSUPP, run("emit"));
		close(one);
		bpf_map_delete_elem(app.events, &key);
	}
	app.data->where = 4096;
	IS("outside", -E2BIG, run("emit"));
	app.data->where = BPF_F_CURRENT_CPU;
	key = 0;
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	IS("disabled again", -EOPNOTSUPP, run("emit"));
	munmap(p, 3 * 4096);
	IS("taken out", 0, bpf_map_delete_elem(app.events, &key));
	close(fd);
	IS("no such cpu", -1, event(4096, 1));
}

int main(int argc, char **argv)
{
	struct perf_buffer *pb;
	cpu_set_t one;
	size_t size;

	/* records in one order; a program runs where we do */
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	app.obj = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	if (!app.obj || bpf_object__load(app.obj))
		return 1;
	app.bss = global(".bss", &size);
	app.data = global(".data", &size);
	app.events = bpf_object__find_map_fd_by_name(app.obj, "events");
	by_hand();
	app.next = app.bss->number;
	pb = perf_buffer__new(app.events, PAGES, on_record, on_lost, NULL, NULL);
	IS("perf_buffer__new", 1, !!pb);
	if (pb) {
		records(pb);
		wakes(pb);
		polled(pb);
		overflow(pb);
		perf_buffer__free(pb);
	}
	IS("nobody listens any more", -ENOENT, run("emit"));
	bpf_object__close(app.obj);
	puts(wrong ? "wrong" : "ok");
	return !!wrong;
}
