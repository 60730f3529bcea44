/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every light skeleton carries: it needs libc and nothing else, and stands once per file however many skeletons there are.
 * The bpf(2) attributes are spelled out, so that the age of the machine's <linux/bpf.h> does not matter.
 */
#ifndef USERBPF_LSKEL_RT
#define USERBPF_LSKEL_RT 1

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/perf_event.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#if !defined(__cplusplus) && !defined(_DEFAULT_SOURCE)
extern long syscall(long number, ...); /* hidden by -std=c99 */
#endif
#ifdef MAP_ANONYMOUS
#define USERBPF_MAP_ANONYMOUS MAP_ANONYMOUS
#else
#define USERBPF_MAP_ANONYMOUS 0x20
#endif
#ifdef O_CLOEXEC
#define USERBPF_O_CLOEXEC O_CLOEXEC
#else
#define USERBPF_O_CLOEXEC 02000000
#endif

/* The loader program's context: laid out as libbpf's loaders have it. */
struct userbpf_loader_ctx {
	__u32 sz;
	__u32 flags; /* USERBPF_BY_PROGRAM */
	__u32 log_level;
	__u32 log_size;
	__u64 log_buf;
};
struct userbpf_map_desc {
	int map_fd;		/* set by load */
	__u32 max_entries;	/* 0: as in the object */
	__u64 initial_value;	/* address, or 0 */
};
struct userbpf_prog_desc {
	int prog_fd;
};

/* By the loader program also where NAME__load() can make the calls itself. */
#define USERBPF_BY_PROGRAM 1u

/* For NAME__open_opts(): where programs' verifier logs go. */
struct userbpf_open_opts {
	size_t sz; /* of this struct */
	__u32 log_level;
	__u32 log_size;
	char *log_buf;
};

/* For NAME__attach_PROG(): whatever is zero is as SEC() says. */
/* Of uprobe.multi: one of many places in a file. */
struct userbpf_place {
	const char *func; /* "func+off"; NULL: offset */
	__u64 offset, ref_ctr_off, cookie;
};
struct userbpf_attach_opts {
	size_t sz;	/* of this struct */
	__u64 cookie;	/* bpf_get_attach_cookie() */
	__u32 flags;	/* of LINK_CREATE */
	__u32 ifindex;	/* xdp, tcx */
	int target_fd;	/* cgroup directory, network namespace, perf event, sockmap; what a view shows */
	int pid;	/* uprobe, uprobe.multi: of this process only; 0: of all */
	const void *iter_info; /* union bpf_iter_link_info */
	__u32 iter_info_len;
	__u32 attach_type;  /* other than the program's (tcx: 46 ingress, 47 egress) */
	const char *target; /* other than SEC's: "func+off", "binary:func+off", "binary:provider:name", "category/event", "event" */
	__u64 ref_ctr_off;  /* uprobe: offset of a semaphore in the file */
	const struct userbpf_place *places; /* uprobe.multi: of the file target, instead of its function */
	size_t nr_places;
};

/* Who forgets sz would be told nothing: what else is there would not count. */
static inline bool userbpf_opts_ok(const void *opts, size_t sz)
{
	return !opts || sz >= sizeof(size_t);
}

/* --- bpf(2) --- */

struct userbpf_map_create {
	__u32 map_type, key_size, value_size, max_entries, map_flags, inner_map_fd, numa_node;
	char map_name[16];
};
struct userbpf_map_elem {
	__u32 map_fd, pad;
	__u64 key, value, flags;
};
struct userbpf_prog_load {
	__u32 prog_type, insn_cnt;
	__u64 insns, license;
	__u32 log_level, log_size;
	__u64 log_buf;
	__u32 kern_version, prog_flags;
	char prog_name[16];
	__u32 prog_ifindex, expected_attach_type, prog_btf_fd, func_info_rec_size;
	__u64 func_info;
	__u32 func_info_cnt, line_info_rec_size;
	__u64 line_info;
	__u32 line_info_cnt, attach_btf_id, attach_prog_fd, pad;
	__u64 fd_array;
};
struct userbpf_test_run {
	__u32 prog_fd, retval, data_size_in, data_size_out;
	__u64 data_in, data_out;
	__u32 repeat, duration, ctx_size_in, ctx_size_out;
	__u64 ctx_in, ctx_out;
	__u32 flags, cpu;
};
struct userbpf_raw_tp_open {
	__u64 name;
	__u32 prog_fd, pad;
	__u64 cookie;
};
struct userbpf_link_create {
	__u32 prog_fd, target, attach_type, flags;
	union {
		struct {
			__u64 iter_info;
			__u32 iter_info_len, pad;
		} iter;
		struct {
			__u64 cookie;
		} perf;
		struct {
			__u32 flags, cnt;
			__u64 syms, addrs, cookies;
		} multi;
		struct {
			__u64 path, offsets, ref_ctr_offsets, cookies;
			__u32 cnt, flags, pid, pad;
		} umulti;
		struct {
			__u32 target_btf_id, pad;
			__u64 cookie;
		} tracing;
		__u64 all[6];
	} u;
};

enum {
	USERBPF_MAP_CREATE = 0,
	USERBPF_MAP_LOOKUP_ELEM = 1,
	USERBPF_MAP_UPDATE_ELEM = 2,
	USERBPF_PROG_LOAD = 5,
	USERBPF_PROG_TEST_RUN = 10,
	USERBPF_RAW_TRACEPOINT_OPEN = 17,
	USERBPF_LINK_CREATE = 28,
	USERBPF_ITER_CREATE = 33
};

#if defined(__NR_bpf)
#define USERBPF_NR_BPF __NR_bpf
#else
#define USERBPF_NR_BPF SYS_bpf
#endif

static inline long userbpf_sys(int cmd, void *attr, size_t size)
{
	long ret = syscall(USERBPF_NR_BPF, (long)cmd, attr, size, 0L, 0L, 0L);

	return ret < 0 ? -errno : ret;
}

static inline void userbpf_close(int *fd)
{
	if (*fd > 0)
		close(*fd);
	*fd = 0;
}

static inline __u64 userbpf_ptr(const void *p)
{
	return (__u64)(unsigned long)p;
}

