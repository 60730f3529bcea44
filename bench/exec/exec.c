/* SPDX-License-Identifier: BSD-2-Clause */
/* exec FILE.bpf.o [PROGRAM...] - loads the object and prints "PROGRAM NS RESULT" for each program, or those named: its time per run, the least of
 * several batches, and what it returned. Under `userbpf run` or not: whoever answers bpf(2) is measured. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define SIZE	 256
#define BATCHES	 40
#define BATCH_NS 400000

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* What the call takes, in ns: the kernel tells of a run no more than whole ones. */
static int batch(int fd, unsigned int repeat, double *ns, unsigned int *result)
{
	unsigned char packet[SIZE];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = SIZE,
		    .repeat = repeat);
	double begin;

	for (int i = 0; i < SIZE; i++)
		packet[i] = i * 7 + (i >> 3);
	begin = now();
	if (bpf_prog_test_run_opts(fd, &opts))
		return -1;
	*ns = now() - begin;
	*result = opts.retval;
	return 0;
}

/* Batches of the same length: short ones often fall between other processes' time slices. A call of one run is
 * taken off. The result is that of the third run after loading: what the first ones leave in maps, later ones meet. */
static int measure(int fd, const char *name)
{
	unsigned int repeat, result, ignored;
	double ns, most, one, best;

	if (batch(fd, 3, &ns, &result) || batch(fd, 100, &most, &ignored) ||
	    batch(fd, 1, &one, &ignored))
		return -1;
	repeat = 2 + BATCH_NS / (unsigned int)(most / 100 + 1);
	best = 1e12;
	for (int i = 0; i < BATCHES; i++) {
		if (batch(fd, repeat, &most, &ignored) || batch(fd, 1, &ns, &ignored))
			return -1;
		one = ns < one ? ns : one;
		best = most < best ? most : best;
	}
	printf("%s %.1f %u\n", name, (best - one) / (repeat - 1), result);
	return 0;
}

static bool wanted(const char *name, char **names)
{
	bool found = !*names;

	for (; *names && !found; names++)
		found = !strcmp(*names, name);
	return found;
}

int main(int argc, char **argv)
{
	struct bpf_object *obj;
	struct bpf_program *prog;

	libbpf_set_print(quiet);
	obj = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	if (!obj || bpf_object__load(obj))
		return 1;
	bpf_object__for_each_program(prog, obj)
	{
		const char *name = bpf_program__name(prog);

		if (wanted(name, argv + 2) && measure(bpf_program__fd(prog), name))
			return 1;
	}
	bpf_object__close(obj);
	return 0;
}
