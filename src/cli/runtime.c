/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/cli.h"

static void default_dir(char *dir)
{
	const char *socket = getenv("USERBPF_SOCKET"), *xdg = getenv("XDG_RUNTIME_DIR");

	if (socket && strrchr(socket, '/'))
		snprintf(dir, DIR_CAP, "%.*s", (int)(strrchr(socket, '/') - socket), socket);
	else if (geteuid() == 0)
		snprintf(dir, DIR_CAP, "/run/userbpf");
	else if (xdg && *xdg == '/')
		snprintf(dir, DIR_CAP, "%s/userbpf", xdg);
	else
		snprintf(dir, DIR_CAP, "/tmp/userbpf-%u", geteuid());
}

/* Somebody else's directory could hold somebody else's service: that is for who names it with
 * --dir to decide. Inside a user namespace the owner may show as another id of ours. */
static int check_dir(const char *dir, bool named)
{
	struct stat st;

	if (lstat(dir, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_uid != geteuid() && geteuid() != 0 && !named)
		return -EPERM;
	return st.st_mode & 022 ? -EACCES : 0;
}

int cli_dir(struct cli *cli, bool create)
{
	char given[DIR_CAP];
	int err;

	if (cli->dir_arg && cli->dir_arg[0] != '/') {
		if (!getcwd(given, sizeof(given)))
			return cli_fail("no working directory: %s; give --dir a full path",
					strerror(errno));
		if (snprintf(cli->dir, DIR_CAP, "%s/%s", given, cli->dir_arg) >= DIR_CAP)
			return cli_fail("%s: the name is too long", cli->dir_arg);
	} else if (cli->dir_arg) {
		snprintf(cli->dir, DIR_CAP, "%s", cli->dir_arg);
	} else {
		default_dir(cli->dir);
	}
	if (create && mkdir(cli->dir, 0700) && errno != EEXIST)
		return cli_fail("cannot make %s: %s; name another one with --dir", cli->dir,
				strerror(errno));
	err = check_dir(cli->dir, cli->dir_arg && !create);
	if (err == -ENOENT && !create)
		return 0;
	if (err == -EPERM || err == -EACCES)
		return cli_fail("%s is not a directory that only we may write to; name another "
				"one with --dir",
				cli->dir);
	if (err)
		return cli_fail("cannot use %s: %s; name another one with --dir", cli->dir,
				strerror(-err));
	return 0;
}

void cli_socket_path(const struct cli *cli, char path[DIR_CAP + 32])
{
	snprintf(path, DIR_CAP + 32, "%s/%s", cli->dir, RT_SOCKET);
}

bool cli_connect(struct cli *cli)
{
	char path[DIR_CAP + 32];

	cli_socket_path(cli, path);
	if (client_init(&cli->client, path))
		return false;
	return client_ping(&cli->client) == 0;
}

int cli_service(struct cli *cli)
{
	int status = cli_dir(cli, false);

	if (status)
		return status;
	if (!cli_connect(cli))
		return cli_fail("no service in %s; start one with `userbpf up`", cli->dir);
	return 0;
}

int cli_find(char *path, size_t cap, const char *env, const char *in_build, const char *installed)
{
	const char *given = getenv(env);
	char self[PATH_MAX], *slash;
	ssize_t n;

	if (given && *given)
		return snprintf(path, cap, "%s", given) < (int)cap && !access(path, R_OK) ? 0
											  : -ENOENT;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		/* the executable is <build>/src/cli/userbpf, or <prefix>/bin/userbpf */
		if (snprintf(path, cap, "%s/../%s", self, in_build) < (int)cap &&
		    !access(path, R_OK))
			return 0;
	}
	return snprintf(path, cap, "%s", installed) < (int)cap && !access(path, R_OK) ? 0 : -ENOENT;
}
