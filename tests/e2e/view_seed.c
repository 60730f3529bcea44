/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view_seed.c - the sequence that came with the first patches for objects outside of bpffs, with plain libbpf on the object of
 * examples/view_wait, in one go:
 *   view_seed OBJECT BPFFS GROUP ID	GROUP: empty, with a cpu controller; ID: its number on the machine
 * Nothing can be exposed before it is pinned; program, map and link show as files that say nothing and only know "rm"; a pin's end is its
 * files' end; a view in the group tells the group's id and how long its tasks waited for a CPU.
 * Says what is not as it should be; exit status 0: nothing.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <userbpf/view_libbpf.h>

#include "check.h"

#define SPIN_SECONDS 3

struct place {
	char pin[256], file[256];
};

static bool exists(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

/* The file is there, cannot be read, and takes nothing. */
static void check_silent(const struct place *p, const char *what)
{
	int fd = open(p->file, O_RDWR);
	char buf[8];

	CHECK(fd >= 0, "open %s", what);
	CHECK(read(fd, buf, sizeof(buf)) < 0 && errno == EIO, "read %s", what);
	CHECK(write(fd, "xxx", 4) < 0 && errno == EINVAL, "write to %s", what);
	close(fd);
}

static void check_rm(const struct place *p, const char *what)
{
	int fd = open(p->file, O_WRONLY);

	CHECK(fd >= 0, "open %s", what);
	CHECK(write(fd, "rm", 3) == 3, "rm %s", what); /* with its NUL */
	close(fd);
	CHECK(!exists(p->file) && errno == ENOENT, "%s after rm", what);
}

static void expose(int fd, const struct place *p, const char *what)
{
	CHECK(bpf_obj_pin(fd, p->file) && errno == ENXIO, "expose %s before it is pinned", what);
	CHECK(!exists(p->file), "%s", what);
	CHECK(!bpf_obj_pin(fd, p->pin) && exists(p->pin), "pin %s", what);
	CHECK(!bpf_obj_pin(fd, p->file) && exists(p->file), "expose %s", what);
}

static void check_pinning(struct bpf_object *obj, const struct place *p)
{
	struct bpf_link *link;
	int fd;

	fd = bpf_program__fd(bpf_object__find_program_by_name(obj, "wait_show"));
	expose(fd, p, "program");
	check_silent(p, "program");
	check_rm(p, "program");
	CHECK(exists(p->pin) && !unlink(p->pin), "unpin program");

	fd = bpf_object__find_map_fd_by_name(obj, "wait_map");
	expose(fd, p, "map");
	check_silent(p, "map");
	check_rm(p, "map");
	CHECK(exists(p->pin) && !unlink(p->pin), "unpin map");

	link = bpf_program__attach(bpf_object__find_program_by_name(obj, "wait_record"));
	CHECK(link, "attach to the tracepoint");
	if (!link)
		return;
	expose(bpf_link__fd(link), p, "link");
	check_silent(p, "link");
	CHECK(!unlink(p->pin), "unpin link");
	CHECK(!exists(p->file) && errno == ENOENT, "the link's file after its pin");
	bpf_link__destroy(link);
}

/* A process of ours that spins in the group, on the CPU that the other one spins on. */
static pid_t spin_in(const char *group)
{
	time_t end = time(NULL) + SPIN_SECONDS;
	cpu_set_t one;
	char path[300];
	pid_t pid = fork();
	FILE *f;

	if (pid)
		return pid;
	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	f = fopen(path, "w");
	if (!f || fprintf(f, "%d", getpid()) < 0 || fclose(f))
		_exit(1);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		_exit(1);
	while (time(NULL) < end)
		;
	_exit(0);
}

/* What the machine says the process has waited; call before it is reaped. */
static unsigned long long waited(pid_t pid)
{
	unsigned long long ran, wait = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%llu %llu", &ran, &wait) != 2)
		wait = 0;
	if (f)
		fclose(f);
	return wait;
}

static unsigned long long work_in(const char *group)
{
	unsigned long long most = 0;
	pid_t pid[2];
	int status;

	for (int i = 0; i < 2; i++)
		pid[i] = spin_in(group);
	for (int i = 0; i < 2; i++) {
		siginfo_t info;

		waitid(P_PID, (id_t)pid[i], &info, WEXITED | WNOWAIT);
		most = waited(pid[i]) > most ? waited(pid[i]) : most;
		CHECK(waitpid(pid[i], &status, 0) == pid[i] && !status, "a process in %s", group);
	}
	return most;
}

/* What the link's fd says of itself. */
static bool says(int fd, const char *want)
{
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		found |= !strcmp(line, want);
	if (f)
		fclose(f);
	return found;
}

static void check_show(struct bpf_object *obj, const struct place *p, const char *group,
		       unsigned long long want_id)
{
	struct bpf_link *record, *show;
	unsigned long long id = 0, wait = 0, most;
	char buf[64] = "";
	int fd, end = 0;

	record = bpf_program__attach(bpf_object__find_program_by_name(obj, "wait_record"));
	show = bpf_program__attach(bpf_object__find_program_by_name(obj, "wait_show"));
	CHECK(record && show, "attach");
	if (!record || !show)
		return;
	CHECK(says(bpf_link__fd(show), "attach_target:\tcgroup\n") &&
		      says(bpf_link__fd(show), "link_type:\tview\n"),
	      "fdinfo");
	most = work_in(group);
	expose(bpf_link__fd(show), p, "view");
	fd = open(p->file, O_RDONLY);
	CHECK(read(fd, buf, sizeof(buf) - 1) > 0, "read the view");
	close(fd);
	CHECK(sscanf(buf, "%llu %llu%n", &id, &wait, &end) == 2 && !strcmp(buf + end, "\n"),
	      "\"%s\"", buf);
	CHECK(id == want_id, "%llu, the group is %llu", id, want_id);
	CHECK(wait > 0 && wait <= most, "%llu ns, but a process waited %llu in all", wait, most);
	check_rm(p, "view");
	CHECK(!unlink(p->pin), "unpin the view");
	bpf_link__destroy(record);
	bpf_link__destroy(show);
	printf("group %llu: the longest wait of a look %llu us, of a process in all %llu us\n", id,
	       wait / 1000, most / 1000);
}

int main(int argc, char **argv)
{
	struct bpf_object *obj;
	struct place p;

	if (argc != 5 || userbpf_view_register() < 0)
		return 2;
	snprintf(p.pin, sizeof(p.pin), "%s/bpf_obj", argv[2]);
	snprintf(p.file, sizeof(p.file), "%s/bpf_obj", argv[3]);
	obj = bpf_object__open(argv[1]);
	CHECK(obj && !bpf_object__load(obj), "load %s", argv[1]);
	if (failures)
		return 1;
	check_pinning(obj, &p);
	check_show(obj, &p, argv[3], strtoull(argv[4], NULL, 10));
	bpf_object__close(obj);
	return failures > 0;
}
