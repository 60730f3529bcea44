/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c - `userbpf run`. With a running service this process enters the namespaces and becomes the
 * command. Without one it starts a private service, runs the command as a child, hands it the
 * signals it gets, and stops the service when the command ends.
 */
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "abi/record.h"
#include "cli/cli.h"

/*
 * The kernel's own bpf(2) answers ENOSYS, which it never does itself: a statically linked program,
 * or one that calls the kernel without libc, then says so instead of quietly talking to the wrong
 * subsystem.
 */
static int close_bpf(struct cli *cli)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int err = -ENOMEM;

	if (!f)
		goto out;
	/* In our namespaces we have CAP_SYS_ADMIN and need no no_new_privs; set-user-ID programs
	 * keep working. */
	seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);
#if defined(__x86_64__)
	seccomp_arch_add(f, SCMP_ARCH_X86);
#elif defined(__aarch64__)
	seccomp_arch_add(f, SCMP_ARCH_ARM);
#endif
	err = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(bpf), 0);
	if (!err)
		err = seccomp_load(f);
	if (err == -EPERM || err == -EACCES) {
		seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 1);
		err = seccomp_load(f);
	}
	seccomp_release(f);
out:
	if (err)
		return cli_fail(
			"cannot close the kernel's own bpf(2): %s; is seccomp forbidden here?",
			strerror(-err));
	return 0;
}

static int set_environment(struct cli *cli, const char *preload, bool virtual_fs)
{
	const char *before = getenv("LD_PRELOAD");
	char socket[DIR_CAP + 32], *all;

	cli_socket_path(cli, socket);
	if (before && *before && !strstr(before, preload)) {
		if (asprintf(&all, "%s:%s", preload, before) < 0)
			return cli_fail("no memory");
	} else {
		all = strdup(before && *before ? before : preload);
	}
	if (!all || setenv("LD_PRELOAD", all, 1) || setenv("USERBPF_SOCKET", socket, 1))
		return cli_fail("no memory");
	if (virtual_fs)
		setenv("USERBPF_VIRTUAL", BPFFS_DIR, 1);
	else
		unsetenv("USERBPF_VIRTUAL");
	free(all);
	return 0;
}

/* Where the preload library puts records of the calls; see abi/record.h. */
static int set_record(const struct run_watch *w)
{
	if (!w || !w->record)
		return 0;
	return setenv(ABI_REC_ENV, w->record, 1) ? cli_fail("no memory") : 0;
}

/* Becomes the command; returns an exit status when that fails. */
static int become(struct cli *cli, const char *preload, char **cmd, const struct run_watch *w)
{
	bool virtual_fs = false;
	int status = space_enter(cli, &virtual_fs), err;

	if (!status)
		status = set_environment(cli, preload, virtual_fs);
	if (!status)
		status = set_record(w);
	client_close(&cli->client);
	if (!status)
		status = close_bpf(cli);
	if (status)
		return status;
	execvp(cmd[0], cmd);
	err = errno;
	fprintf(stderr, "userbpf: cannot run %s: %s\n", cmd[0], strerror(err));
	return err == ENOENT ? 127 : 126;
}

/* The next signal; while there is none, what the watcher wants to do from time to time. */
static int next_signal(const sigset_t *watched, siginfo_t *info, const struct run_watch *w)
{
	static const struct timespec often = {.tv_nsec = 20000000};
	int sig;

	if (!w)
		return sigwaitinfo(watched, info);
	sig = sigtimedwait(watched, info, &often);
	w->tick(w->arg);
	return sig;
}

/* Until the command ends: what we are told, it is told. -> wait status */
static int attend(pid_t child, const sigset_t *watched, const struct run_watch *w)
{
	int status;

	for (;;) {
		siginfo_t info;
		int sig = next_signal(watched, &info, w);

		if (sig == SIGCHLD) {
			if (waitpid(child, &status, WNOHANG | WUNTRACED) != child)
				continue;
			if (!WIFSTOPPED(status))
				return status;
			raise(SIGSTOP); /* ^Z: the shell shall see us stopped, too */
			kill(child, SIGCONT);
		} else if (sig > 0 && (info.si_code <= 0 ||
				       (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP))) {
			kill(child, sig); /* the terminal's own signals reached the child already */
		}
	}
}

/* The command as a child of ours, on the service of @cli, which is up. -> exit status */
static int run_child(struct cli *cli, const char *preload, char **cmd, const sigset_t *watched,
		     const sigset_t *before, const struct run_watch *w)
{
	pid_t child = fork();
	int status;

	if (!child) {
		sigprocmask(SIG_SETMASK, before, NULL);
		if (w && w->no_sigpipe)
			signal(SIGPIPE, SIG_DFL);
		if (cli_connect(cli))
			status = become(cli, preload, cmd, w);
		else
			status = cli_fail("the service in %s went away; see its log there",
					  cli->dir);
		fflush(stderr); /* trace has a buffer there */
		_exit(status);
	}
	if (child < 0)
		return cli_fail("no process for %s: %s; end some", cmd[0], strerror(errno));
	status = attend(child, watched, w);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* With a service of its own (@own) that ends with it, or one that is there. */
static int run_watched(struct cli *cli, const char *preload, char **cmd, bool own,
		       const struct run_watch *w)
{
	static const int watch[] = {SIGCHLD, SIGINT,  SIGQUIT, SIGTERM, SIGHUP,
				    SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH};
	struct service s = {.temporary = true};
	sigset_t watched, before;
	int status;

	sigemptyset(&watched);
	for (u32 i = 0; i < ARRAY_SIZE(watch); i++)
		sigaddset(&watched, watch[i]);
	sigprocmask(SIG_BLOCK, &watched, &before);
	status = own ? service_start(cli, &s, false, NULL) : 0;
	if (!status)
		status = run_child(cli, preload, cmd, &watched, &before, w);
	if (own)
		service_stop(cli, &s);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}

/* Of its own, even with --dir: two commands that find no service there must not share one that
 * ends with the first of them. */
static int private_dir(struct cli *cli)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(cli->dir, DIR_CAP, "%s/userbpf-run-XXXXXX",
		 tmp && *tmp == '/' && strlen(tmp) < 60 ? tmp : "/tmp");
	if (!mkdtemp(cli->dir))
		return cli_fail(
			"cannot make a directory %s: %s; set TMPDIR to a place where we may",
			cli->dir, strerror(errno));
	return 0;
}

int run_command(struct cli *cli, char **cmd, const struct run_watch *w)
{
	char preload[DIR_CAP], real[DIR_CAP];
	bool own;
	int status;

	if (cli_find(preload, sizeof(preload), "USERBPF_PRELOAD", "shim/libuserbpf-preload.so",
		     USERBPF_LIBDIR "/libuserbpf-preload.so") ||
	    !realpath(preload, real))
		return cli_fail(
			"libuserbpf-preload.so is missing; set USERBPF_PRELOAD to its path");
	status = cli_dir(cli, false);
	if (status)
		return status;
	own = !cli_connect(cli);
	if (!own && !w)
		return become(cli, real, cmd, NULL);
	if (own)
		status = private_dir(cli);
	return status ?: run_watched(cli, real, cmd, own, w);
}

int cmd_run(struct cli *cli, int argc, char **argv)
{
	if (cli_getopt(cli, cli_cmd_by_name("run"), argc, argv) != -1)
		return EXIT_USAGE;
	if (optind == argc)
		return cli_usage("run needs a command; see `userbpf help run`");
	return run_command(cli, argv + optind, NULL);
}
