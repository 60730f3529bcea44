/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockfuzz.c - a client of the service's socket that means no good, for some seconds: random bytes,
 * valid messages cut short and mutated, more fds than allowed, half messages that stall,
 * connections by the hundred.
 *	usage: sockfuzz SOCKET SECONDS SEED
 * Prints how many connections it made. The one valid message it never sends is "shut down".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "daemon/proto.h"

#define MAX_FDS	    253 /* of one sendmsg */
#define MAX_STALLED 16

static unsigned long long seed;
static const char *path;
static int null_fd, mem_fd;
static int stalled[MAX_STALLED], nr_stalled;

static u32 rnd(u32 below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return below ? (seed >> 33) % below : 0;
}

static int dial(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 2};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(sun.sun_path, path, sizeof(sun.sun_path) - 1);
	if (s < 0 || connect(s, (struct sockaddr *)&sun, sizeof(sun))) {
		if (s >= 0)
			close(s);
		return -1;
	}
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return s;
}

static void send_with(int s, const void *data, size_t len, const int *fds, int nr)
{
	union {
		char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} ctl;
	struct iovec iov = {(void *)data, len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nr) {
		struct cmsghdr *cm;

		m.msg_control = ctl.buf;
		m.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		cm = CMSG_FIRSTHDR(&m);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, nr * sizeof(int));
	}
	if (sendmsg(s, &m, MSG_NOSIGNAL) < 0)
		errno = 0; /* it may hang up at any time */
}