/* The verifier gives up where a signal waits; it comes on the way back, and then there is no reason to. */
#define USERBPF_TRIES 5

/* --- loading --- */

/* Of the context, into the loader's data: @len bytes (4 or 8) from there, or from the address there. */
struct userbpf_patch {
	__u32 to, from, len, indirect;
};
/* One of the calls that the loader program makes, for who makes them without it; all places are in the value. */
struct userbpf_call {
	__u32 cmd;
	__u32 attr, size;
	__u32 result;	      /* its fd */
	__u32 ctx;	      /* where that goes in the context; 0: closed at the end */
	__u32 nr_fds, nr_types; /* the next places of the list: for its fd; that are 0 when it is refused */
	__u32 flags;	      /* 1: it yields an fd, 2: its error is none */
};
struct userbpf_loader {
	const void *data; /* the first bytes of the loader map's value */
	size_t data_sz;
	size_t value_sz; /* with the zeros after them */
	const void *insns;
	size_t insns_sz;
	const struct userbpf_patch *patches;
	size_t nr_patches;
	size_t nr_results; /* of 8 bytes, which the value begins with */
	const char *steps; /* what each is about: texts one behind the other */
	const struct userbpf_call *calls; /* NULL: there are names that only the kernel can look up */
	size_t nr_calls;
	const __u32 *places; /* of what and where for each address, then those of the calls */
	size_t nr_pointers;
	__u32 nr_maps;	   /* in the context: their descriptors, then fds of programs and links */
	__u32 nr_fds;
};

/* What the caller said; 0 is to say nothing. */
static inline void userbpf_patch_all(void *data, const void *ctx, const struct userbpf_patch *p,
				     size_t nr)
{
	for (; nr; nr--, p++) {
		const char *from = (const char *)ctx + p->from;
		__u64 value = 0;

		memcpy(&value, from, p->indirect ? 8 : p->len);
		if (p->indirect)
			from = (const char *)(unsigned long)value;
		if (value)
			memcpy((char *)data + p->to, from, p->len);
	}
}

/* Whether that would change anything: mostly the object says the same. */
static inline bool userbpf_patch_any(const void *data, const void *ctx, const struct userbpf_patch *p,
				     size_t nr)
{
	for (; nr; nr--, p++) {
		const char *from = (const char *)ctx + p->from;
		__u64 value = 0;

		memcpy(&value, from, p->indirect ? 8 : p->len);
		if (p->indirect)
			from = (const char *)(unsigned long)value;
		if (value && memcmp((const char *)data + p->to, from, p->len))
			return true;
	}
	return false;
}

