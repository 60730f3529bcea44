// SPDX-License-Identifier: BSD-2-Clause
/*
 * memleak - memory that a process took during some seconds and did not give back, by who asked for it:
 *
 *	userbpf run memleak memleak.bpf.o PID SECONDS [LIBC]
 *
 * Unchanged on a kernel. LIBC: the file with malloc(), by default libc.so.6. Only what is older than a tenth of the time counts,
 * so that what is in use for a moment is not shown. Callers of callers are found where code has frame pointers.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../common/symbols.h"
#include "memleak.h"

#define SHOWN 20

static const char *const functions[FUNCTIONS] = {
	[MALLOC] = "malloc",	 [CALLOC] = "calloc",
	[REALLOC] = "realloc",	 [ALIGNED_ALLOC] = "aligned_alloc",
	[MEMALIGN] = "memalign", [POSIX_MEMALIGN] = "posix_memalign",
	[FREE] = "free",
};

/* What one place did not give back. */
struct leak {
	int stack;
	unsigned long long bytes, blocks;
};

static struct leak *leaks;
static size_t nr_leaks;
static struct bpf_link *links[2 * FUNCTIONS];
static int nr_links;

static int attach(struct bpf_object *obj, const char *prog, bool ret, int pid, const char *file,
		  enum function f)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = ret, .bpf_cookie = f,
		    .func_name = functions[f]);

	links[nr_links] = bpf_program__attach_uprobe_opts(
		bpf_object__find_program_by_name(obj, prog), pid, file, 0, &opts);
	if (!links[nr_links])
		return -errno;
	nr_links++;
	return 0;
}

/* Returns first: an entry without its return would be forgotten anyway. free() has none. */
static int attach_all(struct bpf_object *obj, int pid, const char *file)
{
	int err = 0;

	for (int f = 0; f < FUNCTIONS && !err; f++)
		if (f != FREE)
			err = attach(obj, "leave", true, pid, file, f);
	for (int f = 0; f < FUNCTIONS && !err; f++)
		err = attach(obj, "enter", false, pid, file, f);
	return err;
}

static int add(const struct block *b)
{
	struct leak *l = leaks;

	while (l < leaks + nr_leaks && l->stack != b->stack)
		l++;
	if (l == leaks + nr_leaks) {
		l = realloc(leaks, (nr_leaks + 1) * sizeof(*l));
		if (!l)
			return -ENOMEM;
		leaks = l;
		l += nr_leaks++;
		*l = (struct leak){.stack = b->stack};
	}
	l->bytes += b->size;
	l->blocks++;
	return 0;
}

static int collect(int map, unsigned long long until)
{
	unsigned long long key, *prev = NULL, next;
	struct block b;
	int err = 0;

	while (!err && !bpf_map_get_next_key(map, prev, &next)) {
		key = next;
		prev = &key;
		if (!bpf_map_lookup_elem(map, &key, &b) && b.since < until)
			err = add(&b);
	}
	return err;
}

static int by_bytes(const void *a, const void *b)
{
	const struct leak *x = a, *y = b;

	return x->bytes < y->bytes ? 1 : -(x->bytes > y->bytes);
}

static void print(const struct leak *l, int stacks, struct symbols *sy, int pid)
{
	unsigned long long ip[FRAMES] = {};

	printf("%llu bytes in %llu blocks, allocated by\n", l->bytes, l->blocks);
	if (l->stack < 0 || bpf_map_lookup_elem(stacks, &l->stack, ip))
		printf("\t[unknown]\n");
	for (int i = 0; i < FRAMES && ip[i] && (!i || symbols_is_code(sy, pid, ip[i] - 1)); i++)
		printf("\t%s\n", symbols_place(sy, pid, ip[i], true)); /* all are behind calls */
}

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	struct symbols *sy = symbols_new();
	unsigned long long total = 0;
	struct bpf_object *obj;
	double seconds;
	int pid, err;

	if (argc < 4 || !sy) {
		fprintf(stderr, "usage: memleak OBJECT PID SECONDS [LIBC]\n");
		return 2;
	}
	pid = atoi(argv[2]);
	seconds = atof(argv[3]);
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj || bpf_object__load(obj)) {
		fprintf(stderr, "memleak: cannot load %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	err = attach_all(obj, pid, argc > 4 ? argv[4] : "libc.so.6");
	if (err) {
		fprintf(stderr, "memleak: cannot attach: %s\n", strerror(-err));
		return 1;
	}
	printf("attached\n");
	fflush(stdout);
	usleep(seconds * 1e6);
	while (nr_links) /* nothing changes any more */
		bpf_link__destroy(links[--nr_links]);
	symbols_look(sy, pid);
	err = collect(bpf_object__find_map_fd_by_name(obj, "blocks"), now() - seconds * 1e8);
	if (err) {
		fprintf(stderr, "memleak: %s\n", strerror(-err));
		return 1;
	}
	qsort(leaks, nr_leaks, sizeof(leaks[0]), by_bytes);
	for (size_t i = 0; i < nr_leaks; i++) {
		total += leaks[i].bytes;
		if (i < SHOWN)
			print(&leaks[i], bpf_object__find_map_fd_by_name(obj, "stacks"), sy, pid);
	}
	printf("%llu bytes in all, of %zu places\n", total, nr_leaks);
	bpf_object__close(obj);
	symbols_free(sy);
	free(leaks);
	return 0;
}
