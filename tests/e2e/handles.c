/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handles.c - clients that hold objects in every way an fd can be held (close, dup, fork, exec,
 * SCM_RIGHTS) are killed at random points; no object may outlive its last holder by more than 200
 * ms. Run under `userbpf run`.
 *   usage: handles ROUNDS SEED | handles hold FD
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 200

static long bpf(int cmd, union bpf_attr *attr)
{
	return syscall(__NR_bpf, cmd, attr, sizeof(*attr));
}

static int map_create(const char *name)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 16};

	strcpy(attr.map_name, name);
	return bpf(BPF_MAP_CREATE, &attr);
}

/* r0 = map; exit 0: the program holds the map, so the map must go with it */
static int prog_load(int map_fd, const char *name)
{
	struct bpf_insn insns[] = {
		{BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_fd},
		{0},
		{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},
		{BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 4};

	attr.insns = (uintptr_t)insns;
	attr.license = (uintptr_t) "GPL";
	strcpy(attr.prog_name, name);
	return bpf(BPF_PROG_LOAD, &attr);
}

static void send_fd(int sock, int fd)
{
	char c = 0, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {&c, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	sendmsg(sock, &m, 0);
}

static int recv_fd(int sock)
{
	char c, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&c, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(sock, &m, 0) > 0 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static void hold_forever(void)
{
	for (;;)
		pause();
}

static void by_dup(int map, int prog)
{
	int d = dup(map), e = fcntl(prog, F_DUPFD_CLOEXEC, 100), f = dup3(map, 150, O_CLOEXEC);

	close(map);
	close(prog);
	if (d < 0 || e < 0 || f < 0)
		_exit(1);
	hold_forever();
}

static void by_fork(int map, int prog)
{
	if (fork() == 0)
		hold_forever();
	close(map);
	close(prog);
	hold_forever();
}

static void by_exec(int map, int prog)
{
	char arg[16];

	fcntl(prog, F_SETFD, 0);
	snprintf(arg, sizeof(arg), "%d", prog);
	execl("/proc/self/exe", "handles", "hold", arg, NULL);
	_exit(1);
}

static void by_scm_rights(int map, int prog)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv))
		_exit(1);
	if (fork() == 0) {
		close(map);
		close(prog);
		if (recv_fd(sv[1]) < 0)
			_exit(1);
		hold_forever();
	}
	send_fd(sv[0], prog);
	close(map);
	close(prog);
	hold_forever();
}

static void by_nothing(int map, int prog)
{
	close(map);
	close(prog);
	_exit(0);
}

static void (*const ways[])(int map, int prog) = {by_dup, by_fork, by_exec, by_scm_rights,
						  by_nothing};
#define NR_WAYS (sizeof(ways) / sizeof(ways[0]))

/* maps named hs* that are still there */
static int left_over(void)
{
	union bpf_attr attr = {0};
	uint32_t id = 0;
	int n = 0;

	for (;;) {
		struct bpf_map_info info = {0};
		int fd;

		memset(&attr, 0, sizeof(attr));
		attr.start_id = id;
		if (bpf(BPF_MAP_GET_NEXT_ID, &attr))
			return n;
		id = attr.next_id;
		memset(&attr, 0, sizeof(attr));
		attr.map_id = id;
		fd = bpf(BPF_MAP_GET_FD_BY_ID, &attr);
		if (fd < 0)
			continue;
		memset(&attr, 0, sizeof(attr));
		attr.info.bpf_fd = fd;
		attr.info.info_len = sizeof(info);
		attr.info.info = (uintptr_t)&info;
		if (!bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) && !strncmp(info.name, "hs", 2))
			n++;
		close(fd);
	}
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void sleep_us(unsigned int us)
{
	nanosleep(&(struct timespec){.tv_nsec = us * 1000L}, NULL);
}

static int one_round(int round, double *worst)
{
	pid_t pid = fork();
	double dead;

	if (pid == 0) {
		char name[16];
		int map, prog;

		setpgid(0, 0);
		snprintf(name, sizeof(name), "hs%d", round);
		map = map_create(name);
		prog = map < 0 ? -1 : prog_load(map, name);
		if (prog < 0)
			_exit(1);
		ways[round % NR_WAYS](map, prog);
	}
	setpgid(pid, pid);
	sleep_us(rand() % 4000);
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		kill(-pid, SIGKILL);
	dead = now_ms();
	while (left_over()) {
		if (now_ms() - dead > LIMIT_MS) {
			fprintf(stderr, "round %d: %d maps are left after %d ms\n", round,
				left_over(), LIMIT_MS);
			return -1;
		}
		sleep_us(500);
	}
	if (now_ms() - dead > *worst)
		*worst = now_ms() - dead;
	return 0;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 0;
	double worst = 0;

	if (argc == 3 && !strcmp(argv[1], "hold"))
		hold_forever();
	if (argc != 3 || rounds <= 0) {
		fprintf(stderr, "usage: handles ROUNDS SEED\n");
		return 2;
	}
	srand(atoi(argv[2]));
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int r = 0; r < rounds; r++)
		if (one_round(r, &worst))
			return 1;
	printf("%d rounds, longest survival %.1f ms\n", rounds, worst);
	return 0;
}
