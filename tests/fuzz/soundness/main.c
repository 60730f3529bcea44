/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - soundness [--seed N|time] [--count M] [--seconds S] [--dir DIR] [--vmlinux BTF]
 *                    [--seeds FILE ...] [--kernel] [--replay FILE]
 *
 * Makes programs until the count or the time is used up; prints statistics. A violation is made
 * small, printed as a text case and written to DIR (default: the current directory), where --replay
 * finds it. Exit status 1 when there was one.
 * --seeds: text cases and BPF objects to mutate besides random programs; takes all arguments that
 * follow. --kernel also gives every program to the machine's own kernel (kernel.c).
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <time.h>

#include "seeds.h"
#include "text.h"
#include "twin.h"

#define POOL		512
#define RUNS		6
#define KERNEL_PATIENCE 5000 /* instructions processed here */

struct fuzz {
	struct world world;
	struct walk walk;
	struct seeds seeds;
	struct sprog pool[POOL];
	u32 nr_pool, at_pool;
	const char *dir;
	u64 seed;
	bool kernel;
	/* statistics */
	u64 programs, mutants, accepted, accepted_mutants, overflow, runs, stopped, compared,
		violations, processed, compiled;
};

/* --- violations --- */

/* First of some runs of @p that is a violation; its seed in *@seed. */
static bool fails(struct fuzz *f, const struct sprog *p, u64 *seed, u32 runs, struct violation *v)
{
	struct exec_image *img;
	bool found = false;

	if (world_check(&f->world, &f->walk, p, NULL, &img, NULL))
		return false;
	for (u32 i = 0; !found && !f->walk.overflow && i < runs; i++)
		if (run_program(p, &f->walk, *seed + i, f->world.map_const, img, v) ==
		    RUN_VIOLATION) {
			*seed += i;
			found = true;
		}
	exec_image_put(img);
	return found;
}

static bool still_fails(void *arg, const struct sprog *p, u64 *seed)
{
	struct violation v;

	return fails(arg, p, seed, 30, &v);
}

static void write_file(struct fuzz *f, const char *kind, const struct sprog *p, u64 run_seed,
		       const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s-%llu-%llu.txt", f->dir, kind,
		 (unsigned long long)f->seed, (unsigned long long)f->programs);
	out = fopen(path, "w");
	if (!out)
		return;
	fprintf(out, "# %s\n# run %llu\n", text, (unsigned long long)run_seed);
	text_write(out, &f->world, p, "found by the fuzzer");
	fclose(out);
	printf("written: %s\n", path);
}

static void report(struct fuzz *f, const struct sprog *p, u64 run_seed)
{
	struct sprog small = *p;
	struct violation v = {.text = "(once)"};

	f->violations++;
	shrink(&small, &run_seed, still_fails, f);
	fails(f, &small, &run_seed, 1, &v);
	printf("VIOLATION (seed %llu, program %llu, run %llu, step %u): %s\n",
	       (unsigned long long)f->seed, (unsigned long long)f->programs,
	       (unsigned long long)run_seed, v.step, v.text);
	text_write(stdout, &f->world, &small, v.text);
	write_file(f, "soundness", &small, run_seed, v.text);
	fflush(stdout);
}

/* --- the rounds --- */

static void run_accepted(struct fuzz *f, const struct sprog *p, struct exec_image *img, u64 seed)
{
	struct violation v;

	for (u32 i = 0; i < RUNS; i++) {
		f->runs++;
		switch (run_program(p, &f->walk, seed + i, f->world.map_const, img, &v)) {
		case RUN_COMPARED: f->compared++; break;
		case RUN_OK: break;
		case RUN_STOPPED: f->stopped++; break;
		case RUN_VIOLATION: report(f, p, seed + i); return;
		}
	}
}

/* A new program in *@p; is it a changed one? */
static bool make_program(struct fuzz *f, struct rng *r, struct sprog *p)
{
	if (f->seeds.n && chance(r, 15)) {
		*p = f->seeds.prog[below(r, f->seeds.n)];
		gen_mutate(r, p);
		return true;
	}
	if (f->nr_pool > 16 && chance(r, 50)) {
		*p = f->pool[below(r, f->nr_pool)];
		gen_mutate(r, p);
		return true;
	}
	gen_program(r, p);
	return false;
}

static void compare_kernel(struct fuzz *f, const struct sprog *p, int err)
{
	const char *line = "";
	char text[300];
	struct log log;

	log_init(&log, 1, 1 << 20);
	if (err) {
		world_check(&f->world, &f->walk, p, &log, NULL, NULL);
		line = log.buf ? last_line(log.buf) : "";
	}
	if (kernel_compare(p, err, line, text, sizeof(text))) {
		printf("%s\n", text);
		write_file(f, "kernel", p, 0, text);
	}
	log_free(&log);
}

