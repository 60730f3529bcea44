/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view_write.c - files that programs take writes of, and that say when they change, with plain libbpf:
 *   view_write OBJECT BPFFS GROUP OTHER_GROUP ID_OF_GROUP
 * Leaves GROUP/limit exposed for others to write (0666). Says what is not as it should be; exit status 0: nothing.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <userbpf/view_libbpf.h>

#include "check.h"

static struct bpf_object *obj;
static const char *bpffs, *group, *other;

static struct bpf_program *prog(const char *name)
{
	return bpf_object__find_program_by_name(obj, name);
}

static const char *at(const char *dir, const char *name)
{
	static char path[4][512];
	static int n;

	snprintf(path[n = (n + 1) % 4], sizeof(path[0]), "%s/%s", dir, name);
	return path[n];
}

static void expose(struct bpf_link *l, const char *name)
{
	CHECK(l, "attach %s", name);
	CHECK(!bpf_obj_pin(bpf_link__fd(l), at(bpffs, name)), "pin %s", name);
	CHECK(!bpf_obj_pin(bpf_link__fd(l), at(group, name)), "expose %s", name);
}

/* Result of one write: bytes or negative errno. */
static long put(const char *path, const void *text, size_t len)
{
	int fd = open(path, O_WRONLY);
	long n = fd < 0 ? -errno : write(fd, text, len);

	n = fd >= 0 && n < 0 ? -errno : n;
	if (fd >= 0)
		close(fd);
	return n;
}

static long puts_to(const char *path, const char *text)
{
	return put(path, text, strlen(text));
}

static const char *get(const char *path)
{
	static char buf[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n < 0)
		snprintf(buf, sizeof(buf), "%s", strerrorname_np(errno));
	else
		buf[n] = '\0';
	if (fd >= 0)
		close(fd);
	return buf;
}

#define IS(path, want) CHECK(!strcmp(get(path), want), "\"%s\"", get(path))
#define WRITE(path, text, want) \
	CHECK(puts_to(path, text) == (want), "\"%s\": %ld", text, puts_to(path, text))

static void writes(struct bpf_link *view, struct bpf_link **writer)
{
	const char *file = at(group, "limit");
	char big[4097] = "7";

	IS(file, "unset\n");
	WRITE(file, "42\n", -EINVAL); /* nobody takes it */
	*writer = userbpf_view_attach(prog("set_limit"), bpf_link__fd(view));
	CHECK(*writer, "attach to a view");
	CHECK(!userbpf_view_attach(prog("set_limit"), bpf_link__fd(view)) && errno == EBUSY,
	      "a second program");
	CHECK(!userbpf_view_attach(prog("set_limit"), bpf_link__fd(*writer)) && errno == EINVAL,
	      "a program of what is no view");
	WRITE(file, "42\n", 3);
	IS(file, "42 uid 0\n");
	WRITE(file, "x", -EINVAL);
	WRITE(file, "1001", -ERANGE);
	CHECK(put(file, big, 4096) == 4096, "as much as there can be");
	CHECK(put(file, big, 4097) == -E2BIG, "more than there can be");
	IS(file, "7 uid 0\n");
}

static void write_only(void)
{
	struct bpf_link *l = userbpf_view_attach(prog("sink"), 0);

	expose(l, "sink");
	CHECK(!strcmp(get(at(group, "sink")), "EIO"), "\"%s\"", get(at(group, "sink")));
	WRITE(at(group, "sink"), "12345", 5);
	WRITE(at(group, "sink"), "12345678901234567890", 10);
	WRITE(at(group, "sink"), "rm\n", 3); /* by its owner */
	CHECK(access(at(group, "sink"), F_OK) && errno == ENOENT, "rm");
	bpf_link__destroy(l);
	unlink(at(bpffs, "sink"));
}

/* --- poll --- */

static short ready(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI};

	poll(&p, 1, ms);
	return p.revents;
}

/* What the program says comes as POLLPRI; that there is something to read is always true. */
static short changed(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLPRI};

	poll(&p, 1, ms);
	return p.revents;
}

static void *later(void *path)
{
	usleep(200000);
	puts_to(path, "5");
	return NULL;
}

static void polls(unsigned long long id)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &id, .ctx_size_in = sizeof(id));
	int fd = open(at(group, "limit"), O_RDONLY), far = open(at(other, "limit"), O_RDONLY);
	char buf[64];
	pthread_t t;

	CHECK(changed(fd, 0) == (POLLPRI | POLLERR), "not read yet: %x", changed(fd, 0));
	CHECK(read(fd, buf, sizeof(buf)) > 0 && read(far, buf, sizeof(buf)) > 0, "read");
	CHECK(ready(fd, 0) == POLLIN, "read: %x", ready(fd, 0));
	pthread_create(&t, NULL, later, (void *)at(group, "limit"));
	CHECK(changed(fd, 5000) == (POLLPRI | POLLERR), "a write wakes");
	pthread_join(t, NULL);
	CHECK(changed(fd, 0) & POLLPRI, "until it is read");
	CHECK(pread(fd, buf, sizeof(buf), 0) > 0 && !strncmp(buf, "5 uid 0\n", 8), "%.8s", buf);
	CHECK(!changed(fd, 0), "it is read");
	CHECK(!changed(far, 0), "another group's");
	WRITE(at(group, "limit"), "x", -EINVAL);
	CHECK(!changed(fd, 0), "nothing changed");
	CHECK(!bpf_prog_test_run_opts(bpf_program__fd(prog("poke")), &run) && !run.retval,
	      "run in a client");
	CHECK(changed(fd, 2000) & POLLPRI, "a client's program wakes");
	CHECK(!changed(far, 0), "another group's");
	close(fd);
	close(far);
}

int main(int argc, char **argv)
{
	struct bpf_link *view, *writer = NULL, *sleeper;

	libbpf_set_print(NULL);
	if (argc != 6 || userbpf_view_register() < 0)
		return 2;
	bpffs = argv[2];
	group = argv[3];
	other = argv[4];
	obj = bpf_object__open(argv[1]);
	CHECK(obj && !bpf_object__load(obj), "load %s", argv[1]);
	if (failures)
		return 1;
	view = bpf_program__attach(prog("limit"));
	expose(view, "limit");
	CHECK(!bpf_obj_pin(bpf_link__fd(view), at(other, "limit")), "expose there, too");
	writes(view, &writer);
	polls(strtoull(argv[5], NULL, 10));
	write_only();
	sleeper = bpf_program__attach(prog("sleeper"));
	expose(sleeper, "sleeper");
	CHECK(strstr(get(at(group, "sleeper")), " -14\n"), "\"%s\"", get(at(group, "sleeper")));
	/* the writer stays while somebody has it */
	CHECK(!bpf_link__pin(writer, at(bpffs, "writer")), "pin the writer");
	CHECK(!chmod(at(group, "limit"), 0666), "chmod");
	bpf_link__destroy(writer);
	bpf_link__destroy(sleeper);
	bpf_link__destroy(view);
	bpf_object__close(obj);
	return failures > 0;
}
