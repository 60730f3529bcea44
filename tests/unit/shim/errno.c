/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errno.c - a client that asks for trouble and prints what it gets, one line per call. errno.txt
 * beside it is what Linux 6.1 answers (later kernels: EPERM for a second freeze); `userbpf run`
 * must answer the same. What a line is about stands first in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long bpf(int cmd, void *attr, unsigned int size)
{
	return syscall(__NR_bpf, cmd, attr, size);
}

static const char *err_name(void)
{
	static char number[16];

	if (errno != 524)
		return strerrorname_np(errno);
	snprintf(number, sizeof(number), "ENOTSUPP");
	return number;
}

static void say(const char *what, long r)
{
	if (r < 0)
		printf("%s: %s\n", what, err_name());
	else
		printf("%s: ok\n", what);
}

static int map(int type, int key, int value, int entries, int flags)
{
	union bpf_attr a = {.map_type = type,
			    .key_size = key,
			    .value_size = value,
			    .max_entries = entries,
			    .map_flags = flags};

	return bpf(BPF_MAP_CREATE, &a, sizeof(a));
}

static long elem(int cmd, int fd, const void *key, void *value, uint64_t flags)
{
	union bpf_attr a = {
		.map_fd = fd, .key = (uintptr_t)key, .value = (uintptr_t)value, .flags = flags};

	return bpf(cmd, &a,
		   cmd == BPF_MAP_DELETE_ELEM	 ? 16
		   : cmd == BPF_MAP_GET_NEXT_KEY ? 24
						 : 32);
}

#define BAD ((void *)16)

static void elements(const char *kind, int type)
{
	static const int cmds[] = {BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM,
				   BPF_MAP_GET_NEXT_KEY};
	static const char *const names[] = {"lookup", "update", "delete", "next"};
	int fd = map(type, 4, 8, 2, 0), null = open("/dev/null", O_RDONLY);
	uint32_t key = 1, far = 9;
	char what[64];
	static char value[65536];

	for (int i = 0; i < 4; i++) {
#define CASE(text, call) \
	(snprintf(what, sizeof(what), "%s %s %s", kind, names[i], text), say(what, call))
		CASE("no fd", elem(cmds[i], -1, &key, value, 0));
		CASE("closed fd", elem(cmds[i], 777, &key, value, 0));
		CASE("foreign fd", elem(cmds[i], null, &key, value, 0));
		CASE("bad key", elem(cmds[i], fd, BAD, value, 0));
		CASE("no key", elem(cmds[i], fd, NULL, value, 0));
		CASE("bad value", elem(cmds[i], fd, &key, BAD, 0));
		CASE("far key", elem(cmds[i], fd, &far, value, 0));
		CASE("good", elem(cmds[i], fd, &key, value, 0));
		CASE("bad attr", bpf(cmds[i], BAD, 32));
		CASE("empty attr", bpf(cmds[i], value, 0));
		CASE("huge attr", bpf(cmds[i], value, 8192));
		{
			union bpf_attr a = {
				.map_fd = fd, .key = (uintptr_t)&key, .value = (uintptr_t)value};
			char big[200] = {0};

			((char *)&a)[100] = 1;
			CASE("garbage tail", bpf(cmds[i], &a, sizeof(a)));
			((char *)&a)[100] = 0;
			memcpy(big, &a, sizeof(a));
			CASE("long attr", bpf(cmds[i], big, sizeof(big)));
			big[199] = 1;
			CASE("long attr with garbage", bpf(cmds[i], big, sizeof(big)));
		}
#undef CASE
	}
	for (uint64_t flags = 0; flags < 9; flags++) {
		snprintf(what, sizeof(what), "%s update flags %d", kind, (int)flags);
		say(what, elem(BPF_MAP_UPDATE_ELEM, fd, &key, value, flags));
		snprintf(what, sizeof(what), "%s lookup flags %d", kind, (int)flags);
		say(what, elem(BPF_MAP_LOOKUP_ELEM, fd, &key, value, flags));
	}
	{
		union bpf_attr a = {.map_fd = fd};

		snprintf(what, sizeof(what), "%s freeze", kind);
		say(what, bpf(BPF_MAP_FREEZE, &a, 4));
		snprintf(what, sizeof(what), "%s freeze again", kind);
		say(what, bpf(BPF_MAP_FREEZE, &a, 4));
		snprintf(what, sizeof(what), "%s update frozen", kind);
		say(what, elem(BPF_MAP_UPDATE_ELEM, fd, &key, value, 0));
		snprintf(what, sizeof(what), "%s delete frozen", kind);
		say(what, elem(BPF_MAP_DELETE_ELEM, fd, &key, value, 0));
		snprintf(what, sizeof(what), "%s lookup frozen", kind);
		say(what, elem(BPF_MAP_LOOKUP_ELEM, fd, &key, value, 0));
	}
	close(fd);
	say("closed", elem(BPF_MAP_LOOKUP_ELEM, fd, &key, value, 0));
	close(null);
}

