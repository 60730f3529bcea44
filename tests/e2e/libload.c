/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libload - loads an object with libbpf and, with all of it held, runs a command.
 *   usage: libload FILE.bpf.o [CMD ARG...]       exit status: that of CMD; 1 and "errno N" when the load fails
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#include "cli/sections.h"

/* Why it did not load, which is the same wherever it runs: only on request. */
static int on_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && getenv("LIBLOAD_WHY"))
		vfprintf(stderr, fmt, ap);
	return 0;
}

static int run(char **argv)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	struct bpf_object *obj;
	int err;

	if (argc < 2)
		return 2;
	libbpf_set_print(on_print);
	if (sections_register() < 0)
		return 1;
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj)
		return 1;
	err = bpf_object__load(obj);
	if (err)
		printf("errno %d\n", -err);
	else
		err = argc > 2 ? run(argv + 2) : 0;
	bpf_object__close(obj);
	return err ? 1 : 0;
}
