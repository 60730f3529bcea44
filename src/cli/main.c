/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include "cli/cli.h"

static const struct cli_cmd cmds[] = {
	{"run", "[--dir DIR] [-v] [--no-jit] [--] CMD [ARG]...", "run a command with this BPF subsystem",
	 "  Uses the running service, or starts one that stops with the command. CMD gets a mount "
	 "namespace of its own with\n"
	 "  " BPFFS_DIR ", /sys/kernel/btf and related files of ours, and, when you are not root, "
	 "a user namespace in which it is\n"
	 "  root. The kernel's own bpf(2) answers ENOSYS there, so a call that bypasses the "
	 "preload library does not go unnoticed.\n",
	 "+d:vJ", cmd_run},
	{"up", "[--dir DIR] [--no-jit] [-- OPTION...]", "start the service",
	 "  OPTIONs go to userbpfd.\n", "+d:vJ", cmd_up},
	{"down", "[--dir DIR]", "stop the service", NULL, "d:v", cmd_down},
	{"status", "[--dir DIR] [--json]", "show what the service holds", NULL, "d:vj", cmd_status},
	{"map", "top [--dir DIR] [--once] [--interval SECONDS] [--json]", "show how maps are used, as it changes",
	 "  Operations per second (bpf(2) and programs; not the look-ups that are part of compiled code), elements, memory. Nothing is counted while\n"
	 "  nobody looks. A ring buffer's elements are bytes that were not read, its updates records. --once: one list, after one interval.\n"
	 "  --json: an object per list and line.\n",
	 "d:vjOI:", cmd_map},
	{"attach", "[--dir DIR] PID...", "let programs be attached to a running process, too",
	 "  Processes under `userbpf run` need no attach. PID gets the preload library and a thread of ours, with which uprobes, USDT and the\n"
	 "  like reach it and the children it forks, until the service goes; what it does itself is not changed.\n",
	 "d:v", cmd_attach},
	{"mount", "[--dir DIR] bpffs|cgroup DIR [-o OPTION,...] [--root GROUP]",
	 "mount a bpffs or cgroup tree (or -o remount[,OPTION...] DIR)",
	 "  cgroup: the machine's groups, with the files that were exposed in them. Options: hostfiles (the machine's own files, too),\n"
	 "  prefix=TEXT (names of new files have to begin with it), inherit (what is pinned shows in all groups below), root=GROUP (only what\n"
	 "  is below it; also --root).\n"
	 "  bpffs: options mode=, uid=, gid= as the kernel's, preload=MODE for the preloaded files "
	 "(default 0600), preload=off.\n"
	 "  -o remount restores preloaded files that were removed. Without root this needs "
	 "fusermount3.\n",
	 "d:vo:R:", cmd_mount},
	{"umount", "DIR", "unmount a bpffs; its pins are dropped", NULL, "d:v", cmd_umount},
	{"cat", "[--dir DIR] PATH...", "print a file of a bpffs without FUSE", NULL, "d:v",
	 cmd_cat},
	{"ls", "[--dir DIR] [-l] [--json] [PATH]...", "list a bpffs without FUSE", NULL, "d:vjla",
	 cmd_ls},
	{"rm", "[--dir DIR] [-r] PATH...", "remove pins and directories without FUSE", NULL, "d:vr",
	 cmd_rm},
	{"expose", "[--dir DIR] [--inherit] [--mode MODE] PIN GROUP/NAME",
	 "show a pinned object as a file of a cgroup",
	 "  PIN: path in a bpffs; GROUP/NAME: path in a cgroup tree (/sys/fs/cgroup/... or below a mount of `userbpf mount cgroup`). The file\n"
	 "  goes with the pin; writing \"rm\" to it removes it. --inherit: it shows in all groups below, present and future, too. MODE is 0600\n"
	 "  unless given.\n",
	 "d:viM:", cmd_expose},
	{"view", "why [--dir DIR] PATH...", "say what stands behind a file of a cgroup tree, or why it is not there", NULL, "d:v",
	 cmd_view},
	{"verify", "[--btf VMLINUX [--btf MODULE]...] [--log LEVEL] [--json] FILE.bpf.o",
	 "verify every program of an object, attach none",
	 "  Needs no service. --btf: another machine's kernel BTF (/sys/kernel/btf/vmlinux of it, or an ELF file with .BTF). --log: print the\n"
	 "  verifier's log (1 the refused path, 2 every state, 4 statistics). Exit status 0 when all are verified, 1 when one is refused.\n",
	 "b:l:j", cmd_verify},
	{"load", "[--json] [--pin DIR] FILE.loader", "load what a loader file holds",
	 "  Goes to the service under `userbpf run`, to the kernel elsewhere; what runs here need not have libbpf. Prints what was loaded.\n"
	 "  --pin: below DIR in a bpffs, as maps/NAME, progs/NAME and links/NAME; without it all is gone when this command ends.\n",
	 "vjP:", cmd_load},
	{"record", "[--dir DIR] -o FILE.lskel.h|FILE.loader [--] CMD [ARG]...",
	 "run a command and make a loader of its bpf(2) calls",
	 "  As `run`. What CMD loads and attaches becomes a light skeleton (FILE ends in .h) or a loader file that does it again without CMD.\n"
	 "  What no loader can repeat is left out, with a line on stderr each.\n",
	 "+d:vo:", cmd_record},
	{"trace", "[--dir DIR] [-v] [--json] [-o FILE] [--] CMD [ARG]...",
	 "run a command and print its bpf(2) calls",
	 "  As `run`; each call is a line on stderr or in FILE, with every field of its attr, the memory it points to, what its fds are, and the\n"
	 "  result. Calls of child processes are there too; those of programs (bpf_sys_bpf) are marked. -v: all instructions and bytes.\n"
	 "  --json: an object per line.\n",
	 "+d:vjo:", cmd_trace},
	{"gen", "loader FILE.bpf.o [name NAME] [-o FILE.loader] | skeleton -L FILE.bpf.o [name NAME] [--lang c]",
	 "make a loader or a light skeleton of an object",
	 "  loader: one program and one map that load the object anywhere, without libbpf (`userbpf load`). skeleton: the same as a C header,\n"
	 "  on standard output or -o. Needs no service. What the object asks of the kernel (attach targets, kernel functions and variables,\n"
	 "  CO-RE) is looked up where it is loaded.\n",
	 "o:LG:", cmd_gen},
	{"version", "", "print the version", NULL, "j", cmd_version},
	{"help", "[COMMAND]", "print this, or more on one command", NULL, "", cmd_help},
	{NULL},
};

