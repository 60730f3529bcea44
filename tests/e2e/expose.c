/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * expose.c - one bpf(2) or file call per command, and its errno by name: for tests that have to know it.
 *   expose get PATH | pin PIN PATH | raw map|prog|LINK PATH (pins a new map, program or link like the one pinned as LINK)
 *   expose read PATH | write PATH TEXT (\0, \n as written) | open PATH r|w|rw | unlink PATH | rmdir PATH | mkdir PATH
 *   expose late PIN PATH: opens PATH, unlinks PIN, reads from PATH
 *   expose bench N PATH: microseconds of open, read and close, the best of N and the mean
 *   expose churn SECONDS GROUP MOUNTED FILE: makes and removes groups in GROUP, 100 a second, and looks for FILE in each below MOUNTED,
 *     which shows the same group; two threads list and read everything meanwhile. Prints what was wrong, then how much was done.
 *   expose readers SECONDS N PATH: N threads read PATH until the time is up: each time all of it, or EIO where there is nothing to read,
 *     or ENOENT. Prints how often it was there, and how long (-1: nothing to read)
 *   expose cycle SECONDS PIN FILE: pins the object of PIN as PIN.again, exposes it as FILE, unlinks PIN.again, and so on
 *   expose move FROM TO: rename(2)
 *   expose poll PATH: reads the file, says "waiting", then "changed" or "timeout" after 5 s
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int done(long ret)
{
	if (ret < 0) {
		printf("%s\n", strerrorname_np(errno));
		return 1;
	}
	printf("ok\n");
	return 0;
}

static int pin(const char *from, const char *to)
{
	int fd = bpf_obj_get(from);

	if (fd < 0) {
		printf("cannot get %s: %s\n", from, strerrorname_np(errno));
		return 2;
	}
	return done(bpf_obj_pin(fd, to));
}

/* A new link of the program of the link pinned as @like. */
static int new_link(const char *like)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	int link = bpf_obj_get(like);

	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &len))
		return -1;
	return bpf_link_create(bpf_prog_get_fd_by_id(info.prog_id), 0, BPF_TRACE_ITER, NULL);
}

static int pin_raw(const char *what, const char *to)
{
	struct bpf_insn ret[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
				 {.code = BPF_JMP | BPF_EXIT}};
	int fd;

	if (!strcmp(what, "map"))
		fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "raw", 4, 4, 1, NULL);
	else if (!strcmp(what, "prog"))
		fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "raw", "GPL", ret, 2, NULL);
	else
		fd = new_link(what);
	if (fd < 0) {
		printf("no %s: %s\n", what, strerrorname_np(errno));
		return 2;
	}
	return done(bpf_obj_pin(fd, to));
}

static int read_all(int fd)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, n, stdout);
	return n < 0 ? done(n) : 0;
}

static int open_flags(const char *how)
{
	return !strcmp(how, "r") ? O_RDONLY : !strcmp(how, "w") ? O_WRONLY : O_RDWR;
}

static size_t unescape(char *s)
{
	char *to = s, *start = s;

	for (; *s; s++) {
		if (*s == '\\' && s[1]) {
			s++;
			*to++ = *s == '0' ? '\0' : *s == 'n' ? '\n' : *s;
		} else {
			*to++ = *s;
		}
	}
	return to - start;
}

static int late(const char *pin, const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0 || unlink(pin))
		return done(-1);
	return read_all(fd);
}

static long usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int bench(int n, const char *path)
{
	long best = 1 << 30, sum = 0, t;
	char buf[4096];

	for (int i = 0; i < n; i++) {
		t = usec();
		int fd = open(path, O_RDONLY);
		if (fd < 0 || (read(fd, buf, sizeof(buf)) < 0 && errno != EIO))
			return done(-1);
		close(fd);
		t = usec() - t;
		best = t < best ? t : best;
		sum += t;
	}
	printf("%ld %ld\n", best, sum / n);
	return 0;
}

static int wait_for_change(const char *path)
{
	struct pollfd p = {.fd = open(path, O_RDONLY), .events = POLLPRI};
	char buf[256];

	if (p.fd < 0 || read(p.fd, buf, sizeof(buf)) < 0)
		return done(-1);
	puts("waiting");
	fflush(stdout);
	puts(poll(&p, 1, 5000) > 0 && p.revents & POLLPRI ? "changed" : "timeout");
	return 0;
}

/* --- readers against pins that come and go --- */

static struct {
	const char *path;
	long end;
	int there, wrong;
	ssize_t len; /* of a whole answer; 0: not known yet */
} rd;

