/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * expose.c - one bpf(2) or file call per command, and its errno by name: for tests that have to know it.
 *   expose get PATH | pin PIN PATH | raw PATH (pins an object that is pinned nowhere)
 *   expose read PATH | write PATH TEXT (\0, \n as written) | open PATH r|w|rw | unlink PATH | rmdir PATH | mkdir PATH
 *   expose late PIN PATH: opens PATH, unlinks PIN, reads from PATH
 *   expose bench N PATH: microseconds of open, read and close, the best of N
 */
#include <bpf/bpf.h>
#include <errno.h>
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

static int pin_raw(const char *to)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "raw", 4, 4, 1, NULL);

	return fd < 0 ? 2 : done(bpf_obj_pin(fd, to));
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

int main(int argc, char **argv)
{
	const char *op = argc > 2 ? argv[1] : "";
	int fd;

	if (!strcmp(op, "get"))
		return done(bpf_obj_get(argv[2]));
	if (!strcmp(op, "pin") && argc == 4)
		return pin(argv[2], argv[3]);
	if (!strcmp(op, "raw"))
		return pin_raw(argv[2]);
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
	if (!strcmp(op, "bench") && argc == 4)
		return bench(atoi(argv[2]), argv[3]);
	return 2;
}
