/* SPDX-License-Identifier: BSD-2-Clause */
/* gen.c - `userbpf gen`: checks its arguments and becomes userbpf-gen (gen/main.c), which links
 * libbpf; `run` must not wait for that. */
#include <ctype.h>
#include <errno.h>
#include <unistd.h>

#include "cli/cli.h"

#define NAME_MAX_LEN 63

struct request {
	const char *what, *object, *name, *out, *lang;
	bool use_loader; /* -L */
};

static bool is_identifier(const char *s)
{
	size_t n = 0;

	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return !s[n] && n <= NAME_MAX_LEN;
}

/* FILE [name NAME] */
static int parse_operands(struct request *r, int argc, char **argv)
{
	if (argc != 1 && !(argc == 3 && !strcmp(argv[1], "name")))
		return cli_usage("gen %s: want one object file, and `name NAME` at most; see "
				 "`userbpf help gen`",
				 r->what);
	r->object = argv[0];
	r->name = argc == 3 ? argv[2] : "-";
	if (argc == 3 && !is_identifier(r->name))
		return cli_usage("gen %s: name %s: want letters, digits and _, at most %d", r->what,
				 r->name, NAME_MAX_LEN);
	if (access(r->object, R_OK))
		return cli_usage("gen %s: cannot read %s: %s", r->what, r->object, strerror(errno));
	return 0;
}

static int check(const struct request *r)
{
	bool skeleton = !strcmp(r->what, "skeleton");

	if (!skeleton && strcmp(r->what, "loader"))
		return cli_usage("gen %s: want loader or skeleton", r->what);
	if (skeleton && !r->use_loader)
		return cli_usage("gen skeleton: want -L; skeletons that need libbpf are bpftool's");
	if (skeleton && strcmp(r->lang, "c"))
		return cli_usage("gen skeleton: --lang %s: want c", r->lang);
	return 0;
}

int cmd_gen(struct cli *cli, int argc, char **argv)
{
	const struct cli_cmd *cmd = cli_cmd_by_name("gen");
	struct request r = {.out = "-", .lang = "c"};
	char exe[DIR_CAP];
	int c, status;

	while ((c = cli_getopt(cli, cmd, argc, argv)) != -1) {
		if (c == 'o')
			r.out = optarg;
		else if (c == 'L')
			r.use_loader = true;
		else if (c == 'G')
			r.lang = optarg;
		else
			return EXIT_USAGE;
	}
	if (optind == argc)
		return cli_usage("gen: want loader or skeleton; see `userbpf help gen`");
	r.what = argv[optind];
	status = check(&r) ?: parse_operands(&r, argc - optind - 1, argv + optind + 1);
	if (status)
		return status;
	if (cli_find(exe, sizeof(exe), "USERBPF_GEN", "cli/userbpf-gen",
		     USERBPF_LIBEXECDIR "/userbpf-gen"))
		return cli_fail(
			"userbpf-gen is neither beside this program nor in " USERBPF_LIBEXECDIR
			"; say where with USERBPF_GEN");
	execl(exe, exe, r.what, r.object, r.name, r.out, NULL);
	return cli_fail("cannot run %s: %s", exe, strerror(errno));
}
