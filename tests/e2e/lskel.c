/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lskel.c - light skeletons at work. "skeletons.h" is made by the test: it includes their headers and has SKELETONS(X),
 * with X(name) for each.
 *
 *   lskel same NAME OBJECT   loads with the skeleton and with libbpf: what is there must be described alike; 4: neither loads
 *   lskel load NAME          loads and destroys: exit status 0, or 1 with errno on stdout; fds and objects as before
 *   lskel attach NAME        loads, attaches, detaches, destroys
 *   lskel log NAME LEVEL     loads with a log into a buffer, and prints that
 *   lskel data               global data of mapval and bigdata: set before the load, seen by the program, its writes seen by us;
 *                            max_entries of the caller's choice
 * LSKEL_BY_PROGRAM in the environment: our skeletons load by their loader program, also where they need not.
 *   lskel bare NAME          loads and destroys, and makes no other bpf(2) call
 *   lskel faults NAME N B    the same N times, each in a process of its own in which the 1st, 2nd ... Nth call fails: load must
 *                            say so and leave nothing; and once more without a fault. Call B loads BTF, without which it may go on
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "describe.h"
#include <bpf/skel_internal.h> /* struct bpf_loader_ctx; our skeletons have one of the same layout */
#include "skeletons.h"
#include "cli/sections.h"

struct skeleton {
	const char *name;
	void *(*open)(void);
	int (*load)(void *);
	int (*attach)(void *);
	void (*destroy)(void *);
};

#define FUNCTIONS(n)                     \
	static void *n##_open(void)      \
	{                                \
		return n##__open();      \
	}                                \
	static int n##_load(void *s)     \
	{                                \
		return n##__load(s);     \
	}                                \
	static int n##_attach(void *s)   \
	{                                \
		return n##__attach(s);   \
	}                                \
	static void n##_destroy(void *s) \
	{                                \
		n##__destroy(s);         \
	}
SKELETONS(FUNCTIONS)

#define ROW(n) {#n, n##_open, n##_load, n##_attach, n##_destroy},
static const struct skeleton skeletons[] = {SKELETONS(ROW)};

static const struct skeleton *find(const char *name)
{
	for (unsigned int i = 0; i < sizeof(skeletons) / sizeof(skeletons[0]); i++)
		if (!strcmp(skeletons[i].name, name))
			return &skeletons[i];
	return NULL;
}

static unsigned int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* What must be as it was; on a machine's own kernel others make objects, too. */
struct state {
	unsigned int fds;
	struct baseline ids;
};

static void state_take(struct state *s)
{
	baseline_take(&s->ids); /* also opens the connection to the service, an fd of its own */
	s->fds = open_fds();
}

/* Objects go when their last fd is closed and everybody has seen it: some milliseconds. */
static int state_same(const struct state *before)
{
	int alone = !!getenv("USERBPF_SOCKET"), clean = 0;
	unsigned int fds = open_fds();

	for (int tries = 0; tries < 500 && !clean; tries++) {
		clean = !alone || nothing_since(&before->ids);
		if (!clean)
			usleep(2000);
	}
	if (clean && fds == before->fds)
		return 1;
	printf("%u fds before, %u after\n", before->fds, fds);
	describe_since(&before->ids, stdout, 0);
	return 0;
}

static void *load(const struct skeleton *s, struct bpf_loader_ctx *opts)
{
	struct bpf_loader_ctx *ctx = s->open();
	int err;

	if (!ctx)
		return NULL;
	if (getenv("LSKEL_BY_PROGRAM"))
		ctx->flags = 1; /* USERBPF_BY_PROGRAM */
	if (opts) {
		ctx->log_level = opts->log_level;
		ctx->log_size = opts->log_size;
		ctx->log_buf = opts->log_buf;
	}
	err = s->load(ctx);
	if (err) {
		s->destroy(ctx);
		errno = -err;
		return NULL;
	}
	return ctx;
}

static int do_load(const struct skeleton *s, int attach)
{
	struct state before;
	int err = 0;
	void *skel;

	state_take(&before);
	skel = load(s, NULL);
	if (!skel) {
		printf("%s\n", strerrorname_np(errno));
		return state_same(&before) ? 1 : 3;
	}
	if (attach && s->attach(skel)) {
		printf("attach: %s\n", strerrorname_np(errno));
		err = 1;
	}
	s->destroy(skel);
	return state_same(&before) ? err : 3;
}

