/* SPDX-License-Identifier: BSD-2-Clause */
/* verify.c - `userbpf verify`: checks its arguments and becomes userbpf-verify (verify/main.c),
 * which links libbpf and the subsystem; `run` must not wait for that. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

/* 1 the path, 2 every state, 4 statistics: any sum. */
static bool is_level(const char *s)
{
	return s[0] >= '1' && s[0] <= '7' && !s[1];
}

int cmd_verify(struct cli *cli, int argc, char **argv)
{
	const struct cli_cmd *cmd = cli_cmd_by_name("verify");
	const char *given = NULL, *level = "0";
	char exe[DIR_CAP], btf[DIR_CAP];
	int c;

	while ((c = cli_getopt(cli, cmd, argc, argv)) != -1) {
		if (c == 'b')
			given = optarg;
		else if (c == 'l')
			level = optarg;
		else
			return EXIT_USAGE;
	}
	if (*level != '0' && !is_level(level))
		return cli_usage("verify: --log %s: want 1, 2, 4 or a sum of them", level);
	if (argc - optind != 1)
		return cli_usage("verify: want one object file; see `userbpf help verify`");
	if (access(argv[optind], R_OK))
		return cli_usage("verify: cannot read %s: %s", argv[optind], strerror(errno));
	if (given && access(given, R_OK))
		return cli_usage("verify: cannot read %s: %s", given, strerror(errno));
	if (cli_find(exe, sizeof(exe), "USERBPF_VERIFY", "cli/userbpf-verify",
		     USERBPF_LIBEXECDIR "/userbpf-verify"))
		return cli_fail(
			"userbpf-verify is neither beside this program nor in " USERBPF_LIBEXECDIR
			"; say where with USERBPF_VERIFY");
	if (!given && cli_find(btf, sizeof(btf), "USERBPF_BTF", "sys/vmlinux/vmlinux.btf",
			       USERBPF_DATADIR "/vmlinux.btf"))
		return cli_fail("no kernel BTF in " USERBPF_DATADIR "; name one with --btf");
	execl(exe, exe, given ?: btf, level, cli->json ? "json" : "text", argv[optind], NULL);
	return cli_fail("cannot run %s: %s", exe, strerror(errno));
}