static void try_mmap(const char *what, int fd, size_t len, int prot, int flags, off_t off)
{
	void *p = mmap(NULL, len, prot, flags, fd, off);

	say(what, p == MAP_FAILED ? -1 : 0);
	if (p != MAP_FAILED)
		munmap(p, len);
}

static void mappings(void)
{
	int m = map(BPF_MAP_TYPE_ARRAY, 4, 8, 1024, BPF_F_MMAPABLE),
	    plain = map(BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0);
	int hash = map(BPF_MAP_TYPE_HASH, 4, 8, 4, 0),
	    ro = map(BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE | BPF_F_RDONLY_PROG);
	int rdonly = map(BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE | BPF_F_RDONLY);
	union bpf_attr a = {.map_fd = m};
	uint64_t v = 42, *p;
	uint32_t k = 3;

	try_mmap("mmap rw", m, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	try_mmap("mmap ro", m, 8192, PROT_READ, MAP_SHARED, 0);
	try_mmap("mmap second page", m, 4096, PROT_READ, MAP_SHARED, 4096);
	try_mmap("mmap beyond", m, 8192, PROT_READ, MAP_SHARED, 4096);
	try_mmap("mmap too long", m, 12288, PROT_READ, MAP_SHARED, 0);
	try_mmap("mmap private", m, 4096, PROT_READ, MAP_PRIVATE, 0);
	try_mmap("mmap no length", m, 0, PROT_READ, MAP_SHARED, 0);
	try_mmap("mmap odd offset", m, 4096, PROT_READ, MAP_SHARED, 100);
	try_mmap("mmap plain array", plain, 4096, PROT_READ, MAP_SHARED, 0);
	try_mmap("mmap hash", hash, 4096, PROT_READ, MAP_SHARED, 0);
	try_mmap("mmap rdonly_prog ro", ro, 4096, PROT_READ, MAP_SHARED, 0);
	try_mmap("mmap rdonly_prog rw", ro, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	try_mmap("mmap rdonly handle ro", rdonly, 4096, PROT_READ, MAP_SHARED, 0);
	try_mmap("mmap rdonly handle rw", rdonly, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	say("rdonly handle update", elem(BPF_MAP_UPDATE_ELEM, rdonly, &k, &v, 0));
	say("rdonly handle lookup", elem(BPF_MAP_LOOKUP_ELEM, rdonly, &k, &v, 0));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0);
	if (p != MAP_FAILED) {
		v = 42;
		say("update behind a mapping", elem(BPF_MAP_UPDATE_ELEM, m, &k, &v, 0));
		printf("mapping shows %llu\n", (unsigned long long)p[3]);
		p[3] = 43;
		elem(BPF_MAP_LOOKUP_ELEM, m, &k, &v, 0);
		printf("lookup shows %llu\n", (unsigned long long)v);
		munmap(p, 4096);
	}
	say("freeze", bpf(BPF_MAP_FREEZE, &a, 4));
	try_mmap("mmap frozen rw", m, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	try_mmap("mmap frozen ro", m, 4096, PROT_READ, MAP_SHARED, 0);
	v = 7;
	say("rdonly_prog update", elem(BPF_MAP_UPDATE_ELEM, ro, &k, &v, 0));
	a.map_fd = ro;
	say("rdonly_prog freeze", bpf(BPF_MAP_FREEZE, &a, 4));
	say("rdonly_prog update frozen", elem(BPF_MAP_UPDATE_ELEM, ro, &k, &v, 0));
	v = 0;
	elem(BPF_MAP_LOOKUP_ELEM, ro, &k, &v, 0);
	printf("rdonly_prog holds %llu\n", (unsigned long long)v);
}

/* Handles are fds like others. */
static void handles(void)
{
	int m = map(BPF_MAP_TYPE_HASH, 4, 8, 4, 0), d = dup(m), null = open("/dev/null", O_RDONLY),
	    status;
	uint32_t k = 1, got = 0;
	uint64_t v = 5;
	char path[64], name[64] = "";

	elem(BPF_MAP_UPDATE_ELEM, m, &k, &v, 0);
	close(m);
	say("dup after close", elem(BPF_MAP_LOOKUP_ELEM, d, &k, &v, 0));
	say("closed one", elem(BPF_MAP_LOOKUP_ELEM, m, &k, &v, 0));
	if (fork() == 0) {
		v = 6;
		_exit(elem(BPF_MAP_UPDATE_ELEM, d, &k, &v, 0) ? 1 : 0);
	}
	wait(&status);
	elem(BPF_MAP_LOOKUP_ELEM, d, &k, &v, 0);
	printf("child wrote %llu, exit %d\n", (unsigned long long)v, status);
	printf("cloexec %d\n", fcntl(d, F_GETFD));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", d);
	got = readlink(path, name, sizeof(name) - 1);
	name[got < sizeof(name) ? got : 0] = '\0';
	printf("readlink %s\n", name);
	dup2(null, d);
	say("replaced by dup2", elem(BPF_MAP_LOOKUP_ELEM, d, &k, &v, 0));
	m = map(BPF_MAP_TYPE_HASH, 4, 8, 4, 0);
	close_range(m, m, 0);
	say("close_range", elem(BPF_MAP_LOOKUP_ELEM, m, &k, &v, 0));
	m = map(BPF_MAP_TYPE_HASH, 4, 8, 4, 0);
	say("before closing all", elem(BPF_MAP_UPDATE_ELEM, m, &k, &v, 0));
	for (int fd = 3; fd < 1100; fd++)
		close(fd);
	m = map(BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE);
	printf("first fd after closing all: %d\n", m);
	say("update after closing all", elem(BPF_MAP_UPDATE_ELEM, m, &k, &v, 0));
	try_mmap("mmap after closing all", m, 32, PROT_READ, MAP_SHARED, 0);
	closefrom(3);
	say("closefrom", elem(BPF_MAP_LOOKUP_ELEM, m, &k, &v, 0));
	say("create after closefrom", map(BPF_MAP_TYPE_HASH, 4, 8, 4, 0));
}

static void programs(void)
{
	static struct bpf_insn two[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 7},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr a = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
			    .insn_cnt = 2,
			    .insns = (uintptr_t)two,
			    .license = (uintptr_t) "GPL"};
	char in[64] = {0}, out[64];
	int fd = bpf(BPF_PROG_LOAD, &a, sizeof(a)), m = map(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);

	say("load", fd);
	a.insns = (uintptr_t)BAD;
	say("load bad insns", bpf(BPF_PROG_LOAD, &a, sizeof(a)));
	a.insns = (uintptr_t)two;
	a.license = (uintptr_t)BAD;
	say("load bad license", bpf(BPF_PROG_LOAD, &a, sizeof(a)));
	a.license = (uintptr_t) "GPL";
	a.log_level = 1;
	a.log_size = 256;
	a.log_buf = (uintptr_t)BAD;
	say("load bad log", bpf(BPF_PROG_LOAD, &a, sizeof(a)));
	memset(&a, 0, sizeof(a));
	a.test.prog_fd = fd;
	say("run without data", bpf(BPF_PROG_TEST_RUN, &a, sizeof(a)));
	a.test.data_in = (uintptr_t)in;
	a.test.data_size_in = sizeof(in);
	say("run", bpf(BPF_PROG_TEST_RUN, &a, sizeof(a)));
	printf("retval %u\n", a.test.retval);
	a.test.data_size_in = 13;
	say("run short data", bpf(BPF_PROG_TEST_RUN, &a, sizeof(a)));
	a.test.data_size_in = sizeof(in);
	a.test.data_in = (uintptr_t)BAD;
	say("run bad data", bpf(BPF_PROG_TEST_RUN, &a, sizeof(a)));
	a.test.data_in = (uintptr_t)in;
	a.test.data_out = (uintptr_t)out;
	a.test.data_size_out = 10;
	say("run short out", bpf(BPF_PROG_TEST_RUN, &a, sizeof(a)));
	printf("data_size_out %u\n", a.test.data_size_out);
	a.test.data_size_out = 64;
	a.test.data_out = (uintptr_t)BAD;
	say("run bad out", bpf(BPF_PROG_TEST_RUN, &a, sizeof(a)));
	a.test.data_out = 0;
	a.test.data_size_out = 0;
	a.test.ctx_size_in = 8;
	say("run ctx size alone", bpf(BPF_PROG_TEST_RUN, &a, sizeof(a)));
	a.test.ctx_size_in = 0;
	a.test.prog_fd = m;
	say("run a map", bpf(BPF_PROG_TEST_RUN, &a, sizeof(a)));
	a.test.prog_fd = -1;
	say("run nothing", bpf(BPF_PROG_TEST_RUN, &a, sizeof(a)));
	a.test.prog_fd = 999;
	say("run closed", bpf(BPF_PROG_TEST_RUN, &a, sizeof(a)));
	try_mmap("mmap a program", fd, 4096, PROT_READ, MAP_SHARED, 0);
}

static int load(struct bpf_insn *insns, int cnt)
{
	union bpf_attr a = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
			    .insn_cnt = cnt,
			    .insns = (uintptr_t)insns,
			    .license = (uintptr_t) "GPL"};

	return bpf(BPF_PROG_LOAD, &a, sizeof(a));
}

static void retval(const char *what, int fd)
{
	char in[64] = {0};
	union bpf_attr a = {
		.test = {.prog_fd = fd, .data_in = (uintptr_t)in, .data_size_in = sizeof(in)}};

	say(what, bpf(BPF_PROG_TEST_RUN, &a, sizeof(a)));
	printf("\tretval %u\n", a.test.retval);
}

static void tail_calls(void)
{
	int array = map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0), target[2], caller;
	struct bpf_insn ret[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
				 {.code = BPF_JMP | BPF_EXIT}};
	struct bpf_insn call[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = 2,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = array},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 1},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 7},
		{.code = BPF_JMP | BPF_EXIT},
	};
	uint32_t key = 1;

	for (int i = 0; i < 2; i++) {
		ret[0].imm = 42 + i;
		target[i] = load(ret, 2);
	}
	caller = load(call, 6);
	retval("tail call, empty slot", caller);
	for (int i = 0; i < 2; i++) {
		say("tail call target", elem(BPF_MAP_UPDATE_ELEM, array, &key, &target[i], 0));
		close(target[i]);
		retval("tail call", caller);
		retval("tail call again", caller);
	}
	say("tail call target removed", elem(BPF_MAP_DELETE_ELEM, array, &key, NULL, 0));
	retval("tail call, removed", caller);
	say("no program", elem(BPF_MAP_UPDATE_ELEM, array, &key, &array, 0));
	close(array);
	retval("tail call, array closed", caller);
	close(caller);
}

