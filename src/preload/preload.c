/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * userbpf-preload [OBJECT.bpf.o [NAME=PROG]...] - the preload driver (DESIGN D10): a short-lived
 * process of its own that loads a BPF object with unmodified libbpf through the same bpf(2) as
 * everybody, and hands the iterator links to who started it.
 *
 * Without arguments it loads the iterators every bpffs instance shows. NAME=PROG says under which
 * file name the link of program PROG is to be pinned; without any, each iterator program goes by
 * its own name.
 *
 *   fd 3      socket from the parent. One line per link: "link ID NAME\n", then end of file from
 * our side. We keep the links open until the parent closes its end (it has pinned them), then exit
 * 0. Without fd 3 the lines go to stdout and the links go when we exit: for a look by hand. stderr
 * on failure one line why; exit 1.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PARENT_FD    3
#define PATIENCE_SEC 60 /* a parent that neither pins nor goes away */
#define MAX_LINKS    64

#ifndef USERBPF_DATADIR
#define USERBPF_DATADIR "/usr/share/userbpf"
#endif

/* The process state: the last thing libbpf complained about, for the one line we may say. */
static char complaint[256];

struct preload {
	const char *path;
	char **names; /* NAME=PROG arguments */
	int nr_names;
	struct bpf_object *obj;
	struct bpf_link *links[MAX_LINKS];
	int nr_links;
};

static char *const default_names[] = {"maps.debug=dump_bpf_map", "progs.debug=dump_bpf_prog"};

static int note(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && !complaint[0]) {
		vsnprintf(complaint, sizeof(complaint), fmt, ap);
		complaint[strcspn(complaint, "\n")] = 0;
	}
	return 0;
}

static int die(const struct preload *p, const char *what, int err)
{
	fprintf(stderr, "userbpf-preload: %s: %s: %s%s%s%s\n", p->path, what,
		strerror(err < 0 ? -err : err), complaint[0] ? " (" : "", complaint,
		complaint[0] ? ")" : "");
	return 1;
}

/* In a build tree the object lies beside us. */
static const char *default_object(char *buf, size_t size)
{
	const char *dir = getenv("USERBPF_DATADIR");
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (dir && snprintf(buf, size, "%s/iterators.bpf.o", dir) < (int)size && !access(buf, R_OK))
		return buf;
	if (n > 0) {
		exe[n] = 0;
		slash = strrchr(exe, '/');
		*slash = 0;
		if (snprintf(buf, size, "%s/../../bpf/iterators.bpf.o", exe) < (int)size &&
		    !access(buf, R_OK))
			return buf;
	}
	return USERBPF_DATADIR "/iterators.bpf.o";
}

/* File name for program @prog, or NULL when it is not wanted. */
static const char *name_of(const struct preload *p, const char *prog, char *buf, size_t size)
{
	if (!p->nr_names)
		return prog;
	for (int i = 0; i < p->nr_names; i++) {
		const char *eq = strchr(p->names[i], '=');

		if (strcmp(eq + 1, prog))
			continue;
		snprintf(buf, size, "%.*s", (int)(eq - p->names[i]), p->names[i]);
		return buf;
	}
	return NULL;
}

static int open_object(struct preload *p)
{
	struct bpf_program *prog;
	int wanted = 0;
	char buf[NAME_MAX + 1];

	p->obj = bpf_object__open_file(p->path, NULL);
	if (!p->obj)
		return die(p, "cannot be opened", errno);
	bpf_object__for_each_program(prog, p->obj)
	{
		bool want = bpf_program__expected_attach_type(prog) == BPF_TRACE_ITER &&
			    name_of(p, bpf_program__name(prog), buf, sizeof(buf));

		bpf_program__set_autoload(prog, want);
		wanted += want;
	}
	if (wanted)
		return 0;
	return die(p, "no iterator program in it", ENOENT);
}

static int attach(struct preload *p, FILE *out)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, p->obj)
	{
		struct bpf_link_info info = {};
		__u32 len = sizeof(info);
		char buf[NAME_MAX + 1];
		struct bpf_link *link;

		if (!bpf_program__autoload(prog))
			continue;
		if (p->nr_links == MAX_LINKS)
			return die(p, "too many iterators", E2BIG);
		link = bpf_program__attach_iter(prog, NULL);
		if (!link)
			return die(p, bpf_program__name(prog), errno);
		p->links[p->nr_links++] = link;
		if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &len))
			return die(p, "link info", errno);
		fprintf(out, "link %u %s\n", info.id,
			name_of(p, bpf_program__name(prog), buf, sizeof(buf)));
	}
	return fflush(out) ? die(p, "parent went away", errno) : 0;
}

/* The parent closes its end when it has taken the links over. */
static void wait_parent(void)
{
	char c;
	ssize_t n;

	shutdown(PARENT_FD, SHUT_WR);
	alarm(PATIENCE_SEC);
	do {
		n = read(PARENT_FD, &c, 1);
	} while (n < 0 && errno == EINTR);
}

static void clean_up(struct preload *p)
{
	while (p->nr_links)
		bpf_link__destroy(p->links[--p->nr_links]);
	bpf_object__close(p->obj);
}

static int check_names(struct preload *p)
{
	for (int i = 0; i < p->nr_names; i++) {
		const char *eq = strchr(p->names[i], '=');

		if (!eq || eq == p->names[i] || !eq[1] || eq - p->names[i] > NAME_MAX ||
		    memchr(p->names[i], '/', eq - p->names[i]))
			return die(p, "arguments are NAME=PROG", EINVAL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool parent = fcntl(PARENT_FD, F_GETFD) >= 0;
	struct preload p = {.path = argc > 1 ? argv[1] : NULL,
			    .names = argv + 2,
			    .nr_names = argc > 2 ? argc - 2 : 0};
	char path[PATH_MAX];
	FILE *out;
	int ret;

	if (!p.path) {
		p.path = default_object(path, sizeof(path));
		p.names = (char **)default_names;
		p.nr_names = sizeof(default_names) / sizeof(default_names[0]);
	}
	if (parent)
		fcntl(PARENT_FD, F_SETFD, FD_CLOEXEC);
	libbpf_set_print(note);
	out = parent ? fdopen(dup(PARENT_FD), "w") : stdout;
	if (!out)
		return die(&p, "fd 3", errno);
	ret = check_names(&p);
	if (ret)
		return ret;
	ret = open_object(&p);
	if (!ret) {
		int err = bpf_object__load(p.obj);

		ret = err ? die(&p, "cannot be loaded", err) : attach(&p, out);
	}
	if (parent)
		fclose(out);
	if (!ret && parent)
		wait_parent();
	clean_up(&p);
	return ret;
}
