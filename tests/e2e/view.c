/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.c - makes views with plain libbpf.
 *   view OBJECT DIR [PID]	pins the links of all programs in DIR, by the names of the programs
 *   view pin LINK PATH		pins (exposes) what is pinned at LINK at PATH, too
 *   view walk OBJECT PROG FIELD=VALUE...	what an iterator says: order=, id=, dir= of a group; pid=, tid=, pidfd=
 *   view load OBJECT PROG	loads one program: OK or the errno
 *   view attach OBJECT PROG	and attaches it, to nothing
 *   view ask PROG	runs a pinned SYSCALL program with a number for context: the number afterwards
 * Output: one word per step.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <userbpf/view_libbpf.h>

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level <= LIBBPF_WARN && getenv("VERBOSE") ? vfprintf(stderr, fmt, args) : 0;
}

static int say(int err)
{
	puts(err < 0 ? strerrorname_np(-err) : "OK");
	return 0;
}

static int cmd_load(const char *object, const char *name, bool attach)
{
	struct bpf_object *o = bpf_object__open(object);
	struct bpf_link *l = NULL;
	struct bpf_program *p;
	int err;

	bpf_object__for_each_program(p, o)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), name));
	err = bpf_object__load(o);
	if (!err && attach) {
		l = userbpf_view_attach(bpf_object__find_program_by_name(o, name), 0);
		err = l ? 0 : -errno;
	}
	say(err);
	bpf_link__destroy(l);
	bpf_object__close(o);
	return 0;
}

static int cmd_ask(const char *pin)
{
	int number = 0;
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &number, .ctx_size_in = sizeof(number));
	int fd = bpf_obj_get(pin);

	if (fd < 0 || bpf_prog_test_run_opts(fd, &run))
		return say(-errno);
	printf("%d\n", number);
	return 0;
}

static int cmd_pin(const char *from, const char *to)
{
	int fd = bpf_obj_get(from);

	return say(fd < 0 ? fd : bpf_obj_pin(fd, to) ? -errno : 0);
}

static int pin(struct bpf_link *link, const char *dir, const char *name)
{
	char path[512];

	if (!link)
		return -errno;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return bpf_link__pin(link, path);
}

/* What the programs of the other targets show: the object's map, the first link, a process. */
static int target_of(struct bpf_object *o, const struct bpf_program *p, struct bpf_link *first,
		     int pid)
{
	const char *t = userbpf_view_target(p);

	if (!strcmp(t, "map"))
		return bpf_object__find_map_fd_by_name(o, "seen");
	if (!strcmp(t, "link"))
		return bpf_link__fd(first);
	return !strcmp(t, "task") ? (int)syscall(SYS_pidfd_open, pid, 0) : 0;
}

static int cmd_all(const char *object, const char *dir, int pid)
{
	struct bpf_object *o = bpf_object__open(object);
	struct bpf_link *first = NULL, *l;
	struct bpf_program *p;
	char path[512];
	int err = o ? bpf_object__load(o) : -errno;

	if (err)
		return say(err);
	bpf_object__for_each_program(p, o)
	{
		if (!bpf_program__autoload(p))
			continue;
		if (bpf_program__type(p) == BPF_PROG_TYPE_SYSCALL) {
			snprintf(path, sizeof(path), "%s/%s", dir, bpf_program__name(p));
			err = bpf_program__pin(p, path);
			continue;
		}
		l = first ? userbpf_view_attach(p, target_of(o, p, first, pid))
			  : bpf_program__attach(p);
		err = pin(l, dir, bpf_program__name(p));
		if (l && first)
			bpf_link__destroy(l);
		if (err)
			goto out;
		first = first ? first : l;
	}
	if (bpf_object__find_map_fd_by_name(o, "seen") < 0)
		goto out;
	snprintf(path, sizeof(path), "%s/seen", dir);
	err = bpf_obj_pin(bpf_object__find_map_fd_by_name(o, "seen"), path) ? -errno : 0;
	snprintf(path, sizeof(path), "%s/program", dir);
	p = bpf_object__find_program_by_name(o, "group");
	if (!err && p)
		err = bpf_obj_pin(bpf_program__fd(p), path) ? -errno : 0;
out:
	bpf_link__destroy(first);
	bpf_object__close(o);
	return say(err);
}

static int number(const char *arg, const char *field, unsigned long long *to)
{
	size_t n = strlen(field);

	if (strncmp(arg, field, n) || arg[n] != '=')
		return 0;
	*to = strtoull(arg + n + 1, NULL, 0);
	return 1;
}

static void want(union bpf_iter_link_info *info, const char *arg)
{
	unsigned long long n;

	if (number(arg, "order", &n))
		info->cgroup.order = n;
	if (number(arg, "id", &n))
		info->cgroup.cgroup_id = n;
	if (!strncmp(arg, "dir=", 4))
		info->cgroup.cgroup_fd = open(arg + 4, O_RDONLY);
	if (number(arg, "tid", &n))
		info->task.tid = n;
	if (number(arg, "pid", &n))
		info->task.pid = n;
	if (number(arg, "pidfd", &n))
		info->task.pid_fd = (unsigned)syscall(SYS_pidfd_open, (int)n, 0);
}

static void tell(struct bpf_link *link)
{
	struct bpf_link_info info = {};
	unsigned len = sizeof(info);

	if (!bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &len))
		printf("info %llu %u %u\n", info.iter.cgroup.cgroup_id, info.iter.task.tid,
		       info.iter.task.pid);
}

static int cmd_walk(const char *object, const char *name, char **args)
{
	LIBBPF_OPTS(bpf_iter_attach_opts, opts);
	struct bpf_object *o = bpf_object__open(object);
	union bpf_iter_link_info info = {};
	struct bpf_link *link;
	char buf[4096];
	ssize_t n;
	int fd;

	while (*args)
		want(&info, *args++);
	opts.link_info = &info;
	opts.link_info_len = sizeof(info);
	if (!o || bpf_object__load(o))
		return say(-errno);
	link = bpf_program__attach_iter(bpf_object__find_program_by_name(o, name), &opts);
	if (!link) {
		say(-errno);
		bpf_object__close(o);
		return 0;
	}
	tell(link);
	fflush(stdout);
	fd = bpf_iter_create(bpf_link__fd(link));
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(1, buf, n) < 0)
			return 1;
	bpf_link__destroy(link);
	bpf_object__close(o);
	return n < 0;
}

int main(int argc, char **argv)
{
	libbpf_set_print(quiet);
	if (userbpf_view_register() < 0)
		return say(-errno);
	if (argc > 3 && !strcmp(argv[1], "load"))
		return cmd_load(argv[2], argv[3], false);
	if (argc > 3 && !strcmp(argv[1], "attach"))
		return cmd_load(argv[2], argv[3], true);
	if (argc == 3 && !strcmp(argv[1], "ask"))
		return cmd_ask(argv[2]);
	if (argc > 3 && !strcmp(argv[1], "pin"))
		return cmd_pin(argv[2], argv[3]);
	if (argc > 3 && !strcmp(argv[1], "walk"))
		return cmd_walk(argv[2], argv[3], argv + 4);
	return argc < 3 ? 2 : cmd_all(argv[1], argv[2], argc > 3 ? atoi(argv[3]) : getpid());
}