static inline int userbpf_loader_map_of(const void *data, __u32 data_sz)
{
	struct userbpf_map_create create;
	struct userbpf_map_elem update;
	__u32 key = 0;
	int fd, err;

	memset(&create, 0, sizeof(create));
	create.map_type = 2; /* ARRAY */
	create.key_size = sizeof(key);
	create.value_size = data_sz;
	create.max_entries = 1;
	memcpy(create.map_name, "__loader.map", 12);
	fd = (int)userbpf_sys(USERBPF_MAP_CREATE, &create, sizeof(create));
	if (fd < 0)
		return fd;
	memset(&update, 0, sizeof(update));
	update.map_fd = (__u32)fd;
	update.key = userbpf_ptr(&key);
	update.value = userbpf_ptr(data);
	err = (int)userbpf_sys(USERBPF_MAP_UPDATE_ELEM, &update, sizeof(update));
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* The value, with what the caller said. */
static inline char *userbpf_loader_value(const struct userbpf_loader *l, const void *ctx)
{
	char *value = (char *)calloc(1, l->value_sz);

	if (value) {
		memcpy(value, l->data, l->data_sz);
		userbpf_patch_all(value, ctx, l->patches, l->nr_patches);
	}
	return value;
}

static inline int userbpf_loader_map(const struct userbpf_loader *l, const void *ctx)
{
	char *value;
	int fd;

	if (l->data_sz == l->value_sz && !userbpf_patch_any(l->data, ctx, l->patches, l->nr_patches))
		return userbpf_loader_map_of(l->data, (__u32)l->value_sz);
	value = userbpf_loader_value(l, ctx);
	if (!value)
		return -ENOMEM;
	fd = userbpf_loader_map_of(value, (__u32)l->value_sz);
	free(value);
	return fd;
}

static inline int userbpf_loader_prog(const void *insns, size_t insns_sz, const int *map_fd)
{
	struct userbpf_prog_load load;

	memset(&load, 0, sizeof(load));
	load.prog_type = 31; /* SYSCALL */
	load.insns = userbpf_ptr(insns);
	load.insn_cnt = (__u32)(insns_sz / 8);
	load.license = userbpf_ptr("Dual BSD/GPL");
	load.prog_flags = 1u << 4; /* SLEEPABLE */
	memcpy(load.prog_name, "__loader.prog", 13);
	load.fd_array = userbpf_ptr(map_fd);
	return (int)userbpf_sys(USERBPF_PROG_LOAD, &load, sizeof(load));
}

static inline int userbpf_loader_run(int prog_fd, struct userbpf_loader_ctx *ctx)
{
	struct userbpf_test_run run;
	int err;

	memset(&run, 0, sizeof(run));
	run.prog_fd = (__u32)prog_fd;
	run.ctx_in = userbpf_ptr(ctx);
	run.ctx_size_in = ctx->sz;
	err = (int)userbpf_sys(USERBPF_PROG_TEST_RUN, &run, sizeof(run));
	return err < 0 ? err : (int)run.retval;
}

/* The first error among a loader's results and its number; 0: there is none. Addresses of the kernel are negative, too. */
static inline int userbpf_first_error(const void *value, size_t nr, size_t *step)
{
	long long result;

	for (*step = 0; *step < nr; ++*step) {
		memcpy(&result, (const char *)value + *step * 8, 8);
		if (result < 0 && result >= -4095)
			return (int)result;
	}
	return 0;
}

static inline const char *userbpf_step_name(const struct userbpf_loader *l, size_t step)
{
	const char *name = l->steps;

	while (step--)
		name += strlen(name) + 1;
	return name;
}

/* Of a loader that failed with @err: why, of what it left in its map. */
static inline int userbpf_loader_why(const struct userbpf_loader *l, int map_fd, int err,
				     const char **failed)
{
	void *value = malloc(l->value_sz);
	struct userbpf_map_elem lookup;
	__u32 key = 0;
	size_t step;
	int told;

	memset(&lookup, 0, sizeof(lookup));
	lookup.map_fd = (__u32)map_fd;
	lookup.key = userbpf_ptr(&key);
	lookup.value = userbpf_ptr(value);
	told = value ? (int)userbpf_sys(USERBPF_MAP_LOOKUP_ELEM, &lookup, sizeof(lookup)) : -ENOMEM;
	if (!told) {
		told = userbpf_first_error(value, l->nr_results, &step);
		*failed = told ? userbpf_step_name(l, step) : NULL;
	}
	free(value);
	return told ? told : err;
}

static inline void userbpf_drop_fd(void *fd)
{
	int n;

	memcpy(&n, fd, sizeof(n));
	if (n > 0)
		close(n);
	memset(fd, 0, sizeof(n));
}

/* What a loader that failed had made. */
static inline void userbpf_drop_fds(struct userbpf_loader_ctx *ctx, __u32 nr_maps, __u32 nr_fds)
{
	char *at = (char *)(ctx + 1);

	for (; nr_maps; nr_maps--, at += sizeof(struct userbpf_map_desc))
		userbpf_drop_fd(at);
	for (; nr_fds; nr_fds--, at += sizeof(struct userbpf_prog_desc))
		userbpf_drop_fd(at);
}

/* A skeleton's fd of 0 says that there is none; with standard input closed the kernel gives that number away. */
static inline int userbpf_high_fd(int fd)
{
	int high;

	if (fd < 0 || fd > 2)
		return fd;
	high = fcntl(fd, 1030 /* F_DUPFD_CLOEXEC */, 3);
	if (high < 0)
		high = -errno;
	close(fd);
	return high;
}

/* --- the calls without the program: a kernel need not verify it, and it has no part in them but names --- */

static inline void userbpf_put_pointers(const struct userbpf_loader *l, char *value)
{
	const __u32 *p = l->places;
	size_t i;

	for (i = 0; i < l->nr_pointers; i++, p += 2) {
		__u64 address = userbpf_ptr(value + p[0]);

		memcpy(value + p[1], &address, sizeof(address));
	}
}

/* @n in the next @nr places of @p. */
static inline const __u32 *userbpf_put_number(char *value, const __u32 *p, __u32 nr, int n)
{
	for (; nr; nr--, p++)
		memcpy(value + *p, &n, sizeof(n));
	return p;
}

/* 0 or the call's error; its fd goes wherever it is wanted. */
static inline int userbpf_make_call(const struct userbpf_call *c, char *value, const __u32 **places,
				    struct userbpf_loader_ctx *ctx)
{
	int ret, tries = 0;
	bool without;

	do
		ret = (int)userbpf_sys((int)c->cmd, value + c->attr, c->size);
	while (ret == -EAGAIN && c->cmd == USERBPF_PROG_LOAD && ++tries < USERBPF_TRIES);
	without = ret < 0 && c->flags & 2;
	if (c->flags & 1)
		ret = userbpf_high_fd(ret);
	if (ret < 0 && !without)
		return ret;
	if (c->flags & 1 && !without) {
		memcpy(value + c->result, &ret, sizeof(ret));
		if (c->ctx)
			memcpy((char *)ctx + c->ctx, &ret, sizeof(ret));
	}
	*places = userbpf_put_number(value, *places, c->nr_fds, ret);
	if (without)
		userbpf_put_number(value, *places, c->nr_types, 0);
	*places += c->nr_types;
	return 0;
}

/* What nobody gets. Before a call was made its result is negative. */
static inline void userbpf_close_rest(const struct userbpf_loader *l, const char *value)
{
	size_t i;
	int fd;

	for (i = 0; i < l->nr_calls; i++) {
		memcpy(&fd, value + l->calls[i].result, sizeof(fd));
		if (l->calls[i].flags & 1 && !l->calls[i].ctx && fd >= 0)
			close(fd);
	}
}

static inline int userbpf_make_calls(struct userbpf_loader_ctx *ctx, const struct userbpf_loader *l,
				     const char **failed)
{
	const __u32 *places = l->places + 2 * l->nr_pointers;
	char *value = userbpf_loader_value(l, ctx);
	int err = 0;
	size_t i;

	*failed = NULL;
	if (!value)
		return -ENOMEM;
	userbpf_put_pointers(l, value);
	for (i = 0; i < l->nr_calls && !err; i++)
		err = userbpf_make_call(&l->calls[i], value, &places, ctx);
	userbpf_close_rest(l, value);
	if (err) {
		*failed = userbpf_step_name(l, i); /* the first is no call's */
		userbpf_drop_fds(ctx, l->nr_maps, l->nr_fds);
	}
	free(value);
	return err;
}

/* 0 or negative errno of the call that failed; @failed: what that was about, NULL: the loader itself. */
static inline int userbpf_run_program(struct userbpf_loader_ctx *ctx, const struct userbpf_loader *l,
				       const char **failed)
{
	int map_fd = userbpf_loader_map(l, ctx), prog_fd, err;

	*failed = NULL;
	if (map_fd < 0)
		return map_fd;
	prog_fd = userbpf_loader_prog(l->insns, l->insns_sz, &map_fd);
	err = prog_fd;
	if (prog_fd >= 0) {
		err = userbpf_loader_run(prog_fd, ctx);
		close(prog_fd);
		if (err < 0) {
			userbpf_drop_fds(ctx, l->nr_maps, l->nr_fds);
			err = userbpf_loader_why(l, map_fd, err, failed);
		}
	}
	close(map_fd);
	return err < 0 ? err : 0;
}

static inline int userbpf_load(struct userbpf_loader_ctx *ctx, const struct userbpf_loader *l,
			       const char **failed)
{
	int err, tries = 0;

	if (l->calls && !(ctx->flags & USERBPF_BY_PROGRAM))
		return userbpf_make_calls(ctx, l, failed);
	do
		err = userbpf_run_program(ctx, l, failed);
	while (err == -EAGAIN && ++tries < USERBPF_TRIES);
	return err;
}

/* --- the machine --- */

/* The first line of a small file of /sys; its length, or negative errno. */
static inline int userbpf_read_file(const char *path, char *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | USERBPF_O_CLOEXEC);
	long n;

	if (fd < 0)
		return -errno;
	n = (long)read(fd, buf, cap - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return (int)n;
}

/* For maps with an entry per CPU: how many there may be ("0-7", "0,2-3"); negative errno. */
static inline int userbpf_possible_cpus(void)
{
	char text[256], *p = text;
	long last = -1;
	int err = userbpf_read_file("/sys/devices/system/cpu/possible", text, sizeof(text));

	if (err < 0)
		return err;
	while (*p >= '0' && *p <= '9') {
		last = strtol(p, &p, 10);
		p += *p == '-' || *p == ',';
	}
	return last < 0 ? -EINVAL : (int)last + 1;
}

/* max_entries of such a map; 0, which the loader takes as recorded, when it is not known. */
static inline __u32 userbpf_entry_per_cpu(void)
{
	int n = userbpf_possible_cpus();

	return n > 0 ? (__u32)n : 0;
}

/*
 * As LINUX_VERSION_CODE, of the running kernel; 0: not known. Ubuntu and Debian have the true one elsewhere than in the
 * release.
 */
static inline __u32 userbpf_kernel_version(void)
{
	unsigned int a = 0, b = 0, c = 0;
	const char *debian;
	struct utsname u;
	char text[256];

	if (uname(&u))
		return 0;
	debian = strstr(u.version, "Debian ");
	if ((userbpf_read_file("/proc/version_signature", text, sizeof(text)) <= 0 ||
	     sscanf(text, "%*s %*s %u.%u.%u", &a, &b, &c) != 3) &&
	    (!debian || sscanf(debian, "Debian %u.%u.%u", &a, &b, &c) != 3)) {
		c = 0;
		if (sscanf(u.release, "%u.%u.%u", &a, &b, &c) < 2)
			return 0;
	}
	return a << 16 | b << 8 | (c > 255 ? 255 : c);
}

/* LINUX_KERNEL_VERSION in .kconfig, of 4 or 8 bytes: that of this machine, if it is known. */
static inline void userbpf_set_version(void *at, size_t size)
{
	__u32 version = userbpf_kernel_version();
	__u64 wide = version;

	if (version)
		memcpy(at, size == 8 ? (void *)&wide : (void *)&version, size == 8 ? 8 : 4);
}

/* --- global data --- */

static inline size_t userbpf_page_size(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return 4096;
#else
	return (size_t)sysconf(_SC_PAGESIZE);
#endif
}

static inline size_t userbpf_pages(size_t size)
{
	size_t page = userbpf_page_size();

	return (size + page - 1) / page * page;
}

/* Bytes of a ring buffer: a power of two of pages. */
static inline __u32 userbpf_ring_size(__u32 least)
{
	size_t size = userbpf_page_size();

	while (size < least)
		size *= 2;
	return (__u32)size;
}

/* Memory of a skeleton and of its variables until they are loaded, all zero; NULL: none. */
static inline void *userbpf_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | USERBPF_MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Variables that are zero in the object, and so in the new map: what the caller said instead. */
static inline int userbpf_data_fill(const void *p, size_t size, int map_fd)
{
	const char *c = (const char *)p;
	struct userbpf_map_elem update;
	__u32 key = 0;

	if (!size || (!c[0] && !memcmp(c, c + 1, size - 1)))
		return 0;
	memset(&update, 0, sizeof(update));
	update.map_fd = (__u32)map_fd;
	update.key = userbpf_ptr(&key);
	update.value = userbpf_ptr(p);
	return (int)userbpf_sys(USERBPF_MAP_UPDATE_ELEM, &update, sizeof(update));
}

/* The map itself in place of it, at the same address. A constant one is no other than what is there. */
static inline int userbpf_data_map(void *p, size_t map_sz, bool constant, int map_fd)
{
	void *q;

	if (constant)
		return mprotect(p, userbpf_pages(map_sz), PROT_READ) ? -errno : 0;
	q = mmap(p, userbpf_pages(map_sz), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, map_fd, 0);
	return q == MAP_FAILED ? -errno : 0;
}

/* --- attaching: each returns the fd of a link, or negative errno --- */

/* What the caller's opts say, as much of them as it knows. */
static inline struct userbpf_attach_opts userbpf_opts(const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o;

	memset(&o, 0, sizeof(o));
	if (opts)
		memcpy(&o, opts, opts->sz < sizeof(o) ? opts->sz : sizeof(o));
	return o;
}

static inline int userbpf_link(int prog_fd, __u32 target, __u32 attach_type,
				      const struct userbpf_attach_opts *o,
				      struct userbpf_link_create *attr)
{
	attr->prog_fd = (__u32)prog_fd;
	attr->target = target;
	attr->attach_type = attach_type;
	attr->flags = o->flags;
	return userbpf_high_fd((int)userbpf_sys(USERBPF_LINK_CREATE, attr, sizeof(*attr)));
}

static inline int userbpf_attach_raw_tp(int prog_fd, const char *name,
					const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct userbpf_raw_tp_open attr;

	memset(&attr, 0, sizeof(attr));
	attr.name = userbpf_ptr(o.target ? o.target : name);
	attr.prog_fd = (__u32)prog_fd;
	attr.cookie = o.cookie; /* 6.10 */
	return userbpf_high_fd((int)userbpf_sys(USERBPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr)));
}

