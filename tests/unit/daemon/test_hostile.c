/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A private service (argv[1]) and clients that mean harm: random bytes, mutated requests, wrong
 * counts and lengths, floods of fds and connections, clients that stop reading or die. The service
 * has to live, to answer an honest client, and to end with the fds it began with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "daemon/wire.h"

static char dir[] = "/tmp/userbpfd_test_XXXXXX";
static const char *service;
static pid_t pid;
static int fds_at_start;

static int dial(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/sock", dir);
	if (connect(s, (struct sockaddr *)&sun, sizeof(sun))) {
		close(s);
		return -1;
	}
	return s;
}

/* One request, one reply: its result, or -EPIPE when the service hung up. */
static int call(int s, u32 type, const void *body, u32 len, const int *fds, u32 nfds,
		struct wire_msg *m)
{
	struct msg_hdr h = {.type = type, .len = len, .nfds = nfds};

	if (wire_send(s, &h, body, fds) || wire_recv(s, m, NULL, NULL) <= 0)
		return -EPIPE;
	return m->hdr.result;
}

static int greet(int s)
{
	struct msg_hello h = {.version = PROTO_VERSION};
	struct wire_msg m = {};
	int res = call(s, MSG_HELLO, &h, sizeof(h), NULL, 0, &m);

	wire_msg_free(&m);
	return res;
}

static int client(void)
{
	int s = dial();

	assert_true(s >= 0);
	assert_int_equal(greet(s), 0);
	return s;
}

/* MSG_BPF of an attr in the buffer @attr, no other memory. */
static int bpf_call(int s, u32 cmd, const void *attr, u32 size)
{
	struct {
		struct msg_bpf h;
		u8 attr[256];
	} q = {.h = {.cmd = cmd, .attr_size = size, .uattr = 0x10000}};
	struct wire_msg m = {};
	int res;

	memcpy(q.attr, attr, size);
	res = call(s, MSG_BPF, &q, sizeof(q.h) + MSG_PAD(size), NULL, 0, &m);
	wire_msg_free(&m);
	return res;
}

