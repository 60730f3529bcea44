/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lskel_c.c - what our light skeletons offer beyond load: variables before and after, sizes, logs, attach one by one and with opts,
 * and that a failing attach undoes what it did. With an argument: on a kernel, with uprobes and cookies.
 */
#include "sample.lskel.h"
#include "view.lskel.h"
#include "control.lskel.h"
#include "cookie.lskel.h"
#include "iter_elem.lskel.h"
#include "iter.lskel.h"
#include "probes.lskel.h"
#include "raw_tp.lskel.h"
#include "ringbuf.lskel.h"
#include "umulti.lskel.h"
#include "usdt.lskel.h"
#include "xdp.lskel.h"

static int failures;
static int on_kernel; /* not the service */

static void expect(int ok, const char *what, int line)
{
	if (ok)
		return;
	printf("line %d: %s (errno %d)\n", line, what, errno);
	failures++;
}
#define EXPECT(cond) expect(cond, #cond, __LINE__)

static int open_fds(void)
{
	int n = 0;

	for (int fd = 3; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_data(void)
{
	struct sample *s = sample__open();
	__u32 first = s->rodata->min_len;

	EXPECT(first == 14 && s->data->limit == 1500 && s->bss->seen == 0);
	s->data->limit = 9;
	s->bss->seen = 3;
	s->maps.totals.max_entries = 77;
	EXPECT(sample__load(s) == 0);
	EXPECT(sample__load(s) == -EALREADY && errno == EALREADY);
	EXPECT(s->data->limit == 9 && s->bss->seen == 3 && s->rodata->min_len == first);
	EXPECT(s->maps.totals.map_fd > 0 && s->progs.count_packets.prog_fd > 0);
	/* the same memory as the map: what is stored here the program sees, and the other way round */
	s->data->limit = 10;
	{
		__u64 value = 0;
		__u32 key = 0;
		struct {
			__u32 map_fd, pad;
			__u64 key, value, flags;
		} look;

		memset(&look, 0, sizeof(look));
		look.map_fd = (__u32)s->maps.data.map_fd;
		look.key = userbpf_ptr(&key);
		look.value = userbpf_ptr(&value);
		EXPECT(userbpf_sys(1, &look, sizeof(look)) == 0 && (__u32)value == 10);
	}
	sample__destroy(s);
	sample__destroy(NULL);
}

static void test_log(void)
{
	static char log[65536];
	struct userbpf_open_opts opts;
	struct sample *s;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.log_level = 1;
	opts.log_size = sizeof(log);
	opts.log_buf = log;
	s = sample__open_opts(&opts);
	EXPECT(s && sample__load(s) == 0 && strstr(log, "processed "));
	sample__destroy(s);
}

/* The iterator of one map wants to know which. */
static void test_iter_info(void)
{
	struct iter_elem *s = iter_elem__open_and_load();
	struct userbpf_attach_opts opts;
	__u32 info[4] = {0, 0, 0, 0};
	int fd;

	EXPECT(s != NULL);
	if (!s)
		return;
	EXPECT(iter_elem__attach(s) == 0); /* not among those that SEC() says all of */
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.iter_info = info;
	opts.iter_info_len = sizeof(info);
	info[0] = (__u32)s->maps.walked.map_fd;
	fd = iter_elem__attach_walk(s, &opts);
	EXPECT(fd > 0);
	iter_elem__destroy(s);
}

/* The second of two cannot be attached: no link stays of the first, unless it was there before. */
static void test_half_way(void)
{
	struct iter *s = iter__open_and_load();
	int before, err;

	EXPECT(s != NULL);
	if (!s)
		return;
	userbpf_close(&s->progs.dump_prog.prog_fd);
	before = open_fds();
	err = iter__attach(s);
	EXPECT(err == -EBADF && errno == EBADF && s->links.dump_map_fd == 0);
	EXPECT(open_fds() == before);
	EXPECT(iter__dump_map__attach(s) > 0);
	EXPECT(iter__attach(s) == -EBADF && s->links.dump_map_fd > 0);
	iter__detach(s);
	EXPECT(open_fds() == before);
	iter__destroy(s);
}

static void test_bad_opts(void)
{
	struct userbpf_attach_opts no_size;
	struct userbpf_open_opts none;
	struct xdp *s = xdp__open_and_load();

	memset(&no_size, 0, sizeof(no_size));
	memset(&none, 0, sizeof(none));
	no_size.ifindex = 1;
	EXPECT(!xdp__open_opts(&none) && errno == EINVAL);
	EXPECT(s != NULL);
	if (!s)
		return;
	EXPECT(xdp__attach(s) == 0); /* needs a device: left alone */
	EXPECT(xdp__attach_filter(s, NULL) == -EINVAL && errno == EINVAL);
	errno = 0;
	EXPECT(xdp__attach_filter(s, &no_size) == -EINVAL && errno == EINVAL);
	xdp__destroy(s);
}

static void test_ring(void)
{
	struct ringbuf *s = ringbuf__open();

	EXPECT(s && s->maps.events.max_entries % (unsigned)sysconf(_SC_PAGESIZE) == 0);
	EXPECT(s && ringbuf__load(s) == 0);
	ringbuf__destroy(s);
}

/* --- USDT: a probe at two places, with a semaphore, as <sys/sdt.h> writes it --- */

#if defined(__x86_64__)
unsigned short semaphore __attribute__((section(".probes"), used));

#define PROBE(name, args)                                                                         \
	__asm__ volatile("990: nop\n"                                                             \
			 ".pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n"                  \
			 ".4byte 992f - 991f, 994f - 993f, 3\n"                                   \
			 "991: .asciz \"stapsdt\"\n992: .balign 4\n"                             \
			 "993: .8byte 990b, _.stapsdt.base, semaphore\n"                          \
			 ".asciz \"test\"\n.asciz \"" name "\"\n.asciz \"" args "\"\n"           \
			 "994: .balign 4\n.popsection\n"                                         \
			 ".ifndef _.stapsdt.base\n"                                              \
			 ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"  \
			 ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n"                        \
			 "_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n.popsection\n"      \
			 ".endif\n"

static __attribute__((noinline)) void probe_one(long a)
{
	PROBE("probe", "-8@%0 4@$7")::"r"(a));
}

static __attribute__((noinline)) void probe_two(long *a)
{
	PROBE("probe", "-8@8(%0) -4@$-3")::"r"(a));
}

static __attribute__((noinline)) void probe_other(unsigned char a)
{
	PROBE("other", "1@%b0")::"r"(a));
}

