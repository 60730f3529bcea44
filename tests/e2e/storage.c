/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * storage.c - unmodified libbpf and values of tasks and groups: what MAP_CREATE takes, keys that are fds, what
 * programs here, in other processes and in the service find, and what goes when the owner goes.
 *   storage OBJECT [GROUPS]	GROUPS: a directory of a v2 hierarchy where groups can be made; without it no groups
 *   storage OBJECT kernel	what a kernel answers the same
 *   storage OBJECT dead	leaves values of processes that ended
 *   storage OBJECT storm N	processes use the map and are killed, for N seconds
 * Prints what went wrong.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGRP_STORAGE ((enum bpf_map_type)32)
#define ENOTSUPP_    524 /* of the kernel, no libc has it */

static int wrong;

#define IS(what, want, got)                                                         \
	do {                                                                        \
		long w = (want), g = (got);                                         \
		if (w != g && ++wrong)                                              \
			printf("%s:%d: want %ld, got %ld\n", what, __LINE__, w, g); \
	} while (0)

struct mark {
	unsigned long long value;
	unsigned int pid, hits;
};

struct bss {
	int watched;
	long answer[8];
};

static struct bpf_object *obj;
static struct bss *bss;
static const char *groups_dir;
static struct btf *btf;
static int int_id, u64_id, locked_id;

static int map_fd(const char *name)
{
	return bpf_object__find_map_fd_by_name(obj, name);
}

static struct bpf_program *prog(const char *name)
{
	return bpf_object__find_program_by_name(obj, name);
}

static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int ret(int r)
{
	return r < 0 ? -errno : r;
}

/* --- MAP_CREATE --- */

static const struct {
	const char *what;
	unsigned key, value, entries, flags;
	int no_btf;
	int want;
} creates[] = {
	{"as it should be", 4, 8, 0, BPF_F_NO_PREALLOC, 0, 0},
	{"clone", 4, 8, 0, BPF_F_NO_PREALLOC | BPF_F_CLONE, 0, 0},
	{"prealloc", 4, 8, 0, 0, 0, -EINVAL},
	{"entries", 4, 8, 1, BPF_F_NO_PREALLOC, 0, -EINVAL},
	{"key", 8, 8, 0, BPF_F_NO_PREALLOC, 0, -EINVAL},
	{"no value", 4, 0, 0, BPF_F_NO_PREALLOC, 0, -EINVAL},
	{"no BTF", 4, 8, 0, BPF_F_NO_PREALLOC, 1, -EINVAL},
	{"read-only", 4, 8, 0, BPF_F_NO_PREALLOC | BPF_F_RDONLY, 0, -EINVAL},
	{"prog read-only", 4, 8, 0, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG, 0, -EINVAL},
	{"mmapable", 4, 8, 0, BPF_F_NO_PREALLOC | BPF_F_MMAPABLE, 0, -EINVAL},
	{"numa", 4, 8, 0, BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE, 0, -EINVAL},
	{"zero seed", 4, 8, 0, BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED, 0, -EINVAL},
	{"huge", 4, 65535, 0, BPF_F_NO_PREALLOC, 0, -E2BIG},
	{"huge without BTF", 4, 65535, 0, BPF_F_NO_PREALLOC, 1, -EINVAL},
	{"value of another size", 4, 16, 0, BPF_F_NO_PREALLOC, 0, -EINVAL},
};

static int create(enum bpf_map_type type, unsigned key, unsigned value, unsigned entries,
		  unsigned flags, int key_id, int value_id)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = flags, .btf_fd = btf__fd(btf),
		    .btf_key_type_id = key_id, .btf_value_type_id = value_id);

	return ret(bpf_map_create(type, "s", key, value, entries, &o));
}

static void check_create(void)
{
	static const enum bpf_map_type types[] = {BPF_MAP_TYPE_TASK_STORAGE, CGRP_STORAGE,
						  BPF_MAP_TYPE_SK_STORAGE,
						  BPF_MAP_TYPE_INODE_STORAGE};

	for (size_t t = 0; t < 4; t++)
		for (size_t i = 0; i < sizeof(creates) / sizeof(creates[0]); i++) {
			int none = creates[i].no_btf;
			int fd = create(types[t], creates[i].key, creates[i].value,
					creates[i].entries, creates[i].flags, none ? 0 : int_id,
					none ? 0 : u64_id);

			IS(creates[i].what, creates[i].want, fd < 0 ? fd : 0);
			if (fd >= 0)
				close(fd);
		}
	IS("key that is no integer", -EINVAL,
	   create(BPF_MAP_TYPE_TASK_STORAGE, 8, 8, 0, BPF_F_NO_PREALLOC, u64_id, u64_id));
	IS("timer", -EOPNOTSUPP,
	   create(BPF_MAP_TYPE_TASK_STORAGE, 4, 16, 0, BPF_F_NO_PREALLOC, int_id,
		  btf__find_by_name(btf, "timed")));
}

