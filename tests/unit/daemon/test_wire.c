/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages with and without bodies and fds over a socket pair, whole and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/wire.h"

static int nr_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

struct job {
	int sock;
	u32 len, nfds;
	u8 *body;
	int *fds;
};

static void *sender(void *arg)
{
	struct job *j = arg;
	struct msg_hdr h = {.type = 7, .len = j->len, .nfds = j->nfds, .result = -3};

	assert_int_equal(wire_send(j->sock, &h, j->body, j->fds), 0);
	return NULL;
}

static void round_trip(bool strict)
{
	static const struct {
		u32 len, nfds;
	} rows[] = {{0, 0},   {1, 0},	   {0, 1},	    {100, 3}, {0, 250},
		    {5, 251}, {4096, 600}, {3 << 20, 1024}, {8, 0}};
	int before = nr_open(), null = open("/dev/null", O_RDONLY), s[2];
	struct wire_msg m = {.strict = strict};

	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct job j = {s[0], rows[i].len, rows[i].nfds, malloc(rows[i].len + 1),
				calloc(rows[i].nfds + 1, sizeof(int))};
		pthread_t t;

		for (u32 k = 0; k < j.len; k++)
			j.body[k] = k * 31;
		for (u32 k = 0; k < j.nfds; k++)
			j.fds[k] = null;
		pthread_create(&t, NULL, sender, &j);
		assert_int_equal(wire_recv(s[1], &m, NULL, NULL), 1);
		pthread_join(t, NULL);
		assert_int_equal(m.hdr.len, j.len);
		assert_int_equal(m.hdr.result, -3);
		assert_int_equal(m.nr_fds, j.nfds);
		if (j.len)
			assert_memory_equal(m.body, j.body, j.len);
		free(j.body);
		free(j.fds);
	}
	close(s[0]);
	assert_int_equal(wire_recv(s[1], &m, NULL, NULL), 0);
	wire_msg_free(&m);
	close(s[1]);
	close(null);
	assert_int_equal(nr_open(), before);
}

static void test_round_trip(void **state)
{
	round_trip(false);
	round_trip(true);
}

static void broken(bool strict)
{
	static const struct {
		struct msg_hdr h;
		u32 send, nfds;
		int want;
	} rows[] = {
		{{.len = 8}, 16, 0, -EPIPE}, /* body missing */
		{{.len = 8}, 7, 0, -EPIPE},  /* half a header */
		{{.len = PROTO_MAX_BODY + 1}, 16, 0, -EMSGSIZE},
		{{.nfds = PROTO_MAX_FDS + 1}, 16, 0, -EMSGSIZE},
		{{.nfds = 1}, 16, 0, -EBADMSG}, /* fewer fds than said */
		{{.nfds = 0}, 16, 2, -EBADMSG}, /* more */
	};
	int before = nr_open();

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		char ctl[CMSG_SPACE(8)] = {};
		struct iovec iov = {(void *)&rows[i].h, rows[i].send};
		struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
		struct wire_msg m = {.strict = strict};
		int s[2];

		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
		if (rows[i].nfds) {
			mh.msg_control = ctl;
			mh.msg_controllen = sizeof(ctl);
			*CMSG_FIRSTHDR(&mh) = (struct cmsghdr){.cmsg_len = CMSG_LEN(8),
							       .cmsg_level = SOL_SOCKET,
							       .cmsg_type = SCM_RIGHTS};
			memcpy(CMSG_DATA(CMSG_FIRSTHDR(&mh)), s, 8);
		}
		assert_int_equal(sendmsg(s[0], &mh, 0), rows[i].send);
		close(s[0]);
		assert_int_equal(wire_recv(s[1], &m, NULL, NULL), rows[i].want);
		wire_msg_free(&m);
		close(s[1]);
	}
	assert_int_equal(nr_open(), before);
}

static void test_broken(void **state)
{
	broken(false);
	broken(true);
}

/* Two messages in one go: one after the other, or an error from a peer that has to wait. */
static void test_pipelined(void **state)
{
	struct msg_hdr h[2] = {{.type = 1}, {.type = 2}};
	struct wire_msg m = {}, strict = {.strict = true};
	int s[2];

	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
	assert_int_equal(write(s[0], h, sizeof(h)), sizeof(h));
	assert_int_equal(wire_recv(s[1], &m, NULL, NULL), 1);
	assert_int_equal(wire_recv(s[1], &m, NULL, NULL), 1);
	assert_int_equal(m.hdr.type, 2);
	assert_int_equal(write(s[0], h, sizeof(h)), sizeof(h));
	assert_int_equal(wire_recv(s[1], &strict, NULL, NULL), -EBADMSG);
	wire_msg_free(&m);
	wire_msg_free(&strict);
	close(s[0]);
	close(s[1]);
}

static int refuse(void *arg, size_t len)
{
	return len > 1000 ? -ENOMEM : 0;
}

static void test_limit(void **state)
{
	struct msg_hdr h = {.len = 2000};
	struct wire_msg m = {};
	int s[2];

	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
	assert_int_equal(write(s[0], &h, sizeof(h)), sizeof(h));
	assert_int_equal(wire_recv(s[1], &m, refuse, NULL), -ENOMEM);
	wire_msg_free(&m);
	close(s[0]);
	close(s[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_broken),
		cmocka_unit_test(test_limit), cmocka_unit_test(test_pipelined)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
