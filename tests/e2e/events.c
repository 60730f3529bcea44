/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * events.c - unmodified libbpf attaches programs to functions and tracepoints of the service, with cookies: what they
 * see, what the links tell, and what is refused. argv[1]: events.bpf.o. Prints what went wrong. On a kernel with its
 * test points the same program says the same.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ENOTSUPP_ 524 /* of the kernel, no libc has it */

static int wrong;

#define IS(what, want, got)                                                         \
	do {                                                                        \
		long w = (want), g = (got);                                         \
		if (w != g && ++wrong)                                              \
			printf("%s:%d: want %ld, got %ld\n", what, __LINE__, w, g); \
	} while (0)

enum { KPROBE, KRETPROBE, MULTI, FENTRY, FEXIT, FMOD_RET, RAW_TP, TP_BTF, TRACEPOINT, SAMPLE, UPROBE, URETPROBE, MANY, SYS_RAW, SYS_BTF, SYS_KPROBE, SYS_KRETPROBE, NR };

struct bss {
	struct seen {
		unsigned long long hits, cookies, ip, arg, ret, pid_tgid;
	} seen[NR];
	unsigned long long multi_ips;
	int override_with, modify_to;
};

static struct bpf_object *obj;
static struct bss *bss;

static struct bpf_program *prog(const char *name)
{
	return bpf_object__find_program_by_name(obj, name);
}

/* Calls the service's functions; the errno or what comes back. */
static long run(const char *name)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err = bpf_prog_test_run_opts(bpf_program__fd(prog(name)), &opts);

	return err ? err : (long)opts.retval;
}

static void fresh(void)
{
	memset(bss, 0, sizeof(*bss));
}

static void gone(struct bpf_link *l, const char *trigger, int what)
{
	bpf_link__destroy(l);
	fresh();
	run(trigger);
	IS("still attached", 0, bss->seen[what].hits);
}

static unsigned long long me(void)
{
	return (unsigned long long)getpid() << 32 | syscall(SYS_gettid);
}

static void link_info(struct bpf_link *l, unsigned int type, unsigned long long cookie, int at)
{
	unsigned long long info[8] = {};
	unsigned int len = sizeof(info);

	IS("info", 0, bpf_obj_get_info_by_fd(bpf_link__fd(l), info, &len));
	IS("link type", type, (unsigned int)info[0]);
	if (at)
		IS("cookie in the info", cookie, info[at]);
}

static void test_kprobe(void)
{
	LIBBPF_OPTS(bpf_kprobe_opts, opts, .bpf_cookie = 0x1234);
	struct bpf_link *l, *second, *ret;

	fresh();
	l = bpf_program__attach_kprobe_opts(prog("kprobe"), "bpf_fentry_test1", &opts);
	IS("attach", 0, libbpf_get_error(l));
	opts.bpf_cookie = 0x8000;
	second = bpf_program__attach_kprobe_opts(prog("kprobe"), "bpf_fentry_test1", &opts);
	opts.retprobe = true;
	ret = bpf_program__attach_kprobe_opts(prog("kretprobe"), "bpf_fentry_test1", &opts);
	IS("attach", 0, libbpf_get_error(second) | libbpf_get_error(ret));
	IS("run", 0, run("fentry"));
	IS("both", 2, bss->seen[KPROBE].hits);
	IS("both cookies", 0x9234, bss->seen[KPROBE].cookies);
	IS("argument", 1, bss->seen[KPROBE].arg);
	IS("whose doing", me(), bss->seen[KPROBE].pid_tgid);
	IS("result", 2, bss->seen[KRETPROBE].ret);
	IS("cookie", 0x8000, bss->seen[KRETPROBE].cookies);
	IS("entry", bss->seen[KPROBE].ip, bss->seen[KRETPROBE].ip);
	IS("an entry", 1, bss->seen[KPROBE].ip != 0);
	link_info(l, BPF_LINK_TYPE_PERF_EVENT, 0, 0);
	bpf_link__destroy(second);
	bpf_link__destroy(ret);
	gone(l, "fentry", KPROBE);
}

