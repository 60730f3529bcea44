/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endless.c - one program of an object, and its maps.
 *   endless pin OBJECT PROG DIR	attaches it (a view/map to the map "cells") and pins its link and the maps "counts" and "ring"
 *   endless arm OBJECT DIR	runs the program "arm" once; pins "counts" and "timers"
 *   endless hold		has memory that nobody brings, says "PID ADDRESS", and waits
 *   endless stuck OBJECT PID ADDRESS DIR	pins "stuck", which reads there
 *   endless run OBJECT		PROG_TEST_RUN of "own"
 *   endless counts DIR		begun ended
 *   endless records DIR	how many there are in the ring buffer
 * Output: one word per step.
 */
#include <bpf/btf.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <userbpf/view_libbpf.h>

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level <= LIBBPF_WARN && getenv("VERBOSE") ? vfprintf(stderr, fmt, args) : 0;
}

/* What was opened, closed at the end. */
static struct bpf_object *object;
static struct bpf_link *link_made;

static int say(int err)
{
	puts(err < 0 ? strerrorname_np(-err) : "OK");
	return 0;
}

/* What "stuck" is told. */
struct told {
	int pid;
	unsigned long address;
};

static void tell(struct bpf_object *o, const struct told *told)
{
	size_t size;
	void *rodata =
		(void *)bpf_map__initial_value(bpf_object__find_map_by_name(o, ".rodata"), &size);
	struct btf *btf = bpf_object__btf(o);
	const struct btf_type *sec =
		btf__type_by_id(btf, btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC));
	const struct btf_var_secinfo *v = btf_var_secinfos(sec);

	for (int i = 0; i < btf_vlen(sec); i++) {
		const char *name =
			btf__name_by_offset(btf, btf__type_by_id(btf, v[i].type)->name_off);

		if (!strcmp(name, "at_pid"))
			memcpy((char *)rodata + v[i].offset, &told->pid, sizeof(told->pid));
		if (!strcmp(name, "at_address"))
			memcpy((char *)rodata + v[i].offset, &told->address, sizeof(told->address));
	}
}

static struct bpf_object *load_told(const char *path, const char *name, const struct told *told)
{
	struct bpf_object *o = object = bpf_object__open(path);
	struct bpf_program *p;

	if (told)
		tell(o, told);

	bpf_object__for_each_program(p, o)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), name));
	errno = -bpf_object__load(o);
	return errno ? NULL : o;
}

static struct bpf_object *load(const char *path, const char *name)
{
	return load_told(path, name, NULL);
}

/* Memory that nobody ever brings: a userfaultfd that is not read. */
static int cmd_hold(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register r = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	r.range.start = (unsigned long)p;
	r.range.len = 4096;
	if (fd < 0 || p == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &r))
		return say(-errno);
	printf("%d %lu\n", getpid(), (unsigned long)p);
	fflush(stdout);
	pause();
	return 0;
}

static int cmd_stuck(char **argv)
{
	struct told told = {atoi(argv[3]), strtoul(argv[4], NULL, 10)};
	struct bpf_object *o = load_told(argv[2], "stuck", &told);
	char path[512];

	if (o)
		link_made = bpf_program__attach(bpf_object__find_program_by_name(o, "stuck"));
	if (!link_made)
		return say(-errno);
	snprintf(path, sizeof(path), "%s/stuck", argv[5]);
	return say(bpf_link__pin(link_made, path));
}

static void pin_map(struct bpf_object *o, const char *name, const char *dir)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	bpf_obj_pin(bpf_object__find_map_fd_by_name(o, name), path);
}

static int cmd_pin(const char *file, const char *name, const char *dir)
{
	struct bpf_object *o = load(file, name);
	struct bpf_program *p;
	struct bpf_link *l;
	char path[512];
	int where;

	if (!o)
		return say(-errno);
	p = bpf_object__find_program_by_name(o, name);
	where = !strcmp(bpf_program__section_name(p), "view/map")
			? bpf_object__find_map_fd_by_name(o, "cells")
			: 0;
	l = !strncmp(bpf_program__section_name(p), "view", 4) ? userbpf_view_attach(p, where)
							      : bpf_program__attach(p);
	if (!l)
		return say(-errno);
	link_made = l;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	pin_map(o, "counts", dir);
	pin_map(o, "ring", dir);
	return say(bpf_link__pin(l, path));
}

static int test_run(struct bpf_object *o, const char *name, bool packet)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);
	char data[64] = "";

	if (!o)
		return -errno;
	if (packet) {
		run.data_in = data;
		run.data_size_in = sizeof(data);
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(bpf_object__find_program_by_name(o, name)),
				   &run))
		return -errno;
	return run.retval ? -(int)run.retval : 0;
}

static int cmd_arm(const char *file, const char *dir)
{
	struct bpf_object *o = load(file, "arm");
	int err = test_run(o, "arm", true);

	if (!err) {
		pin_map(o, "counts", dir);
		pin_map(o, "timers", dir);
	}
	return say(err);
}

static int cmd_counts(const char *dir)
{
	unsigned long long n[2] = {0};
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/counts", dir);
	fd = bpf_obj_get(path);
	for (unsigned i = 0; i < 2; i++)
		bpf_map_lookup_elem(fd, &i, &n[i]);
	printf("%llu %llu\n", n[0], n[1]);
	return 0;
}

static int one(void *nr, void *data, size_t len)
{
	++*(int *)nr;
	return *(unsigned long long *)data == 4711 ? 0 : -EINVAL;
}

static int cmd_records(const char *dir)
{
	struct ring_buffer *r;
	char path[512];
	int nr = 0, err;

	snprintf(path, sizeof(path), "%s/ring", dir);
	r = ring_buffer__new(bpf_obj_get(path), one, &nr, NULL);
	err = r ? ring_buffer__consume(r) : -errno;
	printf("%d\n", err < 0 ? err : nr);
	ring_buffer__free(r);
	return 0;
}

static int run(int argc, char **argv)
{
	if (userbpf_view_register() < 0)
		return say(-errno);
	if (argc == 5 && !strcmp(argv[1], "pin"))
		return cmd_pin(argv[2], argv[3], argv[4]);
	if (argc == 4 && !strcmp(argv[1], "arm"))
		return cmd_arm(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "run"))
		return say(test_run(load(argv[2], "own"), "own", false));
	if (argc == 2 && !strcmp(argv[1], "hold"))
		return cmd_hold();
	if (argc == 6 && !strcmp(argv[1], "stuck"))
		return cmd_stuck(argv);
	if (argc == 3 && !strcmp(argv[1], "counts"))
		return cmd_counts(argv[2]);
	return argc == 3 ? cmd_records(argv[2]) : 2;
}

int main(int argc, char **argv)
{
	int status;

	libbpf_set_print(quiet);
	status = run(argc, argv);
	bpf_link__destroy(link_made);
	bpf_object__close(object);
	return status;
}