static void paths(void)
{
	union bpf_attr a = {.pathname = (uintptr_t) "/sys/fs/bpf/none"};
	int m = map(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);

	say("get absent", bpf(BPF_OBJ_GET, &a, 16));
	a.pathname = (uintptr_t) "/etc/passwd";
	say("get a file", bpf(BPF_OBJ_GET, &a, 16));
	a.pathname = (uintptr_t) "/etc";
	say("get a directory", bpf(BPF_OBJ_GET, &a, 16));
	a.pathname = (uintptr_t)BAD;
	say("get bad path", bpf(BPF_OBJ_GET, &a, 16));
	a.pathname = (uintptr_t) "";
	say("get empty path", bpf(BPF_OBJ_GET, &a, 16));
	a.bpf_fd = m;
	a.pathname = (uintptr_t) "/tmp/no-bpffs-here";
	say("pin elsewhere", bpf(BPF_OBJ_PIN, &a, 16));
	a.pathname = (uintptr_t) "/etc/passwd";
	say("pin on a file", bpf(BPF_OBJ_PIN, &a, 16));
	a.pathname = (uintptr_t) "/sys/fs/bpf/a.b";
	say("pin with a dot", bpf(BPF_OBJ_PIN, &a, 16));
	a.pathname = (uintptr_t) "/sys/fs/bpf/";
	say("pin the root", bpf(BPF_OBJ_PIN, &a, 16));
	a.pathname = (uintptr_t) "/sys/fs/bpf/no/dir";
	say("pin in no directory", bpf(BPF_OBJ_PIN, &a, 16));
	a.pathname = (uintptr_t) "/sys/fs/bpf/errno_test";
	say("pin", bpf(BPF_OBJ_PIN, &a, 16));
	say("pin again", bpf(BPF_OBJ_PIN, &a, 16));
	a.bpf_fd = 0;
	say("get", bpf(BPF_OBJ_GET, &a, 16));
	unlink("/sys/fs/bpf/errno_test");
	say("get removed", bpf(BPF_OBJ_GET, &a, 16));
	a.bpf_fd = 0;
	a.pathname = (uintptr_t) "/sys/fs/bpf/x";
	say("pin stdin", bpf(BPF_OBJ_PIN, &a, 16));
	a.bpf_fd = 998;
	say("pin closed", bpf(BPF_OBJ_PIN, &a, 16));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	elements("hash", BPF_MAP_TYPE_HASH);
	elements("array", BPF_MAP_TYPE_ARRAY);
	elements("percpu_hash", BPF_MAP_TYPE_PERCPU_HASH);
	elements("percpu_array", BPF_MAP_TYPE_PERCPU_ARRAY);
	elements("prog_array", BPF_MAP_TYPE_PROG_ARRAY);
	mappings();
	programs();
	tail_calls();
	paths();
	handles();
	return 0;
}