static __attribute__((noinline)) void probe_odd(long *a)
{
	PROBE("odd", "-8@(%0,%0,8)")::"r"(a));
}

static void test_usdt_target(struct usdt *s)
{
	struct userbpf_attach_opts o;
	long v[2] = {0, 1000};

	memset(&o, 0, sizeof(o));
	o.sz = sizeof(o);
	o.cookie = 100;
	EXPECT(usdt__attach_on_probe(s, &o) > 0);
	EXPECT(s->links.on_probe_more[0] > 0 && !s->links.on_probe_more[1]);
	o.target = "/proc/self/exe:test:other";
	EXPECT(usdt__attach_on_other(s, &o) > 0 && !s->links.on_other_more[0]);
	EXPECT(semaphore == 3);
	probe_one(10);
	probe_two(v);
	probe_one(20);
	probe_other(255);
	EXPECT(s->bss->hits == 3 && s->bss->sum == 10 + 7 + 1000 - 3 + 20 + 7);
	EXPECT(s->bss->cookies == 300 && s->bss->others == 255);
	o.target = "/proc/self/exe:test:none";
	EXPECT(usdt__attach_on_other(s, &o) == -ENOENT && s->links.on_other_fd > 0);
	o.target = "/proc/self/exe:test:odd";
	EXPECT(usdt__attach_on_other(s, &o) == -EOPNOTSUPP);
	o.target = "/no/such/file:test:probe";
	EXPECT(usdt__attach_on_other(s, &o) == -ENOENT);
	probe_odd(v);
	usdt__detach(s);
	for (int i = 0; i < 200 && semaphore; i++)
		usleep(5000);
	EXPECT(!semaphore && !s->links.on_probe_fd && !s->links.on_probe_more[0]);
	probe_one(10);
	EXPECT(s->bss->hits == 3);
	EXPECT(usdt__attach(s) == 0 && s->links.on_probe_fd > 0 && !s->links.on_other_fd);
	probe_one(10);
	EXPECT(s->bss->hits == 4);
}

static void test_usdt(void)
{
	struct usdt *s = usdt__open_and_load();

	EXPECT(s != NULL);
	if (s && !access("/sys/bus/event_source/devices/uprobe/type", R_OK))
		test_usdt_target(s);
	usdt__destroy(s);
}
#else
static void test_usdt(void) {}
#endif

/* --- on a kernel --- */

static __attribute__((noinline)) int probed(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x;
}

