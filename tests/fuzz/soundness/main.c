/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - soundness [--seed N|time] [--count M] [--seconds S] [--dir DIR] [--kernel] [--replay
 * FILE]
 *
 * Makes programs until the count or the time is used up; prints statistics. A violation is made
 * small, printed and written to DIR (default: the current directory) as soundness-SEED-N.repro,
 * which --replay runs again. Exit status 1 when there was one.
 * --kernel also gives every program to the machine's own kernel and counts where the verdicts
 * differ; accepted here and refused there is written as kernel-SEED-N.repro.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "isa/disasm.h"
#include "soundness.h"

#define POOL 512
#define RUNS 6

struct fuzz {
	struct bpf_map map[SP_MAPS];
	u8 map_const[64];
	struct btf *btf;
	struct walk walk;
	struct sprog pool[POOL];
	u32 nr_pool, at_pool;
	const char *dir;
	u64 seed;
	bool kernel;
	/* statistics */
	u64 programs, mutants, accepted, accepted_mutants, overflow, runs, stopped, violations,
		processed, longer;
	u64 both_ok, both_bad, only_kernel, only_us;
};

/* --- the world of a program --- */

static struct bpf_map *map_by_fd(void *arg, int fd)
{
	struct fuzz *f = arg;

	return fd >= 0 && fd < SP_MAPS ? &f->map[fd] : ERR_PTR(-EBADF);
}

static int fd_array(void *arg, u32 idx)
{
	return idx;
}

static const struct vfy_env_ops env_ops = {.map_by_fd = map_by_fd, .fd_array = fd_array};

/* 1 int; 2 u64; 3 u64 *; 4 int (void); 5 static f of 4; 6 int (int, int, u64 *); 7 global g of 6 */
u32 functions_blob(u8 blob[512])
{
	static const u32 w[] = {
		1,
		BTF_KIND_INT << 24,
		4,
		BTF_INT_SIGNED << 24 | 32,
		5,
		BTF_KIND_INT << 24,
		8,
		64,
		0,
		BTF_KIND_PTR << 24,
		2,
		0,
		BTF_KIND_FUNC_PROTO << 24,
		1,
		9,
		BTF_KIND_FUNC << 24 | BTF_FUNC_STATIC,
		4,
		0,
		BTF_KIND_FUNC_PROTO << 24 | 3,
		1,
		13,
		1,
		13,
		1,
		13,
		3,
		11,
		BTF_KIND_FUNC << 24 | BTF_FUNC_GLOBAL,
		6,
	};
	static const char strings[] = "\0int\0u64\0f\0g\0a\0";
	struct btf_header h = {.magic = BTF_MAGIC,
			       .version = 1,
			       .hdr_len = sizeof(h),
			       .type_len = sizeof(w),
			       .str_off = sizeof(w),
			       .str_len = sizeof(strings) - 1};

	memcpy(blob, &h, sizeof(h));
	memcpy(blob + sizeof(h), w, sizeof(w));
	memcpy(blob + sizeof(h) + sizeof(w), strings, h.str_len);
	return sizeof(h) + sizeof(w) + h.str_len;
}

static struct btf *functions_btf(void)
{
	u8 blob[512];
	struct log log;
	struct btf *btf;
	u32 n = functions_blob(blob);

	log_init(&log, 1, 4096);
	btf = btf_parse(blob, n, &log);
	if (IS_ERR(btf)) {
		fprintf(stderr, "btf: %s\n", log.buf);
		exit(2);
	}
	log_free(&log);
	return btf;
}