static void round_(struct fuzz *f, struct rng *r)
{
	static struct sprog p;
	bool mutant = make_program(f, r, &p);
	struct exec_image *img;
	u64 processed;
	int err;

	f->mutants += mutant;
	f->programs++;
	err = world_check(&f->world, &f->walk, &p, NULL, &img, &processed);
	f->processed += processed;
	f->overflow += f->walk.overflow;
	if (f->kernel && !f->walk.overflow && processed < KERNEL_PATIENCE)
		compare_kernel(f, &p, err);
	if (err)
		return;
	f->accepted++;
	f->accepted_mutants += mutant;
	f->compiled += twin_compiled(img);
	f->pool[f->at_pool] = p;
	f->at_pool = (f->at_pool + 1) % POOL;
	f->nr_pool = max(f->nr_pool, f->at_pool);
	if (!f->walk.overflow)
		run_accepted(f, &p, img, rnd(r));
	exec_image_put(img);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void statistics(const struct fuzz *f, double took)
{
	printf("seed %llu: %llu programs in %.1f s (%.0f/s), %llu accepted (%.1f%%); of %llu "
	       "mutants %llu accepted; %llu too large to record\n",
	       (unsigned long long)f->seed, (unsigned long long)f->programs, took,
	       f->programs / took, (unsigned long long)f->accepted,
	       100.0 * f->accepted / max(f->programs, (u64)1), (unsigned long long)f->mutants,
	       (unsigned long long)f->accepted_mutants, (unsigned long long)f->overflow);
	printf("%llu runs, %llu compared with the rewritten program, %llu stopped early; "
	       "%llu programs compiled; %llu instructions verified; %llu violations\n",
	       (unsigned long long)f->runs, (unsigned long long)f->compared,
	       (unsigned long long)f->stopped, (unsigned long long)f->compiled,
	       (unsigned long long)f->processed, (unsigned long long)f->violations);
	if (f->kernel)
		kernel_statistics();
}

static int replay(struct fuzz *f, const char *path)
{
	FILE *in = fopen(path, "r");
	struct violation v = {.text = ""};
	struct sprog p;
	struct log log;
	u64 seed = 0;
	int err;

	if (!in || text_read(in, &f->world, &p, &seed, true) != 1) {
		fprintf(stderr, "%s: no case\n", path);
		return 2;
	}
	fclose(in);
	log_init(&log, LOG_LEVEL2, 1 << 22);
	err = world_check(&f->world, &f->walk, &p, &log, NULL, NULL);
	printf("%s\nverdict %d\n", log.buf ? log.buf : "", err);
	log_free(&log);
	if (f->kernel)
		kernel_show(&p);
	if (!err && fails(f, &p, &seed, 200, &v)) {
		printf("VIOLATION (run %llu, step %u): %s\n", (unsigned long long)seed, v.step,
		       v.text);
		return 1;
	}
	return 0;
}

/* --- the command --- */

struct options {
	u64 count, max_violations;
	const char *file, *vmlinux;
	double seconds;
};

static bool parse(struct fuzz *f, struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", 1, NULL, 's'}, {"count", 1, NULL, 'c'},   {"seconds", 1, NULL, 't'},
		{"dir", 1, NULL, 'd'},	{"kernel", 0, NULL, 'k'},  {"replay", 1, NULL, 'r'},
		{"max", 1, NULL, 'm'},	{"vmlinux", 1, NULL, 'v'}, {"seeds", 0, NULL, 'f'},
		{NULL, 0, NULL, 0}};
	const char *e = getenv("SOUNDNESS_SECONDS");
	int c;

	*o = (struct options){.count = ~0ull, .max_violations = 5};
	f->seed = 1;
	f->dir = ".";
	while ((c = getopt_long(argc, argv, "s:c:t:d:kr:m:v:f", options, NULL)) != -1)
		switch (c) {
		case 's':
			f->seed = strcmp(optarg, "time") ? strtoull(optarg, NULL, 0)
							 : (u64)time(NULL);
			break;
		case 'c': o->count = strtoull(optarg, NULL, 0); break;
		case 't': o->seconds = atof(optarg); break;
		case 'd': f->dir = optarg; break;
		case 'k': f->kernel = true; break;
		case 'r': o->file = optarg; break;
		case 'm': o->max_violations = strtoull(optarg, NULL, 0); break;
		case 'v': o->vmlinux = optarg; break;
		case 'f': break; /* the arguments that follow */
		default: return false;
		}
	if (!o->seconds && o->count == ~0ull)
		o->seconds = e ? atof(e) : 60;
	return true;
}

static void fuzz(struct fuzz *f, const struct options *o)
{
	double start = now();

	for (u64 i = 0; i < o->count && f->violations < o->max_violations; i++) {
		struct rng r = {f->seed * 0x100000001ull + i};

		if (o->seconds && !(i % 64) && now() - start > o->seconds)
			break;
		round_(f, &r);
	}
	statistics(f, now() - start);
}

int main(int argc, char **argv)
{
	static struct fuzz fuzzer;
	struct fuzz *f = &fuzzer;
	struct options o;

	if (!parse(f, &o, argc, argv) || world_open(&f->world, o.vmlinux))
		return 2;
	walk_init(&f->walk, f->world.map);
	if (f->kernel && kernel_open()) {
		printf("the machine's kernel may not be used\n");
		return 77;
	}
	if (o.file)
		return replay(f, o.file);
	seeds_read(&f->seeds, &f->world, argv + optind, argc - optind, o.vmlinux);
	fuzz(f, &o);
	if (f->kernel)
		kernel_close();
	seeds_free(&f->seeds);
	walk_free(&f->walk);
	world_close(&f->world);
	return f->violations ? 1 : 0;
}
