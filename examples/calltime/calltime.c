// SPDX-License-Identifier: BSD-2-Clause
/*
 * calltime - how long calls of functions take, a histogram for each function, over all processes:
 *
 *	userbpf run calltime calltime.bpf.o SECONDS FILE:FUNCTION...
 *
 * e.g. calltime.bpf.o 10 libc.so.6:malloc libc.so.6:read. Unchanged on a kernel.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "calltime.h"

static struct bpf_link *attach(struct bpf_object *obj, const char *prog, bool ret, const char *file,
			       const char *function, unsigned int cookie)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = ret, .bpf_cookie = cookie,
		    .func_name = function);

	return bpf_program__attach_uprobe_opts(bpf_object__find_program_by_name(obj, prog), -1,
					       file, 0, &opts);
}

static int attach_both(struct bpf_object *obj, const char *what, unsigned int cookie,
		       struct bpf_link *links[2])
{
	char file[4096], *function;

	snprintf(file, sizeof(file), "%s", what);
	function = strrchr(file, ':');
	if (!function)
		return -EINVAL;
	*function++ = '\0';
	links[0] = attach(obj, "leave", true, file, function, cookie);
	links[1] = links[0] ? attach(obj, "enter", false, file, function, cookie) : NULL;
	return links[1] ? 0 : -errno;
}

static void print(const char *what, const struct histogram *h)
{
	unsigned long long most = 1;
	char bar[41];

	printf("%s: %llu calls", what, h->calls);
	if (h->calls)
		printf(", %llu ns on average", h->ns / h->calls);
	putchar('\n');
	for (int i = 0; i < SLOTS; i++)
		most = h->slot[i] > most ? h->slot[i] : most;
	for (int i = 0; i < SLOTS; i++) {
		if (!h->slot[i])
			continue;
		memset(bar, '#', sizeof(bar));
		bar[h->slot[i] * 40 / most] = '\0';
		printf("%12llu ns and more %12llu %s\n", 1ull << i, h->slot[i], bar);
	}
}

int main(int argc, char **argv)
{
	struct bpf_link *(*links)[2];
	struct bpf_object *obj;
	struct histogram h;
	int map, err;

	if (argc < 4) {
		fprintf(stderr, "usage: calltime OBJECT SECONDS FILE:FUNCTION...\n");
		return 2;
	}
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj || bpf_object__load(obj)) {
		fprintf(stderr, "calltime: cannot load %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	links = calloc(argc - 3, sizeof(*links));
	if (!links)
		return 1;
	for (int i = 3; i < argc; i++) {
		err = attach_both(obj, argv[i], i - 3, links[i - 3]);
		if (err) {
			fprintf(stderr, "calltime: %s: %s\n", argv[i], strerror(-err));
			return 1;
		}
	}
	sleep(atoi(argv[2]));
	for (int i = 3; i < argc; i++)
		for (int j = 0; j < 2; j++)
			bpf_link__destroy(links[i - 3][j]);
	free(links);
	map = bpf_object__find_map_fd_by_name(obj, "histograms");
	for (int i = 3; i < argc; i++) {
		unsigned int key = i - 3;

		if (!bpf_map_lookup_elem(map, &key, &h))
			print(argv[i], &h);
	}
	bpf_object__close(obj);
	return 0;
}