/* Every long option of every command, and the letter it stands for. */
static const struct option options[] = {
	{"dir", required_argument, NULL, 'd'},
	{"verbose", no_argument, NULL, 'v'},
	{"json", no_argument, NULL, 'j'},
	{"options", required_argument, NULL, 'o'},
	{"output", required_argument, NULL, 'o'},
	{"long", no_argument, NULL, 'l'},
	{"all", no_argument, NULL, 'a'},
	{"recursive", no_argument, NULL, 'r'},
	{"root", required_argument, NULL, 'R'},
	{"inherit", no_argument, NULL, 'i'},
	{"mode", required_argument, NULL, 'M'},
	{"once", no_argument, NULL, 'O'},
	{"interval", required_argument, NULL, 'I'},
	{"btf", required_argument, NULL, 'b'},
	{"pin", required_argument, NULL, 'P'},
	{"log", required_argument, NULL, 'l'},
	{"use-loader", no_argument, NULL, 'L'},
	{"lang", required_argument, NULL, 'G'},
	{"no-jit", no_argument, NULL, 'J'},
	{"help", no_argument, NULL, 'h'},
	{NULL},
};

const struct cli_cmd *cli_cmds(void)
{
	return cmds;
}

static void message(const char *fmt, va_list ap)
{
	fputs("userbpf: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int cli_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
	return EXIT_USAGE;
}

int cli_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
	return EXIT_FAILURE;
}

void cli_note(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (!cli->verbose)
		return;
	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
}

const struct cli_cmd *cli_cmd_by_name(const char *name)
{
	const struct cli_cmd *c = cmds;

	while (c->name && strcmp(c->name, name))
		c++;
	return c->name ? c : NULL;
}

static void print_usage(FILE *f, const struct cli_cmd *c)
{
	fprintf(f, "usage: userbpf %s %s\n%s\n", c->name, c->args, c->help);
	if (c->more)
		fputs(c->more, f);
}