/* Old clients know no links; their programs have no cookies. */
static void test_ioctl(void)
{
	struct perf_event_attr attr = {.size = sizeof(attr), .type = 6};
	struct {
		struct perf_event_query_bpf q;
		unsigned int ids[4];
	} query = {.q.ids_len = 4};
	FILE *f = fopen("/sys/bus/event_source/devices/kprobe/type", "re");
	int fd, type = -1;

	IS("type", 1, f ? fscanf(f, "%d", &type) : 0);
	if (f)
		fclose(f);
	attr.type = type;
	attr.kprobe_func = (unsigned long)"bpf_fentry_test1";
	fresh();
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	IS("open", 1, fd >= 0);
	IS("cloexec", FD_CLOEXEC, fcntl(fd, F_GETFD));
	IS("a wrong program", -1, ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(prog("fentry"))));
	IS("errno", EINVAL, errno);
	IS("no program", -1, ioctl(fd, PERF_EVENT_IOC_SET_BPF, 4711));
	IS("errno", EBADF, errno);
	IS("set", 0, ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(prog("kprobe"))));
	IS("set again", -1, ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(prog("kprobe"))));
	IS("errno", EEXIST, errno);
	IS("link, too", -EEXIST, bpf_link_create(bpf_program__fd(prog("kprobe")), fd, BPF_PERF_EVENT, NULL));
	IS("enable", 0, ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	IS("query of what is no tracepoint", -1, ioctl(fd, PERF_EVENT_IOC_QUERY_BPF, &query));
	IS("errno", EINVAL, errno);
	IS("unknown", -1, ioctl(fd, _IO('$', 99), 0));
	IS("errno", ENOTTY, errno);
	IS("run", 0, run("fentry"));
	IS("hits", 1, bss->seen[KPROBE].hits);
	IS("no cookie", 0, bss->seen[KPROBE].cookies);
	close(fd);
	for (int i = 0; i < 100 && bss->seen[KPROBE].hits; i++) {
		usleep(20000);
		fresh();
		run("fentry");
	}
	IS("closed", 0, bss->seen[KPROBE].hits);
}

static void open_error(const char *what, struct perf_event_attr *attr, int pid, int cpu, int want)
{
	int fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, 0ul);

	IS(what, want, fd < 0 ? errno : 0);
	if (fd >= 0)
		close(fd);
}

static void test_open_errors(void)
{
	struct perf_event_attr a = {.size = sizeof(a), .type = 6}, b;

	a.kprobe_func = (unsigned long)"no_such_function";
	open_error("unknown function", &a, -1, 0, ENOENT);
	a.kprobe_func = (unsigned long)"bpf_fentry_test1";
	a.config = 1;
	a.probe_offset = 1;
	open_error("return from the middle", &a, -1, 0, EINVAL);
	a.config = a.probe_offset = 0;
	open_error("everybody everywhere", &a, -1, -1, EINVAL);
	open_error("no such CPU", &a, -1, 4711, EINVAL);
	open_error("no such thread", &a, 0x3fffff, -1, ESRCH);
	b = a;
	b.kprobe_func = 8;
	open_error("a bad pointer", &b, -1, 0, EFAULT);
	b = a;
	b.size = 8;
	open_error("a short attr", &b, -1, 0, E2BIG);
	IS("what is known", 1, b.size >= PERF_ATTR_SIZE_VER5);
	b = (struct perf_event_attr){.size = sizeof(b), .type = 7};
	open_error("no file", &b, -1, 0, EINVAL);
	b.uprobe_path = (unsigned long)"";
	open_error("no file", &b, -1, 0, EINVAL);
	b.uprobe_path = (unsigned long)"/no/such/file";
	open_error("no such file", &b, -1, 0, ENOENT);
	b.uprobe_path = (unsigned long)"/tmp";
	open_error("a directory", &b, -1, 0, EINVAL);
	b = (struct perf_event_attr){.size = sizeof(b), .type = PERF_TYPE_TRACEPOINT, .config = 1 << 20};
	open_error("no such tracepoint", &b, -1, 0, EINVAL);
	b = (struct perf_event_attr){.size = sizeof(b), .type = PERF_TYPE_SOFTWARE, .freq = 1};
	b.sample_freq = 1000000;
	open_error("too often", &b, -1, 0, EINVAL);
}