static void set_up(struct fuzz *f)
{
	u32 zero = 0;

	for (u32 i = 0; i < SP_MAPS; i++) {
		struct map_attr a = {.map_type = sp_maps[i].type,
				     .key_size = sp_maps[i].key,
				     .value_size = sp_maps[i].value,
				     .max_entries = sp_maps[i].entries,
				     .map_flags = sp_maps[i].flags,
				     .nr_cpus = 1,
				     .id = i + 1};

		if (map_open(&f->map[i], &a)) {
			fprintf(stderr, "no map %u\n", i);
			exit(2);
		}
	}
	for (u32 i = 0; i < 32; i++)
		f->map_const[i] = i < 16 ? i : 255 - 7 * i;
	if (map_sys_update(&f->map[MAP_CONST], &zero, f->map_const, 0) ||
	    map_freeze(&f->map[MAP_CONST])) {
		fprintf(stderr, "no constant map\n");
		exit(2);
	}
	f->btf = functions_btf();
	walk_init(&f->walk, f->map);
}

/* Verdict of the verifier; the walk is recorded. */
static int check(struct fuzz *f, const struct sprog *p, struct log *log)
{
	struct cred cred = {.caps = p->unpriv ? 0 : ~0ull};
	struct vfy_prog v = {.type = p->type,
			     .prog_flags = p->flags,
			     .gpl_compatible = true,
			     .cred = &cred,
			     .ops = prog_type_of(p->type)->ops,
			     .env = &env_ops,
			     .env_arg = f,
			     .observer = &f->walk.obs};
	int err;

	v.insns = malloc(p->len * sizeof(*p->insns));
	memcpy(v.insns, p->insns, p->len * sizeof(*p->insns));
	v.len = p->len;
	if (p->nr_funcs > 1) {
		v.btf = f->btf;
		v.func_info = calloc(p->nr_funcs, sizeof(*v.func_info));
		v.func_info_cnt = p->nr_funcs;
		for (u32 i = 0; i < p->nr_funcs; i++)
			v.func_info[i] = (struct bpf_func_info){
				.insn_off = p->func[i], .type_id = p->global >> i & 1 ? 7 : 5};
	}
	walk_reset(&f->walk);
	err = vfy_check(&v, log);
	f->processed += f->walk.overflow ? SP_MAX_NODES : v.verified_insns;
	vfy_prog_free(&v);
	return err;
}

/* --- reports --- */

static void print_program(FILE *out, const struct sprog *p)
{
	char text[128];

	fprintf(out, "type %u\nflags %u\nunpriv %d\nglobal %u\nfuncs", p->type, p->flags, p->unpriv,
		p->global);
	for (u32 i = 0; i < p->nr_funcs; i++)
		fprintf(out, " %u", p->func[i]);
	fprintf(out, "\n");
	for (u32 i = 0; i < p->len; i++) {
		if (p->insns[i].code == (BPF_JMP | BPF_JA) && !p->insns[i].off && out == stdout)
			continue; /* left over */
		disasm_str(text, sizeof(text), &p->insns[i]);
		if (!p->insns[i].code)
			text[0] = 0;
		fprintf(out, "%016llx ; %u: %s\n", *(const unsigned long long *)&p->insns[i], i,
			text);
	}
}

static int read_program(const char *path, struct sprog *p, u64 *run_seed)
{
	FILE *in = fopen(path, "r");
	char line[400], *s;
	unsigned long long x;
	int n;

	if (!in)
		return -errno;
	memset(p, 0, sizeof(*p));
	while (fgets(line, sizeof(line), in)) {
		if (sscanf(line, "type %u", &p->type) == 1 ||
		    sscanf(line, "flags %u", &p->flags) == 1 ||
		    sscanf(line, "global %u", &p->global) == 1)
			continue;
		if (sscanf(line, "unpriv %d", &n) == 1) {
			p->unpriv = n;
		} else if (sscanf(line, "run %llu", &x) == 1) {
			*run_seed = x;
		} else if (!strncmp(line, "funcs", 5)) {
			for (s = strtok(line + 5, " \n"); s && p->nr_funcs < SP_MAX_FUNCS;
			     s = strtok(NULL, " \n"))
				p->func[p->nr_funcs++] = atoi(s);
		} else if (line[0] != '#' && sscanf(line, "%16llx ;", &x) == 1 &&
			   p->len < SP_MAX_INSNS) {
			memcpy(&p->insns[p->len++], &x, 8);
		}
	}
	fclose(in);
	return p->len ? 0 : -EINVAL;
}

