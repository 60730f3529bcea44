/* SPDX-License-Identifier: BSD-2-Clause */
/* attach.c - the agent in processes that were not started by `userbpf run`. */
#include <stdlib.h>
#include <unistd.h>
#include "cli/cli.h"

/* Yama's sysctl, where there is one: who may trace whom. */
static int ptrace_scope(void)
{
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%d", &scope) != 1)
		scope = 0;
	fclose(f);
	return scope;
}

static const char *not_allowed(void)
{
	switch (ptrace_scope()) {
	case 0:
		return "the service may not trace it: it is another user's, is not dumpable, or a security module or a "
		       "container forbids it";
	case 1:
		return "kernel.yama.ptrace_scope is 1, so only its parents may trace it: start it with `userbpf run`, run "
		       "the service as root, or have root set the sysctl to 0";
	default:
		return "kernel.yama.ptrace_scope leaves tracing to root, or to nobody: start it with `userbpf run`";
	}
}

/* What the errno means here. */
static const char *reason(int err)
{
	switch (err) {
	case -ESRCH: return "there is no such process";
	case -EPERM: return not_allowed();
	case -EBUSY: return "another process traces it";
	case -EAGAIN: return "none of its threads came to a system call in time; try again";
	case -ENXIO: return "it has no libc.so.6 (statically linked, or another libc)";
	case -ENOEXEC: return "it runs no 64-bit code";
	case -ELIBBAD:
		return "the preload library cannot be loaded there (another mount namespace?)";
	case -EINPROGRESS:
		return "it loads our library and has not come to an end of that yet; try again later";
	case -ETIMEDOUT: return "the agent does not reach the service from there";
	default: return strerror(-err);
	}
}

static int attach(struct cli *cli, const char *text)
{
	struct msg_attach m = {};
	char *end;
	int err;

	m.pid = strtol(text, &end, 10);
	if (!*text || *end || m.pid <= 0)
		return cli_usage("attach: %s is no process id", text);
	err = client_simple(&cli->client, MSG_ATTACH, &m, sizeof(m));
	return err ? cli_fail("cannot attach to %s: %s", text, reason(err)) : 0;
}

int cmd_attach(struct cli *cli, int argc, char **argv)
{
	int status;

	if (cli_getopt(cli, cli_cmd_by_name("attach"), argc, argv) != -1)
		return EXIT_USAGE;
	if (argc == optind)
		return cli_usage("attach needs a process id; see `userbpf help attach`");
	status = cli_service(cli);
	for (int i = optind; !status && i < argc; i++)
		status = attach(cli, argv[i]);
	return status;
}