static int service_fds(void)
{
	char path[64];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void honest(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
	int s = client();

	assert_int_equal(bpf_call(s, BPF_MAP_CREATE, &attr, 72), 0);
	attr.map_type = 9999;
	assert_int_equal(bpf_call(s, BPF_MAP_CREATE, &attr, 72), -EINVAL);
	close(s);
}

static int alive_after(void **state)
{
	honest();
	for (int i = 0; i < 500 && service_fds() != fds_at_start; i++)
		usleep(10000);
	return service_fds() == fds_at_start && !kill(pid, 0) ? 0 : -1;
}

static void test_random(void **state)
{
	char buf[600];

	srand(1);
	for (int i = 0; i < 300; i++) {
		int s = i % 2 ? client() : dial(), n = rand() % sizeof(buf);

		for (int k = 0; k < n; k++)
			buf[k] = rand();
		if (send(s, buf, n, MSG_NOSIGNAL) < 0)
			print_message("hung up early\n");
		close(s);
	}
}

/* Every request with a body of random small words behind a correct header. */
static void test_mutated(void **state)
{
	u32 body[64];

	srand(2);
	for (int i = 0; i < 3000; i++) {
		u32 type = i % 3 ? i % 10 : 32 + i % 10, len = rand() % sizeof(body);
		struct wire_msg m = {};
		int s;

		if (type == MSG_SHUTDOWN)
			continue;
		for (u32 k = 0; k < ARRAY_SIZE(body); k++)
			body[k] = rand() % 4 ? (u32)rand() % 40 : (u32)rand() << 8;
		s = client();
		call(s, type, body, len, NULL, 0, &m);
		wire_msg_free(&m);
		close(s);
	}
}

static void test_bpf_counts(void **state)
{
	static const struct {
		u32 attr_size, nr_segs, nr_fds, seg_flags;
		u64 uaddr, len;
		int want;
	} rows[] = {
		{72, 0, 0, 0, 0, 0, -EINVAL},
		{~0u, 0, 0, 0, 0, 0, -EBADMSG},
		{72, ~0u, 0, 0, 0, 0, -EBADMSG},
		{72, 0, ~0u, 0, 0, 0, -EBADMSG},
		{72, 1, 0, SEG_DATA, 0x1000, ~0ull, -EBADMSG},
		{72, 1, 0, SEG_DATA, 0x1000, 1ull << 40, -EBADMSG},
		{72, 1, 0, SEG_OUT, ~0ull, 2, -EINVAL}, /* just no memory there */
		{72, 1, 0, SEG_DATA | SEG_PATH, 0x1000, 3, -EINVAL},
		{72, 1, 1, 0, 0, 0, -EINVAL},
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct {
			struct msg_bpf h;
			u8 attr[72];
			struct msg_seg seg;
			struct msg_fd fd;
		} q = {.h = {BPF_MAP_CREATE, rows[i].attr_size, 0x4000, rows[i].nr_segs,
			     rows[i].nr_fds}};
		struct wire_msg m = {};
		int s = client();

		q.seg = (struct msg_seg){rows[i].uaddr, rows[i].len, rows[i].seg_flags, 0};
		q.fd = (struct msg_fd){3, 7};
		assert_int_equal(call(s, MSG_BPF, &q, sizeof(q), NULL, 0, &m), rows[i].want);
		wire_msg_free(&m);
		close(s);
	}
}

/* Programs run in their callers, with their memory and fds: never in the service. */
static void test_no_runs_here(void **state)
{
	union bpf_attr a = {.test.prog_fd = 3};
	int s = client();

	assert_int_equal(bpf_call(s, BPF_PROG_TEST_RUN, &a, 76), -EOPNOTSUPP);
	close(s);
}

/* Names that are cut off, unterminated or longer than the message. */
static void test_names(void **state)
{
	static const struct {
		u32 type, len;
		struct {
			struct msg_btf_find head;
			char name[24];
		} m;
		int want;
	} rows[] = {
		{MSG_BTF_FIND, 16, {{BTF_KIND_STRUCT, 8}, "bpf_map"}, 1},
		{MSG_BTF_FIND, 16, {{BTF_KIND_STRUCT, 7}, "bpf_map"}, -EINVAL},
		{MSG_BTF_FIND, 16, {{BTF_KIND_STRUCT, 9}, "bpf_map"}, -EINVAL},
		{MSG_BTF_FIND, 16, {{BTF_KIND_STRUCT, ~0u}, "bpf_map"}, -EINVAL},
		{MSG_BTF_FIND, 16, {{BTF_KIND_STRUCT, 0}, "bpf_map"}, -EINVAL},
		{MSG_BTF_FIND, 16, {{99, 8}, "bpf_map"}, -ENOENT},
		{MSG_BTF_FIND, 8, {{BTF_KIND_STRUCT, 8}, ""}, -EPIPE},
		{MSG_KSYM_FIND, 9, {{0, 0}, "x"}, -EINVAL},
		{MSG_KSYM_FIND, 0, {{0, 0}, ""}, -EPIPE},
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire_msg m = {};
		int s = client(), got = call(s, rows[i].type, &rows[i].m, rows[i].len, NULL, 0, &m);

		if (rows[i].want > 0)
			assert_true(got > 0);
		else
			assert_int_equal(got, rows[i].want);
		wire_msg_free(&m);
		close(s);
	}
}

static void test_fd_flood(void **state)
{
	int fds[PROTO_MAX_FDS], null = open("/dev/null", O_RDONLY);
	struct msg_hdr h = {.type = MSG_HANDLE, .nfds = PROTO_MAX_FDS};
	struct wire_msg m = {};
	int s[8];

	for (u32 i = 0; i < PROTO_MAX_FDS; i++)
		fds[i] = null;
	for (u32 i = 0; i < ARRAY_SIZE(s); i++) {
		s[i] = client();
		assert_int_equal(call(s[i], MSG_HANDLE, NULL, 0, fds, PROTO_MAX_FDS, &m), -EBADF);
		wire_msg_reset(&m);
		h.nfds = 3; /* more come than said */
		wire_send(s[i], &h, NULL, fds);
	}
	for (u32 i = 0; i < ARRAY_SIZE(s); i++)
		close(s[i]);
	wire_msg_free(&m);
	close(null);
}

static void test_connections(void **state)
{
	int s[600], n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(s); i++) {
		s[i] = dial();
		n += s[i] >= 0;
	}
	assert_true(n > 500);
	honest();
	for (u32 i = 0; i < ARRAY_SIZE(s); i++)
		close(s[i]);
}