static void test_multi(void)
{
	static const char *names[] = {"bpf_fentry_test1", "bpf_fentry_test3", "bpf_fentry_test7"};
	static const char *bad[] = {"bpf_fentry_test1", "no_such_function"};
	const __u64 cookies[] = {1, 2, 4};
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .syms = names, .cookies = cookies, .cnt = 3);
	struct bpf_link *l;

	fresh();
	l = bpf_program__attach_kprobe_multi_opts(prog("multi"), NULL, &opts);
	IS("attach", 0, libbpf_get_error(l));
	IS("run", 0, run("fentry"));
	IS("hits", 3, bss->seen[MULTI].hits);
	IS("cookies", 7, bss->seen[MULTI].cookies);
	IS("entries", 3, bss->multi_ips);
	link_info(l, BPF_LINK_TYPE_KPROBE_MULTI, 0, 0);
	gone(l, "fentry", MULTI);
	fresh();
	l = bpf_program__attach(prog("multi"));
	IS("by pattern", 0, libbpf_get_error(l));
	IS("run", 0, run("fentry"));
	IS("hits", 8, bss->seen[MULTI].hits);
	gone(l, "fentry", MULTI);
	opts.syms = bad;
	opts.cnt = 2;
	opts.cookies = NULL;
	l = bpf_program__attach_kprobe_multi_opts(prog("multi"), NULL, &opts);
	IS("one is none", -ESRCH, libbpf_get_error(l));
}

static void test_around(void)
{
	LIBBPF_OPTS(bpf_trace_opts, opts, .cookie = 0x10);
	struct bpf_link *entry, *exit, *mod;

	fresh();
	entry = bpf_program__attach_trace_opts(prog("fentry"), &opts);
	opts.cookie = 0x20;
	exit = bpf_program__attach_trace_opts(prog("fexit"), &opts);
	opts.cookie = 0x30;
	mod = bpf_program__attach_trace_opts(prog("fmod_ret"), &opts);
	IS("attach", 0, libbpf_get_error(entry) | libbpf_get_error(exit) | libbpf_get_error(mod));
	IS("twice", -EBUSY, libbpf_get_error(bpf_program__attach_trace(prog("fentry"))));
	IS("run", 0, run("fentry"));
	IS("fentry", 1, bss->seen[FENTRY].hits);
	IS("cookie", 0x10, bss->seen[FENTRY].cookies);
	IS("argument", 1, bss->seen[FENTRY].arg);
	IS("arguments", 1, bss->seen[FENTRY].ret);
	IS("whose doing", me(), bss->seen[FENTRY].pid_tgid);
	IS("fexit", 1, bss->seen[FEXIT].hits);
	IS("cookie", 0x20, bss->seen[FEXIT].cookies);
	IS("arguments", 65, bss->seen[FEXIT].arg);
	IS("result", 65, bss->seen[FEXIT].ret);
	IS("the function's own", 1 << 16 | 4, run("fmod_ret"));
	IS("cookie", 0x30, bss->seen[FMOD_RET].cookies);
	bss->modify_to = -EPERM;
	IS("changed, and not called", (unsigned short)-EPERM, run("fmod_ret"));
	link_info(entry, BPF_LINK_TYPE_TRACING, 0x10, 4);
	bpf_link__destroy(exit);
	bpf_link__destroy(mod);
	gone(entry, "fentry", FENTRY);
}

/* Cookies of raw tracepoints came with 6.10, which this libbpf does not know. */
static int raw_with_cookie(void)
{
	struct {
		const char *name;
		unsigned int prog_fd, pad;
		unsigned long long cookie;
	} attr = {"bpf_test_finish", bpf_program__fd(prog("raw_tp")), 0, 0x88};

	return syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr));
}