/* First run of @p that is a violation; its seed in *@seed. */
static bool fails(struct fuzz *f, const struct sprog *p, u64 *seed, u32 runs, struct violation *v)
{
	if (check(f, p, NULL) || f->walk.overflow)
		return false;
	for (u32 i = 0; i < runs; i++)
		if (run_program(p, &f->walk, *seed + i, f->map_const, v) == RUN_VIOLATION) {
			*seed += i;
			return true;
		}
	return false;
}

/* Without the instructions that do not matter. */
static void minimise(struct fuzz *f, struct sprog *p, u64 *seed, struct violation *v)
{
	bool shorter = true;

	while (shorter) {
		shorter = false;
		for (u32 i = 0; i < p->len; i++) {
			struct sprog q = *p;
			u64 s = *seed;
			bool wide = insn_is_ld_imm64(&q.insns[i]);

			if (!q.insns[i].code ||
			    (q.insns[i].code == (BPF_JMP | BPF_JA) && !q.insns[i].off))
				continue;
			q.insns[i] = BPF_JMP_A(0);
			if (wide)
				q.insns[i + 1] = BPF_JMP_A(0);
			if (!fails(f, &q, &s, 30, v))
				continue;
			*p = q;
			*seed = s;
			shorter = true;
		}
	}
	fails(f, p, seed, 1, v);
}

static void write_repro(struct fuzz *f, const char *kind, const struct sprog *p, u64 run_seed,
			const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s-%llu-%llu.repro", f->dir, kind,
		 (unsigned long long)f->seed, (unsigned long long)f->programs);
	out = fopen(path, "w");
	if (!out)
		return;
	fprintf(out, "# %s\nrun %llu\n", text, (unsigned long long)run_seed);
	print_program(out, p);
	fclose(out);
	printf("written: %s\n", path);
}

static void report(struct fuzz *f, const struct sprog *p, u64 run_seed)
{
	struct sprog small = *p;
	struct violation v = {.text = ""};

	f->violations++;
	minimise(f, &small, &run_seed, &v);
	printf("VIOLATION (program %llu, run %llu, step %u): %s\n", (unsigned long long)f->programs,
	       (unsigned long long)run_seed, v.step, v.text);
	print_program(stdout, &small);
	write_repro(f, "soundness", &small, run_seed, v.text);
	fflush(stdout);
}

/* --- the rounds --- */

static void run_accepted(struct fuzz *f, const struct sprog *p, u64 seed)
{
	struct violation v;

	for (u32 i = 0; i < RUNS; i++) {
		f->runs++;
		switch (run_program(p, &f->walk, seed + i, f->map_const, &v)) {
		case RUN_OK: break;
		case RUN_STOPPED: f->stopped++; break;
		case RUN_VIOLATION: report(f, p, seed + i); return;
		}
	}
}

static void compare_kernel(struct fuzz *f, const struct sprog *p, int err)
{
	static char log[1 << 20];
	int kerr;
	char *last, *stats;

	if (p->unpriv)
		return; /* the kernel's caller is root */
	kerr = kernel_check(p, log, sizeof(log));
	if (!err && !kerr) {
		f->both_ok++;
	} else if (err && kerr) {
		f->both_bad++;
	} else if (err) {
		f->only_kernel++;
	} else {
		f->only_us++;
		stats = strstr(log, "processed ");
		if (stats && stats > log)
			stats[-1] = 0;
		last = strrchr(log, '\n');
		printf("accepted here, refused by the kernel (%d): %s\n", kerr,
		       last ? last + 1 : log);
		write_repro(f, "kernel", p, 0, last ? last + 1 : log);
	}
}