static void test_uprobe(void)
{
	struct probes *s = probes__open_and_load();
	struct userbpf_attach_opts opts;
	char target[300];
	int fd;

	if (!s || access("/sys/bus/event_source/devices/uprobe/type", R_OK)) {
		probes__destroy(s);
		return;
	}
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.cookie = 0x1234;
	snprintf(target, sizeof(target), "/proc/self/exe:probed");
	opts.target = target;
	opts.pid = (int)getpid();
	fd = probes__attach_on_uprobe(s, &opts);
	EXPECT(fd > 0 && s->links.on_uprobe_fd == fd);
	EXPECT(probed(3) == 3);
	opts.target = "/proc/self/exe:no_such_function";
	EXPECT(probes__attach_on_uprobe(s, &opts) == -ENOENT);
	if (!access("/sys/bus/event_source/devices/kprobe/type", R_OK) &&
	    !access("/sys/kernel/tracing/events/syscalls", R_OK)) {
		EXPECT(probes__attach(s) == 0);
		EXPECT(s->links.on_kprobe_fd > 0 && s->links.on_kretprobe_fd > 0 &&
		       s->links.on_tracepoint_fd > 0);
	}
	EXPECT(s->links.on_uprobe_fd == fd); /* a failed attach leaves the one before */
	probes__destroy(s);
}

/* What each attachment is given comes back in the program. */
static void test_cookies(void)
{
	struct cookie *s = cookie__open_and_load();
	struct userbpf_attach_opts opts;

	EXPECT(s != NULL);
	if (!s || access("/sys/bus/event_source/devices/uprobe/type", R_OK)) {
		cookie__destroy(s);
		return;
	}
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.cookie = 0x1122334455667788;
	opts.target = "/proc/self/exe:probed";
	EXPECT(cookie__attach_hit(s, &opts) > 0);
	EXPECT(probed(1) == 1 && s->bss->hits == 1 && s->bss->last == 0x1122334455667788);
	userbpf_close(&s->links.hit_fd);
	EXPECT(probed(1) == 1 && s->bss->hits == 1);
	opts.cookie = 5;
	EXPECT(cookie__attach_leave(s, &opts) > 0);
	EXPECT(probed(1) == 1 && s->bss->hits == 2 && s->bss->last == 5);
	if (!access("/sys/kernel/tracing/events/syscalls", R_OK)) {
		opts.cookie = 6;
		opts.target = NULL;
		EXPECT(cookie__attach_called(s, &opts) > 0);
		getppid();
		EXPECT(s->bss->hits >= 3 && s->bss->last == 6);
	}
	cookie__destroy(s);
}

/* --- one link at many functions --- */

static __attribute__((noinline)) int multi_one(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x;
}

