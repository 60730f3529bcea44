// SPDX-License-Identifier: BSD-2-Clause
/*
 * profile - a flame graph of where programs spend their time:
 *
 *	userbpf run profile profile.bpf.o HERTZ SECONDS PID FILE.svg
 *
 * PID 0: all processes. Unchanged on a kernel, which shows its own functions, too. Callers are found where code has frame
 * pointers; what has no symbol is [FILE].
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../common/symbols.h"
#include "flame.h"
#include "profile.h"

struct profile {
	struct symbols *symbols;
	struct flame *root;
	int samples, stacks;
	unsigned long long all;
};

/* --- sampling --- */

/* An event on each CPU; *links are theirs. */
static int attach(struct bpf_object *obj, int hertz, struct bpf_link ***links)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_CPU_CLOCK,
				       .freq = 1,
				       .sample_freq = hertz};
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, "sample");
	int cpus = libbpf_num_possible_cpus(), n = 0;

	*links = calloc(cpus + 1, sizeof(**links));
	if (!*links)
		return -ENOMEM;
	for (int cpu = 0; cpu < cpus; cpu++) {
		int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

		if (fd < 0 && errno == ENODEV) /* not there now */
			continue;
		(*links)[n] = fd < 0 ? NULL : bpf_program__attach_perf_event(prog, fd);
		if (!(*links)[n++])
			return -errno;
	}
	return 0;
}

static void detach(struct bpf_link **links)
{
	for (int i = 0; links[i]; i++)
		bpf_link__destroy(links[i]);
	free(links);
}

/* Who is seen is looked at while it is there. */
static void look_at_all(const struct profile *p)
{
	struct where w, *prev = NULL, next;
	unsigned int seen = 0;

	while (!bpf_map_get_next_key(p->samples, prev, &next)) {
		w = next;
		prev = &w;
		if (w.pid != seen)
			symbols_look(p->symbols, w.pid);
		seen = w.pid;
	}
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* --- names --- */

struct ksym {
	unsigned long long at;
	char name[64];
};

static struct ksym *ksyms;
static size_t nr_ksyms;

static int by_address(const void *a, const void *b)
{
	const struct ksym *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void read_kallsyms(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	struct ksym k, *more;
	char line[512], type;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %c %63s", &k.at, &type, k.name) != 3 ||
		    !strchr("tTwW", type))
			continue;
		if (!(nr_ksyms & (nr_ksyms - 1))) {
			more = realloc(ksyms, (nr_ksyms ? 2 * nr_ksyms : 1) * sizeof(k));
			if (!more)
				break;
			ksyms = more;
		}
		ksyms[nr_ksyms++] = k;
	}
	if (f)
		fclose(f);
	qsort(ksyms, nr_ksyms, sizeof(*ksyms), by_address);
}

static const char *kernel_name(unsigned long long at)
{
	size_t lo = 0, hi = nr_ksyms;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (ksyms[mid].at <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? ksyms[lo - 1].name : "[kernel]";
}

/* --- the graph --- */

/* From the outermost caller inwards. Functions without frame pointers lead to what is no code: there a chain ends. */
static struct flame *add_stack(const struct profile *p, struct flame *at, const struct where *w,
			       int stack, unsigned long long n)
{
	unsigned long long ip[FRAMES] = {};
	int nr = 0;

	if (stack < 0 || bpf_map_lookup_elem(p->stacks, &stack, ip))
		return at;
	while (nr < FRAMES && ip[nr] &&
	       (!nr || stack == w->kernel || symbols_is_code(p->symbols, w->pid, ip[nr] - 1)))
		nr++;
	while (nr-- && at)
		at = flame_add(at,
			       stack == w->kernel
				       ? kernel_name(ip[nr])
				       : symbols_name(p->symbols, w->pid, ip[nr], nr > 0),
			       n);
	return at;
}

static int add(struct profile *p, const struct where *w, unsigned long long n)
{
	struct flame *at = flame_add(p->root, w->comm, n);

	flame_count(p->root, n);
	p->all += n;
	if (at)
		at = add_stack(p, at, w, w->user, n);
	if (at)
		at = add_stack(p, at, w, w->kernel, n);
	return at ? 0 : -ENOMEM;
}

static int collect(struct profile *p)
{
	struct where w, *prev = NULL, next;
	unsigned long long n;
	int err = 0;

	while (!err && !bpf_map_get_next_key(p->samples, prev, &next)) {
		w = next;
		prev = &w;
		if (!bpf_map_lookup_elem(p->samples, &w, &n))
			err = add(p, &w, n);
	}
	return err;
}

static int write_svg(const struct profile *p, const char *path, int hertz)
{
	FILE *out = fopen(path, "we");
	char title[128];

	if (!out)
		return -errno;
	snprintf(title, sizeof(title), "%llu samples at %d Hz", p->all, hertz);
	flame_write(p->root, title, out);
	return fclose(out) ? -errno : 0;
}

static struct bpf_object *load(const char *path, unsigned int pid)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_map *rodata = obj ? bpf_object__find_map_by_name(obj, ".rodata") : NULL;

	if (!rodata || bpf_map__set_initial_value(rodata, &pid, sizeof(pid)) ||
	    bpf_object__load(obj))
		return NULL;
	return obj;
}

static int failed(const char *what, int err)
{
	fprintf(stderr, "profile: %s: %s\n", what, strerror(-err));
	return 1;
}

int main(int argc, char **argv)
{
	struct profile p = {.symbols = symbols_new(), .root = flame_new()};
	struct bpf_link **links;
	struct bpf_object *obj;
	int hertz, err;
	double until;

	if (argc != 6 || !p.symbols || !p.root) {
		fprintf(stderr, "usage: profile OBJECT HERTZ SECONDS PID FILE.svg\n");
		return 2;
	}
	hertz = atoi(argv[2]);
	obj = load(argv[1], atoi(argv[4]));
	if (!obj)
		return failed(argv[1], -errno);
	p.samples = bpf_object__find_map_fd_by_name(obj, "samples");
	p.stacks = bpf_object__find_map_fd_by_name(obj, "stacks");
	err = attach(obj, hertz, &links);
	if (err)
		return failed("attach", err);
	for (until = now() + atof(argv[3]); now() < until; usleep(100000))
		look_at_all(&p);
	detach(links);
	look_at_all(&p);
	read_kallsyms();
	err = collect(&p);
	bpf_object__close(obj);
	if (err)
		return failed("collect", err);
	err = write_svg(&p, argv[5], hertz);
	if (err)
		return failed(argv[5], err);
	printf("%llu samples\n", p.all);
	flame_free(p.root);
	symbols_free(p.symbols);
	free(ksyms);
	return 0;
}