static void round_(struct fuzz *f, struct rng *r)
{
	static struct sprog p;
	bool mutant = f->nr_pool > 16 && chance(r, 50);
	int err;

	if (mutant) {
		p = f->pool[below(r, f->nr_pool)];
		gen_mutate(r, &p);
		f->mutants++;
	} else {
		gen_program(r, &p);
	}
	f->programs++;
	err = check(f, &p, NULL);
	if (f->kernel && !f->walk.overflow)
		compare_kernel(f, &p, err);
	f->overflow += f->walk.overflow;
	if (err)
		return;
	f->accepted++;
	f->accepted_mutants += mutant;
	f->pool[f->at_pool] = p;
	f->at_pool = (f->at_pool + 1) % POOL;
	f->nr_pool = max(f->nr_pool, f->at_pool);
	run_accepted(f, &p, rnd(r));
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
	printf("%llu runs, %llu stopped early; %llu instructions verified; %llu violations\n",
	       (unsigned long long)f->runs, (unsigned long long)f->stopped,
	       (unsigned long long)f->processed, (unsigned long long)f->violations);
	if (f->kernel)
		printf("kernel: both accept %llu, both refuse %llu, only the kernel accepts %llu, "
		       "only we accept %llu\n",
		       (unsigned long long)f->both_ok, (unsigned long long)f->both_bad,
		       (unsigned long long)f->only_kernel, (unsigned long long)f->only_us);
}

static int replay(struct fuzz *f, const char *path)
{
	struct violation v = {.text = ""};
	struct sprog p;
	struct log log;
	u64 seed = 0;
	int err = read_program(path, &p, &seed);

	if (err) {
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
		return 2;
	}
	log_init(&log, LOG_LEVEL2, 1 << 22);
	err = check(f, &p, &log);
	printf("%s\nverdict %d\n", log.buf ? log.buf : "", err);
	log_free(&log);
	if (f->kernel && !kernel_open()) {
		static char text[1 << 20];
		int kerr = kernel_check(&p, text, sizeof(text));

		printf("the kernel: %d\n%s\n", kerr, text);
		kernel_close();
	}
	if (!err && fails(f, &p, &seed, 200, &v)) {
		printf("VIOLATION (run %llu, step %u): %s\n", (unsigned long long)seed, v.step,
		       v.text);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"seed", 1, NULL, 's'},	   {"count", 1, NULL, 'c'},
						{"seconds", 1, NULL, 't'}, {"dir", 1, NULL, 'd'},
						{"kernel", 0, NULL, 'k'},  {"replay", 1, NULL, 'r'},
						{"max", 1, NULL, 'm'},	   {NULL, 0, NULL, 0}};
	static struct fuzz fuzz;
	struct fuzz *f = &fuzz;
	u64 count = ~0ull, max_violations = 5;
	const char *file = NULL, *e;
	double seconds = 0, start;
	int o;

	f->seed = 1;
	f->dir = ".";
	while ((o = getopt_long(argc, argv, "s:c:t:d:kr:m:", options, NULL)) != -1)
		switch (o) {
		case 's':
			f->seed = strcmp(optarg, "time") ? strtoull(optarg, NULL, 0)
							 : (u64)time(NULL);
			break;
		case 'c': count = strtoull(optarg, NULL, 0); break;
		case 't': seconds = atof(optarg); break;
		case 'd': f->dir = optarg; break;
		case 'k': f->kernel = true; break;
		case 'r': file = optarg; break;
		case 'm': max_violations = strtoull(optarg, NULL, 0); break;
		default: return 2;
		}
	e = getenv("SOUNDNESS_SECONDS");
	if (!seconds && count == ~0ull)
		seconds = e ? atof(e) : 10;
	set_up(f);
	if (file)
		return replay(f, file);
	if (f->kernel && kernel_open()) {
		printf("the machine's kernel may not be used\n");
		return 77;
	}
	start = now();
	for (u64 i = 0; i < count && f->violations < max_violations; i++) {
		struct rng r = {f->seed * 0x100000001ull + i};

		if (seconds && !(i % 64) && now() - start > seconds)
			break;
		round_(f, &r);
	}
	statistics(f, now() - start);
	if (f->kernel)
		kernel_close();
	walk_free(&f->walk);
	btf_put(f->btf);
	for (u32 i = 0; i < SP_MAPS; i++)
		map_close(&f->map[i]);
	return f->violations ? 1 : 0;
}
