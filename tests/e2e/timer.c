/* SPDX-License-Identifier: BSD-2-Clause */
/* timer.c - bpf_timer with unmodified libbpf: callbacks run after the program, and the process that
 * ran it, are gone, as long as the map has a user and the element is there. argv[1]: timer.bpf.o. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRED, REARMED, OF_HASH, OF_INNER, SELF_CANCEL };

static int wrong;
static struct bpf_object *obj;

#define IS(what, want, got)                                                         \
	do {                                                                        \
		long w = (want), g = (got);                                         \
		if (w != g && ++wrong)                                              \
			printf("%s:%d: want %ld, got %ld\n", what, __LINE__, w, g); \
	} while (0)

struct elem {
	unsigned long long before, timer[2], after;
};

static int run(const char *prog)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	struct bpf_program *p = bpf_object__find_program_by_name(obj, prog);
	int err = bpf_prog_test_run_opts(bpf_program__fd(p), &opts);

	return err ? -1000 + err : (int)opts.retval;
}

static int map_fd(const char *name)
{
	return bpf_object__find_map_fd_by_name(obj, name);
}

static unsigned long long count(int key)
{
	unsigned long long n = ~0ull;

	bpf_map_lookup_elem(map_fd("counts"), &key, &n);
	return n;
}

/* Until the count is @want, two seconds at most. */
static unsigned long long reaches(int key, unsigned long long want)
{
	for (int i = 0; i < 200 && count(key) != want; i++)
		usleep(10000);
	return count(key);
}

static void in_child(const char *prog, int sig)
{
	int child = fork(), status = 0;

	if (!child) {
		int ret = run(prog);

		if (sig && !ret)
			raise(sig);
		_exit(ret);
	}
	waitpid(child, &status, 0);
	IS("in a child", sig, status);
}

static void array(void)
{
	struct elem e = {};
	int key = 2;

	IS("start", 0, run("start_array"));
	IS("lookup", 0, bpf_map_lookup_elem(map_fd("array"), &key, &e));
	IS("not shown", 0, e.timer[0] | e.timer[1]);
	IS("beside it", 1100, e.before + e.after);
	IS("fired", 1103, reaches(FIRED, 1103));
	IS("once", 99, run("cancel_array"));
	IS("cancelled", (unsigned char)-22, (unsigned char)run("restart_array"));
}

static void dead_client(void)
{
	struct elem e = {.before = 10};
	int key = 2;

	/* an update ends the timer; then it can be made again */
	IS("update", 0, bpf_map_update_elem(map_fd("array"), &key, &e, 0));
	in_child("start_array", SIGKILL);
	IS("fired for the dead", 2206, reaches(FIRED, 2206));
	IS("again", 0, run("restart_array"));
	IS("it is armed", 100, run("cancel_array"));
	usleep(60000);
	IS("did not fire", 2206, count(FIRED));
}

static void callbacks(void)
{
	IS("rearms", 0, run("start_again"));
	IS("five times", 5, reaches(REARMED, 5));
	IS("inner", 0, run("start_inner"));
	IS("fired", 1, reaches(OF_INNER, 1));
	IS("self", 0, run("start_self_cancel"));
	IS("EDEADLK", 35, reaches(SELF_CANCEL, 35));
}

static void hash(void)
{
	struct elem e = {};
	int key = 7;

	IS("absent", 1, run("start_hash"));
	IS("insert", 0, bpf_map_update_elem(map_fd("hash"), &key, &e, 0));
	IS("start", 0, run("start_hash"));
	IS("fired", 7, reaches(OF_HASH, 7));
	IS("delete", 0, bpf_map_delete_elem(map_fd("hash"), &key));
	IS("insert", 0, bpf_map_update_elem(map_fd("hash"), &key, &e, 0));
	IS("start", 0, run("start_hash"));
	IS("delete", 0, bpf_map_delete_elem(map_fd("hash"), &key));
	usleep(120000);
	IS("nothing fired", 7, count(OF_HASH));
	IS("insert", 0, bpf_map_update_elem(map_fd("hash"), &key, &e, 0));
	IS("start", 0, run("start_hash"));
	IS("replace", 0, bpf_map_update_elem(map_fd("hash"), &key, &e, 0));
	usleep(120000);
	IS("nothing fired", 7, count(OF_HASH));
}

/* A timer keeps its program, no map: both go when nobody has them, armed or not. */
static void all_goes(void)
{
	struct bpf_prog_info info = {};
	struct bpf_program *p = bpf_object__find_program_by_name(obj, "start_hash");
	unsigned int len = sizeof(info);
	struct elem e = {};
	int key = 7, fd = -1;

	IS("info", 0, bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len));
	IS("insert", 0, bpf_map_update_elem(map_fd("hash"), &key, &e, 0));
	IS("start", 0, run("start_hash"));
	bpf_object__close(obj);
	for (int i = 0; i < 150 && (fd = bpf_prog_get_fd_by_id(info.id)) >= 0; i++) {
		close(fd);
		usleep(20000);
	}
	IS("the program is gone", -2, fd);
}

int main(int argc, char **argv)
{
	obj = bpf_object__open_file(argv[argc - 1], NULL);
	if (!obj || bpf_object__load(obj)) {
		printf("does not load\n");
		return 1;
	}
	array();
	dead_client();
	callbacks();
	hash();
	all_goes();
	if (!wrong)
		printf("ok\n");
	return !!wrong;
}