static void test_raw(void)
{
	struct bpf_link *raw = bpf_program__attach(prog("raw_tp"));
	union bpf_attr attr = {};
	int fd, again = raw_with_cookie();

	attr.link_create.prog_fd = bpf_program__fd(prog("tp_btf"));
	attr.link_create.attach_type = BPF_TRACE_RAW_TP;
	attr.link_create.tracing.cookie = 0x77;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	fresh();
	IS("attach", 0, libbpf_get_error(raw));
	IS("attach", 1, fd >= 0 && again >= 0);
	IS("run", 0, run("fentry"));
	IS("raw_tp", 2, bss->seen[RAW_TP].hits);
	IS("cookie", 0x88, bss->seen[RAW_TP].cookies);
	IS("tp_btf", 1, bss->seen[TP_BTF].hits);
	IS("cookie", 0x77, bss->seen[TP_BTF].cookies);
	IS("what it points to", 0, bss->seen[TP_BTF].ret);
	close(fd);
	close(again);
	gone(raw, "fentry", RAW_TP);
}

static void test_override(void)
{
	struct bpf_link *l = bpf_program__attach(prog("override"));

	fresh();
	IS("attach", 0, libbpf_get_error(l));
	IS("run", 0, run("fentry"));
	bss->override_with = 5;
	IS("overridden", -EFAULT, run("fentry"));
	bss->override_with = 0;
	bpf_link__destroy(l);
	l = bpf_program__attach_kprobe(prog("override"), false, "bpf_fentry_test2");
	IS("where nobody may", -EINVAL, libbpf_get_error(l));
}

static void test_fd_query(void)
{
	struct bpf_link *l = bpf_program__attach(prog("kprobe"));
	struct perf_event_attr attr = {.size = sizeof(attr), .type = 6};
	__u32 len = 64, id = 0, type = 99, want = 0, info_len;
	struct bpf_prog_info info = {};
	__u64 offset = 9, addr = 9;
	char name[64] = "";
	int fd;

	attr.kprobe_func = (unsigned long)"bpf_fentry_test1";
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	IS("nothing on it", -ENOENT, bpf_task_fd_query(getpid(), fd, 0, name, &len, &id, &type, &offset, &addr));
	IS("set", 0, ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(prog("kprobe"))));
	len = sizeof(name);
	IS("query", 0, bpf_task_fd_query(getpid(), fd, 0, name, &len, &id, &type, &offset, &addr));
	IS("name", 0, strcmp(name, "bpf_fentry_test1"));
	IS("length", 16, len);
	IS("type", BPF_FD_TYPE_KPROBE, type);
	IS("offset", 0, offset + addr);
	info_len = sizeof(info);
	bpf_obj_get_info_by_fd(bpf_program__fd(prog("kprobe")), &info, &info_len);
	want = info.id;
	IS("program", want, id);
	len = 4;
	IS("cut", -ENOSPC, bpf_task_fd_query(getpid(), fd, 0, name, &len, &id, &type, &offset, &addr));
	IS("cut", 0, strcmp(name, "bpf"));
	close(fd);
	bpf_link__destroy(l);
	l = bpf_program__attach(prog("raw_tp"));
	len = sizeof(name);
	IS("raw_tp", 0, bpf_task_fd_query(getpid(), bpf_link__fd(l), 0, name, &len, &id, &type, &offset, &addr));
	IS("type", BPF_FD_TYPE_RAW_TRACEPOINT, type);
	IS("name", 0, strcmp(name, "bpf_test_finish"));
	bpf_link__destroy(l);
	IS("another fd", -ENOTSUPP_, bpf_task_fd_query(getpid(), 0, 0, name, &len, &id, &type, &offset, &addr));
	IS("no fd", -EBADF, bpf_task_fd_query(getpid(), 4711, 0, name, &len, &id, &type, &offset, &addr));
}

/* --- this process's own code --- */

/* A symbol's place in this very file. */
__attribute__((noinline)) int target(int a, int b)
{
	__asm__ volatile("");
	return a * 10 + b;
}

static char file_of_func[4096];

