/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procfs.c - what the kernel tells about BPF fds under /proc: the name behind /proc/self/fd/N and
 * the text of /proc/self/fdinfo/N. Handles are empty memfds, so both are answered here.
 */
#include <stdio.h>
#include <stdlib.h>
#include "base/raw.h"
#include "shim/shim.h"

#define PROG_HEAD \
	72 /* bytes of the kernel's struct bpf_prog before its instructions (6.1, 64-bit): part of \
	      "memlock" */

void shim_fd_path(char path[40], int fd)
{
	snprintf(path, 40, "/proc/self/fd/%d", fd);
}

/* "/proc/self/DIR/N", "/proc/PID/DIR/N" of ourselves: N; else -1. */
static int proc_fd(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	char *end;
	long n;

	if (!strncmp(path, "/dev/fd/", 8) && !strcmp(dir, "fd")) {
		path += 8;
		goto number;
	}
	if (strncmp(path, "/proc/", 6))
		return -1;
	path += 6;
	if (!strncmp(path, "self/", 5)) {
		path += 5;
	} else if (!strncmp(path, "thread-self/", 12)) {
		path += 12;
	} else {
		n = strtol(path, &end, 10);
		if (end == path || *end != '/' || n != raw_getpid())
			return -1;
		path = end + 1;
	}
	if (strncmp(path, dir, len) || path[len] != '/')
		return -1;
	path += len + 1;
number:
	n = strtol(path, &end, 10);
	return end == path || *end || n < 0 || n > INT32_MAX ? -1 : (int)n;
}

static const char *const link_names[] = {
	[FD_PROG] = "anon_inode:bpf-prog",     [FD_MAP] = "anon_inode:bpf-map",
	[FD_LINK] = "anon_inode:bpf-link",     [FD_BTF] = "anon_inode:btf",
	[FD_PERF] = "anon_inode:[perf_event]", [FD_PERF_RING] = "anon_inode:[perf_event]",
};

static struct fd_obj *handle_at(int fd)
{
	struct fd_obj *o;

	if (fd < 0)
		return NULL;
	o = fdtab_get(shim.fds, fd);
	return IS_ERR(o) ? NULL : o;
}

long shim_readlink(int dir, const char *path, char *buf, size_t len)
{
	struct fd_obj *o = handle_at(proc_fd(path, "fd"));
	const char *name;

	if (!o)
		return SHIM_ELSEWHERE;
	name = link_names[o->kind];
	fdtab_put(shim.fds, o);
	len = min(len, strlen(name));
	memcpy(buf, name, len);
	return len;
}

static long get_info(int fd, void *info, u32 len)
{
	union bpf_attr attr = {0};

	attr.info.bpf_fd = fd;
	attr.info.info_len = len;
	attr.info.info = (u64)(uintptr_t)info;
	return shim_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
}

