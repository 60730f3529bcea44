/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runloader - runs a loader file through bpf(2) and, with all its objects held, a command; "-" waits for nothing.
 *   usage: runloader FILE.loader [CMD ARG...]
 * Prints "map NAME fd", "prog NAME fd" per object. Exit status: 0, 1 and "errno N" when the load fails ("leak" when fds are left then).
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "gen/loader.h"

static int sys_bpf(int cmd, union bpf_attr *attr, u32 size)
{
	int ret = syscall(__NR_bpf, cmd, attr, size);

	return ret < 0 ? -errno : ret;
}

static const char *const kinds[] = {[GEN_MAP] = "map", [GEN_PROG] = "prog", [GEN_LINK] = "link"};

static void show(const struct gen_loader *l, const char *ctx)
{
	for (u32 i = 0; i < l->nr_descs; i++) {
		int fd;

		memcpy(&fd, ctx + l->descs[i].ctx_off, sizeof(fd));
		printf("%s %s %d\n", kinds[l->descs[i].kind],
		       l->trace->slots[l->descs[i].slot].name, fd);
	}
	fflush(stdout);
}

/* fds of maps, programs, BTF; what the preload library has of its own does not count. */
static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	char link[64];
	int n = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		ssize_t len = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);

		link[max(len, (ssize_t)0)] = '\0';
		n += strstr(link, "bpf-map") || strstr(link, "bpf-prog") || strstr(link, "btf");
	}
	if (d)
		closedir(d);
	return n;
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
	static char text[1 << 20];
	struct gen_loader *l;
	struct log log;
	int err, before;
	void *ctx;

	log_init(&log, 1, 4096);
	err = argc < 2 ? -EINVAL : gen_loader_read(open(argv[1], O_RDONLY), &l, &log);
	if (err) {
		fprintf(stderr, "runloader: %s\n", log.len ? log.buf : strerror(-err));
		return 2;
	}
	ctx = calloc(1, l->ctx_sz);
	gen_loader_ctx(l, ctx);
	if (getenv("LOADER_LOG")) {
		((u32 *)ctx)[2] = atoi(getenv("LOADER_LOG"));
		((u32 *)ctx)[3] = sizeof(text);
		((u64 *)ctx)[2] = (uintptr_t)text;
	}
	before = open_fds();
	err = gen_loader_run(l, sys_bpf, ctx, NULL);
	fputs(text, stderr);
	if (err)
		printf("errno %d%s\n", -err, open_fds() == before ? "" : " leak");
	else
		show(l, ctx);
	err = err ? 1 : argc > 2 ? run(argv + 2) : 0;
	gen_loader_free(l);
	log_free(&log);
	free(ctx);
	return err;
}