static size_t offset_of(void *func)
{
	unsigned long from, to, off;
	char line[4096], perm[8];
	size_t found = 0;
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %4095s", &from, &to, perm, &off,
			   file_of_func) >= 4 &&
		    (unsigned long)func >= from && (unsigned long)func < to)
			found = (unsigned long)func - from + off;
	if (f)
		fclose(f);
	return found;
}

static void test_uprobe(void)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = 0x100);
	size_t off = offset_of(target);
	struct bpf_link *a, *b, *ret, *other;

	fresh();
	a = bpf_program__attach_uprobe_opts(prog("on_entry"), -1, "/proc/self/exe", off, &opts);
	opts.bpf_cookie = 0x200;
	b = bpf_program__attach_uprobe_opts(prog("on_entry"), 0, "/proc/self/exe", off, &opts);
	other = bpf_program__attach_uprobe_opts(prog("on_entry"), getppid(), "/proc/self/exe", off, &opts);
	opts.retprobe = true;
	opts.bpf_cookie = 0x400;
	ret = bpf_program__attach_uprobe_opts(prog("on_return"), -1, "/proc/self/exe", off, &opts);
	IS("attach", 0, libbpf_get_error(a) | libbpf_get_error(b) | libbpf_get_error(ret));
	IS("attach to another process", 0, libbpf_get_error(other));
	IS("the function", 47, target(4, 7));
	IS("both", 2, bss->seen[UPROBE].hits);
	IS("both cookies", 0x300, bss->seen[UPROBE].cookies);
	IS("first argument", 4, bss->seen[UPROBE].arg);
	IS("second argument", 7, bss->seen[UPROBE].ret);
	IS("whose", me(), bss->seen[UPROBE].pid_tgid);
	IS("return", 1, bss->seen[URETPROBE].hits);
	IS("cookie", 0x400, bss->seen[URETPROBE].cookies);
	IS("result", 47, bss->seen[URETPROBE].ret);
	bpf_link__destroy(b);
	bpf_link__destroy(ret);
	bpf_link__destroy(other);
	bpf_link__destroy(a);
	fresh();
	target(1, 1);
	IS("still attached", 0, bss->seen[UPROBE].hits + bss->seen[URETPROBE].hits);
}

__attribute__((noinline)) int other_target(int a)
{
	__asm__ volatile("");
	return a + 1;
}

/* uprobe_multi is younger than this libbpf. */
static int link_many(const char *path, const unsigned long *offsets, const unsigned long long *cookies,
		     unsigned int cnt)
{
	struct {
		unsigned int prog_fd, target_fd, attach_type, flags;
		const char *path;
		const unsigned long *offsets, *ref_ctr_offsets;
		const unsigned long long *cookies;
		unsigned int cnt, multi_flags, pid, pad;
	} attr = {bpf_program__fd(prog("on_many")), 0, 48, 0, path, offsets, NULL, cookies, cnt, 0, 0, 0};
	int fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr) - 4);

	return fd < 0 ? -errno : fd;
}

static void test_many(void)
{
	unsigned long offsets[2] = {offset_of(target), offset_of(other_target)};
	unsigned long long cookies[2] = {1, 2}, info[8] = {}, back[2] = {}, where[2] = {};
	unsigned int len = sizeof(info);
	char path[64] = "";
	int fd = link_many("/proc/self/exe", offsets, cookies, 2);

	fresh();
	IS("attach", 1, fd >= 0);
	IS("functions", 18, target(1, 2) + other_target(5));
	IS("hits", 2, bss->seen[MANY].hits);
	IS("cookies", 3, bss->seen[MANY].cookies);
	info[2] = (unsigned long)path;
	info[3] = (unsigned long)where;
	info[5] = (unsigned long)back;
	info[6] = 2ull << 32 | sizeof(path);
	IS("info", 0, bpf_obj_get_info_by_fd(fd, info, &len));
	IS("type", 12, (unsigned int)info[0]);
	IS("count", 2, info[6] >> 32);
	IS("path", 0, strcmp(path, "/proc/self/exe"));
	IS("cookies in the info", 0, memcmp(back, cookies, sizeof(back)));
	IS("offsets in the info", 0, memcmp(where, offsets, sizeof(where)));
	close(fd);
	IS("no places", -EINVAL, link_many("/proc/self/exe", offsets, NULL, 0));
	IS("too many", -E2BIG, link_many("/proc/self/exe", offsets, NULL, 2 << 20));
	IS("no path", -EINVAL, link_many(NULL, offsets, NULL, 1));
	IS("no file", -ENOENT, link_many("/no/such/file", offsets, NULL, 1));
	IS("a directory", -EBADF, link_many("/tmp", offsets, NULL, 1));
	IS("bad memory", -EFAULT, link_many("/proc/self/exe", (void *)8, NULL, 1));
}

