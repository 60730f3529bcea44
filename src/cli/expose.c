/* SPDX-License-Identifier: BSD-2-Clause */
/* expose.c - files in cgroups: making one, and what stands behind it. */
#include <stdlib.h>
#include <unistd.h>
#include "cli/cli.h"

static const char *full_path(const char *path, char *buf, size_t cap)
{
	char cwd[DIR_CAP];

	if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		return path;
	snprintf(buf, cap, "%s/%s", cwd, path);
	return buf;
}

static int parse_mode(const char *text, u32 *mode)
{
	char *end;
	unsigned long n = strtoul(text, &end, 8);

	if (!*text || *end || !n || n > 0777)
		return cli_usage("expose: %s is no file mode, such as 0444", text);
	*mode = n;
	return 0;
}

/* What the errno means here. */
static const char *reason(int err)
{
	switch (err) {
	case -ENXIO: return "the pin that counts, the object's first, was removed; pin it anew";
	case -EPERM: return "no cgroup, or the mount's prefix= does not allow the name";
	case -EXDEV: return "no file system of this service";
	default: return strerror(-err);
	}
}

int cmd_expose(struct cli *cli, int argc, char **argv)
{
	char pin_buf[2 * DIR_CAP], path_buf[2 * DIR_CAP];
	struct client_reply reply;
	struct msg_expose m = {};
	const char *pin, *path;
	int c, status = 0, err;

	while ((c = cli_getopt(cli, cli_cmd_by_name("expose"), argc, argv)) == 'i' || c == 'M') {
		if (c == 'i')
			m.flags |= EXPOSE_INHERIT;
		else
			status = parse_mode(optarg, &m.mode);
		if (status)
			return status;
	}
	if (c != -1)
		return EXIT_USAGE;
	if (argc - optind != 2)
		return cli_usage("expose needs a pin and a path; see `userbpf help expose`");
	status = cli_service(cli);
	if (status)
		return status;
	pin = full_path(argv[optind], pin_buf, sizeof(pin_buf));
	path = full_path(argv[optind + 1], path_buf, sizeof(path_buf));
	m.pin_len = strlen(pin) + 1;
	m.path_len = strlen(path) + 1;
	err = client_call(&cli->client,
			  &(struct client_req){
				  .type = MSG_EXPOSE,
				  .iov = (struct iovec[]){{&m, sizeof(m)},
							  {(void *)pin, m.pin_len},
							  {(void *)path, m.path_len}},
				  .nr_iov = 3,
			  },
			  &reply);
	if (!err) {
		err = min(reply.result, 0);
		client_done(&reply);
	}
	return err ? cli_fail("cannot expose %s as %s: %s; see `userbpf view why`", argv[optind],
			      argv[optind + 1], reason(err))
		   : 0;
}

static int why(struct cli *cli, const char *name)
{
	char buf[2 * DIR_CAP];
	const char *path = full_path(name, buf, sizeof(buf));
	struct msg_fs_req head = {.path_len = strlen(path) + 1};
	struct iovec iov[] = {{&head, sizeof(head)}, {(void *)path, head.path_len}};
	struct client_req req = {.type = MSG_WHY, .iov = iov, .nr_iov = 2};
	struct client_reply reply;
	int err = client_call(&cli->client, &req, &reply);

	if (err)
		return cli_fail("cannot ask about %s: %s", name, strerror(-err));
	err = min(reply.result, 0);
	fwrite(reply.body, 1, reply.len, stdout);
	client_done(&reply);
	if (err == -EXDEV)
		return cli_fail("%s is in no file system of this service; see `userbpf status`",
				name);
	return err && err != -ENOENT ? cli_fail("cannot ask about %s: %s", name, strerror(-err))
	       : err		     ? EXIT_FAILURE
				     : 0;
}

int cmd_view(struct cli *cli, int argc, char **argv)
{
	int status;

	if (cli_getopt(cli, cli_cmd_by_name("view"), argc, argv) != -1)
		return EXIT_USAGE;
	if (argc - optind < 2 || strcmp(argv[optind], "why"))
		return cli_usage("view needs `why PATH`; see `userbpf help view`");
	status = cli_service(cli);
	for (int i = optind + 1; !status && i < argc; i++)
		status = why(cli, argv[i]);
	return status;
}