/* fentry, fexit, fmod_ret, tp_btf, lsm, freplace: the target came with the load. */
static inline int userbpf_attach_tracing(int prog_fd, __u32 attach_type,
					 const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct userbpf_link_create attr;

	if (!o.cookie) {
		o.target = NULL;
		return userbpf_attach_raw_tp(prog_fd, NULL, &o);
	}
	memset(&attr, 0, sizeof(attr));
	attr.u.tracing.cookie = o.cookie; /* 5.19 */
	return userbpf_link(prog_fd, 0, attach_type, &o, &attr);
}

static inline int userbpf_attach_iter(int prog_fd, const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct userbpf_link_create attr;

	memset(&attr, 0, sizeof(attr));
	attr.u.iter.iter_info = userbpf_ptr(o.iter_info);
	attr.u.iter.iter_info_len = o.iter_info_len;
	return userbpf_link(prog_fd, 0, 28 /* TRACE_ITER */, &o, &attr);
}

/* The content of a file: of the map, link or process behind target_fd, 0: of the cgroup where it is pinned. */
static inline int userbpf_attach_view(int prog_fd, const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct userbpf_link_create attr;

	memset(&attr, 0, sizeof(attr));
	return userbpf_link(prog_fd, (__u32)o.target_fd, 30001 /* BPF_TRACE_VIEW */, &o, &attr);
}

