/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - userbpf-verify, what `userbpf verify` becomes: opens an object with libbpf and loads its
 * programs one by one into a subsystem of this process.
 *   usage: userbpf-verify BTF LOG_LEVEL text|json OBJECT
 * A program is loaded twice when it is refused: first for the verdict and its cost, then with a log
 * of the path that led there.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/perf_event.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/base.h"
#include "abi/compat.h"
#include "cli/cli.h"
#include "cli/sections.h"
#include "cli/verify/explain.h"
#include "cli/verify/inprocess.h"
#include "isa/disasm.h"

#define LOG_CAP	   (256u << 20) /* address space; only what is written costs memory */
#define LEVEL_PATH 1
#define LEVEL_STAT 4

struct verify {
	const char *file;
	unsigned int level; /* --log; 0: none */
	struct json *json;  /* NULL: text */
	char *log;
	int programs, refused;
};

/* One program's verdict. */
struct verdict {
	const char *name, *section, *type;
	int err; /* 0: verified */
	struct explain e;
	char where[512], insn[256]; /* "file:line: text" */
};

/* --- libbpf's own words --- */

static char warning[1024]; /* the first of the current load; libbpf hands its printer no context */

static int on_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[sizeof(warning)];

	if (level != LIBBPF_WARN || warning[0])
		return 0;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	snprintf(warning, sizeof(warning), "%s", strncmp(text, "libbpf: ", 8) ? text : text + 8);
	return 0;
}

/* ENOTSUPP is the kernel's own and unknown to libc. */
static const char *error_text(int err)
{
	return err == -524 ? "Not supported (524)" : strerror(-err);
}

/* --- one load --- */

/* Kinds of maps whose max_entries the kernel wants to be 0, or libbpf fills in. */
static bool takes_no_entries(enum bpf_map_type type)
{
	static const enum bpf_map_type kinds[] = {
		BPF_MAP_TYPE_CGROUP_STORAGE,   BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
		BPF_MAP_TYPE_SK_STORAGE,       BPF_MAP_TYPE_INODE_STORAGE,
		BPF_MAP_TYPE_TASK_STORAGE,     BPF_MAP_TYPE_CGRP_STORAGE,
		BPF_MAP_TYPE_STRUCT_OPS,       BPF_MAP_TYPE_PERF_EVENT_ARRAY,
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i] == type)
			return true;
	return false;
}

/*
 * What the object's own loader would do between open and load: sizes that are left to it become the
 * smallest that work. No map is pinned or taken from a pin.
 */
static void settle_map(struct bpf_map *m)
{
	enum bpf_map_type type = bpf_map__type(m);

	bpf_map__set_pin_path(m, NULL);
	if (!bpf_map__max_entries(m) && !takes_no_entries(type))
		bpf_map__set_max_entries(m, type == BPF_MAP_TYPE_RINGBUF ||
							    type == BPF_MAP_TYPE_USER_RINGBUF
						    ? sysconf(_SC_PAGESIZE)
						    : 1);
	if (!bpf_map__value_size(m) && type == BPF_MAP_TYPE_STACK_TRACE)
		bpf_map__set_value_size(m, PERF_MAX_STACK_DEPTH * sizeof(__u64));
}

static struct bpf_object *open_object(const struct verify *v)
{
	struct bpf_object *obj;
	struct bpf_map *m;

	warning[0] = '\0';
	obj = bpf_object__open_file(v->file, NULL);
	if (obj)
		bpf_object__for_each_map(m, obj) settle_map(m);
	return obj;
}

static struct bpf_program *only(struct bpf_object *obj, int index)
{
	struct bpf_program *p, *found = NULL;
	int i = 0;

	bpf_object__for_each_program(p, obj)
	{
		bpf_program__set_autoload(p, i == index);
		if (i++ == index)
			found = p;
	}
	return found;
}

/* Program @index of a fresh object into the subsystem: 0 or negative errno, the log in v->log. */
static int load(const struct verify *v, struct bpf_object *obj, int index, unsigned int level)
{
	struct bpf_program *p = only(obj, index);

	v->log[0] = '\0';
	inprocess_forget_load();
	bpf_program__set_log_level(p, level);
	bpf_program__set_log_buf(p, v->log, LOG_CAP);
	return bpf_object__load(obj);
}