static void drain(int s)
{
	struct pollfd p = {s, POLLIN, 0};
	char buf[4096];

	while (poll(&p, 1, 5) > 0 && recv(s, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

struct text {
	u8 data[8192];
	size_t len;
	u32 nfds;
};

static void add(struct text *t, const void *data, size_t len)
{
	memcpy(t->data + t->len, data, len);
	t->len += MSG_PAD(len);
}

static void head(struct text *t, u32 type, u32 nfds)
{
	memset(t, 0, sizeof(*t));
	t->nfds = nfds;
	add(t, &(struct msg_hdr){.type = type, .nfds = nfds}, sizeof(struct msg_hdr));
}

static void finish(struct text *t)
{
	((struct msg_hdr *)t->data)->len = t->len - sizeof(struct msg_hdr);
}

static void hello(struct text *t)
{
	head(t, MSG_HELLO, 0);
	add(t, &(struct msg_hello){.version = PROTO_VERSION, .pid = getpid(), .flags = HELLO_SLOTS},
	    sizeof(struct msg_hello));
	finish(t);
}

static const char *const some_paths[] = {"/sys/fs/bpf",
					 "/sys/fs/bpf/x",
					 "/sys/fs/bpf/progs.debug",
					 "/sys/fs/bpf/x/../../..",
					 "/",
					 ""};

static void fs_request(struct text *t, u32 type)
{
	const char *p = some_paths[rnd(ARRAY_SIZE(some_paths))];

	add(t, &(struct msg_fs_req){.flags = rnd(4), .path_len = strlen(p) + 1},
	    sizeof(struct msg_fs_req));
	memcpy(t->data + t->len, p, strlen(p) + 1);
	t->len += strlen(p) + 1;
}

/* A bpf(2) call with a segment or two and an fd. */
static void bpf_request(struct text *t)
{
	static const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {0};
	u32 cmd = rnd(40);
	struct msg_bpf b = {.cmd = cmd,
			    .attr_size = sizeof(attr),
			    .uattr = 0x1000,
			    .nr_segs = 2,
			    .nr_fds = t->nfds};
	struct msg_seg segs[2] = {{0x2000, sizeof(insns), SEG_DATA, 0},
				  {0x3000, 64, SEG_DATA | SEG_OUT, 0}};
	char bytes[64] = "GPL";

	if (cmd == BPF_MAP_CREATE) {
		attr.map_type = 1 + rnd(6);
		attr.key_size = 4;
		attr.value_size = 1 + rnd(64);
		attr.max_entries = 1 + rnd(100);
	} else if (cmd == BPF_PROG_LOAD) {
		attr.prog_type = 1 + rnd(30);
		attr.insns = 0x2000;
		attr.insn_cnt = 2;
		attr.license = 0x3000;
		attr.log_level = rnd(8);
		attr.log_buf = 0x3000;
		attr.log_size = 64;
	} else {
		attr.map_fd = 7;
		attr.key = 0x3000;
		attr.value = rnd(2) ? 0x3000 : 0x2000;
	}
	add(t, &b, sizeof(b));
	add(t, &attr, sizeof(attr));
	add(t, segs, sizeof(segs));
	for (u32 i = 0; i < t->nfds; i++)
		add(t, &(struct msg_fd){.client_fd = 7 + i, .index = i}, sizeof(struct msg_fd));
	add(t, insns, sizeof(insns));
	add(t, bytes, sizeof(bytes));
}

static void expose_request(struct text *t)
{
	static const char pin[] = "/sys/fs/bpf/maps.debug", path[] = "/sys/fs/cgroup/fuzz";
	struct msg_expose m = {.flags = rnd(2),
			       .mode = rnd(01000),
			       .pin_len = sizeof(pin),
			       .path_len = sizeof(path)};
	char both[sizeof(pin) + sizeof(path)];

	memcpy(both, pin, sizeof(pin));
	memcpy(both + sizeof(pin), path, sizeof(path));
	head(t, MSG_EXPOSE, 0);
	add(t, &m, sizeof(m));
	add(t, both, sizeof(both));
}

static void valid(struct text *t)
{
	static const u32 fs_types[] = {MSG_FS_CAT, MSG_FS_LS, MSG_FS_MKDIR, MSG_UMOUNT, MSG_WHY};
	static const u32 fd_types[] = {MSG_HANDLE,    MSG_IMAGE,  MSG_TAIL_TARGET, MSG_ACCOUNT,
				       MSG_BTF_SHOW,  MSG_PRINTK, MSG_REMOUNT,	   MSG_MOUNT,
				       MSG_INNER_MAP, MSG_TIMER,  MSG_BTF_FIND,	   MSG_KSYM_FIND};
	u32 what = rnd(8);
	char bytes[64] = {0};

	if (what < 4) {
		head(t, MSG_BPF, rnd(3));
		bpf_request(t);
	} else if (what < 6) {
		u32 type = fs_types[rnd(ARRAY_SIZE(fs_types))];

		head(t, type, 0);
		fs_request(t, type);
	} else if (what == 6 && rnd(2)) {
		expose_request(t);
	} else if (what == 6) {
		head(t, MSG_STATUS, 0);
		add(t, &(struct msg_status){.flags = rnd(2)}, sizeof(struct msg_status));
	} else {
		head(t, fd_types[rnd(ARRAY_SIZE(fd_types))], 1 + rnd(2));
		for (u32 i = 0; i < sizeof(bytes); i++)
			bytes[i] = rnd(4) ? 0 : rnd(256);
		add(t, bytes, 16 + rnd(48));
	}
	finish(t);
}

static u8 odd_byte(void)
{
	static const u8 odd[] = {0, 1, 2, 4, 7, 8, 16, 0x7f, 0x80, 0xfe, 0xff};

	return rnd(2) ? odd[rnd(sizeof(odd))] : rnd(256);
}

static void mutate(struct text *t)
{
	for (u32 n = 1 + rnd(4); n; n--)
		t->data[rnd(t->len)] = odd_byte();
	if (!rnd(8))
		t->len = rnd(t->len + 1);
	else if (!rnd(8))
		t->len = min(t->len + rnd(200), sizeof(t->data));
	if (!rnd(8))
		((struct msg_hdr *)t->data)->len = rnd(2) ? rnd(1 << 27) : 0xffffffffu - rnd(16);
	if (!rnd(8))
		((struct msg_hdr *)t->data)->nfds = rnd(2) ? rnd(2000) : 0xffffffffu;
	if (((struct msg_hdr *)t->data)->type == MSG_SHUTDOWN)
		((struct msg_hdr *)t->data)->type = MSG_STATUS;
}

static void send_text(int s, const struct text *t, bool too_many)
{
	int fds[MAX_FDS], nr = too_many ? MAX_FDS - rnd(4) : min(t->nfds, (u32)MAX_FDS);
	/* its own end of the connection: seldom, since it keeps what came with it open until the
	 * service loses patience */
	const int choice[] = {null_fd, mem_fd, rnd(200) ? null_fd : s};

	for (int i = 0; i < nr; i++)
		fds[i] = choice[rnd(ARRAY_SIZE(choice))];
	send_with(s, t->data, t->len, fds, nr);
}

static void one_connection(void)
{
	struct text t;
	int s = dial();

	if (s < 0)
		return;
	if (rnd(8)) {
		hello(&t);
		if (!rnd(10))
			mutate(&t);
		send_text(s, &t, false);
	}
	for (u32 n = rnd(20); n; n--) {
		switch (rnd(8)) {
		case 0:
			for (t.len = 1 + rnd(400), t.nfds = 0; t.nfds < t.len; t.nfds++)
				t.data[t.nfds] = rnd(256);
			t.nfds = rnd(3);
			break;
		case 1: valid(&t); break;
		default: valid(&t); mutate(&t);
		}
		if (t.len >= 4 && *(u32 *)t.data == MSG_SHUTDOWN)
			continue;
		send_text(s, &t, !rnd(20));
	}
	if (rnd(2))
		drain(s);
	if (rnd(6)) {
		close(s);
		return;
	}
	/* half a message, and then nothing */
	valid(&t);
	t.len = 1 + rnd(t.len - 1);
	send_text(s, &t, false);
	if (nr_stalled == MAX_STALLED)
		close(stalled[rnd(MAX_STALLED - 1)]), nr_stalled = 0;
	stalled[nr_stalled++] = s;
}

int main(int argc, char **argv)
{
	unsigned long n = 0;
	time_t end;

	if (argc != 4)
		return 2;
	path = argv[1];
	end = time(NULL) + atoi(argv[2]);
	seed = strtoull(argv[3], NULL, 0);
	signal(SIGPIPE, SIG_IGN);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	mem_fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (null_fd < 0 || mem_fd < 0)
		return 1;
	for (; time(NULL) < end; n++)
		one_connection();
	printf("%lu connections\n", n);
	return 0;
}
