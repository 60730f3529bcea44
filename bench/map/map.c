/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.c - map operations of programs, "KIND OPERATION NS" per operation, and records through a ring
 * buffer, "ringbuf records M_PER_SECOND" (who writes is a test run, who reads ring_buffer__poll()
 * in another thread). Under `userbpf run` or not: whoever answers bpf(2) is measured.
 *   usage: map FILE.bpf.o
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define OPS	128 /* of a run; as in map.bpf.c */
#define BATCHES 15
#define SECONDS 1.0

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int run(int fd, unsigned int repeat, unsigned int *ns)
{
	unsigned char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = repeat);

	if (bpf_prog_test_run_opts(fd, &opts))
		return -1;
	*ns = opts.duration;
	return 0;
}

static int operation(const char *name, int fd)
{
	const char *last = strrchr(name, '_');
	double v[BATCHES];
	unsigned int ns;

	if (run(fd, 100, &ns))
		return -1;
	for (int i = 0; i < BATCHES; i++) {
		if (run(fd, 500, &ns))
			return -1;
		v[i] = (double)ns / OPS;
	}
	qsort(v, BATCHES, sizeof(*v), by_value);
	printf("%.*s %s %.1f\n", (int)(last - name), name, last + 1, v[BATCHES / 2]);
	return 0;
}

static volatile int done;
static unsigned long seen;

static int on_record(void *ctx, void *data, size_t size)
{
	seen++;
	return 0;
}

static void *reader(void *rb)
{
	while (!done)
		ring_buffer__poll(rb, 10);
	ring_buffer__consume(rb);
	return NULL;
}

static int records(int fd, int map)
{
	struct ring_buffer *rb = ring_buffer__new(map, on_record, NULL, NULL);
	pthread_t thread;
	unsigned int ns;
	int err = 0;
	double t;

	if (!rb || pthread_create(&thread, NULL, reader, rb))
		return -1;
	t = now();
	while (!err && now() - t < SECONDS)
		err = run(fd, 100, &ns);
	done = 1;
	pthread_join(thread, NULL);
	printf("ringbuf records %.2f\n", seen / (now() - t) / 1e6);
	ring_buffer__free(rb);
	return err;
}

int main(int argc, char **argv)
{
	struct bpf_object *obj;
	struct bpf_program *prog;
	int err = 0;

	libbpf_set_print(quiet);
	obj = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	if (!obj || bpf_object__load(obj))
		return 1;
	bpf_object__for_each_program(prog, obj)
	{
		const char *name = bpf_program__name(prog);

		if (!strcmp(name, "records"))
			err |= records(bpf_program__fd(prog),
				       bpf_object__find_map_fd_by_name(obj, "ringbuf"));
		else
			err |= operation(name, bpf_program__fd(prog));
	}
	bpf_object__close(obj);
	return !!err;
}