static long number_of(const char *event)
{
	char path[128];
	long id = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s/id", event);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (fscanf(f, "%ld", &id) != 1)
		id = -1;
	fclose(f);
	return id;
}

/* --- system calls --- */

static void test_syscalls(void)
{
	LIBBPF_OPTS(bpf_tracepoint_opts, opts, .bpf_cookie = 0x21);
	struct bpf_link *l = bpf_program__attach_tracepoint_opts(prog("tracepoint"), "syscalls",
								 "sys_enter_getpgid", &opts);
	struct {
		struct perf_event_query_bpf q;
		unsigned int ids[4];
	} query = {.q.ids_len = 4};
	struct perf_event_attr a = {.size = sizeof(a), .type = PERF_TYPE_TRACEPOINT};
	int fd;

	fresh();
	IS("attach", 0, libbpf_get_error(l));
	getpgid(getpid());
	IS("hits", 1, bss->seen[TRACEPOINT].hits);
	IS("cookie", 0x21, bss->seen[TRACEPOINT].cookies);
	IS("argument", getpid(), bss->seen[TRACEPOINT].arg);
	IS("number", SYS_getpgid, bss->seen[TRACEPOINT].ret);
	IS("whose", me(), bss->seen[TRACEPOINT].pid_tgid);
	a.config = number_of("syscalls/sys_enter_getpgid");
	fd = syscall(SYS_perf_event_open, &a, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	IS("query", 0, ioctl(fd, PERF_EVENT_IOC_QUERY_BPF, &query));
	IS("programs", 1, query.q.prog_cnt);
	close(fd);
	bpf_link__destroy(l);
	l = bpf_program__attach(prog("too_far"));
	IS("beyond the record", -EACCES, libbpf_get_error(l));
}

/* A call that is not made, and what it says: to who makes it, and to who looks at its end. */
static void test_override_call(int pid, int group)
{
	struct bpf_link *get = bpf_program__attach_kprobe(prog("override"), false, "__x64_sys_getpgid");
	struct bpf_link *dir = bpf_program__attach_kprobe(prog("override"), false, "__x64_sys_mkdir"), *ret;
	char path[64];

	IS("attach", 0, libbpf_get_error(get) | libbpf_get_error(dir));
	fresh();
	IS("nothing is left out", group, getpgid(pid));
	bss->override_with = -ENOSPC;
	IS("left out", -1, getpgid(pid));
	IS("errno", ENOSPC, errno);
	IS("its end", -ENOSPC, bss->seen[SYS_BTF].ret);
	IS("its end", -ENOSPC, bss->seen[SYS_KRETPROBE].ret);
	IS("left out, syscall()", -1, syscall(SYS_getpgid, pid));
	snprintf(path, sizeof(path), "/tmp/events.%d", pid);
	IS("no directory", -1, mkdir(path, 0700));
	IS("errno", ENOSPC, errno);
	bss->override_with = 4711;
	IS("any result", 4711, getpgid(pid));
	bss->override_with = 0;
	IS("the directory is not there", -1, rmdir(path));
	IS("errno", ENOENT, errno);
	IS("as ever", group, getpgid(pid));
	ret = bpf_program__attach_kprobe(prog("override"), true, "__x64_sys_getpgid");
	IS("at the end it is late", -EINVAL, libbpf_get_error(ret));
	bpf_link__destroy(get);
	bpf_link__destroy(dir);
}

/* The same system call, seen from everywhere. */
static void test_syscall_functions(void)
{
	LIBBPF_OPTS(bpf_kprobe_opts, opts, .bpf_cookie = 0x31);
	struct bpf_link *raw = bpf_program__attach(prog("sys_raw")), *btf = bpf_program__attach(prog("sys_btf"));
	struct bpf_link *entry = bpf_program__attach_kprobe_opts(prog("sys_kprobe"), "__x64_sys_getpgid", &opts);
	struct bpf_link *ret;
	int pid = getpid(), group;

	opts.retprobe = true;
	opts.bpf_cookie = 0x32;
	ret = bpf_program__attach_kprobe_opts(prog("sys_kretprobe"), "__x64_sys_getpgid", &opts);
	IS("attach", 0, libbpf_get_error(raw) | libbpf_get_error(btf) | libbpf_get_error(entry) | libbpf_get_error(ret));
	fresh();
	group = getpgid(pid);
	IS("raw_tp", 1, bss->seen[SYS_RAW].hits);
	IS("its argument", pid, bss->seen[SYS_RAW].arg);
	IS("tp_btf", 1, bss->seen[SYS_BTF].hits);
	IS("its argument", pid, bss->seen[SYS_BTF].arg);
	IS("result", group, bss->seen[SYS_BTF].ret);
	IS("kprobe", 1, bss->seen[SYS_KPROBE].hits);
	IS("its argument", pid, bss->seen[SYS_KPROBE].arg);
	IS("cookie", 0x31, bss->seen[SYS_KPROBE].cookies);
	IS("kretprobe", 1, bss->seen[SYS_KRETPROBE].hits);
	IS("result", group, bss->seen[SYS_KRETPROBE].ret);
	IS("cookie", 0x32, bss->seen[SYS_KRETPROBE].cookies);
	IS("whose", me(), bss->seen[SYS_KRETPROBE].pid_tgid);
	/* the end of a call that somebody attached to the beginning of before: bytes of one are the other's distance */
	fresh();
	group = syscall(SYS_getpgid, pid);
	IS("kprobe, syscall()", 1, bss->seen[SYS_KPROBE].hits);
	IS("tp_btf, syscall()", 1, bss->seen[SYS_BTF].hits);
	IS("kretprobe, syscall()", 1, bss->seen[SYS_KRETPROBE].hits);
	IS("result, syscall()", group, bss->seen[SYS_KRETPROBE].ret);
	bpf_link__destroy(entry);
	test_override_call(pid, group);
	bpf_link__destroy(raw);
	bpf_link__destroy(btf);
	bpf_link__destroy(ret);
}

/* --- time --- */

static void use_time(int ms)
{
	struct timespec t0, t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while ((t.tv_sec - t0.tv_sec) * 1000 + (t.tv_nsec - t0.tv_nsec) / 1000000 < ms);
}

static void test_clock(void)
{
	struct perf_event_attr a = {.size = sizeof(a), .type = PERF_TYPE_SOFTWARE,
				    .config = PERF_COUNT_SW_TASK_CLOCK, .freq = 1, .sample_freq = 100};
	LIBBPF_OPTS(bpf_perf_event_opts, opts, .bpf_cookie = 0x41);
	struct bpf_link *l;
	int fd;

	fd = syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	IS("open", 1, fd >= 0);
	l = bpf_program__attach_perf_event_opts(prog("sample"), fd, &opts);
	IS("attach", 0, libbpf_get_error(l));
	fresh();
	use_time(300);
	if ((bss->seen[SAMPLE].hits < 10 || bss->seen[SAMPLE].hits > 60) && ++wrong)
		printf("samples in 0.3 s at 100 Hz: %llu\n", bss->seen[SAMPLE].hits);
	IS("cookie", 0x41, bss->seen[SAMPLE].cookies);
	IS("whose", me(), bss->seen[SAMPLE].pid_tgid);
	bpf_link__destroy(l);
}

/* --- the old way: a tracepoint of one's own --- */

static int define(const char *file, const char *line)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/sys/kernel/tracing/%s", file);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = dprintf(fd, "%s\n", line) < 0 ? -errno : 0;
	if (close(fd))
		err = -errno;
	return err;
}

