/* SPDX-License-Identifier: BSD-2-Clause */
/* What a bpf(2) call looks like on the wire, what comes back into the caller's memory, and what
 * happens when the service does not play along. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "peer.h"
#include "shim/shim.h"

#define BAD ((u64)0x10)

/* The last MSG_BPF, taken apart. */
static struct {
	struct msg_bpf head;
	union bpf_attr attr;
	struct msg_seg segs[16];
	struct msg_fd fds[PROTO_MAX_FDS];
	char data[65536];
	u32 nr_passed;
	u32 calls;
	struct stat passed[4];
} got;

/* What to answer. */
static struct {
	s32 result;
	bool fd, hang_up;
	u64 uaddr;
	char text[64];
} give;

static struct peer *peer;

static void take(const struct peer_msg *m)
{
	const char *p = m->body;

	memcpy(&got.head, p, sizeof(got.head));
	p += sizeof(got.head);
	memcpy(&got.attr, p, min(got.head.attr_size, (u32)sizeof(got.attr)));
	p += MSG_PAD(min(got.head.attr_size, MSG_ATTR_MAX));
	memcpy(got.segs, p, got.head.nr_segs * sizeof(struct msg_seg));
	p += got.head.nr_segs * sizeof(struct msg_seg);
	memcpy(got.fds, p, got.head.nr_fds * sizeof(struct msg_fd));
	p += got.head.nr_fds * sizeof(struct msg_fd);
	memcpy(got.data, p, m->body + m->hdr.len - p);
	got.nr_passed = m->nr_fds;
	for (u32 i = 0; i < min(m->nr_fds, 4u); i++)
		fstat(m->fds[i], &got.passed[i]);
	got.calls++;
}

static void answer(void *arg, const struct peer_msg *m, struct peer_reply *r)
{
	struct msg_bpf_reply head = {0};
	struct msg_seg seg = {.uaddr = give.uaddr, .len = strlen(give.text) + 1};

	if (m->hdr.type != MSG_BPF) {
		r->result = -EBADF;
		return;
	}
	take(m);
	r->result = give.result;
	r->hang_up = give.hang_up;
	if (give.fd)
		r->fd = memfd_create("new", MFD_CLOEXEC);
	head.nr_segs = give.uaddr ? 1 : 0;
	memcpy(r->body, &head, sizeof(head));
	r->len = sizeof(head);
	if (give.uaddr) {
		memcpy(r->body + r->len, &seg, sizeof(seg));
		memcpy(r->body + r->len + sizeof(seg), give.text, seg.len);
		r->len += sizeof(seg) + MSG_PAD(seg.len);
	}
}

static int setup(void **state)
{
	static const struct fd_source source = {.describe = shim_describe};

	memset(&got, 0, sizeof(got));
	memset(&give, 0, sizeof(give));
	peer = peer_start(answer, NULL);
	if (client_init(&shim.client, peer_path(peer)))
		return -1;
	shim.fds = fdtab_new(&source);
	return 0;
}

static int teardown(void **state)
{
	client_close(&shim.client);
	if (peer)
		peer_stop(peer);
	peer = NULL;
	return 0;
}

static const struct msg_seg *seg_at(u64 uaddr)
{
	for (u32 i = 0; i < got.head.nr_segs; i++)
		if (got.segs[i].uaddr == uaddr)
			return &got.segs[i];
	return NULL;
}

static void test_new_fd(void **state)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 3};
	long fd;

	give.fd = true;
	fd = shim_bpf(BPF_MAP_CREATE, &attr, 72);
	assert_true(fd >= 3);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(got.head.cmd, BPF_MAP_CREATE);
	assert_int_equal(got.head.attr_size, 72);
	assert_int_equal(got.head.uattr, (uintptr_t)&attr);
	assert_memory_equal(&got.attr, &attr, 72);
	close(fd);
}