static void make_btf(void)
{
	int lock, timer;

	btf = btf__new_empty();
	int_id = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	u64_id = btf__add_int(btf, "u64", 8, 0);
	lock = btf__add_struct(btf, "bpf_spin_lock", 4);
	btf__add_field(btf, "val", int_id, 0, 0);
	locked_id = btf__add_struct(btf, "locked", 8);
	btf__add_field(btf, "lock", lock, 0, 0);
	btf__add_field(btf, "value", int_id, 32, 0);
	timer = btf__add_struct(btf, "bpf_timer", 16);
	btf__add_field(btf, "a", u64_id, 0, 0);
	btf__add_field(btf, "b", u64_id, 64, 0);
	btf__add_struct(btf, "timed", 16);
	btf__add_field(btf, "t", timer, 0, 0);
	if (btf__load_into_kernel(btf))
		exit(2);
}

/* --- keys are pidfds --- */

static void check_keys(void)
{
	int map = create(BPF_MAP_TYPE_TASK_STORAGE, 4, 8, 0, BPF_F_NO_PREALLOC, int_id, u64_id);
	int me = pidfd_of(getpid()), file = open("/dev/null", O_RDONLY), none = -1, high = 900,
	    dead;
	unsigned long long v = 1, got;
	pid_t child;

	/* the first of a new map, which the service may make */
	IS("update", 0, ret(bpf_map_update_elem(map, &me, &v, BPF_NOEXIST)));
	IS("again", -EEXIST, ret(bpf_map_update_elem(map, &me, &v, BPF_NOEXIST)));
	v = 2;
	IS("exist", 0, ret(bpf_map_update_elem(map, &me, &v, BPF_EXIST)));
	IS("flags", -EINVAL, ret(bpf_map_update_elem(map, &me, &v, 3)));
	IS("no lock in it", -EINVAL, ret(bpf_map_update_elem(map, &me, &v, BPF_F_LOCK)));
	IS("lookup", 0, ret(bpf_map_lookup_elem(map, &me, &got)));
	IS("value", 2, got);
	IS("lookup, flags", -EINVAL, ret(bpf_map_lookup_elem_flags(map, &me, &got, 1)));
	IS("a file", -EBADF, ret(bpf_map_lookup_elem(map, &file, &got)));
	IS("no fd", -EBADF, ret(bpf_map_lookup_elem(map, &none, &got)));
	IS("closed", -EBADF, ret(bpf_map_update_elem(map, &high, &v, 0)));
	IS("closed before flags", -EBADF, ret(bpf_map_update_elem(map, &high, &v, 3)));
	IS("next", -ENOTSUPP_, ret(bpf_map_get_next_key(map, NULL, &got)));
	IS("next of one", -ENOTSUPP_, ret(bpf_map_get_next_key(map, &me, &got)));
	IS("take", -ENOTSUPP_, ret(bpf_map_lookup_and_delete_elem(map, &me, &got)));
	child = fork();
	if (!child)
		for (;;)
			pause();
	dead = pidfd_of(child);
	IS("child", -ENOENT, ret(bpf_map_lookup_elem(map, &dead, &got)));
	IS("exist, child", -ENOENT, ret(bpf_map_update_elem(map, &dead, &v, BPF_EXIST)));
	v = 3;
	IS("child's", 0, ret(bpf_map_update_elem(map, &dead, &v, 0)));
	IS("child's value", 0, ret(bpf_map_lookup_elem(map, &dead, &got)));
	IS("is its own", 3, got);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	IS("dead", -ENOENT, ret(bpf_map_lookup_elem(map, &dead, &got)));
	IS("dead, update", -ENOENT, ret(bpf_map_update_elem(map, &dead, &v, 0)));
	IS("dead, delete", -ENOENT, ret(bpf_map_delete_elem(map, &dead)));
	IS("delete", 0, ret(bpf_map_delete_elem(map, &me)));
	IS("delete again", -ENOENT, ret(bpf_map_delete_elem(map, &me)));
	close(dead);
	close(file);
	close(me);
	close(map);
}

