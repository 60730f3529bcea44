/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kernel DIR - links and iterators through bpf(2): on the machine's kernel where it lets us
 * (else exit 77), or on userbpf when run under it. What is expected here is what both must answer.
 * DIR holds iter.bpf.o and iter_elem.bpf.o.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/base.h"

static u32 bad;

static int sys(int cmd, union bpf_attr *attr)
{
	long ret = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : ret;
}

/* @got may be a new fd: closed, and as good as 0. */
static void expect(const char *what, int want, int got)
{
	if (got > 2) {
		close(got);
		got = 0;
	}
	if (got == want)
		return;
	printf("%s: want %d, got %d\n", what, want, got);
	bad++;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static int load(const char *dir, const char *file)
{
	struct bpf_object *obj;
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	obj = bpf_object__open(path);
	if (!obj || bpf_object__load(obj)) {
		printf("%s cannot be loaded\n", path);
		exit(1);
	}
	fd = dup(bpf_program__fd(
		bpf_object__next_program(obj, NULL))); /* stays open until we exit */
	bpf_object__close(obj);
	return fd;
}

static int load_plain(enum bpf_prog_type type)
{
	static const struct bpf_insn ret0[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
					       {.code = BPF_JMP | BPF_EXIT}};

	return bpf_prog_load(type, "ret0", "GPL", ret0, ARRAY_SIZE(ret0), NULL);
}

struct fds {
	int map_prog, elem_prog, sock, kprobe, tp, raw_tp;
};

static int create(int prog, u32 attach, int target, u32 flags, const void *info, u32 len)
{
	union bpf_attr attr = {};

	attr.link_create.prog_fd = prog;
	attr.link_create.attach_type = attach;
	attr.link_create.target_fd = target;
	attr.link_create.flags = flags;
	attr.link_create.iter_info = (uintptr_t)info;
	attr.link_create.iter_info_len = len;
	return sys(BPF_LINK_CREATE, &attr);
}

static void creates(const struct fds *p)
{
	static union bpf_iter_link_info big[600];
	const struct {
		const char *what;
		int prog;
		u32 attach;
		int target;
		u32 flags;
		const void *info;
		u32 len;
		int want;
	} cases[] = {
		{"no program", -1, BPF_TRACE_ITER, 0, 0, NULL, 0, -EBADF},
		{"iterator", p->map_prog, BPF_TRACE_ITER, 0, 0, NULL, 0, 0},
		{"iterator, flags", p->map_prog, BPF_TRACE_ITER, 0, 1, NULL, 0, -EINVAL},
		{"iterator, target", p->map_prog, BPF_TRACE_ITER, 5, 0, NULL, 0, -EINVAL},
		{"iterator as fentry", p->map_prog, BPF_TRACE_FENTRY, 0, 0, NULL, 0, -EINVAL},
		{"iterator as xdp", p->map_prog, BPF_XDP, 0, 0, NULL, 0, -EINVAL},
		{"iterator as cgroup", p->map_prog, 0, 0, 0, NULL, 0, -EINVAL},
		{"unknown attach type", p->map_prog, 1000, 0, 0, NULL, 0, -EINVAL},
		{"info without length", p->map_prog, BPF_TRACE_ITER, 0, 0, big, 0, -EINVAL},
		{"length without info", p->map_prog, BPF_TRACE_ITER, 0, 0, NULL, 8, -EINVAL},
		{"info that is not there", p->map_prog, BPF_TRACE_ITER, 0, 0, (void *)8, 8,
		 -EFAULT},
		{"silly large info", p->map_prog, BPF_TRACE_ITER, 0, 0, big, 4097, -E2BIG},
		{"longer info, zeroes", p->map_prog, BPF_TRACE_ITER, 0, 0, big, 200, 0},
		{"longer info, something", p->map_prog, BPF_TRACE_ITER, 0, 0, big, 500, -E2BIG},
		{"short info", p->map_prog, BPF_TRACE_ITER, 0, 0, big, 2, 0},
		{"elements of no map", p->elem_prog, BPF_TRACE_ITER, 0, 0, NULL, 0, -EBADF},
		{"socket filter", p->sock, 0, 0, 0, NULL, 0, -EINVAL},
		{"socket filter as iterator", p->sock, BPF_TRACE_ITER, 0, 0, NULL, 0, -EINVAL},
		{"kprobe as iterator", p->kprobe, BPF_TRACE_ITER, 0, 0, NULL, 0, -EINVAL},
		{"tracepoint as xdp", p->tp, BPF_XDP, 0, 0, NULL, 0, -EINVAL},
		{"raw tracepoint", p->raw_tp, BPF_TRACE_RAW_TP, 0, 0, NULL, 0, -EINVAL},
	};

	((char *)big)[450] = 1;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect(cases[i].what, cases[i].want,
		       create(cases[i].prog, cases[i].attach, cases[i].target, cases[i].flags,
			      cases[i].info, cases[i].len));
}

/* The program reads 4 bytes of key and 8 of value. */
static void elements(const struct fds *p)
{
	static const struct {
		u32 type, key, value;
		int want;
	} cases[] = {
		{BPF_MAP_TYPE_HASH, 4, 8, 0},	      {BPF_MAP_TYPE_HASH, 4, 4, -EACCES},
		{BPF_MAP_TYPE_HASH, 2, 8, -EACCES},   {BPF_MAP_TYPE_ARRAY, 4, 8, 0},
		{BPF_MAP_TYPE_ARRAY, 4, 7, -EACCES},  {BPF_MAP_TYPE_PERCPU_HASH, 4, 4, 0},
		{BPF_MAP_TYPE_PERCPU_ARRAY, 4, 4, 0}, {BPF_MAP_TYPE_PROG_ARRAY, 4, 4, -EINVAL},
	};
	union bpf_iter_link_info info = {.map.map_fd = p->map_prog};

	expect("elements of a program", -EINVAL,
	       create(p->elem_prog, BPF_TRACE_ITER, 0, 0, &info, sizeof(info)));
	info.map.map_fd = 999;
	expect("elements of a bad fd", -EBADF,
	       create(p->elem_prog, BPF_TRACE_ITER, 0, 0, &info, sizeof(info)));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int map = bpf_map_create(cases[i].type, "m", cases[i].key, cases[i].value, 4, NULL);
		char what[64];

		snprintf(what, sizeof(what), "elements of kind %u, %u and %u bytes", cases[i].type,
			 cases[i].key, cases[i].value);
		info.map.map_fd = map;
		expect(what, cases[i].want,
		       create(p->elem_prog, BPF_TRACE_ITER, 0, 0, &info, sizeof(info)));
		close(map);
	}
}

