/* SPDX-License-Identifier: BSD-2-Clause */
/* trace.c - `userbpf trace`: the bpf(2) calls of a command as text, while it runs. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "abi/print.h"
#include "cli/cli.h"

#define NAME_CAP    64u
#define LINE_BUFFER (1u << 20)

/* What is known of objects by their handle: names come with the call that makes them. */
struct known {
	u32 kind, id;
	u64 ino;
	char name[BPF_OBJ_NAME_LEN];
};

struct trace {
	struct calls *calls;
	FILE *out;
	struct cli *cli;
	struct known *objs;
	u32 nr_objs;
	s32 first_pid; /* 0: nothing seen yet */
	bool more_pids;
	char text[NAME_CAP];
};

static const char *name_of(const struct trace *t, const struct abi_rec_fd *fd)
{
	for (u32 i = t->nr_objs; i-- > 0;)
		if (fd->kind ? t->objs[i].kind == fd->kind && t->objs[i].id == fd->id
			     : t->objs[i].ino == fd->ino)
			return t->objs[i].name;
	return "";
}

static const char *kind_name(u32 kind)
{
	switch (kind) {
	case ABI_FD_MAP: return "map";
	case ABI_FD_PROG: return "prog";
	case ABI_FD_LINK: return "link";
	case ABI_FD_BTF: return "btf";
	}
	return NULL;
}

static const char *fd_text(void *arg, const struct abi_rec_fd *fd)
{
	struct trace *t = arg;
	const char *kind = kind_name(fd->kind), *name = fd->name[0] ? fd->name : name_of(t, fd);
	int n;

	if (!kind && !*name)
		return fd->ino ? NULL : "closed";
	n = snprintf(t->text, NAME_CAP, "%s", kind ?: "");
	if (fd->id)
		n += snprintf(t->text + n, NAME_CAP - n, " %u", fd->id);
	if (*name)
		snprintf(t->text + n, NAME_CAP - n, "%s%.15s", n ? " " : "", name);
	return t->text;
}

/* Names of maps and programs as their maker gave them. */
static void learn(struct trace *t, const struct abi_rec *rec)
{
	const struct abi_rec_fd *fd = abi_rec_result(rec);
	struct known *more;
	union bpf_attr attr;
	const char *name;

	if (!fd || (rec->cmd != BPF_PROG_LOAD && rec->cmd != BPF_MAP_CREATE))
		return;
	abi_rec_attr(rec, &attr, false);
	name = rec->cmd == BPF_PROG_LOAD ? attr.prog_name : attr.map_name;
	if (t->nr_objs % 64 == 0) {
		more = reallocarray(t->objs, t->nr_objs + 64, sizeof(*more));
		if (!more)
			return;
		t->objs = more;
	}
	more = &t->objs[t->nr_objs++];
	more->kind = fd->kind;
	more->id = fd->id;
	more->ino = fd->ino;
	snprintf(more->name, sizeof(more->name), "%.*s", BPF_OBJ_NAME_LEN - 1, name);
}

static void to_file(void *arg, const char *text, size_t len)
{
	fwrite(text, 1, len, arg);
}

static void show(struct trace *t, const struct abi_rec *rec)
{
	const struct abi_printer p = {.write = to_file,
				      .arg = t->out,
				      .json = t->cli->json,
				      .verbose = t->cli->verbose,
				      .fd_text = fd_text,
				      .fd_arg = t};
	double ms = (rec->end_ns - rec->start_ns) / 1e6;

	learn(t, rec);
	t->first_pid = t->first_pid ?: rec->pid;
	t->more_pids |= rec->pid != t->first_pid || rec->tid != rec->pid;
	if (t->cli->json) {
		fprintf(t->out,
			"{\"pid\": %d, \"tid\": %d, \"time\": %" PRIu64 ", \"nested\": %s, ",
			rec->pid, rec->tid, (uint64_t)rec->start_ns,
			rec->flags & ABI_REC_NESTED ? "true" : "false");
	} else {
		if (t->more_pids)
			fprintf(t->out, "[pid %d] ", rec->tid);
		if (rec->flags & ABI_REC_NESTED)
			fputs("  by a program: ", t->out);
	}
	abi_print_record(&p, rec);
	if (t->cli->json)
		fprintf(t->out, ", \"ms\": %.3f}", ms);
	fputc('\n', t->out);
	fflush(t->out);
}

static void tick(void *arg)
{
	const struct abi_rec *rec;
	struct trace *t = arg;

	while ((rec = calls_next(t->calls)))
		show(t, rec);
}

int cmd_trace(struct cli *cli, int argc, char **argv)
{
	const struct cli_cmd *cmd = cli_cmd_by_name("trace");
	struct trace t = {.out = stderr, .cli = cli};
	struct run_watch w = {.tick = tick, .arg = &t};
	const char *path = NULL;
	int c, status;

	while ((c = cli_getopt(cli, cmd, argc, argv)) != -1) {
		if (c != 'o')
			return EXIT_USAGE;
		path = optarg;
	}
	if (optind == argc)
		return cli_usage("trace needs a command; see `userbpf help trace`");
	if (path && !(t.out = fopen(path, "we")))
		return cli_fail("cannot write %s: %s", path, strerror(errno));
	t.calls = calls_open(cli);
	if (!t.calls)
		return EXIT_FAILURE;
	/* a line at a time, so that the command's own output does not get in between */
	setvbuf(t.out, NULL, _IOFBF, LINE_BUFFER);
	w.record = calls_path(t.calls);
	/* who reads our lines may go; the file of records must go, too */
	w.no_sigpipe = signal(SIGPIPE, SIG_IGN) == SIG_DFL;
	status = run_command(cli, argv + optind, &w);
	tick(&t);
	calls_close(t.calls);
	free(t.objs);
	if (path && (ferror(t.out) | fclose(t.out)))
		return cli_fail("cannot write %s: %s", path, strerror(errno));
	return status;
}
