/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blocked.c - system calls that wait, one after the other, each for @MS at least; somebody enters the
 * process meanwhile. Says of each that ends otherwise than by its time or its event.
 *	blocked MS ROUNDS
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int ms, p[2], sock[2], epfd, failed;
static struct timespec span;

static long call_nanosleep(void)
{
	return nanosleep(&span, NULL);
}
static long call_clock_nanosleep(void)
{
	return -clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
}
static long call_poll(void)
{
	struct pollfd f = {p[0], POLLIN, 0};

	return poll(&f, 1, ms);
}
static long call_select(void)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(p[0], &set);
	return select(p[0] + 1, &set, NULL, NULL, &tv);
}
static long call_epoll(void)
{
	struct epoll_event e;

	return epoll_wait(epfd, &e, 1, ms);
}
static long call_futex(void)
{
	int word = 0;
	long r = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &span, NULL, 0);

	return r < 0 && errno == ETIMEDOUT ? 0 : -1;
}
static long call_cond(void)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	struct timespec ts;
	int r;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += span.tv_sec + (ts.tv_nsec + span.tv_nsec) / 1000000000;
	ts.tv_nsec = (ts.tv_nsec + span.tv_nsec) % 1000000000;
	pthread_mutex_lock(&m);
	r = pthread_cond_timedwait(&c, &m, &ts);
	return r == ETIMEDOUT ? 0 : -1;
}
static long call_sigtimedwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &span) < 0 && errno == EAGAIN ? 0 : -1;
}

/* What ends when somebody else does something: a child, after @ms. */
static long with_child(long (*call)(void), int fd)
{
	pid_t child = fork();
	long r;

	if (!child) {
		nanosleep(&span, NULL);
		_exit(fd >= 0 && write(fd, "x", 1) != 1);
	}
	r = call();
	waitpid(child, NULL, 0);
	return r;
}
static long do_read(void)
{
	char c;

	return read(p[0], &c, 1) == 1 ? 0 : -1;
}
static long do_recv(void)
{
	char c;

	return recv(sock[0], &c, 1, 0) == 1 ? 0 : -1;
}
static long do_wait(void)
{
	int st;

	return wait4(-1, &st, 0, NULL) > 0 && !st ? 0 : -1;
}
static long call_read(void)
{
	return with_child(do_read, p[1]);
}
static long call_recv(void)
{
	return with_child(do_recv, sock[1]);
}
static long call_wait(void)
{
	return with_child(do_wait, -1);
}
/* Not a call at all: vector registers have to stay. */
static long no_call(void)
{
	struct timespec a, b;
	double x = 1.0, y = 1.0;

	clock_gettime(CLOCK_MONOTONIC, &a);
	do {
		for (int i = 0; i < 100000; i++) {
			x = x * 1.0000001 + 1e-9;
			y = y * 1.0000001 + 1e-9;
			__asm__ volatile("" : "+x"(x), "+x"(y));
			if (x != y)
				return -1;
		}
		clock_gettime(CLOCK_MONOTONIC, &b);
	} while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < ms);
	return 0;
}

static const struct {
	const char *name;
	long (*call)(void);
} calls[] = {
	{"nanosleep", call_nanosleep}, {"clock_nanosleep", call_clock_nanosleep},
	{"poll", call_poll},	       {"select", call_select},
	{"epoll_wait", call_epoll},    {"futex", call_futex},
	{"condition", call_cond},      {"sigtimedwait", call_sigtimedwait},
	{"read", call_read},	       {"recv", call_recv},
	{"wait4", call_wait},	       {"arithmetic", no_call},
};

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 1;
	struct epoll_event e = {.events = EPOLLIN};
	struct timespec a, b;

	ms = argc > 1 ? atoi(argv[1]) : 100;
	span = (struct timespec){ms / 1000, ms % 1000 * 1000000l};
	epfd = epoll_create1(0);
	if (pipe(p) || socketpair(AF_UNIX, SOCK_STREAM, 0, sock) ||
	    epoll_ctl(epfd, EPOLL_CTL_ADD, p[0], &e))
		return 2;
	printf("ready\n");
	fflush(stdout);
	for (int r = 0; r < rounds; r++) {
		for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
			long took, ret;

			clock_gettime(CLOCK_MONOTONIC, &a);
			errno = 0;
			ret = calls[i].call();
			clock_gettime(CLOCK_MONOTONIC, &b);
			took = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
			if (!ret && took >= ms - 1)
				continue;
			printf("%s: %ld after %ld ms, errno %s\n", calls[i].name, ret, took,
			       strerror(errno));
			failed = 1;
		}
	}
	printf("done\n");
	return failed;
}