static int update(int link, int new_prog, u32 flags, int old_prog)
{
	union bpf_attr attr = {};

	attr.link_update.link_fd = link;
	attr.link_update.new_prog_fd = new_prog;
	attr.link_update.flags = flags;
	attr.link_update.old_prog_fd = old_prog;
	return sys(BPF_LINK_UPDATE, &attr);
}

static int iter_create(int link, u32 flags)
{
	union bpf_attr attr = {.iter_create = {.link_fd = link, .flags = flags}};

	return sys(BPF_ITER_CREATE, &attr);
}

static int detach(int link)
{
	union bpf_attr attr = {.link_detach.link_fd = link};

	return sys(BPF_LINK_DETACH, &attr);
}

static void updates(const struct fds *p, int link)
{
	expect("update: another target", -EINVAL, update(link, p->elem_prog, 0, 0));
	expect("update: another type", -EINVAL, update(link, p->sock, 0, 0));
	expect("update: the same", 0, update(link, p->map_prog, 0, 0));
	expect("update: old program without flag", -EINVAL,
	       update(link, p->map_prog, 0, p->map_prog));
	expect("update: replace", 0, update(link, p->map_prog, BPF_F_REPLACE, p->map_prog));
	expect("update: replace another", -EPERM,
	       update(link, p->map_prog, BPF_F_REPLACE, p->elem_prog));
	expect("update: unknown flag", -EINVAL, update(link, p->map_prog, 8, 0));
	expect("detach", -EOPNOTSUPP, detach(link));
	expect("detach a program", -EINVAL, detach(p->map_prog));
	expect("iter_create", 0, iter_create(link, 0));
	expect("iter_create: flags", -EINVAL, iter_create(link, 1));
	expect("iter_create: a program", -EINVAL, iter_create(p->map_prog, 0));
}

static int link_info(int link, char *name, u32 *len)
{
	struct bpf_link_info info = {
		.iter = {.target_name = (uintptr_t)name, .target_name_len = *len}};
	u32 size = sizeof(info);
	int err = bpf_obj_get_info_by_fd(link, &info, &size) ? -errno : 0;

	*len = info.iter.target_name_len;
	return err ? err : info.type == BPF_LINK_TYPE_ITER ? 0 : -1;
}

static void infos(int link)
{
	char name[16] = "";
	u32 len = 0;

	expect("info", 0, link_info(link, NULL, &len));
	expect("length of the name", 0, len != 8);
	len = 0;
	expect("info: buffer without length", -EINVAL, link_info(link, name, &len));
	len = 4;
	expect("info: short buffer", -ENOSPC, link_info(link, name, &len));
	expect("cut name", 0, strcmp(name, "bpf"));
	len = sizeof(name);
	expect("info: room enough", 0, link_info(link, name, &len));
	expect("name", 0, strcmp(name, "bpf_map"));
}

static void reads(int link)
{
	int fd = bpf_iter_create(link), total = 0;
	char buf[64];
	ssize_t n;

	expect("lseek", -ESPIPE, lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0);
	expect("write", -EBADF, write(fd, buf, 1) < 0 ? -errno : 0);
	while ((n = read(fd, buf, 2)) > 0)
		total += n;
	expect("end of file", 0, n);
	expect("text", 0, !total);
	close(fd);
}

int main(int argc, char **argv)
{
	struct fds p;
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = BPF_F_ZERO_SEED); /* takes all the privilege we need */
	int link, probe = bpf_map_create(BPF_MAP_TYPE_HASH, NULL, 4, 4, 1, &opts);

	if (probe < 0 || argc < 2) {
		printf("SKIP: bpf(2) is not for us here\n");
		return 77;
	}
	close(probe);
	libbpf_set_print(quiet);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	p = (struct fds){load(argv[1], "iter.bpf.o"),
			 load(argv[1], "iter_elem.bpf.o"),
			 load_plain(BPF_PROG_TYPE_SOCKET_FILTER),
			 load_plain(BPF_PROG_TYPE_KPROBE),
			 load_plain(BPF_PROG_TYPE_TRACEPOINT),
			 load_plain(BPF_PROG_TYPE_RAW_TRACEPOINT)};
	creates(&p);
	elements(&p);
	link = create(p.map_prog, BPF_TRACE_ITER, 0, 0, NULL, 0);
	updates(&p, link);
	infos(link);
	reads(link);
	printf("%u differ\n", bad);
	return bad != 0;
}