static int open_defined(const char *event)
{
	struct perf_event_attr a = {.size = sizeof(a), .type = PERF_TYPE_TRACEPOINT};

	a.config = number_of(event);
	return syscall(SYS_perf_event_open, &a, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
}

static void test_defined(void)
{
	char line[4400];
	int fd;

	IS("define", 0, define("kprobe_events", "p:old bpf_fentry_test1"));
	IS("twice", -EEXIST, define("kprobe_events", "p:old bpf_fentry_test1"));
	IS("nonsense", -EINVAL, define("kprobe_events", "x:old bpf_fentry_test1"));
	IS("what is not there", -ENOENT, define("kprobe_events", "-:older"));
	fresh();
	fd = open_defined("kprobes/old");
	IS("open", 1, fd >= 0);
	IS("in use", -EBUSY, define("kprobe_events", "-:old"));
	IS("a program of the wrong kind", -1,
	   ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(prog("tracepoint"))));
	IS("set", 0, ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(prog("kprobe"))));
	IS("run", 0, run("fentry"));
	IS("hits", 1, bss->seen[KPROBE].hits);
	close(fd);
	IS("taken away", 0, define("kprobe_events", "-:kprobes/old"));
	IS("its file", -ENOENT, number_of("kprobes/old"));

	snprintf(line, sizeof(line), "r:mine/back /proc/%d/exe:0x%zx", getpid(), offset_of(target));
	IS("define", 0, define("uprobe_events", line));
	fd = open_defined("mine/back");
	IS("open", 1, fd >= 0);
	fresh();
	IS("set", 0, ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(prog("on_return"))));
	IS("the function", 47, target(4, 7));
	IS("hits", 1, bss->seen[URETPROBE].hits);
	close(fd);
	IS("taken away", 0, define("uprobe_events", "-:mine/back"));
}