/* A number that is another task's now, whichever way it came to be. */
static void check_reuse(void)
{
	int map = create(BPF_MAP_TYPE_TASK_STORAGE, 4, 8, 0, BPF_F_NO_PREALLOC, int_id, u64_id);
	int me = pidfd_of(getpid()), other, was = me;
	unsigned long long v = 1, got;
	pid_t child = fork();

	if (!child)
		for (;;)
			pause();
	other = pidfd_of(child);
	for (int i = 0; i < 3; i++) {
		v = i;
		IS("mine", 0, ret(bpf_map_update_elem(map, &me, &v, 0)));
		IS("look", 0, ret(bpf_map_lookup_elem(map, &me, &got)));
	}
	dup2(other, me);
	IS("after dup2", -ENOENT, ret(bpf_map_lookup_elem(map, &me, &got)));
	close(me);
	me = pidfd_of(getpid());
	IS("the same number", was, me);
	IS("after close", 0, ret(bpf_map_lookup_elem(map, &me, &got)));
	IS("value", 2, got);
	close_range(me, me, 0);
	IS("after close_range", -EBADF, ret(bpf_map_lookup_elem(map, &me, &got)));
	IS("the same number", me, fcntl(other, F_DUPFD, me));
	IS("of the child", -ENOENT, ret(bpf_map_lookup_elem(map, &me, &got)));
	v = 9;
	IS("the child's", 0, ret(bpf_map_update_elem(map, &me, &v, 0)));
	IS("by its other fd", 0, ret(bpf_map_lookup_elem(map, &other, &got)));
	IS("its value", 9, got);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	IS("dead", -ENOENT, ret(bpf_map_lookup_elem(map, &me, &got)));
	IS("dead, by the other", -ENOENT, ret(bpf_map_update_elem(map, &other, &v, 0)));
	close(me);
	close(other);
	close(map);
}

static void check_lock(void)
{
	int map = create(BPF_MAP_TYPE_TASK_STORAGE, 4, 8, 0, BPF_F_NO_PREALLOC, int_id, locked_id);
	int me = pidfd_of(getpid()), v[2] = {1, 5}, got[2];

	IS("locked", 0, ret(bpf_map_update_elem(map, &me, v, BPF_F_LOCK | BPF_NOEXIST)));
	v[1] = 6;
	IS("locked again", 0, ret(bpf_map_update_elem(map, &me, v, BPF_F_LOCK | BPF_EXIST)));
	IS("locked look", 0, ret(bpf_map_lookup_elem_flags(map, &me, got, BPF_F_LOCK)));
	IS("locked value", 6, got[1]);
	IS("the lock itself", 0, got[0]);
	close(me);
	close(map);
}

/* Kinds without objects here: nothing is there, nothing can be put there. */
static void check_empty(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), f = open("/dev/null", O_RDONLY);
	int map = create(BPF_MAP_TYPE_SK_STORAGE, 4, 8, 0, BPF_F_NO_PREALLOC, int_id, u64_id);
	unsigned long long v = 1;

	IS("socket", -EOPNOTSUPP, ret(bpf_map_update_elem(map, &s, &v, 0)));
	IS("socket look", -ENOENT, ret(bpf_map_lookup_elem(map, &s, &v)));
	close(map);
	map = create(BPF_MAP_TYPE_INODE_STORAGE, 4, 8, 0, BPF_F_NO_PREALLOC, int_id, u64_id);
	IS("inode", -EOPNOTSUPP, ret(bpf_map_update_elem(map, &f, &v, 0)));
	IS("inode look", -ENOENT, ret(bpf_map_lookup_elem(map, &f, &v)));
	close(map);
	close(f);
	close(s);
}

/* --- programs --- */

static void run(const char *name)
{
	LIBBPF_OPTS(bpf_test_run_opts, o);

	memset(bss->answer, 0, sizeof(bss->answer));
	IS(name, 0, ret(bpf_prog_test_run_opts(bpf_program__fd(prog(name)), &o)));
}

