/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.c - loads objects and prints what the verifier says of its work, one line each: "name
 * ns-per-insn insns usec peak_states". Run it under `userbpf run` and on the kernel's own bpf(2) to
 * compare the two.
 *   usage: verify ROUNDS OBJECT...
 * Each object has one program; the time is the median over the rounds. Everything is closed before
 * the next load.
 *
 * With 0 rounds: what the states take in the kernel's memory, "name KiB-explored KiB-waiting
 * frames", from a log of every step (level 2). Sizes are those of the kernel's BTF (all 0 where it
 * has no such types). Explored: peak_states, each with as many frames and as much stack as the
 * verifier had on average over the steps; a state in a function has its callers' frames, too.
 * Waiting: the most paths that waited at one time, each with the frames it went on with. No
 * verifier reports these; here a path has waited since the last time its jump was walked, which is
 * too short when that jump was decided then. Jump histories are not counted, so both are rather too
 * small.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define LOG_STEPS    2
#define LOG_STATS    4
#define LOG_CAP	     (512u << 20)
#define MAX_FRAMES   8
#define MAX_SUBPROGS 256
#define MAX_INSNS    65536
#define MAX_ROUNDS   99

struct cost {
	long usec, insns, peak;
};

/* The verifier's walk, as the log tells it. */
struct walk {
	int start[MAX_SUBPROGS], stack[MAX_SUBPROGS],
		nr_subprogs;	    /* first instruction, bytes of stack */
	int depth, sub[MAX_FRAMES]; /* where it is */
	long steps, frames, slots;  /* sums over the steps */
	long *last
		[MAX_INSNS]; /* jumps: steps they were walked at, of which nothing came back yet */
	int nr_last[MAX_INSNS];
	long *bytes;		       /* by step: waiting since, less waiting until */
	long state, frame, slot, elem; /* sizes */
};

static char log_buf[LOG_CAP];

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static long number_after(const char *log, const char *word)
{
	const char *at = strstr(log, word);

	return at ? atol(at + strlen(word)) : -1;
}

static int load(const char *path, int level, struct cost *c)
{
	const char *log = log_buf;
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *p = obj ? bpf_object__next_program(obj, NULL) : NULL;
	int err = -1;

	log_buf[0] = '\0';
	if (p) {
		bpf_program__set_log_level(p, level);
		bpf_program__set_log_buf(p, log_buf, level & LOG_STEPS ? LOG_CAP : 1 << 16);
		err = bpf_object__load(obj);
	}
	*c = (struct cost){number_after(log, "verification time "), number_after(log, "processed "),
			   number_after(log, "peak_states ")};
	if (err)
		fprintf(stderr, "%s: refused: %.*s\n", path, (int)strcspn(log, "\n"), log);
	bpf_object__close(obj);
	return err || c->usec < 0 || c->insns <= 0;
}

static int by_time(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	return x->usec < y->usec ? -1 : x->usec > y->usec;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static long size_of(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);

	return id > 0 ? btf__type_by_id(btf, id)->size : 0;
}

static void subprogs(struct walk *w, const char *log)
{
	const char *at = strstr(log, "stack depth ");
	int n;

	for (at = at ? at + strlen("stack depth ") : "";
	     sscanf(at, "%d%n", &w->stack[w->nr_subprogs], &n) == 1 &&
	     w->nr_subprogs < MAX_SUBPROGS - 1;
	     at += n + (at[n] == '+'))
		w->nr_subprogs++;
	for (at = log; !strncmp(at, "func#", 5); at = strchr(at, '\n') + 1)
		if (sscanf(at, "func#%d @", &n) == 1 && n < MAX_SUBPROGS)
			sscanf(at, "func#%*d @%d", &w->start[n]);
}

static int subprog_of(const struct walk *w, int insn)
{
	int n = 0;

	while (n + 1 < w->nr_subprogs && w->start[n + 1] <= insn)
		n++;
	return n;
}

static long frame_slots(const struct walk *w)
{
	long n = 0;

	for (int i = 0; i <= w->depth; i++)
		n += (w->stack[w->sub[i]] + 7) / 8;
	return n;
}