/* --- a refusal, explained --- */

static const struct bpf_line_info *line_of(const struct inprocess_load *l, unsigned int insn)
{
	const struct bpf_line_info *found = NULL;

	for (unsigned int i = 0; i < l->line_cnt && l->lines[i].insn_off <= insn; i++)
		found = &l->lines[i];
	return found;
}

static void find_source(struct verdict *d, struct bpf_object *obj)
{
	const struct inprocess_load *l = inprocess_last_load();
	const struct bpf_line_info *line = d->e.insn >= 0 ? line_of(l, d->e.insn) : NULL;
	const struct btf *btf = bpf_object__btf(obj);
	const char *file = line && btf ? btf__str_by_offset(btf, line->file_name_off) : NULL;
	const char *text = line && btf ? btf__str_by_offset(btf, line->line_off) : NULL;

	if (file && text)
		snprintf(d->where, sizeof(d->where), "%s:%u: %s", file,
			 BPF_LINE_INFO_LINE_NUM(line->line_col), text + strspn(text, " \t"));
	else if (d->e.source)
		snprintf(d->where, sizeof(d->where), "%s", d->e.source);
	if (d->e.text)
		snprintf(d->insn, sizeof(d->insn), "%d: %s", d->e.insn, d->e.text);
	else if (d->e.insn >= 0 && d->e.insn + 1 < l->insn_cnt) {
		int n = snprintf(d->insn, sizeof(d->insn), "%d: ", d->e.insn);

		disasm_str(d->insn + n, sizeof(d->insn) - n, &l->insns[d->e.insn]);
	}
}

/* The load ended before the verifier had a word: what libbpf says goes through the same table. */
static int explain_log(struct verify *v, struct explain *e)
{
	int err = explain(v->log, e);

	if (err || e->message[0])
		return err;
	explain_free(e);
	return explain(warning, e);
}

static int refusal(struct verify *v, struct verdict *d, int index)
{
	struct bpf_object *obj = open_object(v);
	int err;

	if (!obj)
		return -errno;
	load(v, obj, index, LEVEL_PATH | LEVEL_STAT);
	explain_free(&d->e);
	err = explain_log(v, &d->e);
	if (!err)
		find_source(d, obj);
	bpf_object__close(obj);
	return err;
}

/* --- text --- */

static void print_lines(const char *label, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, "\n");

		if (n)
			printf("  %-9s %.*s\n", label, (int)n, text);
		if (!text[n])
			return;
		text += n + 1;
		label = "";
	}
}

static void print_regs(const struct explain *e)
{
	const char *label = "registers";

	for (int i = 0; i < EXPLAIN_REGS; i++)
		if (e->reg[i]) {
			printf("  %-9s R%d=%s\n", label, i, e->reg[i]);
			label = "";
		}
}

static void print_text(const struct verdict *d)
{
	const struct explain_stats *s = &d->e.stats;

	if (!d->err) {
		printf("verified  %s  %s  %s  %ld insns  %ld states  %ld us  stack %s\n", d->name,
		       d->section, d->type, s->processed, s->total_states, s->usec,
		       s->stack[0] ? s->stack : "0");
		return;
	}
	printf("refused   %s  %s  %s  %s\n", d->name, d->section, d->type, error_text(d->err));
	print_lines("source", d->where);
	print_lines("insn", d->insn);
	print_regs(&d->e);
	print_lines("message", d->e.message);
	print_lines("advice", d->e.advice ?: "");
}

/* --- JSON --- */

static void json_text(struct json *j, const char *key, const char *value)
{
	if (value && *value)
		json_str(j, key, value);
}

static void json_stats(struct json *j, const struct explain_stats *s)
{
	const struct {
		const char *key;
		long value;
	} rows[] = {{"insns_processed", s->processed},
		    {"total_states", s->total_states},
		    {"peak_states", s->peak_states},
		    {"verification_time_us", s->usec}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].value >= 0)
			json_num(j, rows[i].key, rows[i].value);
	json_text(j, "stack", s->stack);
}

