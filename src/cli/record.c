/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.c - `userbpf record`: runs a command, keeps records of its bpf(2) calls, and has userbpf-gen make a loader of them. The
 * command's exit status is ours when it fails.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/cli.h"

struct record {
	struct cli *cli;
	int btf; /* the service's vmlinux BTF, opened while there is a service; -1: not yet */
};

static void tick(void *arg)
{
	struct record *r = arg;
	char path[DIR_CAP + 32];

	if (r->btf >= 0)
		return;
	snprintf(path, sizeof(path), "%s/btf/vmlinux", r->cli->dir);
	r->btf = open(path, O_RDONLY);
}

/* "x/my-app.lskel.h" -> my_app */
static void name_of(const char *out, char *name, size_t cap)
{
	const char *slash = strrchr(out, '/');
	size_t n = 0;

	out = slash ? slash + 1 : out;
	if (isdigit((unsigned char)*out))
		name[n++] = '_';
	for (; *out && *out != '.' && n + 1 < cap; out++)
		name[n++] = isalnum((unsigned char)*out) ? *out : '_';
	name[n] = '\0';
}

static bool is_header(const char *out)
{
	size_t len = strlen(out);

	return len > 2 && !strcmp(out + len - 2, ".h");
}

static int generate(const struct record *r, const char *calls, const char *out)
{
	char exe[DIR_CAP], name[64], btf[40] = "";
	int status;
	pid_t pid;

	if (cli_find(exe, sizeof(exe), "USERBPF_GEN", "cli/userbpf-gen",
		     USERBPF_LIBEXECDIR "/userbpf-gen"))
		return cli_fail(
			"userbpf-gen is neither beside this program nor in " USERBPF_LIBEXECDIR
			"; say where with USERBPF_GEN");
	name_of(out, name, sizeof(name));
	if (r->btf >= 0)
		snprintf(btf, sizeof(btf), "/proc/self/fd/%d", r->btf);
	pid = fork();
	if (!pid) {
		execl(exe, exe, is_header(out) ? "skeleton" : "loader", calls, name, out, btf,
		      NULL);
		_exit(cli_fail("cannot run %s: %s", exe, strerror(errno)));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return cli_fail("no process for %s: %s", exe, strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int cmd_record(struct cli *cli, int argc, char **argv)
{
	struct record r = {.cli = cli, .btf = -1};
	struct run_watch w = {.tick = tick, .arg = &r};
	const char *out = NULL;
	struct calls *calls;
	int c, status;

	while ((c = cli_getopt(cli, cli_cmd_by_name("record"), argc, argv)) != -1) {
		if (c != 'o')
			return EXIT_USAGE;
		out = optarg;
	}
	if (!out || !*out || optind == argc)
		return cli_usage("record needs -o FILE and a command; see `userbpf help record`");
	if (!strcmp(out, "-"))
		return cli_usage("record: -o -: want a file; standard output is the command's");
	calls = calls_open(cli);
	if (!calls)
		return EXIT_FAILURE;
	w.record = calls_path(calls);
	status = run_command(cli, argv + optind, &w);
	if (status)
		cli_fail("%s failed with status %d: nothing is written", argv[optind], status);
	else
		status = generate(&r, calls_path(calls), out);
	calls_close(calls);
	return status;
}
