/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iter_map [MIN_ENTRIES] - lists BPF maps through an iterator program: an ordinary libbpf
 * application with a generated skeleton.
 *
 *   $ iter_map 1000                     on the kernel (root)
 *   $ userbpf run iter_map 1000         on userbpf
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "iter_map.skel.h"

static int copy_out(int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, n, stdout);
	return n < 0 ? -errno : 0;
}

static int show(struct iter_map_bpf *skel)
{
	int err, fd = bpf_iter_create(bpf_link__fd(skel->links.show_map));

	if (fd < 0)
		return fd;
	err = copy_out(fd);
	close(fd);
	return err;
}

int main(int argc, char **argv)
{
	struct iter_map_bpf *skel = iter_map_bpf__open();
	int err;

	if (!skel) {
		fprintf(stderr, "iter_map: cannot open the object: %s\n", strerror(errno));
		return 1;
	}
	skel->rodata->min_entries = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	err = iter_map_bpf__load(skel);
	if (!err)
		err = iter_map_bpf__attach(skel);
	if (!err)
		err = show(skel);
	if (!err)
		printf("%u shown, %u with fewer than %u entries\n", skel->bss->shown,
		       skel->bss->skipped, skel->rodata->min_entries);
	else
		fprintf(stderr, "iter_map: %s\n", strerror(-err));
	iter_map_bpf__destroy(skel);
	return err != 0;
}
