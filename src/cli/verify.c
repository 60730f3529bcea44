/* SPDX-License-Identifier: BSD-2-Clause */
/* verify.c - `userbpf verify`: checks its arguments and becomes userbpf-verify (verify/main.c),
 * which links libbpf and the subsystem; `run` must not wait for that. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

#define MAX_MODULES 64

/* 1 the path, 2 every state, 4 statistics: any sum. */
static bool is_level(const char *s)
{
	return s[0] >= '1' && s[0] <= '7' && !s[1];
}

/* What userbpf-verify is called with. */
struct args {
	char *argv[5 + MAX_MODULES + 1]; /* EXE BTF LEVEL FORMAT OBJECT [MODULE_BTF...] */
	int modules;
};
enum { ARG_EXE, ARG_BTF, ARG_LEVEL, ARG_FORMAT, ARG_OBJECT, ARG_MODULES };

/* The first --btf is the kernel's, others are its modules'. */
static int add_btf(struct args *a, char *path)
{
	if (access(path, R_OK))
		return cli_usage("verify: cannot read %s: %s", path, strerror(errno));
	if (a->modules == MAX_MODULES)
		return cli_usage("verify: more than %d modules", MAX_MODULES);
	if (!a->argv[ARG_BTF])
		a->argv[ARG_BTF] = path;
	else
		a->argv[ARG_MODULES + a->modules++] = path;
	return 0;
}

int cmd_verify(struct cli *cli, int argc, char **argv)
{
	const struct cli_cmd *cmd = cli_cmd_by_name("verify");
	char exe[DIR_CAP], btf[DIR_CAP], *level = "0";
	struct args a = {.modules = 0};
	int c;

	while ((c = cli_getopt(cli, cmd, argc, argv)) != -1) {
		if (c == 'l')
			level = optarg;
		else if (c != 'b' || add_btf(&a, optarg))
			return EXIT_USAGE;
	}
	if (*level != '0' && !is_level(level))
		return cli_usage("verify: --log %s: want 1, 2, 4 or a sum of them", level);
	if (argc - optind != 1)
		return cli_usage("verify: want one object file; see `userbpf help verify`");
	if (access(argv[optind], R_OK))
		return cli_usage("verify: cannot read %s: %s", argv[optind], strerror(errno));
	if (cli_find(exe, sizeof(exe), "USERBPF_VERIFY", "cli/userbpf-verify",
		     USERBPF_LIBEXECDIR "/userbpf-verify"))
		return cli_fail(
			"userbpf-verify is neither beside this program nor in " USERBPF_LIBEXECDIR
			"; say where with USERBPF_VERIFY");
	if (!a.argv[ARG_BTF] && cli_find(btf, sizeof(btf), "USERBPF_BTF", "sys/vmlinux/vmlinux.btf",
					 USERBPF_DATADIR "/vmlinux.btf"))
		return cli_fail("no kernel BTF in " USERBPF_DATADIR "; name one with --btf");
	a.argv[ARG_EXE] = exe;
	a.argv[ARG_BTF] = a.argv[ARG_BTF] ?: btf;
	a.argv[ARG_LEVEL] = level;
	a.argv[ARG_FORMAT] = cli->json ? "json" : "text";
	a.argv[ARG_OBJECT] = argv[optind];
	execv(exe, a.argv);
	return cli_fail("cannot run %s: %s", exe, strerror(errno));
}
