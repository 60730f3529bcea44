/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - userbpf-gen, what `userbpf gen` becomes.
 *   usage: userbpf-gen loader|skeleton OBJECT NAME OUT [BTF]	with BTF ("" for none), OBJECT is records of calls
 *       NAME, OUT: "-" for what follows from OBJECT
 * Needs no service and no privilege: see fake.h.
 */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "cli/gen/calls.h"
#include "cli/gen/object.h"
#include "cli/sections.h"
#include "gen/lskel.h"

#define NAME_CAP 64
#define LOG_CAP	 65536

struct job {
	const char *object, *name, *out;
	const char *btf; /* not NULL: records, not an object */
	char own_name[NAME_CAP];
	struct log log;
};

static int fail(const char *fmt, ...)
{
	va_list ap;

	fputs("userbpf: gen: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

/* libbpf's first warning, for when it is the one that refuses. */
static char warning[1024];

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

static int refused(struct job *j, int err)
{
	char *reason = j->log.len ? j->log.buf : warning;

	reason[strcspn(reason, "\n")] = '\0';
	return j->btf ? fail("%s", *reason ? reason : strerror(-err))
		      : fail("%s: %s", j->object, *reason ? reason : strerror(-err));
}

/* --- names --- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* As libbpf calls what it opens: up to the first dot. */
static void object_name(struct job *j)
{
	snprintf(j->own_name, sizeof(j->own_name), "%s", base_name(j->object));
	j->own_name[strcspn(j->own_name, ".")] = '\0';
	j->name = j->own_name;
}

/*
 * The same as C has it: what is no letter or digit becomes an underscore, as in bpftool's skeletons. Empty: it is a word of the
 * language, or of C++.
 */
static void c_name(const char *name, char *ident, size_t cap)
{
	static const char words[] =
		" alignas alignof and asm auto bool break case catch char class const continue default delete do double else enum "
		"explicit export extern false float for friend goto if inline int long mutable namespace new not operator or "
		"private protected public register restrict return short signed sizeof static struct switch template this throw "
		"true try typedef typename typeof union unsigned using virtual void volatile while xor ";
	char word[NAME_CAP + 2];
	size_t n = 0;

	if (isdigit((unsigned char)*name))
		ident[n++] = '_';
	for (; *name && n + 1 < cap; name++)
		ident[n++] = isalnum((unsigned char)*name) ? *name : '_';
	ident[n] = '\0';
	snprintf(word, sizeof(word), " %s ", ident);
	if (strstr(words, word))
		ident[0] = '\0';
}

/* --- a loader file --- */

static int cannot_write(const char *path, int err)
{
	return fail("cannot write %s: %s", strcmp(path, "-") ? path : "standard output",
		    strerror(err));
}

/* What is half written goes; devices and pipes stay. */
static void discard(const char *path, int fd)
{
	struct stat st;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		unlink(path);
}

static void on_warning(const char *text)
{
	fprintf(stderr, "userbpf: record: %s\n", text);
}

static int build(struct job *j, struct gen_trace **t, struct gen_loader **l)
{
	const struct calls_input in = {
		.records = j->object, .btf = j->btf, .name = j->name, .warn = on_warning};
	int err = j->btf ? calls_record(&in, t, &j->log)
			 : object_record(j->object, j->name, t, &j->log);

	return err ?: gen_loader_build(*t, l, &j->log);
}

/* x.bpf.o -> x.loader in the working directory */
static void output_name(const struct job *j, char *path, size_t cap)
{
	if (strcmp(j->out, "-"))
		snprintf(path, cap, "%s", j->out);
	else
		snprintf(path, cap, "%.*s.loader", (int)strcspn(base_name(j->object), "."),
			 base_name(j->object));
}

static int write_loader(struct job *j, const struct gen_loader *l)
{
	char path[PATH_MAX];
	int fd, err;

	output_name(j, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return cannot_write(path, errno);
	err = gen_loader_write(l, fd);
	if (err)
		discard(path, fd);
	if (close(fd) && !err)
		err = -errno;
	return err ? cannot_write(path, -err) : EXIT_SUCCESS;
}

/* --- a light skeleton --- */

static FILE *open_output(const struct job *j)
{
	return strcmp(j->out, "-") ? fopen(j->out, "we") : stdout;
}

static int write_skeleton(struct job *j, const struct gen_loader *l)
{
	char ident[NAME_CAP];
	int err, lost;
	FILE *f;

	c_name(j->name, ident, sizeof(ident));
	if (!*ident)
		return fail("%s is a word of C or C++; give another name", j->name);
	f = open_output(j);
	if (!f)
		return cannot_write(j->out, errno);
	err = gen_lskel_c(l, ident, f, &j->log);
	errno = EIO;
	lost = fflush(f) || ferror(f) ? errno : 0;
	if (f != stdout && (err || lost))
		discard(j->out, fileno(f));
	if (f != stdout && fclose(f) && !lost)
		lost = errno;
	return lost ? cannot_write(j->out, lost) : err ? refused(j, err) : EXIT_SUCCESS;
}

static int make(struct job *j, int (*write)(struct job *j, const struct gen_loader *l))
{
	struct gen_trace *t = NULL;
	struct gen_loader *l = NULL;
	int err, status;

	if (!strcmp(j->name, "-"))
		object_name(j);
	err = build(j, &t, &l);
	status = err ? refused(j, err) : write(j, l);
	gen_loader_free(l);
	gen_trace_free(t);
	return status;
}

static int make_loader(struct job *j)
{
	return make(j, write_loader);
}

static int make_skeleton(struct job *j)
{
	return make(j, write_skeleton);
}

/* --- */

static const struct {
	const char *what;
	int (*make)(struct job *j);
} jobs[] = {
	{"loader", make_loader},
	{"skeleton", make_skeleton},
};

int main(int argc, char **argv)
{
	struct job j = {0};
	int err, status = EXIT_FAILURE;

	if (argc != 5 && argc != 6) {
		fputs("usage: userbpf-gen loader|skeleton OBJECT NAME OUT; meant to be run by `userbpf gen`\n",
		      stderr);
		return 2;
	}
	j.object = argv[2];
	j.name = argv[3];
	j.out = argv[4];
	j.btf = argv[5];
	log_init(&j.log, LOG_LEVEL1, LOG_CAP);
	libbpf_set_print(on_print);
	err = sections_register();
	if (err < 0)
		return fail("cannot teach libbpf names of SEC(): %s", strerror(-err));
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		if (!strcmp(jobs[i].what, argv[1]))
			status = jobs[i].make(&j);
	log_free(&j.log);
	return status;
}