static void test_prog_load(void **state)
{
	int map = memfd_create("m", 0), dead = 900;
	struct bpf_insn insns[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
		{0},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
		{0},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = BPF_PSEUDO_MAP_FD, .imm = dead},
		{0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	char log[32] = "untouched";
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insn_cnt = ARRAY_SIZE(insns),
		.insns = (uintptr_t)insns,
		.license = (uintptr_t) "GPL",
		.log_level = 1,
		.log_size = sizeof(log),
		.log_buf = (uintptr_t)log,
	};
	const struct msg_seg *s;
	struct stat st;

	give.result = -EACCES;
	give.uaddr = (uintptr_t)log;
	strcpy(give.text, "R0 !read_ok");
	assert_int_equal(shim_bpf(BPF_PROG_LOAD, &attr, sizeof(attr)), -EACCES);
	assert_string_equal(log, "R0 !read_ok");
	s = seg_at((uintptr_t)insns);
	assert_non_null(s);
	assert_int_equal(s->len, sizeof(insns));
	assert_int_equal(s->flags, SEG_DATA);
	assert_memory_equal(got.data, insns, sizeof(insns));
	s = seg_at((uintptr_t)log);
	assert_non_null(s);
	assert_int_equal(s->flags, SEG_OUT);
	/* twice the same fd goes once; what is no fd goes as such */
	assert_int_equal(got.nr_passed, 1);
	assert_int_equal(got.head.nr_fds, 2);
	assert_int_equal(got.fds[0].client_fd, map);
	assert_int_equal(got.fds[0].index, 0);
	assert_int_equal(got.fds[1].client_fd, dead);
	assert_int_equal(got.fds[1].index, -1);
	fstat(map, &st);
	assert_int_equal(got.passed[0].st_ino, st.st_ino);
	close(map);
}

/* Is the memfd of the reply still open somewhere? The peer closes its own soon. */
static bool new_is_open(void)
{
	char path[32], name[64];
	bool open = true;

	for (int round = 0; round < 50 && open; round++) {
		open = false;
		for (int fd = 3; fd < 1024; fd++) {
			ssize_t n;

			snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
			n = readlink(path, name, sizeof(name) - 1);
			open |= n > 0 && !strncmp(name, "/memfd:new", 10);
		}
		if (open)
			usleep(10000);
	}
	return open;
}

static void fault_in_reply(void)
{
	union bpf_attr attr = {0};

	give.fd = true;
	give.uaddr = BAD;
	strcpy(give.text, "x");
	assert_int_equal(shim_bpf(BPF_MAP_CREATE, &attr, 72), -EFAULT);
	assert_false(new_is_open());
}

static void test_faults(void **state)
{
	union bpf_attr attr = {.btf = BAD, .btf_size = 64};
	const struct msg_seg *s;

	give.result = -EFAULT;
	assert_int_equal(shim_bpf(BPF_BTF_LOAD, &attr, 28), -EFAULT);
	s = seg_at(BAD);
	assert_non_null(s);
	assert_int_equal(s->flags, SEG_FAULT);
	/* attr itself: nothing is sent */
	got.calls = 0;
	assert_int_equal(shim_bpf(BPF_BTF_LOAD, (void *)BAD, 28), -EFAULT);
	assert_int_equal(shim_bpf(BPF_MAP_LOOKUP_ELEM, (void *)BAD, 32), -EFAULT);
	assert_int_equal(got.calls, 0);
	fault_in_reply();
}

static void test_paths(void **state)
{
	union bpf_attr attr = {.pathname = (uintptr_t) "/tmp/no-such-file", .bpf_fd = 0};
	const struct msg_path *p = (const void *)got.data;
	struct stat st;

	give.result = -ENOENT;
	shim_bpf(BPF_OBJ_GET, &attr, 16);
	assert_int_equal(p->index, -1);
	assert_int_equal(p->error, -ENOENT);
	assert_string_equal((const char *)(p + 1), "/tmp/no-such-file");

	shim_bpf(BPF_OBJ_PIN, &attr, 16);
	assert_int_equal(p->error, 0);
	assert_true(p->index >= 0);
	stat("/tmp", &st);
	assert_int_equal(got.passed[p->index].st_ino, st.st_ino);
	assert_string_equal((const char *)(p + 1) + p->text_len, "no-such-file");

	attr.pathname = (uintptr_t) "/tmp/";
	shim_bpf(BPF_OBJ_PIN, &attr, 16);
	assert_int_equal(p->error, -EEXIST);
	attr.pathname = (uintptr_t) "/";
	shim_bpf(BPF_OBJ_PIN, &attr, 16);
	assert_int_equal(p->error, -EEXIST);
	attr.pathname = (uintptr_t) "";
	shim_bpf(BPF_OBJ_GET, &attr, 16);
	assert_int_equal(p->error, -ENOENT);
	attr.pathname = BAD;
	shim_bpf(BPF_OBJ_GET, &attr, 16);
	assert_int_equal(p->error, -EFAULT);
}