/* --- global data --- */

static int run_packet(int prog_fd, unsigned int len)
{
	static char packet[256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = len);

	return bpf_prog_test_run_opts(prog_fd, &opts) ? -errno : (int)opts.retval;
}

#define WANT(what, got, want)                                               \
	do {                                                                \
		long long got_ = (got), want_ = (want);                     \
		if (got_ != want_)                                          \
			printf("%s: %lld, want %lld\n", what, got_, want_); \
		bad |= got_ != want_;                                       \
	} while (0)

/* A store to a read-only mapping kills; a child tries. */
static int store_kills(volatile unsigned int *p)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		*p = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

static int do_mapval(void)
{
	struct mapval *s = mapval__open();
	int bad = 0;

	if (!s)
		return 1;
	WANT("factor before", s->rodata->factor, 3);
	s->rodata->factor = 5;
	s->data->start = 2000;
	s->bss->calls = 40;
	if (mapval__load(s))
		return 1;
	WANT("factor after", s->rodata->factor, 5);
	WANT("result", run_packet(s->progs.use_globals.prog_fd, 64), (2000 + 3) * 5);
	WANT("start", s->data->start, 2003);
	WANT("calls", s->bss->calls, 41);
	WANT("length", s->bss->last.len, 64 - 14);
	WANT("mark", s->bss->last.mark, 'e');
	s->data->start = 10;
	WANT("second result", run_packet(s->progs.use_globals.prog_fd, 64), (10 + 3) * 5);
	WANT("rodata is read-only", store_kills(&s->rodata->factor), 1);
	mapval__destroy(s);
	return bad;
}

static int do_bigdata(void)
{
	struct bigdata *s = bigdata__open();
	int bad = 0;

	if (!s)
		return 1;
	s->bss->table[3000] = 1000;
	s->data->prefilled[4999] = 7;
	WANT("load", bigdata__load(s), 0);
	WANT("result", run_packet(s->progs.touch.prog_fd, 64), 1007);
	WANT("table", s->bss->table[50], 7);
	bigdata__destroy(s);
	return bad;
}

/* max_entries of the caller's choice; global data has room for one value. */
static int do_max_entries(void)
{
	struct maps *m = maps__open();
	struct bigdata *s = bigdata__open();
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);
	int bad = 0;

	if (!s || !m)
		return 1;
	m->maps.lengths.max_entries = 99;
	WANT("load", maps__load(m), 0);
	WANT("info", bpf_obj_get_info_by_fd(m->maps.lengths.map_fd, &info, &len), 0);
	WANT("max_entries", info.max_entries, 99);
	maps__destroy(m);
	s->maps.bss.max_entries = 2;
	WANT("two values of .bss", bigdata__load(s), -EINVAL);
	bigdata__destroy(s);
	return bad;
}

/* --- faults --- */

#define FAULT EXDEV /* nothing else here gives it */

static int do_bare(const struct skeleton *s)
{
	void *skel = load(s, NULL);

	if (!skel) {
		printf("%s\n", strerrorname_np(errno));
		return 1;
	}
	s->destroy(skel);
	return 0;
}

/* Bit i: fd i is open and no socket (the shim's connections stay). */
static unsigned long long fd_set_now(void)
{
	unsigned long long set = 0;
	struct stat st;

	for (int fd = 0; fd < 64; fd++)
		if (!fstat(fd, &st) && !S_ISSOCK(st.st_mode))
			set |= 1ull << fd;
	return set;
}

/* The child: USERBPF_FAIL is in the environment. */
static int do_fault(const struct skeleton *s, char **argv)
{
	struct baseline b = {atoi(argv[0]), atoi(argv[1]), atoi(argv[2]), atoi(argv[3])};
	unsigned long long fds = fd_set_now();
	void *skel = load(s, NULL);
	int err = skel ? 0 : errno;

	if (skel)
		s->destroy(skel);
	if (fd_set_now() != fds) {
		printf("fds before %llx, after %llx\n", fds, fd_set_now());
		return 1;
	}
	for (int tries = 0; !nothing_since(&b); tries++) {
		if (tries == 500) {
			describe_since(&b, stdout, 0);
			return 1;
		}
		usleep(2000);
	}
	if (err && err != FAULT)
		printf("%s\n", strerrorname_np(err));
	return err == FAULT ? 42 : !!err;
}