/* What is written to a file: of the view whose link is target_fd, 0: of this link, where it is pinned. */
static inline int userbpf_attach_view_write(int prog_fd, const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct userbpf_link_create attr;

	memset(&attr, 0, sizeof(attr));
	return userbpf_link(prog_fd, (__u32)o.target_fd, 30002 /* BPF_TRACE_VIEW_WRITE */, &o, &attr);
}

/* A reader of an iterator's link: an fd whose text ends when there is no more object. */
static inline int userbpf_iter_create(int link_fd)
{
	struct {
		__u32 link_fd, flags;
	} attr;

	attr.link_fd = (__u32)link_fd;
	attr.flags = 0;
	return (int)userbpf_sys(USERBPF_ITER_CREATE, &attr, sizeof(attr));
}

/* cgroup, netns, sk_lookup, flow_dissector, sockmap: to the object behind an fd. */
static inline int userbpf_attach_fd(int prog_fd, __u32 attach_type,
				    const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct userbpf_link_create attr;

	if (o.target_fd <= 0)
		return -EINVAL;
	memset(&attr, 0, sizeof(attr));
	return userbpf_link(prog_fd, (__u32)o.target_fd, o.attach_type ? o.attach_type : attach_type,
				   &o, &attr);
}

/* xdp, tcx: to a network device. */
static inline int userbpf_attach_if(int prog_fd, __u32 attach_type,
				    const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct userbpf_link_create attr;

	if (!o.ifindex)
		return -EINVAL;
	memset(&attr, 0, sizeof(attr));
	return userbpf_link(prog_fd, o.ifindex, o.attach_type ? o.attach_type : attach_type, &o,
				   &attr);
}

/* --- perf events --- */

/* A link of the program with the event, which it then keeps; closes @perf_fd. */
static inline int userbpf_attach_perf(int prog_fd, int perf_fd, const struct userbpf_attach_opts *o)
{
	struct userbpf_link_create attr;
	int fd;

	if (perf_fd < 0)
		return perf_fd;
	memset(&attr, 0, sizeof(attr));
	attr.u.perf.cookie = o->cookie;
	fd = userbpf_link(prog_fd, (__u32)perf_fd, 41 /* PERF_EVENT */, o, &attr);
	close(perf_fd);
	return fd;
}

/* perf_event: the event is the caller's, target_fd. */
static inline int userbpf_attach_event(int prog_fd, const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	int fd = o.target_fd > 0 ? fcntl(o.target_fd, 1030 /* F_DUPFD_CLOEXEC */, 3) : -1;

	if (o.target_fd <= 0)
		return -EINVAL;
	return fd < 0 ? -errno : userbpf_attach_perf(prog_fd, fd, &o);
}

static inline int userbpf_perf_open(struct perf_event_attr *attr, int pid, int cpu)
{
	long fd;

	attr->size = sizeof(*attr);
	fd = syscall(__NR_perf_event_open, attr, (long)pid, (long)cpu, -1L, 8L /* CLOEXEC */, 0L);
	return fd < 0 ? -errno : (int)fd;
}

/* "kprobe" or "uprobe": its type among the event sources, and the bit that makes it a return probe. */
static inline int userbpf_probe_type(const char *kind, bool ret, __u64 *config)
{
	char path[128], text[64];
	const char *bit;
	int err, type;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/type", kind);
	err = userbpf_read_file(path, text, sizeof(text));
	if (err < 0)
		return err;
	type = atoi(text);
	*config = 0;
	if (!ret)
		return type;
	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/format/retprobe", kind);
	err = userbpf_read_file(path, text, sizeof(text));
	if (err < 0)
		return err;
	bit = strchr(text, ':');
	*config = 1ull << (bit ? atoi(bit + 1) : 0);
	return type;
}

/* "func+0x10" in two; the offset or (__u64)-1 when it is no number. */
static inline __u64 userbpf_split(const char *target, char *func, size_t cap)
{
	const char *plus = strrchr(target, '+');
	size_t len = plus ? (size_t)(plus - target) : strlen(target);
	__u64 off = 0;
	char *end;

	if (len >= cap)
		return (__u64)-1;
	memcpy(func, target, len);
	func[len] = 0;
	if (plus) {
		off = strtoull(plus + 1, &end, 0);
		if (*end || end == plus + 1)
			return (__u64)-1;
	}
	return off;
}

static inline int userbpf_attach_kprobe(int prog_fd, const char *target, bool ret,
					const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct perf_event_attr attr;
	char func[256];
	__u64 off, config;
	int type;

	off = userbpf_split(o.target ? o.target : target, func, sizeof(func));
	if (off == (__u64)-1 || !func[0])
		return -EINVAL;
	type = userbpf_probe_type("kprobe", ret, &config);
	if (type < 0)
		return type;
	memset(&attr, 0, sizeof(attr));
	attr.type = (__u32)type;
	attr.config = config;
	attr.config1 = userbpf_ptr(func);
	attr.config2 = off;
	return userbpf_attach_perf(prog_fd, userbpf_perf_open(&attr, -1, 0), &o);
}

