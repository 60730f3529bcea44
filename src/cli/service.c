/* SPDX-License-Identifier: BSD-2-Clause */
/* service.c - starting and stopping userbpfd; up, down, status. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/cli.h"

#define MAX_ARGS      64
#define START_SECONDS 30

/* A service that stays shall not keep a file system busy. */
static void leave_directory(void)
{
	if (chdir("/"))
		return; /* so be it */
}

static void child_exec(struct cli *cli, const char *daemon, bool background, char *const *more,
		       int ready, int log)
{
	char *argv[MAX_ARGS + 8], fd[16];
	sigset_t none;
	int n = 0, null = open("/dev/null", O_RDONLY);

	snprintf(fd, sizeof(fd), "%d", ready);
	argv[n++] = (char *)daemon;
	argv[n++] = "--dir";
	argv[n++] = cli->dir;
	argv[n++] = "--foreground";
	argv[n++] = "--ready-fd";
	argv[n++] = fd;
	for (; more && *more && n < MAX_ARGS; more++)
		argv[n++] = *more;
	argv[n] = NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid(); /* ^C is for the command */
	if (!background)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	else if (!more || !*more) /* options may name files by relative paths */
		leave_directory();
	dup2(null, 0);
	dup2(log, 1);
	dup2(log, 2);
	unsetenv("LD_PRELOAD");
	unsetenv("USERBPF_SOCKET");
	unsetenv("USERBPF_FAIL"); /* the command's faults, not those of the preload driver */
	execv(daemon, argv);
	dprintf(2, "cannot run %s: %s\n", daemon, strerror(errno));
	_exit(127);
}

/* Ready is one byte; the end of file means that it died. */
static bool wait_ready(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;
	int n;

	do
		n = poll(&p, 1, START_SECONDS * 1000);
	while (n < 0 && errno == EINTR);
	return n == 1 && read(fd, &byte, 1) == 1;
}

static void first_line(const char *path, char *line, int cap)
{
	FILE *f = fopen(path, "re");

	snprintf(line, cap, "it ended without a word");
	if (!f)
		return;
	if (fgets(line, cap, f))
		line[strcspn(line, "\n")] = '\0';
	fclose(f);
}

int service_start(struct cli *cli, struct service *s, bool background, char *const *args)
{
	char daemon[DIR_CAP], log_path[DIR_CAP + 32], why[512];
	int ready[2], log;
	pid_t pid;

	if (cli_find(daemon, sizeof(daemon), "USERBPF_DAEMON", "daemon/userbpfd",
		     USERBPF_LIBEXECDIR "/userbpfd"))
		return cli_fail("userbpfd is missing; set USERBPF_DAEMON to its path");
	snprintf(log_path, sizeof(log_path), "%s/log", cli->dir);
	log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		   0600);
	if (log < 0)
		return cli_fail("cannot write %s: %s; name another directory with --dir", log_path,
				strerror(errno));
	if (pipe(ready))
		return cli_fail("no pipe: %s; close some files", strerror(errno));
	fcntl(ready[0], F_SETFD, FD_CLOEXEC);
	pid = fork();
	if (!pid)
		child_exec(cli, daemon, background, args, ready[1], log);
	close(ready[1]);
	close(log);
	if (pid < 0)
		return cli_fail("no process for the service: %s; end some", strerror(errno));
	s->pid = pid;
	if (wait_ready(ready[0])) {
		close(ready[0]);
		return 0;
	}
	close(ready[0]);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	s->pid = 0;
	first_line(log_path, why, sizeof(why));
	return cli_fail("the service does not start: %s; see %s", why, log_path);
}

void service_stop(struct cli *cli, struct service *s)
{
	char path[DIR_CAP + 32];

	if (s->pid) {
		kill(s->pid, SIGTERM);
		waitpid(s->pid, NULL, 0);
	}
	if (s->temporary) {
		/* what a killed service left stays: its next start clears it */
		snprintf(path, sizeof(path), "%s/log", cli->dir);
		unlink(path);
		rmdir(cli->dir);
	}
}

int cmd_up(struct cli *cli, int argc, char **argv)
{
	struct service s = {0};
	int status;

	if (cli_getopt(cli, cli_cmd_by_name("up"), argc, argv) != -1)
		return EXIT_USAGE;
	status = cli_dir(cli, true);
	if (status)
		return status;
	if (cli_connect(cli))
		return cli_fail("a service runs in %s already; stop it with `userbpf down`",
				cli->dir);
	mount_sweep(cli);
	status = service_start(cli, &s, true, argv + optind);
	if (!status)
		cli_note(cli, "service %d in %s", s.pid, cli->dir);
	return status;
}

#define END_TRIES 1200 /* times 10 ms: longer than a service takes to end in any case (daemon/end.c) */

/* Until its directory is empty; ours are the log and the directory itself. */
static void wait_gone(const struct cli *cli)
{
	char path[DIR_CAP + 32];

	cli_socket_path(cli, path);
	for (int i = 0; i < END_TRIES && !access(path, F_OK); i++)
		usleep(10000);
	snprintf(path, sizeof(path), "%s/pid", cli->dir);
	for (int i = 0; i < END_TRIES && !access(path, F_OK); i++)
		usleep(10000);
	snprintf(path, sizeof(path), "%s/log", cli->dir);
	unlink(path);
	rmdir(cli->dir);
}

int cmd_down(struct cli *cli, int argc, char **argv)
{
	int status, err;

	if (cli_getopt(cli, cli_cmd_by_name("down"), argc, argv) != -1)
		return EXIT_USAGE;
	if (optind != argc)
		return cli_usage("down takes no argument; see `userbpf help down`");
	status = cli_service(cli);
	if (status)
		return status;
	err = client_simple(&cli->client, MSG_SHUTDOWN, NULL, 0);
	if (err < 0)
		return cli_fail("the service refuses to stop: %s; are you its user?",
				strerror(-err));
	wait_gone(cli);
	mount_sweep(cli);
	return 0;
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	struct msg_status m = {0};
	struct iovec iov = {&m, sizeof(m)};
	struct client_req req = {.type = MSG_STATUS, .iov = &iov, .nr_iov = 1};
	struct client_reply reply;
	int status;

	if (cli_getopt(cli, cli_cmd_by_name("status"), argc, argv) != -1)
		return EXIT_USAGE;
	if (optind != argc)
		return cli_usage("status takes no argument; see `userbpf help status`");
	status = cli_service(cli);
	if (status)
		return status;
	m.flags = cli->json ? STATUS_JSON : 0;
	status = client_call(&cli->client, &req, &reply);
	if (status)
		return cli_fail("the service does not answer: %s; see %s/log", strerror(-status),
				cli->dir);
	fwrite(reply.body, 1, reply.len, stdout);
	if (reply.len && ((char *)reply.body)[reply.len - 1] != '\n')
		putchar('\n');
	status = reply.result < 0 ? cli_fail("no status: %s", strerror(-reply.result)) : 0;
	client_done(&reply);
	return status;
}