static void test_sizes(void **state)
{
	char big[8192] = {0};

	give.result = -E2BIG;
	assert_int_equal(shim_bpf(BPF_MAP_CREATE, big, sizeof(big)), -E2BIG);
	assert_int_equal(got.head.attr_size, sizeof(big));
	give.result = -EINVAL;
	assert_int_equal(shim_bpf(9999, big, 128), -EINVAL);
	assert_int_equal(got.head.cmd, 9999);
	assert_int_equal(got.head.nr_segs, 0);
	assert_int_equal(shim_bpf(BPF_MAP_CREATE, NULL, 0), -EINVAL);
}

static void test_many_fds(void **state)
{
	struct bpf_insn *insns = calloc(600, sizeof(*insns));
	union bpf_attr attr = {
		.insn_cnt = 600, .insns = (uintptr_t)insns, .license = (uintptr_t) ""};
	struct rlimit rl = {4096, 4096};
	int fds[300];

	setrlimit(RLIMIT_NOFILE, &rl);
	for (int i = 0; i < 300; i++) {
		fds[i] = memfd_create("m", 0);
		assert_true(fds[i] >= 0);
		insns[2 * i] = (struct bpf_insn){.code = BPF_LD | BPF_IMM | BPF_DW,
						 .src_reg = BPF_PSEUDO_MAP_FD,
						 .imm = fds[i]};
	}
	give.result = -EINVAL;
	assert_int_equal(shim_bpf(BPF_PROG_LOAD, &attr, sizeof(attr)), -EINVAL);
	assert_int_equal(got.nr_passed, 300);
	assert_int_equal(got.fds[299].index, 299);
	for (int i = 0; i < 300; i++)
		close(fds[i]);
	free(insns);
}

static void test_service_gone(void **state)
{
	union bpf_attr attr = {0};

	give.hang_up = true;
	assert_int_equal(shim_bpf(BPF_PROG_GET_NEXT_ID, &attr, 8), -EIO);
	give.hang_up = false;
	assert_int_equal(shim_bpf(BPF_PROG_GET_NEXT_ID, &attr, 8), 0); /* it is back */
	client_close(&shim.client);
	peer_stop(peer);
	peer = NULL;
	assert_int_equal(shim_bpf(BPF_PROG_GET_NEXT_ID, &attr, 8), -EIO);
}

/* A program that closes all it does not know, and has another file there since. */
static void test_foreign_fd(void **state)
{
	union bpf_attr attr = {0};
	int own, file = memfd_create("innocent", 0);
	struct stat st;

	assert_int_equal(shim_bpf(BPF_PROG_GET_NEXT_ID, &attr, 8), 0);
	own = shim.client.conn[0].fd;
	assert_true(own >= 512);
	assert_true(client_owns_fd(&shim.client, own));
	dup2(file, own);
	assert_false(client_owns_fd(&shim.client, own));
	assert_int_equal(shim_bpf(BPF_PROG_GET_NEXT_ID, &attr, 8), 0);
	fstat(file, &st);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(fcntl(own, F_GETFD), 0); /* still open, still theirs */
	assert_int_equal(peer_connections(peer), 2);
	close(own);
	close(file);
}

static void test_connections_are_reused(void **state)
{
	union bpf_attr attr = {0};

	for (int i = 0; i < 100; i++)
		assert_int_equal(shim_bpf(BPF_PROG_GET_NEXT_ID, &attr, 8), 0);
	assert_int_equal(peer_connections(peer), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	/* test_faults is first: before each test cmocka puts its SIGSEGV handler over ours */
	const struct CMUnitTest tests[] = {
		T(test_faults),	      T(test_new_fd),	  T(test_prog_load),
		T(test_paths),	      T(test_sizes),	  T(test_many_fds),
		T(test_service_gone), T(test_foreign_fd), T(test_connections_are_reused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