int cli_getopt(struct cli *cli, const struct cli_cmd *cmd, int argc, char **argv)
{
	char opts[32];
	int c;

	snprintf(opts, sizeof(opts), "%s%sh", cmd->opts[0] == '+' ? "+:" : ":",
		 cmd->opts + (cmd->opts[0] == '+'));
	for (;;) {
		c = getopt_long(argc, argv, opts, options, NULL);
		if (c == 'h') {
			print_usage(stdout, cmd);
			exit(0);
		}
		if (c > 0 && c != '?' && c != ':' && !strchr(opts, c))
			c = '?';
		if (c == '?' || c == ':') {
			cli_usage("%s: %s %s; see `userbpf help %s`", cmd->name,
				  c == ':' ? "no argument after" : "unknown option",
				  argv[optind - 1], cmd->name);
			return '?';
		}
		if (c == 'd' && !*optarg) {
			cli_usage("%s: --dir wants a directory", cmd->name);
			return '?';
		}
		if (c == 'd')
			cli->dir_arg = optarg;
		else if (c == 'v')
			cli->verbose = true;
		else if (c == 'j')
			cli->json = true;
		else if (c == 'J')
			setenv("USERBPF_JIT", "0", 1);
		else
			return c;
	}
}

int cmd_version(struct cli *cli, int argc, char **argv)
{
	struct json j = {.out = stdout};

	if (cli_getopt(cli, cli_cmd_by_name("version"), argc, argv) != -1)
		return EXIT_USAGE;
	if (!cli->json) {
		printf("userbpf %s (wire protocol %d)\n", USERBPF_VERSION, PROTO_VERSION);
		return 0;
	}
	json_open(&j, NULL, '{');
	json_str(&j, "version", USERBPF_VERSION);
	json_num(&j, "protocol", PROTO_VERSION);
	json_close(&j, '}');
	return 0;
}

static void print_commands(FILE *f)
{
	fputs("userbpf: the Linux BPF subsystem in user space\n\nusage: userbpf COMMAND "
	      "[OPTION]... [ARG]...\n\n",
	      f);
	for (const struct cli_cmd *c = cmds; c->name; c++)
		fprintf(f, "  %-8s %s\n", c->name, c->help);
	fputs("\n`userbpf help COMMAND` says more. --dir DIR names the service's runtime "
	      "directory.\n"
	      "To show programs and maps: userbpf run bpftool prog show\n",
	      f);
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
	const struct cli_cmd *c = argc > 1 ? cli_cmd_by_name(argv[1]) : NULL;

	if (argc > 1 && !c)
		return cli_usage("no command %s; see `userbpf help`", argv[1]);
	if (c)
		print_usage(stdout, c);
	else
		print_commands(stdout);
	return 0;
}

#ifdef __SANITIZE_ADDRESS__
/* A build for tests: our programs carry a sanitizer that wants to be loaded first, and the preload
 * library comes before it. */
static void sanitizer_options(void)
{
	const char *before = getenv("ASAN_OPTIONS");
	char text[1024];

	snprintf(text, sizeof(text), "%s%sverify_asan_link_order=0", before ?: "",
		 before && *before ? ":" : "");
	setenv("ASAN_OPTIONS", text, 1);
}
#else
static void sanitizer_options(void) {}
#endif

/* Who starts us with 0, 1 or 2 closed must not have our own files under these numbers. The
 * command we become finds them closed. */
static void open_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

/* What we printed may not have arrived anywhere: that is a failure, too. */
static int flushed(int status)
{
	if ((fflush(stdout) || ferror(stdout)) && !status)
		return cli_fail("cannot write: %s; look where the output goes", strerror(errno));
	return status;
}

int main(int argc, char **argv)
{
	static struct cli cli;
	const struct cli_cmd *cmd;

	open_stdio();
	sanitizer_options();

	if (argc < 2) {
		print_commands(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		argv[1] = "version";
	else if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		argv[1] = "help";
	cmd = cli_cmd_by_name(argv[1]);
	if (!cmd)
		return cli_usage("no command %s; see `userbpf help`", argv[1]);
	return flushed(cmd->run(&cli, argc - 1, argv + 1));
}