static __attribute__((noinline)) int multi_two(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

static void call_multi(void)
{
	EXPECT(multi_one(1) == 1 && multi_two(1) == 2 && multi_two(2) == 3);
}

/* SEC() says all of three of them: every call counts, and after the detach none. */
static void test_umulti_sections(struct umulti *s)
{
	struct userbpf_attach_opts o;

	EXPECT(umulti__attach(s) == 0);
	EXPECT(s->links.enter_fd > 0 && s->links.leave_fd > 0 && s->links.enter_sleeping_fd > 0 && !s->links.enter_given_fd);
	call_multi();
	EXPECT(s->bss->hits[0] == 3 && s->bss->hits[1] == 1 && s->bss->hits[2] == 2 && !s->bss->hits[3]);
	EXPECT(!s->bss->cookies[0] && !s->bss->cookies[1] && !s->bss->cookies[2]);
	umulti__detach(s);
	call_multi();
	EXPECT(s->bss->hits[0] == 3);
	memset(&o, 0, sizeof(o));
	o.sz = sizeof(o);
	o.cookie = 0x100000000;
	o.pid = (int)getpid();
	EXPECT(umulti__attach_enter(s, &o) > 0);
	call_multi();
	EXPECT(s->bss->hits[0] == 6 && s->bss->cookies[0] == 0x300000000);
	umulti__detach(s);
}

/* The caller lists places, each with a cookie. */
static void test_umulti_places(struct umulti *s)
{
	struct userbpf_place places[2];
	struct userbpf_attach_opts o;

	EXPECT(umulti__attach_enter_given(s, NULL) == -EINVAL);
	memset(&o, 0, sizeof(o));
	memset(places, 0, sizeof(places));
	o.sz = sizeof(o);
	o.target = "/proc/self/exe";
	o.places = places;
	o.nr_places = 2;
	places[0].func = "multi_one";
	places[0].cookie = 5;
	places[1].offset = (__u64)userbpf_func_offset("/proc/self/exe", "multi_two");
	places[1].cookie = 70;
	EXPECT(umulti__attach_enter_given(s, &o) > 0);
	call_multi();
	EXPECT(s->bss->hits[3] == 3 && s->bss->cookies[3] == 5 + 2 * 70);
	places[1].func = "no_such_function";
	EXPECT(umulti__attach_enter_given(s, &o) == -ENOENT && s->links.enter_given_fd > 0);
	o.nr_places = 0;
	o.target = "/proc/self/exe:no_such_*";
	EXPECT(umulti__attach_enter_given(s, &o) == -ENOENT);
	o.target = "/proc/self/exe:multi_t?o";
	EXPECT(umulti__attach_enter_given(s, &o) > 0);
	call_multi();
	EXPECT(s->bss->hits[3] == 5 && s->bss->cookies[3] == 5 + 2 * 70);
}

/* Kernels before 6.6 load it, and do not know such links. */
static void test_umulti(void)
{
	struct umulti *s = umulti__open_and_load();
	struct utsname u;
	int major = 0, minor = 0;

	EXPECT(s != NULL);
	EXPECT(!uname(&u) && sscanf(u.release, "%d.%d", &major, &minor) == 2);
	if (s && (!on_kernel || major > 6 || (major == 6 && minor >= 6))) {
		test_umulti_sections(s);
		test_umulti_places(s);
	} else if (s) {
		EXPECT(umulti__attach(s) == -EINVAL);
	}
	umulti__destroy(s);
}

static void test_raw_tp(void)
{
	struct raw_tp *s = raw_tp__open_and_load();

	EXPECT(s && raw_tp__attach(s) == 0);
	if (s)
		EXPECT(s->links.enter_fd > 0 && s->links.leave_fd > 0);
	if (s)
		raw_tp__detach(s);
	if (s)
		EXPECT(s->links.enter_fd == 0);
	raw_tp__destroy(s);
}

/* With standard input closed the kernel gives its number away, which a skeleton does not take for a link. */
static void test_closed_stdin(void)
{
	int saved = fcntl(0, F_DUPFD_CLOEXEC, 100);
	struct iter *s;

	close(0);
	s = iter__open_and_load();
	EXPECT(s && iter__attach(s) == 0);
	if (s)
		EXPECT(s->links.dump_map_fd > 0 && s->links.dump_prog_fd > 0);
	iter__destroy(s);
	EXPECT(fcntl(0, F_GETFD) < 0);
	if (saved > 0) {
		dup2(saved, 0);
		close(saved);
	}
}

/* No kernel has them. */
/* What is written to a view goes to the program that names it. */
static void test_view_writes(void)
{
	struct userbpf_attach_opts opts = {.sz = sizeof(opts)};
	struct control *s = control__open_and_load();

	EXPECT(s != NULL);
	if (!s)
		return;
	EXPECT(control__attach(s) == 0); /* the views */
	EXPECT(s->links.limit_fd > 0 && s->links.sleeper_fd > 0);
	EXPECT(s->links.set_limit_fd <= 0);
	opts.target_fd = s->links.limit_fd;
	EXPECT(control__attach_set_limit(s, &opts) > 0);
	EXPECT(control__attach_sink(s, &opts) == -EBUSY);
	opts.target_fd = 0;
	EXPECT(control__attach_sink(s, &opts) > 0);
	control__destroy(s);
}

static void test_views(void)
{
	struct view *s = view__open_and_load();
	struct userbpf_attach_opts opts;

	EXPECT(s != NULL);
	if (!s)
		return;
	EXPECT(view__attach(s) == 0);
	EXPECT(s->links.group_fd > 0);
	EXPECT(s->links.of_map_fd == 0 && s->links.of_link_fd == 0 && s->links.of_task_fd == 0);
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.target_fd = s->maps.seen.map_fd;
	EXPECT(view__attach_of_link(s, &opts) < 0); /* is a map */
	EXPECT(view__attach_of_map(s, &opts) > 0);
	opts.target_fd = s->links.group_fd;
	EXPECT(view__attach_of_link(s, &opts) > 0);
	view__destroy(s);
	test_view_writes();
}

int main(int argc, char **argv)
{
	int before;

	(void)argv;
	on_kernel = argc > 1;
	test_log(); /* the shim's connection and the like exist from now on */
	before = open_fds();
	test_data();
	test_ring();
	test_iter_info();
	test_bad_opts();
	test_half_way();
	test_closed_stdin();
	test_usdt();
	test_umulti();
	if (argc > 1) {
		test_uprobe();
		test_cookies();
		test_raw_tp();
	} else {
		test_views();
	}
	EXPECT(open_fds() == before);
	return failures != 0;
}
