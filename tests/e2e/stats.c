/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats.c - BPF_ENABLE_STATS by hand.
 *	stats hold READY GO	gets the fd, makes the file READY, keeps it until the file GO is there
 *	stats type N		asks for statistics of type N; prints "ok" or the errno's name
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long enable(unsigned int type)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.enable_stats.type = type;
	return syscall(SYS_bpf, BPF_ENABLE_STATS, &attr, sizeof(attr));
}

static int hold(const char *ready, const char *go)
{
	long fd = enable(BPF_STATS_RUN_TIME);

	if (fd < 0) {
		perror("BPF_ENABLE_STATS");
		return 1;
	}
	close(open(ready, O_WRONLY | O_CREAT, 0600));
	for (int i = 0; i < 3000 && access(go, F_OK); i++)
		usleep(10000);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "hold"))
		return hold(argv[2], argv[3]);
	if (argc != 3 || strcmp(argv[1], "type"))
		return 2;
	puts(enable(atoi(argv[2])) < 0 ? strerrorname_np(errno) : "ok");
	return 0;
}