/* Where a line prints a state, it says the frame, if not the outermost. */
static void find_depth(struct walk *w, const char *line, size_t len)
{
	const char *at = memmem(line, len, "frame", 5);

	if (at && at[5] > '0' && at[5] < '0' + MAX_FRAMES && at[6] == ':')
		w->depth = at[5] - '0';
	else if (!strncmp(line, " R", 2) || memmem(line, len, "; R", 3) ||
		 memmem(line, len, ": R", 3))
		w->depth = 0;
}

static void step(struct walk *w, int insn, unsigned int code)
{
	w->sub[w->depth] = subprog_of(w, insn);
	w->steps++;
	w->frames += w->depth + 1;
	w->slots += frame_slots(w);
	if (((code & 7) != 5 && (code & 7) != 6) || insn >= MAX_INSNS)
		return;
	if (!(w->nr_last[insn] & (w->nr_last[insn] + 1)))
		w->last[insn] = realloc(w->last[insn], 2 * (w->nr_last[insn] + 1) * sizeof(long));
	w->last[insn][w->nr_last[insn]++] = w->steps;
}

static void come_back(struct walk *w, int insn, int to)
{
	long bytes = w->elem + (w->depth + 1) * w->frame;

	w->sub[w->depth] = subprog_of(w, to);
	bytes += frame_slots(w) * w->slot;
	if (insn >= MAX_INSNS || !w->nr_last[insn])
		return;
	w->bytes[w->last[insn][--w->nr_last[insn]]] += bytes;
	w->bytes[w->steps] -= bytes;
}

static void walk_line(struct walk *w, const char *line, size_t len)
{
	unsigned int code;
	int a, b;

	if (line[0] == ';' || !strncmp(line, "mark_precise", 12))
		return;
	find_depth(w, line, len);
	if (sscanf(line, "from %d to %d", &a, &b) == 2)
		come_back(w, a, b);
	else if (line[0] >= '0' && line[0] <= '9' && sscanf(line, "%d: (%x)", &a, &code) == 2)
		step(w, a, code);
}

static int states(const char *path)
{
	static struct walk w;
	struct btf *btf = btf__load_vmlinux_btf();
	const char *name = base_name(path);
	char *line, *end;
	long waiting = 0, most = 0;
	struct cost c;
	int err = load(path, LOG_STEPS | LOG_STATS, &c);

	w = (struct walk){0};
	if (btf && size_of(btf, "bpf_func_state")) {
		w.state = size_of(btf, "bpf_verifier_state_list");
		w.frame = size_of(btf, "bpf_func_state");
		w.slot = size_of(btf, "bpf_stack_state");
		w.elem = size_of(btf, "bpf_verifier_stack_elem");
	}
	btf__free(btf);
	w.bytes = calloc(c.insns + 2, sizeof(long));
	if (err || !w.bytes)
		return 1;
	subprogs(&w, log_buf);
	for (line = log_buf; (end = strchr(line, '\n')) && w.steps <= c.insns; line = end + 1) {
		*end = '\0';
		walk_line(&w, line, end - line);
	}
	for (long i = 0; i <= w.steps; i++) {
		waiting += w.bytes[i];
		most = waiting > most ? waiting : most;
	}
	printf("%.*s %ld %ld %.2f\n", (int)strcspn(name, "."), name,
	       c.peak *
		       (w.state +
			(w.frames * w.frame + w.slots * w.slot) / (w.steps ? w.steps : 1)) /
		       1024,
	       most / 1024, (double)w.frames / w.steps);
	for (int i = 0; i < MAX_INSNS; i++)
		free(w.last[i]);
	free(w.bytes);
	return 0;
}

static int measure(const char *path, int rounds)
{
	const char *name = base_name(path);
	struct cost c[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++)
		if (load(path, LOG_STATS, &c[i]))
			return 1;
	qsort(c, rounds, sizeof(c[0]), by_time);
	c[0] = c[rounds / 2];
	printf("%.*s %.1f %ld %ld %ld\n", (int)strcspn(name, "."), name,
	       c[0].usec * 1e3 / c[0].insns, c[0].insns, c[0].usec, c[0].peak);
	return 0;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[1]) : -1, bad = 0;

	if (rounds < 0 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: %s ROUNDS OBJECT...\n", argv[0]);
		return 2;
	}
	libbpf_set_print(quiet);
	for (int i = 2; i < argc; i++)
		bad |= rounds ? measure(argv[i], rounds) : states(argv[i]);
	return bad;
}
