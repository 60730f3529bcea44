/* SPDX-License-Identifier: BSD-2-Clause */
/* attach.c - the agent in processes that were not started by `userbpf run`. */
#include <stdlib.h>
#include <unistd.h>
#include "cli/cli.h"

/* What the errno means here. */
static const char *reason(int err)
{
	switch (err) {
	case -ESRCH: return "there is no such process";
	case -EPERM:
		return "the service may not trace it: another user's, or a security module forbids it";
	case -EBUSY: return "another process traces it";
	case -EAGAIN: return "none of its threads came to a system call in time; try again";
	case -ENXIO: return "it has no libc.so.6 (statically linked, or another libc)";
	case -ENOEXEC: return "it runs no 64-bit code";
	case -ELIBBAD:
		return "the preload library cannot be loaded there (another mount namespace?)";
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
