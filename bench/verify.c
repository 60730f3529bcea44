/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.c - loads objects and prints what the verifier says of its work, one line each: "name ns-per-insn insns usec peak_states KiB". Run it under `userbpf
 * run` and on the kernel's own bpf(2) to compare the two. KiB is what peak_states take there: states of one frame with the program's stack, sizes from the
 * kernel's BTF (0 where it has no such types). The states of paths still to walk are not in it; no verifier reports them.
 *   usage: verify ROUNDS OBJECT...
 * Each object has one program; the time is the median over the rounds. Everything is closed before the next load.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define LOG_STATS 4
#define MAX_ROUNDS 99

struct cost {
	long usec, insns, peak, stack;
};

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static long number_after(const char *log, const char *word)
{
	const char *at = strstr(log, word);

	return at ? atol(at + strlen(word)) : -1;
}

static int load(const char *path, struct cost *c)
{
	static char log[1 << 16];
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *p = obj ? bpf_object__next_program(obj, NULL) : NULL;
	int err = -1;

	log[0] = '\0';
	if (p) {
		bpf_program__set_log_level(p, LOG_STATS);
		bpf_program__set_log_buf(p, log, sizeof(log));
		err = bpf_object__load(obj);
	}
	*c = (struct cost){ number_after(log, "verification time "), number_after(log, "processed "), number_after(log, "peak_states "), number_after(log, "stack depth ") };
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

static long states_kib(const struct cost *c)
{
	struct btf *btf = btf__load_vmlinux_btf();
	long one = 0;

	if (btf && size_of(btf, "bpf_func_state"))
		one = size_of(btf, "bpf_verifier_state") + size_of(btf, "bpf_func_state") + (c->stack + 7) / 8 * size_of(btf, "bpf_stack_state");
	btf__free(btf);
	return one * c->peak / 1024;
}

static int measure(const char *path, int rounds)
{
	const char *name = base_name(path);
	struct cost c[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++)
		if (load(path, &c[i]))
			return 1;
	qsort(c, rounds, sizeof(c[0]), by_time);
	c[0] = c[rounds / 2];
	printf("%.*s %.1f %ld %ld %ld %ld\n", (int)strcspn(name, "."), name, c[0].usec * 1e3 / c[0].insns, c[0].insns, c[0].usec, c[0].peak,
	       states_kib(&c[0]));
	return 0;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[1]) : 0, bad = 0;

	if (rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: %s ROUNDS OBJECT...\n", argv[0]);
		return 2;
	}
	libbpf_set_print(quiet);
	for (int i = 2; i < argc; i++)
		bad |= measure(argv[i], rounds);
	return bad;
}