static void read_once(void)
{
	int fd = open(rd.path, O_RDONLY);
	ssize_t n, all = 0, none = 0;
	char buf[4096];

	if (fd < 0) {
		if (errno != ENOENT && __atomic_add_fetch(&rd.wrong, 1, __ATOMIC_RELAXED) < 10)
			printf("open: %s\n", strerrorname_np(errno));
		return;
	}
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		all += n;
	if (n < 0 && errno == EIO)
		all = -1;
	else if (n < 0)
		all = -2;
	__atomic_compare_exchange_n(&rd.len, &none, all, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	if (all == -2 || (none && all != none)) {
		if (__atomic_add_fetch(&rd.wrong, 1, __ATOMIC_RELAXED) < 10)
			printf("read: %zd bytes, not %zd; %s\n", all, none, strerrorname_np(errno));
	}
	__atomic_add_fetch(&rd.there, 1, __ATOMIC_RELAXED);
	close(fd);
}

static void *reader(void *arg)
{
	while (usec() < rd.end)
		read_once();
	return NULL;
}

static int readers(int seconds, int n, const char *path)
{
	pthread_t t[n];

	rd.path = path;
	rd.end = usec() + seconds * 1000000l;
	for (int i = 0; i < n; i++)
		pthread_create(&t[i], NULL, reader, NULL);
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	printf("%d times there, %d wrong, %zd bytes\n", rd.there, rd.wrong, rd.len);
	return rd.wrong > 0;
}

static int cycle(int seconds, const char *pin, const char *file)
{
	long end = usec() + seconds * 1000000l;
	int fd = bpf_obj_get(pin), n = 0;
	char again[512];

	/* the first pin is the one that counts: the object must not have another */
	snprintf(again, sizeof(again), "%s_again", pin);
	if (fd < 0 || unlink(pin))
		return done(-1);
	for (; usec() < end; n++)
		if (bpf_obj_pin(fd, again) || bpf_obj_pin(fd, file) || unlink(again))
			return done(-1);
	printf("%d rounds\n", n);
	return done(bpf_obj_pin(fd, pin));
}

/* --- groups that come and go --- */

static struct {
	const char *group, *mounted, *file;
	long end;
	int made, files, wrong;
} run;

static void wrong(const char *what, const char *path)
{
	if (__atomic_add_fetch(&run.wrong, 1, __ATOMIC_RELAXED) < 10)
		printf("%s %s: %s\n", what, path, strerrorname_np(errno));
}

static int look(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char buf[256];
	int fd;

	if (!S_ISREG(st->st_mode))
		return 0;
	fd = open(path, O_RDONLY);
	if (fd < 0 && errno != ENOENT)
		wrong("open", path);
	if (fd < 0)
		return 0;
	if (read(fd, buf, sizeof(buf)) < 0 && errno != EIO) /* nothing to read in a map */
		wrong("read", path);
	close(fd);
	__atomic_add_fetch(&run.files, 1, __ATOMIC_RELAXED);
	return 0;
}

static void *looker(void *arg)
{
	while (usec() < run.end)
		nftw(run.mounted, look, 10, FTW_PHYS);
	return NULL;
}

static void come_and_go(int n)
{
	char group[512], dir[512], file[600];
	struct stat st;

	snprintf(group, sizeof(group), "%s/c%d", run.group, n % 50);
	snprintf(dir, sizeof(dir), "%s/c%d", run.mounted, n % 50);
	snprintf(file, sizeof(file), "%s/%s", dir, run.file);
	if (mkdir(group, 0755))
		wrong("mkdir", group);
	if (stat(file, &st))
		wrong("not there at once:", file);
	if (rmdir(group))
		wrong("rmdir", group);
	if (!stat(file, &st) || errno != ENOENT)
		wrong("stale", file);
	if (!stat(dir, &st) || errno != ENOENT)
		wrong("stale", dir);
}

static int churn(int seconds, char **args)
{
	pthread_t t[2];
	long next;

	run.group = args[0];
	run.mounted = args[1];
	run.file = args[2];
	next = usec();
	run.end = next + seconds * 1000000l;
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, looker, NULL);
	for (; usec() < run.end; run.made++) {
		next += 10000; /* from the beginning, so that a late one is made up for */
		come_and_go(run.made);
		while (usec() < next)
			usleep(500);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	printf("%d groups, %d files, %d wrong\n", run.made, run.files, run.wrong);
	return run.wrong > 0;
}

int main(int argc, char **argv)
{
	const char *op = argc > 2 ? argv[1] : "";
	int fd;

	if (!strcmp(op, "get"))
		return done(bpf_obj_get(argv[2]));
	if (!strcmp(op, "pin") && argc == 4)
		return pin(argv[2], argv[3]);
	if (!strcmp(op, "raw") && argc == 4)
		return pin_raw(argv[2], argv[3]);
	if (!strcmp(op, "read")) {
		fd = open(argv[2], O_RDONLY);
		return fd < 0 ? done(fd) : read_all(fd);
	}
	if (!strcmp(op, "write") && argc == 4) {
		fd = open(argv[2], O_WRONLY);
		return done(fd < 0 ? fd : write(fd, argv[3], unescape(argv[3])));
	}
	if (!strcmp(op, "open") && argc == 4)
		return done(open(argv[2], open_flags(argv[3])));
	if (!strcmp(op, "unlink"))
		return done(unlink(argv[2]));
	if (!strcmp(op, "rmdir"))
		return done(rmdir(argv[2]));
	if (!strcmp(op, "mkdir"))
		return done(mkdir(argv[2], 0755));
	if (!strcmp(op, "late") && argc == 4)
		return late(argv[2], argv[3]);
	if (!strcmp(op, "poll"))
		return wait_for_change(argv[2]);
	if (!strcmp(op, "readers") && argc == 5)
		return readers(atoi(argv[2]), atoi(argv[3]), argv[4]);
	if (!strcmp(op, "cycle") && argc == 5)
		return cycle(atoi(argv[2]), argv[3], argv[4]);
	if (!strcmp(op, "move") && argc == 4)
		return done(rename(argv[2], argv[3]));
	if (!strcmp(op, "churn") && argc == 6)
		return churn(atoi(argv[2]), argv + 3);
	if (!strcmp(op, "bench") && argc == 4)
		return bench(atoi(argv[2]), argv[3]);
	return 2;
}