/* Attached by everything, until somebody has looked. */
static int show(void)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = 0x100);

	IS("attach", 0, libbpf_get_error(bpf_program__attach(prog("kprobe"))) |
				libbpf_get_error(bpf_program__attach(prog("multi"))) |
				libbpf_get_error(bpf_program__attach(prog("fentry"))) |
				libbpf_get_error(bpf_program__attach(prog("raw_tp"))) |
				libbpf_get_error(bpf_program__attach_uprobe_opts(
					prog("on_entry"), -1, "/proc/self/exe", offset_of(target), &opts)));
	printf("ready %d\n", getpid());
	fflush(stdout);
	sleep(30);
	return wrong;
}

/* At a function that all processes have. */
static int attach_everywhere(void)
{
	size_t off = offset_of(getpgid);

	for (int i = 0; i < 20; i++)
		IS("attach", 0, libbpf_get_error(bpf_program__attach_uprobe(prog("on_entry"), false, -1,
									    file_of_func, off)));
	printf("ready %d\n", getpid());
	fflush(stdout);
	sleep(30);
	return wrong;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	if (!getenv("VERBOSE"))
		libbpf_set_print(NULL);
	obj = bpf_object__open_file(argv[1], NULL);
	if (obj)
		bpf_program__set_expected_attach_type(prog("on_many"), 48);
	if (!obj || bpf_object__load(obj)) {
		printf("no object: %s\n", strerror(errno));
		return 1;
	}
	bss = mmap(NULL, sizeof(*bss), PROT_READ | PROT_WRITE, MAP_SHARED,
		   bpf_object__find_map_fd_by_name(obj, ".bss"), 0);
	if (bss == MAP_FAILED) {
		printf("no memory: %s\n", strerror(errno));
		return 1;
	}
	if (argc > 2)
		return strcmp(argv[2], "many") ? show() : attach_everywhere();
	test_kprobe();
	test_ioctl();
	test_open_errors();
	test_multi();
	test_around();
	test_raw();
	test_override();
	test_fd_query();
	test_uprobe();
	test_many();
	test_defined();
	test_syscalls();
	test_syscall_functions();
	test_clock();
	bpf_object__close(obj);
	return wrong != 0;
}