static int fault_child(const char *name, const struct baseline *b, int call)
{
	char env[64], ids[4][16];
	char *argv[] = {"lskel", "fault", (char *)name, ids[0], ids[1], ids[2], ids[3], NULL};
	int status = -1;
	pid_t pid;

	snprintf(ids[0], 16, "%u", b->prog);
	snprintf(ids[1], 16, "%u", b->map);
	snprintf(ids[2], 16, "%u", b->btf);
	snprintf(ids[3], 16, "%u", b->link);
	snprintf(env, sizeof(env), "%d:%d", call, FAULT);
	setenv("USERBPF_FAIL", env, 1);
	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int do_faults(const char *name, int calls, int btf)
{
	struct baseline b;
	int bad = 0;

	baseline_take(&b);
	for (int i = 1; i <= calls + 1; i++) {
		int got = fault_child(name, &b, i), want = i <= calls ? 42 : 0;

		if (i == btf && !got)
			printf("goes without BTF\n");
		else if (got != want) {
			printf("%s: call %d of %d: status %d, want %d\n", name, i, calls, got,
			       want);
			bad = 1;
		}
	}
	return bad;
}

static int do_log(const struct skeleton *s, int level)
{
	static char buf[1 << 20];
	struct bpf_loader_ctx opts = {
		.log_level = level, .log_size = sizeof(buf), .log_buf = (uintptr_t)buf};
	void *skel = load(s, &opts);

	fputs(buf, stdout);
	if (!skel)
		printf("%s\n", strerrorname_np(errno));
	else
		s->destroy(skel);
	return !skel;
}

/* --- the same with libbpf --- */

static char *described(const struct baseline *b)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	describe_since(b, f, DESCRIBE_LOOSE | (getenv("USERBPF_SOCKET") ? 0 : DESCRIBE_OWN));
	fclose(f);
	return text;
}

static char *with_skeleton(const struct skeleton *s)
{
	struct state before;
	struct baseline b;
	void *skel;
	char *text;

	state_take(&before);
	baseline_take(&b);
	skel = load(s, NULL);
	if (!skel) {
		printf("skeleton: %s\n", strerrorname_np(errno));
		return NULL;
	}
	text = described(&b);
	s->destroy(skel);
	return state_same(&before) ? text : NULL;
}

static char *with_libbpf(const char *path)
{
	struct bpf_object *o = bpf_object__open(path);
	struct baseline b;
	char *text;

	baseline_take(&b);
	if (!o || bpf_object__load(o)) {
		printf("libbpf: %s\n", strerrorname_np(errno));
		return NULL;
	}
	text = described(&b);
	bpf_object__close(o);
	return text;
}

static void save(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

static int do_same(const struct skeleton *s, const char *object)
{
	char *a = with_skeleton(s), *b = with_libbpf(object);

	if (!a || !b)
		return a || b ? 1 : 4;
	if (!strcmp(a, b) && *a)
		return 0;
	save("skeleton.txt", a);
	save("libbpf.txt", b);
	puts("differ: skeleton.txt libbpf.txt");
	return 1;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vprintf(fmt, ap) : 0;
}

int main(int argc, char **argv)
{
	const struct skeleton *s = argc > 2 ? find(argv[2]) : NULL;

	if (argc > 1 && !strcmp(argv[1], "data"))
		return do_mapval() | do_bigdata() | do_max_entries();
	if (!s)
		return 2;
	libbpf_set_print(quiet);
	if (sections_register() < 0)
		return 1;
	if (!strcmp(argv[1], "same") && argc > 3)
		return do_same(s, argv[3]);
	if (!strcmp(argv[1], "bare"))
		return do_bare(s);
	if (!strcmp(argv[1], "faults") && argc > 4)
		return do_faults(s->name, atoi(argv[3]), atoi(argv[4]));
	if (!strcmp(argv[1], "fault") && argc > 6)
		return do_fault(s, argv + 3);
	if (!strcmp(argv[1], "log") && argc > 3)
		return do_log(s, atoi(argv[3]));
	return do_load(s, !strcmp(argv[1], "attach"));
}