static void json_regs(struct json *j, const struct explain *e)
{
	char name[8];

	json_open(j, "registers", '{');
	for (int i = 0; i < EXPLAIN_REGS; i++)
		if (e->reg[i]) {
			snprintf(name, sizeof(name), "R%d", i);
			json_str(j, name, e->reg[i]);
		}
	json_close(j, '}');
}

static void print_json(struct json *j, const struct verdict *d, const char *log)
{
	json_open(j, NULL, '{');
	json_str(j, "name", d->name);
	json_str(j, "section", d->section);
	json_str(j, "type", d->type);
	json_bool(j, "verified", !d->err);
	json_stats(j, &d->e.stats);
	if (d->err) {
		json_str(j, "error", error_text(d->err));
		json_text(j, "source", d->where);
		json_text(j, "insn", d->insn);
		json_regs(j, &d->e);
		json_text(j, "message", d->e.message);
		json_text(j, "topic", d->e.topic);
		json_text(j, "advice", d->e.advice);
	}
	json_text(j, "log", log);
	json_close(j, '}');
}

/* --- all programs --- */

static int judge(struct verify *v, struct bpf_object *obj, int index)
{
	struct bpf_program *p = only(obj, index);
	struct verdict d = {
		.name = bpf_program__name(p),
		.section = bpf_program__section_name(p),
		.type = libbpf_bpf_prog_type_str(bpf_program__type(p)) ?: "?",
	};
	int err;

	d.err = load(v, obj, index, v->level | LEVEL_STAT);
	explain_stats(v->log, &d.e.stats);
	if (v->level && !v->json)
		fputs(v->log, stdout);
	v->programs++;
	v->refused += !!d.err;
	err = d.err ? refusal(v, &d, index) : 0;
	if (!err && v->json)
		print_json(v->json, &d, v->level ? v->log : NULL);
	else if (!err)
		print_text(&d);
	explain_free(&d.e);
	return err;
}

static int broken(const struct verify *v, int err)
{
	return cli_fail("%s: %s", v->file, warning[0] ? warning : strerror(-err));
}

static int each_program(struct verify *v)
{
	for (int i = 0;; i++) {
		struct bpf_object *obj = open_object(v);
		int err = obj ? 0 : -errno;

		if (obj && only(obj, i))
			err = judge(v, obj, i);
		else if (obj)
			i = -1;
		bpf_object__close(obj);
		if (err)
			return broken(v, err);
		if (i < 0)
			return v->programs ? v->refused > 0
					   : cli_fail("%s: no BPF programs in it", v->file);
	}
}

static int report(struct verify *v)
{
	int status;

	if (v->json) {
		json_open(v->json, NULL, '{');
		json_str(v->json, "file", v->file);
		json_open(v->json, "programs", '[');
	}
	status = each_program(v);
	if (v->json) {
		json_close(v->json, ']');
		json_close(v->json, '}');
	}
	return status;
}

static void *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int cli_fail(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("userbpf: verify: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct json json = {.out = stdout};
	struct verify v = {0};
	int err, status;

	if (argc < 5) {
		fputs("usage: userbpf-verify BTF LOG_LEVEL text|json OBJECT [MODULE_BTF...]; meant to be run by `userbpf verify`\n",
		      stderr);
		return EXIT_USAGE;
	}
	v.file = argv[4];
	v.level = strtoul(argv[2], NULL, 0);
	v.json = strcmp(argv[3], "json") ? NULL : &json;
	v.log = reserve(LOG_CAP);
	if (!v.log)
		return cli_fail("no memory for the log");
	libbpf_set_print(on_print);
	err = sections_register();
	if (err < 0)
		return cli_fail("cannot teach libbpf names of SEC(): %s", strerror(-err));
	err = inprocess_open(argv[1], (const char *const *)&argv[5]);
	if (err)
		return cli_fail("cannot use the kernel BTF %s%s: %s", argv[1],
				argc > 5 ? " with its modules'" : "",
				err < -4000 ? "no BTF in it" : strerror(-err));
	status = report(&v);
	inprocess_close();
	return status;
}