/* Claims of big bodies that never come cost nothing and delay nobody. */
static void test_promises(void **state)
{
	struct msg_hdr h = {.type = MSG_BPF, .len = PROTO_MAX_BODY};
	int s[20];

	for (u32 i = 0; i < ARRAY_SIZE(s); i++) {
		s[i] = client();
		if (send(s[i], &h, sizeof(h), MSG_NOSIGNAL) < 0)
			print_message("refused\n");
	}
	honest();
	for (u32 i = 0; i < ARRAY_SIZE(s); i++)
		close(s[i]);
}

static void test_killed(void **state)
{
	for (int i = 0; i < 50; i++) {
		pid_t p = fork();

		if (!p) {
			union bpf_attr attr = {.map_type = BPF_MAP_TYPE_HASH,
					       .key_size = 4,
					       .value_size = 8,
					       .max_entries = 10};
			int s = client();

			for (;;)
				bpf_call(s, BPF_MAP_CREATE, &attr, 72);
		}
		usleep(rand() % 5000);
		kill(p, SIGKILL);
		waitpid(p, NULL, 0);
	}
}

/* The first message has to be HELLO, of our version. */
static void test_hello(void **state)
{
	struct msg_hello h = {.version = PROTO_VERSION + 1};
	struct msg_status st = {};
	struct wire_msg m = {};
	int s = dial();

	assert_int_equal(call(s, MSG_STATUS, &st, sizeof(st), NULL, 0, &m), -EPIPE);
	close(s);
	s = dial();
	assert_int_equal(call(s, MSG_HELLO, &h, sizeof(h), NULL, 0, &m), -EPROTO);
	assert_int_equal(m.hdr.len, sizeof(h));
	assert_int_equal(call(s, MSG_STATUS, &st, sizeof(st), NULL, 0, &m), -EPIPE);
	close(s);
	wire_msg_free(&m);
}

static bool exists(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !access(path, F_OK);
}

static int start(void **state)
{
	int p[2], err;
	char c;

	if (!mkdtemp(dir) || pipe(p))
		return -1;
	pid = fork();
	if (!pid) {
		char fd[16];

		snprintf(fd, sizeof(fd), "%d", p[1]);
		close(p[0]);
		execl(service, service, "--foreground", "--dir", dir, "--preload", "off",
		      "--unpriv", "0", "--ready-fd", fd, NULL);
		_exit(127);
	}
	close(p[1]);
	err = read(p[0], &c, 1) != 1;
	close(p[0]);
	if (err)
		return -1;
	honest();
	for (int i = 0; i < 50; i++) {
		usleep(10000);
		fds_at_start = service_fds();
	}
	return fds_at_start > 0 ? 0 : -1;
}

static int second(void)
{
	int status;
	pid_t p = fork();

	if (!p) {
		close(2);
		execl(service, service, "--foreground", "--dir", dir, "--preload", "off", NULL);
		_exit(127);
	}
	waitpid(p, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_one_instance(void **state)
{
	assert_int_equal(second(), 1);
	assert_true(exists("sock"));
}

static int finish(void **state)
{
	int status;

	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	if (status || exists("sock") || exists("trace_pipe") || exists("pid") || exists("lock") ||
	    exists("btf"))
		return -1;
	return rmdir(dir);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_teardown(f, alive_after)
	const struct CMUnitTest tests[] = {
		T(test_hello),	      T(test_random),	    T(test_mutated),	 T(test_bpf_counts),
		T(test_fd_flood),     T(test_promises),	    T(test_connections), T(test_killed),
		T(test_one_instance), T(test_no_runs_here), T(test_names),
	};

	if (argc < 2)
		return 77;
	service = argv[1];
	return cmocka_run_group_tests(tests, start, finish);
}