static void hex(char *out, const u8 *in, int n)
{
	for (int i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", in[i]);
}

static int map_text(char *buf, size_t cap, int fd, const struct fd_obj *o)
{
	struct bpf_map_info i = {0};
	u64 elem, values;

	if (get_info(fd, &i, sizeof(i)))
		return 0;
	values = o->map ? map_sys_value_size(o->map) : i.value_size;
	elem = round_up(i.key_size + values, 8);
	return snprintf(buf, cap,
			"map_type:\t%u\nkey_size:\t%u\nvalue_size:\t%u\nmax_entries:\t%u\nmap_"
			"flags:\t0x%x\nmap_extra:\t0x%llx\n"
			"memlock:\t%llu\nmap_id:\t%u\nfrozen:\t%u\n",
			i.type, i.key_size, i.value_size, i.max_entries, i.map_flags,
			(unsigned long long)i.map_extra,
			(unsigned long long)round_up(i.max_entries * elem, 4096), i.id,
			o->map ? READ_ONCE(o->map->shm->frozen) : 0);
}

static int prog_text(char *buf, size_t cap, int fd, const struct fd_obj *o)
{
	char tag[2 * BPF_TAG_SIZE + 1] = "";
	struct bpf_prog_info i = {0};

	if (get_info(fd, &i, sizeof(i)))
		return 0;
	hex(tag, i.tag, BPF_TAG_SIZE);
	return snprintf(buf, cap,
			"prog_type:\t%u\nprog_jited:\t%u\nprog_tag:\t%s\nmemlock:\t%llu\nprog_id:"
			"\t%u\nrun_time_ns:\t%llu\n"
			"run_cnt:\t%llu\nrecursion_misses:\t%llu\nverified_insns:\t%u\n",
			i.type, i.jited_prog_len ? 1 : 0, tag,
			(unsigned long long)round_up(PROG_HEAD + i.xlated_prog_len, 4096), i.id,
			(unsigned long long)i.run_time_ns, (unsigned long long)i.run_cnt,
			(unsigned long long)i.recursion_misses, i.verified_insns);
}

static const char *const link_types[] = {
	"<invalid>", "raw_tracepoint", "tracing",    "cgroup",	  "iter", "netns",	 "xdp",
	"perf",	     "kprobe_multi",   "struct_ops", "netfilter", "tcx",  "uprobe_multi"};

static const char *link_type(u32 type)
{
	if (type == BPF_LINK_TYPE_VIEW)
		return "view";
	return type < ARRAY_SIZE(link_types) ? link_types[type] : "<unknown>";
}

static int link_text(char *buf, size_t cap, int fd, const struct fd_obj *o)
{
	char tag[2 * BPF_TAG_SIZE + 1] = "", target[64] = "";
	struct bpf_prog_info prog = {0};
	struct bpf_link_info i = {0};
	union bpf_attr attr = {0};
	int n, prog_fd;

	if (get_info(fd, &i, sizeof(i)))
		return 0;
	if (i.type == BPF_LINK_TYPE_ITER || i.type == BPF_LINK_TYPE_VIEW) {
		memset(&i, 0, sizeof(i));
		i.iter.target_name = (u64)(uintptr_t)target;
		i.iter.target_name_len = sizeof(target);
		get_info(fd, &i, sizeof(i));
	}
	attr.prog_id = i.prog_id;
	prog_fd = shim_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
	if (prog_fd >= 0) {
		get_info(prog_fd, &prog, sizeof(prog));
		fdtab_drop(shim.fds, prog_fd);
		raw_close(prog_fd);
	}
	hex(tag, prog.tag, BPF_TAG_SIZE);
	n = snprintf(buf, cap, "link_type:\t%s\nlink_id:\t%u\nprog_tag:\t%s\nprog_id:\t%u\n",
		     link_type(i.type), i.id, tag, i.prog_id);
	if (*target)
		n += snprintf(buf + n, cap - n, "%s:\t%s\n",
			      i.type == BPF_LINK_TYPE_VIEW ? "attach_target" : "target_name",
			      target);
	return n;
}

static int btf_text(char *buf, size_t cap, int fd, const struct fd_obj *o)
{
	return snprintf(buf, cap, "btf_id:\t%u\n", o->id);
}

static int no_text(char *buf, size_t cap, int fd, const struct fd_obj *o)
{
	return 0;
}

static int (*const texts[])(char *, size_t, int, const struct fd_obj *) = {
	[FD_PROG] = prog_text, [FD_MAP] = map_text, [FD_LINK] = link_text,
	[FD_BTF] = btf_text,   [FD_PERF] = no_text, [FD_PERF_RING] = no_text,
};

/* A value of the host's fdinfo text, as it stands there. */
static unsigned long host_value(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

/* The general lines with the open mode a kernel's BPF fd has, then the kind's. */
static int compose(char *buf, size_t cap, const char *path, int fd, const struct fd_obj *o)
{
	int in = raw_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), mode = O_RDONLY, n;
	char host[256];
	long len = in < 0 ? 0 : raw_read(in, host, sizeof(host) - 1);

	if (in >= 0)
		raw_close(in);
	host[max(len, 0l)] = '\0';
	if (o->kind == FD_PROG || o->kind == FD_PERF || o->kind == FD_PERF_RING ||
	    (o->kind == FD_MAP && o->perm == 3))
		mode = O_RDWR;
	else if (o->kind == FD_MAP && o->perm == 2)
		mode = O_WRONLY;
	if (raw_fcntl(fd, F_GETFD, 0) & FD_CLOEXEC)
		mode |= O_CLOEXEC;
	n = snprintf(buf, cap, "pos:\t0\nflags:\t0%o\nmnt_id:\t%lu\nino:\t%lu\n", mode,
		     host_value(host, "mnt_id:\t"), host_value(host, "ino:\t"));
	return n + texts[o->kind](buf + n, cap - n, fd, o);
}

int shim_open_fdinfo(const char *path, int flags)
{
	int fd = proc_fd(path, "fdinfo"), out, n;
	struct fd_obj *o = handle_at(fd);
	char buf[2048];

	if (!o)
		return SHIM_ELSEWHERE;
	if ((flags & O_ACCMODE) != O_RDONLY) {
		fdtab_put(shim.fds, o);
		return -EACCES;
	}
	n = compose(buf, sizeof(buf), path, fd, o);
	fdtab_put(shim.fds, o);
	out = raw_memfd("fdinfo", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	if (out < 0)
		return out;
	raw_write(out, buf, n);
	raw3(SYS_lseek, out, 0, 0);
	return out;
}
