/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coreport - runs the loader of tests/data/bpf/lskel/core_field.bpf.c and its iterator over maps on the map that holds its
 * own variables, and prints what the program read there.
 *   usage: coreport core_field.loader       "port seen 1 max_entries 1 key_size 4 offset N compiled 32"
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "gen/loader.h"

struct variables {
	u32 max_entries, key_size, off, size, name_size, exists, missing, is_signed;
};

/* The compiler's struct bpf_map, of core_types.h. */
#define COMPILED 32

static int sys_bpf(int cmd, union bpf_attr *attr, u32 size)
{
	int ret = syscall(__NR_bpf, cmd, attr, size);

	return ret < 0 ? -errno : ret;
}

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	fprintf(stderr, "coreport: %s: %s\n", what, strerror(-ret));
	exit(1);
}

static int fd_of(const struct gen_loader *l, const char *ctx, enum gen_obj_kind kind)
{
	for (u32 i = 0; i < l->nr_descs; i++)
		if (l->descs[i].kind == kind) {
			int fd;

			memcpy(&fd, ctx + l->descs[i].ctx_off, sizeof(fd));
			return fd;
		}
	return -ENOENT;
}

static u32 map_id(int map)
{
	struct bpf_map_info info = {0};
	union bpf_attr attr = {
		.info = {.bpf_fd = map, .info_len = sizeof(info), .info = (uintptr_t)&info}};

	must(sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)), "info");
	return info.id;
}

static void element(int cmd, int map, void *value)
{
	u32 key = 0;
	union bpf_attr attr = {.map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)value};

	must(sys_bpf(cmd, &attr, sizeof(attr)), "variables");
}

static void iterate(int prog)
{
	union bpf_attr attr = {.link_create = {.prog_fd = prog, .attach_type = BPF_TRACE_ITER}};
	int link = must(sys_bpf(BPF_LINK_CREATE, &attr, sizeof(attr)), "link"), fd;
	char buf[64];

	memset(&attr, 0, sizeof(attr));
	attr.iter_create.link_fd = link;
	fd = must(sys_bpf(BPF_ITER_CREATE, &attr, sizeof(attr)), "iterator");
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	close(link);
}

int main(int argc, char **argv)
{
	/* .bss, in the order of the source */
	union {
		u32 word[16];
		struct {
			u32 want_id, seen;
			struct variables out;
		} v;
	} bss = {0};
	struct gen_loader *l;
	struct log log;
	char *ctx;
	int map;

	log_init(&log, 1, 4096);
	if (argc != 2 || gen_loader_read(open(argv[1], O_RDONLY), &l, &log))
		return 2;
	ctx = calloc(1, l->ctx_sz);
	gen_loader_ctx(l, ctx);
	must(gen_loader_run(l, sys_bpf, ctx, NULL), "load");
	map = must(fd_of(l, ctx, GEN_MAP), "map");
	bss.v.want_id = map_id(map);
	element(BPF_MAP_UPDATE_ELEM, map, &bss);
	iterate(must(fd_of(l, ctx, GEN_PROG), "program"));
	element(BPF_MAP_LOOKUP_ELEM, map, &bss);
	printf("port seen %u max_entries %u key_size %u offset %u compiled %u\n", bss.v.seen,
	       bss.v.out.max_entries, bss.v.out.key_size, bss.v.out.off, COMPILED);
	free(ctx);
	gen_loader_free(l);
	log_free(&log);
	return 0;
}