/* Text of the iterator. */
static const char *shown(const char *name, union bpf_iter_link_info *info)
{
	LIBBPF_OPTS(bpf_iter_attach_opts, o, .link_info = info, .link_info_len = sizeof(*info));
	static char text[65536];
	struct bpf_link *l = bpf_program__attach_iter(prog(name), info ? &o : NULL);
	int fd = l ? bpf_iter_create(bpf_link__fd(l)) : -1;
	size_t len = 0;
	ssize_t n;

	IS(name, 0, fd < 0 ? -errno : 0);
	while (fd >= 0 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	text[len] = 0;
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(l);
	return text;
}

static int has_line(const char *text, pid_t pid, unsigned long long value)
{
	char line[64], all[66000];

	snprintf(line, sizeof(line), "\n%d %llu\n", pid, value);
	snprintf(all, sizeof(all), "\n%s", text);
	return !!strstr(all, line);
}

static void *of_thread(void *arg)
{
	run("in_client");
	IS("a thread's own", 77, bss->answer[1]);
	IS("thread", 1, has_line(shown("show", NULL), (pid_t)syscall(SYS_gettid), 77));
	return NULL;
}

static void check_programs(void)
{
	int map = map_fd("tasks"), me = pidfd_of(getpid());
	struct mark m = {.value = 5};
	pthread_t thread;

	run("in_client");
	IS("nothing yet", 1, bss->answer[0]);
	IS("initial value", 77, bss->answer[1]);
	IS("flags", 0, bss->answer[2]);
	IS("look", 0, ret(bpf_map_lookup_elem(map, &me, &m)));
	IS("value", 77, m.value);
	IS("pid", getpid(), m.pid);
	IS("hits", 2, m.hits);
	m.value = 5;
	IS("update", 0, ret(bpf_map_update_elem(map, &me, &m, BPF_EXIST)));
	run("in_client");
	IS("there", 0, bss->answer[0]);
	IS("what the client put there", 5, bss->answer[1]);
	IS("iterator", 1, has_line(shown("show", NULL), getpid(), 5));
	pthread_create(&thread, NULL, of_thread, NULL);
	pthread_join(thread, NULL);
	run("forget");
	IS("delete", 0, bss->answer[0]);
	IS("delete again", -ENOENT, bss->answer[1]);
	IS("made of zeroes", 0, bss->answer[2]);
	IS("parent's", -ENOENT, bss->answer[3]);
	IS("gone", 0, has_line(shown("show", NULL), getpid(), 5));
	close(me);
}

/* System calls of another process, counted there. */
static void check_attached(void)
{
	struct mark m = {};
	int map = map_fd("tasks"), go[2], fd;
	struct bpf_link *l = NULL;
	char c = 0;
	pid_t child;

	if (pipe(go))
		exit(2);
	child = fork();
	if (!child) {
		close(go[1]);
		while (read(go[0], &c, 1) == 1)
			for (int i = 0; i < 100; i++)
				getppid();
		_exit(0);
	}
	fd = pidfd_of(child);
	bss->watched = child;
	l = bpf_program__attach(prog("count"));
	IS("attach", 0, l ? 0 : -errno);
	c = write(go[1], &c, 1) == 1;
	for (int i = 0; i < 100 && m.hits < 100; i++) {
		bpf_map_lookup_elem(map, &fd, &m);
		usleep(20000);
	}
	IS("counted in the process", 1, m.hits >= 100);
	IS("its pid", child, m.pid);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	IS("went with it", -ENOENT, ret(bpf_map_lookup_elem(map, &fd, &m)));
	bpf_link__destroy(l);
	close(go[0]);
	close(go[1]);
	close(fd);
}

/* --- groups --- */

static int make_group(const char *name, char *path)
{
	sprintf(path, "%s/%s", groups_dir, name);
	IS("mkdir", 0, ret(mkdir(path, 0755)));
	return open(path, O_RDONLY | O_DIRECTORY);
}

/* A process in the group finds its value, and itself in the array. */
static void in_group(const char *path)
{
	int status = -1, array = map_fd("array"), fd;
	unsigned key = 1, v;
	char procs[600];
	pid_t child = fork();

	if (child) {
		waitpid(child, &status, 0);
		IS("in the group", 0, status);
		return;
	}
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	fd = open(procs, O_WRONLY);
	IS("join", 1, write(fd, "0", 1));
	close(fd);
	v = open(path, O_RDONLY | O_DIRECTORY);
	IS("put", 0, ret(bpf_map_update_elem(array, &key, &v, BPF_ANY)));
	run("own_group");
	IS("the group's value", 9, bss->answer[0]);
	run("under");
	IS("is in it", 1, bss->answer[1]);
	IS("taken out", 0, ret(bpf_map_delete_elem(array, &key)));
	_exit(wrong);
}

static void check_groups(void)
{
	int map = map_fd("groups"), array = map_fd("array"), file, dir, other;
	char path[512], other_path[512], text[600];
	struct mark m = {.value = 9}, got;
	union bpf_iter_link_info info = {};
	unsigned key = 1, bad = 4, v;
	char data[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = data, .data_size_in = sizeof(data));

	dir = make_group("userbpf-storage", path);
	other = make_group("userbpf-other", other_path);
	snprintf(text, sizeof(text), "%s/cgroup.procs", path);
	file = open(text, O_RDONLY);
	IS("group", 0, ret(bpf_map_update_elem(map, &dir, &m, BPF_NOEXIST)));
	IS("group again", -EEXIST, ret(bpf_map_update_elem(map, &dir, &m, BPF_NOEXIST)));
	IS("group look", 0, ret(bpf_map_lookup_elem(map, &dir, &got)));
	IS("group value", 9, got.value);
	IS("another group", -ENOENT, ret(bpf_map_lookup_elem(map, &other, &got)));
	IS("a file of it", -EBADF, ret(bpf_map_lookup_elem(map, &file, &got)));
	IS("next", -ENOTSUPP_, ret(bpf_map_get_next_key(map, NULL, &v)));
	info.cgroup.cgroup_fd = dir;
	info.cgroup.order = BPF_CGROUP_ITER_SELF_ONLY;
	IS("shown", 0, strcmp("9\n", shown("show_groups", &info)));
	info.cgroup.cgroup_fd = other;
	IS("shown, other", 0, strcmp("", shown("show_groups", &info)));
	shown("fill_groups", &info);
	IS("filled", 0, ret(bpf_map_lookup_elem(map, &other, &got)));
	IS("cleared", 0, strcmp("0\n", shown("clear_groups", &info)));
	IS("cleared again", 0, strcmp("-2\n", shown("clear_groups", &info)));

	in_group(path);

	/* arrays of groups: we are in none of these, and in the root */
	v = dir;
	IS("array", 0, ret(bpf_map_update_elem(array, &key, &v, BPF_ANY)));
	IS("array, flags", -EINVAL, ret(bpf_map_update_elem(array, &key, &v, BPF_NOEXIST)));
	IS("array, outside", -E2BIG, ret(bpf_map_update_elem(array, &bad, &v, BPF_ANY)));
	v = file;
	IS("array, file", -EBADF, ret(bpf_map_update_elem(array, &key, &v, BPF_ANY)));
	v = map;
	IS("array, map", -EBADF, ret(bpf_map_update_elem(array, &key, &v, BPF_ANY)));
	IS("array, look", -ENOTSUPP_, ret(bpf_map_lookup_elem(array, &key, &v)));
	key = 2;
	v = open(groups_dir, O_RDONLY | O_DIRECTORY);
	IS("array, root", 0, ret(bpf_map_update_elem(array, &key, &v, BPF_ANY)));
	run("under");
	IS("no element", -EAGAIN, bss->answer[0]);
	IS("elsewhere", 0, bss->answer[1]);
	IS("root", 1, bss->answer[2]);
	IS("outside", -E2BIG, bss->answer[4]);
	IS("packet", 0, ret(bpf_prog_test_run_opts(bpf_program__fd(prog("packet_under")), &o)));
	IS("packet, no element", -EAGAIN, bss->answer[0]);
	IS("packet, elsewhere", 0, bss->answer[1]);
	IS("packet, root", 1, bss->answer[2]);
	IS("packet, outside", -E2BIG, bss->answer[4]);
	IS("array, delete", 0, ret(bpf_map_delete_elem(array, &key)));
	IS("array, delete again", -ENOENT, ret(bpf_map_delete_elem(array, &key)));
	IS("array, delete outside", -E2BIG, ret(bpf_map_delete_elem(array, &bad)));
	run("under");
	IS("deleted", -EAGAIN, bss->answer[2]);
	close(v);
	close(file);
	close(dir);
	close(other);
	rmdir(path);
	rmdir(other_path);
}

/* Leaves 50 values of processes that ended, one of itself, and holds the map until its input ends. */
static void leave_dead(void)
{
	int map = map_fd("tasks"), fd;
	struct mark m = {.value = 1};
	char c;

	for (int i = 0; i < 50; i++) {
		pid_t child = fork();

		if (!child)
			for (;;)
				pause();
		fd = pidfd_of(child);
		IS("child", 0, ret(bpf_map_update_elem(map, &fd, &m, BPF_NOEXIST)));
		close(fd);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	fd = pidfd_of(getpid());
	IS("own", 0, ret(bpf_map_update_elem(map, &fd, &m, BPF_ANY)));
	puts(wrong ? "wrong" : "ready");
	fflush(stdout);
	c = read(0, &c, 1);
	IS("own is still there", 0, ret(bpf_map_lookup_elem(map, &fd, &m)));
}

/* --- killed in the middle --- */

#define OWNERS	8
#define WORKERS 6

static int owner_fd[OWNERS];
static pid_t owner_pid[OWNERS];

/* Whoever finds a value finds the one that was meant for its owner. */
static void hammer(unsigned seed)
{
	int map = map_fd("tasks"), me = pidfd_of(getpid());

	for (unsigned i = seed;; i = i * 1664525 + 1013904223) {
		int o = (i >> 8) % OWNERS;
		struct mark m = {.value = 31ull * owner_pid[o], .pid = owner_pid[o], .hits = i};
		LIBBPF_OPTS(bpf_test_run_opts, opts);

		switch ((i >> 16) % 8) {
		case 0: bpf_map_delete_elem(map, &owner_fd[o]); break;
		case 1: bpf_prog_test_run_opts(bpf_program__fd(prog("in_client")), &opts); break;
		case 2: bpf_prog_test_run_opts(bpf_program__fd(prog("forget")), &opts); break;
		case 3: bpf_map_delete_elem(map, &me); break;
		case 4:
			if (!bpf_map_lookup_elem(map, &owner_fd[o], &m) &&
			    (m.value != 31ull * owner_pid[o] || m.pid != owner_pid[o]))
				_exit(1);
			break;
		default:
			if (bpf_map_update_elem(map, &owner_fd[o], &m, BPF_ANY) && errno != EBUSY)
				_exit(2);
		}
	}
}

static pid_t worker(unsigned seed)
{
	pid_t pid = fork();

	if (!pid)
		hammer(seed);
	return pid;
}

static void storm(int seconds)
{
	pid_t w[WORKERS];
	struct mark m;
	int map = map_fd("tasks"), status;
	unsigned n = 0;

	for (int i = 0; i < OWNERS; i++) {
		owner_pid[i] = fork();
		if (!owner_pid[i])
			for (;;)
				pause();
		owner_fd[i] = pidfd_of(owner_pid[i]);
	}
	for (int i = 0; i < WORKERS; i++)
		w[i] = worker(i);
	for (; n < (unsigned)seconds * 50; n++) {
		pid_t *victim = &w[n % WORKERS];

		usleep(20000);
		kill(*victim, SIGKILL);
		waitpid(*victim, &status, 0);
		IS("died by itself", SIGKILL, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
		*victim = worker(n + WORKERS);
		if (n % 10 == 0)
			shown("show", NULL);
	}
	for (int i = 0; i < WORKERS; i++) {
		kill(w[i], SIGKILL);
		waitpid(w[i], NULL, 0);
	}
	/* no lock is left, and room for everybody */
	for (int i = 0; i < OWNERS; i++) {
		m = (struct mark){.value = 7};
		IS("after", 0, ret(bpf_map_update_elem(map, &owner_fd[i], &m, BPF_ANY)));
		IS("look", 0, ret(bpf_map_lookup_elem(map, &owner_fd[i], &m)));
		IS("value", 7, m.value);
		IS("delete", 0, ret(bpf_map_delete_elem(map, &owner_fd[i])));
		kill(owner_pid[i], SIGKILL);
		waitpid(owner_pid[i], NULL, 0);
	}
}

int main(int argc, char **argv)
{
	obj = bpf_object__open(argv[1]);
	if (!obj || bpf_object__load(obj))
		return 2;
	bss = mmap(NULL, sizeof(*bss), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd(".bss"), 0);
	if (bss == MAP_FAILED)
		return 2;
	if (argc > 2 && !strcmp(argv[2], "dead")) {
		leave_dead();
		return !!wrong;
	}
	if (argc > 3 && !strcmp(argv[2], "storm")) {
		storm(atoi(argv[3]));
		puts(wrong ? "wrong" : "ok");
		return !!wrong;
	}
	groups_dir = argc > 2 && *argv[2] == '/' ? argv[2] : NULL;
	make_btf();
	check_create();
	check_keys();
	check_reuse();
	check_lock();
	if (argc <= 2 || strcmp(argv[2], "kernel"))
		check_empty();
	check_programs();
	check_attached();
	if (groups_dir)
		check_groups();
	puts(wrong ? "wrong" : "ok");
	return !!wrong;
}
