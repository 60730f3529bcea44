/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fsop.c - one file system call a shell has no command for; prints "ok" or the errno's name.
 *	fsop rename FROM TO [noreplace|exchange|whiteout]
 *	fsop statfs PATH	prints f_type in hexadecimal
 *	fsop mknod PATH		a regular file
 *	fsop mkdir|rmdir|unlink PATH
 *	fsop bpf CMD		bpf(2) with an attr of zeros
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NOREPLACE 1
#define EXCHANGE  2
#define WHITEOUT  4

static int op_rename(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[2] : "";
	int flags = !strcmp(how, "noreplace")  ? NOREPLACE
		    : !strcmp(how, "exchange") ? EXCHANGE
		    : !strcmp(how, "whiteout") ? WHITEOUT
					       : 0;

	return syscall(SYS_renameat2, -100, argv[0], -100, argv[1], flags);
}

static int op_statfs(int argc, char **argv)
{
	struct statfs st;

	if (statfs(argv[0], &st))
		return -1;
	printf("%lx\n", (long)st.f_type);
	exit(0);
}

static int op_mknod(int argc, char **argv)
{
	return mknod(argv[0], S_IFREG | 0600, 0);
}

static int op_mkdir(int argc, char **argv)
{
	return mkdir(argv[0], 0700);
}

static int op_rmdir(int argc, char **argv)
{
	return rmdir(argv[0]);
}

static int op_unlink(int argc, char **argv)
{
	return unlink(argv[0]);
}

static int op_bpf(int argc, char **argv)
{
	char attr[128] = {0};
	long fd = syscall(SYS_bpf, atoi(argv[0]), attr, sizeof(attr));

	return fd < 0 ? -1 : 0;
}

static const struct {
	const char *name;
	int args;
	int (*run)(int argc, char **argv);
} ops[] = {
	{"rename", 2, op_rename}, {"statfs", 1, op_statfs}, {"mknod", 1, op_mknod},
	{"mkdir", 1, op_mkdir},	  {"rmdir", 1, op_rmdir},   {"unlink", 1, op_unlink},
	{"bpf", 1, op_bpf},
};

int main(int argc, char **argv)
{
	for (unsigned int i = 0; argc > 1 && i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(argv[1], ops[i].name) || argc < 2 + ops[i].args)
			continue;
		puts(ops[i].run(argc - 2, argv + 2) ? strerrorname_np(errno) : "ok");
		return 0;
	}
	fprintf(stderr, "usage: fsop rename|statfs|mknod|mkdir|rmdir|unlink|bpf ARG...\n");
	return 2;
}
