/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * light [MIN_ENTRIES] - what iter_map does, with a light skeleton of the same object: one header, no libbpf, and the loading side resolves
 * the fields of struct bpf_map.
 *
 *   $ userbpf gen skeleton -L iter_map.bpf.o name light > light.lskel.h
 *   $ cc light.c -o light
 *   $ light 1000                     on the kernel (root)
 *   $ userbpf run light 1000         on userbpf
 */
#include "light.lskel.h"

static int show(struct light *skel)
{
	int fd = userbpf_iter_create(skel->links.show_map_fd);
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, n, stdout);
	close(fd);
	return n < 0 ? -EIO : 0;
}

int main(int argc, char **argv)
{
	struct light *skel = light__open();
	int err;

	if (!skel) {
		perror("light");
		return 1;
	}
	skel->rodata->min_entries = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	err = light__load(skel);
	if (!err)
		err = light__attach(skel);
	if (!err)
		err = show(skel);
	if (!err)
		printf("%u shown, %u with fewer than %u entries\n", skel->bss->shown,
		       skel->bss->skipped, skel->rodata->min_entries);
	else
		fprintf(stderr, "light: %s\n", strerror(-err));
	light__destroy(skel);
	return err != 0;
}