/* The system call's entry, whose name carries the CPU's name. */
static inline int userbpf_attach_ksyscall(int prog_fd, const char *name, bool ret,
					  const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	char func[256];

#if defined(__x86_64__)
	static const char prefix[] = "__x64_";
#elif defined(__aarch64__)
	static const char prefix[] = "__arm64_";
#elif defined(__s390x__)
	static const char prefix[] = "__s390x_";
#elif defined(__riscv)
	static const char prefix[] = "__riscv_";
#else
	static const char prefix[] = "";
#endif
	snprintf(func, sizeof(func), "%ssys_%s", prefix, o.target ? o.target : name);
	o.target = NULL;
	return userbpf_attach_kprobe(prog_fd, func, ret, &o);
}

static inline int userbpf_attach_tracepoint(int prog_fd, const char *target,
					    const struct userbpf_attach_opts *opts)
{
	static const char *const dirs[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct perf_event_attr attr;
	char path[320], text[32];
	int err = -ENOENT;
	size_t i;

	target = o.target ? o.target : target;
	if (!strchr(target, '/'))
		return -EINVAL;
	for (i = 0; i < 2 && err < 0; i++) {
		snprintf(path, sizeof(path), "%s/events/%s/id", dirs[i], target);
		err = userbpf_read_file(path, text, sizeof(text));
	}
	if (err < 0)
		return err;
	memset(&attr, 0, sizeof(attr));
	attr.type = PERF_TYPE_TRACEPOINT;
	attr.config = strtoull(text, NULL, 10);
	return userbpf_attach_perf(prog_fd, userbpf_perf_open(&attr, -1, 0), &o);
}

/* --- uprobes: where a function is in a file --- */

#if __SIZEOF_POINTER__ == 8
typedef Elf64_Ehdr userbpf_ehdr;
typedef Elf64_Shdr userbpf_shdr;
typedef Elf64_Phdr userbpf_phdr;
typedef Elf64_Sym userbpf_sym;
#else
typedef Elf32_Ehdr userbpf_ehdr;
typedef Elf32_Shdr userbpf_shdr;
typedef Elf32_Phdr userbpf_phdr;
typedef Elf32_Sym userbpf_sym;
#endif

/* File offset of address @addr, in a segment with @flags, or -1. */
static inline long userbpf_elf_offset(const char *elf, size_t size, __u64 addr, __u32 flags)
{
	const userbpf_ehdr *h = (const userbpf_ehdr *)elf;
	const userbpf_phdr *p = (const userbpf_phdr *)(elf + h->e_phoff);
	unsigned i;

	if (h->e_phoff > size || (size - h->e_phoff) / sizeof(*p) < h->e_phnum)
		return -1;
	for (i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && (p[i].p_flags & flags) && addr >= p[i].p_vaddr &&
		    addr - p[i].p_vaddr < p[i].p_memsz)
			return (long)(addr - p[i].p_vaddr + p[i].p_offset);
	return -1;
}

static inline long userbpf_elf_table(const char *elf, size_t size, const userbpf_shdr *s,
				     const userbpf_shdr *str, const char *func)
{
	const userbpf_sym *sym = (const userbpf_sym *)(elf + s->sh_offset);
	size_t i, len = strlen(func) + 1;

	if (s->sh_offset > size || s->sh_size > size - s->sh_offset || str->sh_offset > size ||
	    str->sh_size > size - str->sh_offset)
		return -EINVAL;
	for (i = 0; i < s->sh_size / sizeof(*sym); i++) {
		const char *name = elf + str->sh_offset + sym[i].st_name;
		long off;

		if ((sym[i].st_info & 15) != STT_FUNC || !sym[i].st_shndx || sym[i].st_name >= str->sh_size ||
		    len > str->sh_size - sym[i].st_name || memcmp(name, func, len))
			continue;
		off = userbpf_elf_offset(elf, size, sym[i].st_value, PF_X);
		return off < 0 ? -EINVAL : off;
	}
	return -ENOENT;
}

/* 0: an ELF file of this machine's kind with all of its table of sections. */
static inline int userbpf_elf_check(const char *elf, size_t size)
{
	const userbpf_ehdr *h = (const userbpf_ehdr *)elf;

	return size < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_shoff > size ||
			       h->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
			       (size - h->e_shoff) / sizeof(userbpf_shdr) < h->e_shnum
		       ? -EINVAL
		       : 0;
}

/* Offset of function @func in the file, or negative errno. */
static inline long userbpf_elf_func(const char *elf, size_t size, const char *func)
{
	const userbpf_ehdr *h = (const userbpf_ehdr *)elf;
	const userbpf_shdr *s;
	long off = -ENOENT;
	unsigned i;

	if (userbpf_elf_check(elf, size))
		return -EINVAL;
	s = (const userbpf_shdr *)(elf + h->e_shoff);
	for (i = 0; i < h->e_shnum && off == -ENOENT; i++)
		if ((s[i].sh_type == SHT_SYMTAB || s[i].sh_type == SHT_DYNSYM) && s[i].sh_link < h->e_shnum)
			off = userbpf_elf_table(elf, size, &s[i], &s[s[i].sh_link], func);
	return off;
}

/* A whole file in memory. Shared: a kernel puts probes into private mappings, of whoever looks for a place for the next, too. */
static inline int userbpf_map_file(const char *path, char **data, size_t *size)
{
	int fd = open(path, O_RDONLY | USERBPF_O_CLOEXEC);
	void *p = MAP_FAILED;
	long end;

	*data = NULL;
	*size = 0;
	if (fd < 0)
		return -errno;
	end = (long)lseek(fd, 0, SEEK_END);
	if (end > 0)
		p = mmap(NULL, (size_t)end, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return -EINVAL;
	*data = (char *)p;
	*size = (size_t)end;
	return 0;
}

static inline long userbpf_func_offset(const char *path, const char *func)
{
	size_t size;
	char *elf;
	long off = userbpf_map_file(path, &elf, &size);

	if (off)
		return off;
	off = userbpf_elf_func(elf, size, func);
	munmap(elf, size);
	return off;
}

/* Full path of a binary or library named as in SEC(). */
static inline int userbpf_find_binary(const char *name, char *path, size_t cap)
{
	static const char lib_dirs[] = "/usr/local/lib:/usr/lib:/lib:/usr/lib64:/lib64:"
				       "/usr/lib/x86_64-linux-gnu:/lib/x86_64-linux-gnu:"
				       "/usr/lib/aarch64-linux-gnu:/lib/aarch64-linux-gnu";
	const char *dirs = strstr(name, ".so") ? lib_dirs : getenv("PATH");

	if (strchr(name, '/'))
		return (size_t)snprintf(path, cap, "%s", name) < cap ? 0 : -ENAMETOOLONG;
	while (dirs && *dirs) {
		size_t n = strcspn(dirs, ":");

		if (n && (size_t)snprintf(path, cap, "%.*s/%s", (int)n, dirs, name) < cap &&
		    !access(path, R_OK))
			return 0;
		dirs += n + (dirs[n] == ':');
	}
	return -ENOENT;
}

/* Of "binary:func" the full path, and where the second half begins. */
static inline int userbpf_find_place(const char *target, char *path, size_t cap, const char **place)
{
	const char *colon = strrchr(target, ':');
	char name[512];

	if (!colon || colon == target || (size_t)(colon - target) >= sizeof(name))
		return -EINVAL;
	memcpy(name, target, (size_t)(colon - target));
	name[colon - target] = 0;
	*place = colon + 1;
	return userbpf_find_binary(name, path, cap);
}

/* Offset in the file of "func+off" or "offset", or negative errno. */
static inline long userbpf_place_offset(const char *path, const char *place)
{
	char func[256];
	__u64 off = userbpf_split(place, func, sizeof(func));
	long base;

	if (off == (__u64)-1 || !func[0])
		return -EINVAL;
	if (func[0] >= '0' && func[0] <= '9')
		base = (long)strtoull(func, NULL, 0);
	else
		base = userbpf_func_offset(path, func);
	return base < 0 ? base : base + (long)off;
}

/* @target: binary:func+off, or binary:offset */
static inline int userbpf_attach_uprobe(int prog_fd, const char *target, bool ret,
					const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct perf_event_attr attr;
	char path[1024];
	const char *place;
	__u64 config;
	long off;
	int type, err;

	err = userbpf_find_place(o.target ? o.target : target, path, sizeof(path), &place);
	off = err ? err : userbpf_place_offset(path, place);
	if (off < 0)
		return (int)off;
	type = userbpf_probe_type("uprobe", ret, &config);
	if (type < 0)
		return type;
	memset(&attr, 0, sizeof(attr));
	attr.type = (__u32)type;
	attr.config = config | o.ref_ctr_off << 32;
	attr.config1 = userbpf_ptr(path);
	attr.config2 = (__u64)off;
	return userbpf_attach_perf(prog_fd, userbpf_perf_open(&attr, o.pid > 0 ? o.pid : -1, o.pid > 0 ? -1 : 0),
				   &o);
}

/* --- many kprobes in one link (5.18) --- */

struct userbpf_syms {
	char **names;
	__u32 nr, cap;
};

static inline int userbpf_syms_add(struct userbpf_syms *s, const char *name)
{
	char **more, *copy;

	if (s->nr == s->cap) {
		__u32 cap = s->cap ? s->cap * 2 : 64;

		more = (char **)realloc(s->names, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->names = more;
		s->cap = cap;
	}
	copy = (char *)malloc(strlen(name) + 1);
	if (!copy)
		return -ENOMEM;
	s->names[s->nr++] = strcpy(copy, name);
	return 0;
}

static inline int userbpf_syms_match(struct userbpf_syms *s, const char *pattern)
{
	FILE *f = fopen("/sys/kernel/tracing/available_filter_functions", "r");
	char line[512];
	int err = 0;

	if (!f)
		f = fopen("/sys/kernel/debug/tracing/available_filter_functions", "r");
	if (!f)
		return -errno;
	while (!err && fgets(line, sizeof(line), f)) {
		line[strcspn(line, " \t\n")] = 0;
		if (!fnmatch(pattern, line, 0))
			err = userbpf_syms_add(s, line);
	}
	fclose(f);
	return err ? err : s->nr ? 0 : -ENOENT;
}

static inline int userbpf_attach_kprobe_multi(int prog_fd, const char *target, bool ret,
					      const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct userbpf_link_create attr;
	struct userbpf_syms s;
	__u64 *cookies = NULL;
	__u32 i;
	int fd;

	memset(&s, 0, sizeof(s));
	target = o.target ? o.target : target;
	fd = strpbrk(target, "*?") ? userbpf_syms_match(&s, target) : userbpf_syms_add(&s, target);
	if (!fd && o.cookie) {
		cookies = (__u64 *)calloc(s.nr, sizeof(*cookies));
		fd = cookies ? 0 : -ENOMEM;
		for (i = 0; cookies && i < s.nr; i++)
			cookies[i] = o.cookie;
	}
	if (!fd) {
		memset(&attr, 0, sizeof(attr));
		attr.u.multi.flags = ret ? 1 : 0;
		attr.u.multi.cnt = s.nr;
		attr.u.multi.syms = userbpf_ptr(s.names);
		attr.u.multi.cookies = userbpf_ptr(cookies);
		fd = userbpf_link(prog_fd, 0, 42 /* TRACE_KPROBE_MULTI */, &o, &attr);
	}
	for (i = 0; i < s.nr; i++)
		free(s.names[i]);
	free(s.names);
	free(cookies);
	return fd;
}

/* --- many uprobes in one link (6.6) --- */

struct userbpf_places {
	__u64 *offsets, *ref_ctrs, *cookies; /* the first is the memory of all three, once they are known */
	__u32 nr, cap;
};

static inline int userbpf_places_add(struct userbpf_places *p, __u64 offset)
{
	if (p->nr == p->cap) {
		__u32 cap = p->cap ? p->cap * 2 : 64;
		__u64 *more = (__u64 *)realloc(p->offsets, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->offsets = more;
		p->cap = cap;
	}
	p->offsets[p->nr++] = offset;
	return 0;
}

static inline int userbpf_places_table(struct userbpf_places *p, const char *elf, size_t size, const userbpf_shdr *s,
				       const userbpf_shdr *str, const char *pattern)
{
	const userbpf_sym *sym = (const userbpf_sym *)(elf + s->sh_offset);
	size_t i;
	long off;
	int err = 0;

	if (s->sh_offset > size || s->sh_size > size - s->sh_offset || str->sh_offset > size ||
	    str->sh_size > size - str->sh_offset)
		return -EINVAL;
	for (i = 0; i < s->sh_size / sizeof(*sym) && !err; i++) {
		const char *name = elf + str->sh_offset + sym[i].st_name;

		if ((sym[i].st_info & 15) != STT_FUNC || !sym[i].st_shndx || sym[i].st_name >= str->sh_size ||
		    !memchr(name, 0, str->sh_size - sym[i].st_name) || fnmatch(pattern, name, 0))
			continue;
		off = userbpf_elf_offset(elf, size, sym[i].st_value, PF_X);
		err = off < 0 ? 0 : userbpf_places_add(p, (__u64)off);
	}
	return err;
}

static inline int userbpf_by_offset(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/* Functions of several names, or in both tables, are one place. */
static inline void userbpf_places_unique(struct userbpf_places *p)
{
	__u32 i, n = 0;

	qsort(p->offsets, p->nr, sizeof(*p->offsets), userbpf_by_offset);
	for (i = 0; i < p->nr; i++)
		if (!n || p->offsets[n - 1] != p->offsets[i])
			p->offsets[n++] = p->offsets[i];
	p->nr = n;
}

static inline int userbpf_places_elf(struct userbpf_places *p, const char *elf, size_t size, const char *pattern)
{
	const userbpf_ehdr *h = (const userbpf_ehdr *)elf;
	const userbpf_shdr *s;
	int err = userbpf_elf_check(elf, size);
	unsigned i;

	if (err)
		return err;
	s = (const userbpf_shdr *)(elf + h->e_shoff);
	for (i = 0; i < h->e_shnum && !err; i++)
		if ((s[i].sh_type == SHT_SYMTAB || s[i].sh_type == SHT_DYNSYM) && s[i].sh_link < h->e_shnum)
			err = userbpf_places_table(p, elf, size, &s[i], &s[s[i].sh_link], pattern);
	if (err || !p->nr)
		return err ? err : -ENOENT;
	userbpf_places_unique(p);
	return 0;
}

static inline int userbpf_places_match(struct userbpf_places *p, const char *path, const char *pattern)
{
	size_t size;
	char *elf;
	int err = userbpf_map_file(path, &elf, &size);

	if (err)
		return err;
	err = userbpf_places_elf(p, elf, size, pattern);
	munmap(elf, size);
	return err;
}

static inline int userbpf_places_one(struct userbpf_places *p, const char *path, const char *place)
{
	long off = userbpf_place_offset(path, place);

	return off < 0 ? (int)off : userbpf_places_add(p, (__u64)off);
}

/* Those that the caller lists. */
static inline int userbpf_places_given(struct userbpf_places *p, const char *path, const struct userbpf_attach_opts *o)
{
	size_t i;
	int err = 0;

	for (i = 0; i < o->nr_places && !err; i++)
		err = o->places[i].func ? userbpf_places_one(p, path, o->places[i].func)
					: userbpf_places_add(p, o->places[i].offset);
	return err;
}

static inline int userbpf_places_find(struct userbpf_places *p, const char *target, char *path, size_t cap,
				      const struct userbpf_attach_opts *o)
{
	const char *place;
	int err;

	if (o->nr_places) {
		err = *target && o->places ? userbpf_find_binary(target, path, cap) : -EINVAL;
		return err ? err : userbpf_places_given(p, path, o);
	}
	err = userbpf_find_place(target, path, cap, &place);
	if (err)
		return err;
	return strpbrk(place, "*?") ? userbpf_places_match(p, path, place) : userbpf_places_one(p, path, place);
}

/* What belongs to each place: its own, or the same for all. */
static inline int userbpf_places_fill(struct userbpf_places *p, const struct userbpf_attach_opts *o)
{
	__u64 *all = (__u64 *)realloc(p->offsets, 3 * (size_t)p->nr * sizeof(*all));
	__u32 i;

	if (!all)
		return -ENOMEM;
	p->offsets = all;
	p->ref_ctrs = all + p->nr;
	p->cookies = p->ref_ctrs + p->nr;
	for (i = 0; i < p->nr; i++) {
		p->ref_ctrs[i] = o->nr_places ? o->places[i].ref_ctr_off : o->ref_ctr_off;
		p->cookies[i] = o->nr_places ? o->places[i].cookie : o->cookie;
	}
	return 0;
}

/* @target: binary:func+off, binary:offset, or binary:pattern; the binary alone with opts->places. */
static inline int userbpf_attach_uprobe_multi(int prog_fd, const char *target, bool ret,
					      const struct userbpf_attach_opts *opts)
{
	struct userbpf_attach_opts o = userbpf_opts(opts);
	struct userbpf_link_create attr;
	struct userbpf_places p;
	char path[1024];
	int fd;

	memset(&p, 0, sizeof(p));
	fd = userbpf_places_find(&p, o.target ? o.target : target, path, sizeof(path), &o);
	if (!fd)
		fd = userbpf_places_fill(&p, &o);
	if (!fd) {
		memset(&attr, 0, sizeof(attr));
		attr.u.umulti.path = userbpf_ptr(path);
		attr.u.umulti.offsets = userbpf_ptr(p.offsets);
		attr.u.umulti.ref_ctr_offsets = userbpf_ptr(p.ref_ctrs);
		attr.u.umulti.cookies = userbpf_ptr(p.cookies);
		attr.u.umulti.cnt = p.nr;
		attr.u.umulti.flags = ret ? 1 : 0;
		attr.u.umulti.pid = o.pid > 0 ? (__u32)o.pid : 0;
		fd = userbpf_link(prog_fd, 0, 48 /* TRACE_UPROBE_MULTI */, &o, &attr);
	}
	free(p.offsets);
	return fd;
}

#endif /* USERBPF_LSKEL_RT */
