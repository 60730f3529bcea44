/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CLI_H
#define USERBPF_CLI_H
/*
 * cli.h - the `userbpf` command: one file per noun, each command a row of cmds[] (main.c) with its
 * usage text.
 *
 * Exit status: 0, 1 for failure, 2 for wrong usage; `run` passes on that of its command. An error
 * is one line that says what failed, why, and what to do about it.
 *
 * A service is found by its runtime directory: --dir DIR, else the directory of $USERBPF_SOCKET
 * (set inside `userbpf run`), else /run/userbpf for root, $XDG_RUNTIME_DIR/userbpf,
 * /tmp/userbpf-UID. It must belong to us and be writable by nobody else.
 */
#include <stdio.h>
#include <sys/types.h>
#include "shim/client.h"

#define EXIT_USAGE 2
#define BPFFS_DIR  "/sys/fs/bpf"
#define DIR_CAP	   4096
#define RT_SOCKET  "sock" /* in the runtime directory, see daemon/rundir.c */

struct cli {
	const char *dir_arg; /* --dir */
	bool verbose, json;
	char dir[DIR_CAP]; /* runtime directory, once cli_dir() was called */
	struct client client;
};

struct cli_cmd {
	const char *name;
	const char *args; /* after the name, in usage lines */
	const char *help; /* one line */
	const char *more; /* further text for `help NAME`, or NULL */
	const char *opts; /* short options it takes, getopt(3) style; long ones in the one table of
			     main.c map to these */
	int (*run)(struct cli *cli, int argc, char **argv); /* exit status; argv[0] is the name */
};

const struct cli_cmd *cli_cmds(void); /* ends with a NULL name */

/* main.c: next option of the running command: its letter, -1 at the end, '?' after a message
 * (return EXIT_USAGE). */
int cli_getopt(struct cli *cli, const struct cli_cmd *cmd, int argc, char **argv);
const struct cli_cmd *cli_cmd_by_name(const char *name);
int cli_usage(const char *fmt, ...) __printf(1, 2); /* message, -> EXIT_USAGE */
int cli_fail(const char *fmt, ...) __printf(1, 2);  /* message, -> 1 */
void cli_note(const struct cli *cli, const char *fmt, ...) __printf(2, 3); /* with -v only */

/* runtime.c */
/* Works out cli->dir; with @create makes it. 0 or an exit status after a message. */
int cli_dir(struct cli *cli, bool create);
/* The service in cli->dir answers? Sets up cli->client. */
bool cli_connect(struct cli *cli);
/* cli_dir() and cli_connect(), or an exit status after a message. */
int cli_service(struct cli *cli);
void cli_socket_path(const struct cli *cli, char path[DIR_CAP + 32]);
/* Paths of our other parts: beside us in a build tree, installed, or as the environment says. */
int cli_find(char *path, size_t cap, const char *env, const char *in_build, const char *installed);

/* service.c */
struct service {
	pid_t pid;	/* 0: not ours to stop */
	bool temporary; /* the directory goes with it */
};
/* Starts userbpfd for cli->dir. @background: it outlives us. @args: further options,
 * NULL-terminated. 0 or an exit status after a message. */
int service_start(struct cli *cli, struct service *s, bool background, char *const *args);
void service_stop(struct cli *cli, struct service *s);

/* run.c: `userbpf run CMD`, watched: -> exit status of the command. Without @w this process may become the command. */
struct run_watch {
	const char *record;	 /* file for records of the calls (abi/record.h), or NULL */
	bool no_sigpipe;	 /* ignored here, but not in the command */
	void (*tick)(void *arg); /* called every few milliseconds and once the command has ended */
	void *arg;
};
int run_command(struct cli *cli, char **cmd, const struct run_watch *w);

/* calls.c: records of the calls of a command */
struct calls;
struct calls *calls_open(struct cli *cli); /* a file for them; NULL after a message */
const char *calls_path(const struct calls *c);
void calls_close(struct calls *c);
/* The next record, valid until the next call; NULL: none yet. Says once when the file is broken. */
const struct abi_rec *calls_next(struct calls *c);

/* space.c: the namespaces commands run in */
/* Enters new ones and mounts what belongs there. 0 or an exit status after a message. @virtual_fs:
 * no FUSE, text paths only. */
int space_enter(struct cli *cli, bool *virtual_fs);
/* mount.c: unmounts what services that are gone left: their bpffs mounts in our mount namespace
 * answer ENOTCONN. */
void mount_sweep(const struct cli *cli);
/* json.c: the one writer behind --json */
struct json {
	FILE *out;
	int depth;
	bool comma;
};
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_str(struct json *j, const char *key, const char *value);
void json_bool(struct json *j, const char *key, bool value);
void json_num(struct json *j, const char *key, long long value);

/* the commands */
int cmd_run(struct cli *cli, int argc, char **argv);
int cmd_up(struct cli *cli, int argc, char **argv);
int cmd_down(struct cli *cli, int argc, char **argv);
int cmd_map(struct cli *cli, int argc, char **argv);
int cmd_status(struct cli *cli, int argc, char **argv);
int cmd_mount(struct cli *cli, int argc, char **argv);
int cmd_umount(struct cli *cli, int argc, char **argv);
int cmd_cat(struct cli *cli, int argc, char **argv);
int cmd_ls(struct cli *cli, int argc, char **argv);
int cmd_rm(struct cli *cli, int argc, char **argv);
int cmd_expose(struct cli *cli, int argc, char **argv);
int cmd_attach(struct cli *cli, int argc, char **argv);
int cmd_view(struct cli *cli, int argc, char **argv);
int cmd_verify(struct cli *cli, int argc, char **argv);
int cmd_load(struct cli *cli, int argc, char **argv);
int cmd_record(struct cli *cli, int argc, char **argv);
int cmd_trace(struct cli *cli, int argc, char **argv);
int cmd_gen(struct cli *cli, int argc, char **argv);
int cmd_version(struct cli *cli, int argc, char **argv);
int cmd_help(struct cli *cli, int argc, char **argv);

#endif
