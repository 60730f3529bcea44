/* SPDX-License-Identifier: BSD-2-Clause */
/* kptr.c - pointers to objects of the service in map values: programs of two processes move
 * references in and out, bpf(2) sees and changes nothing of them, and none is lost. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int wrong;
static struct bpf_object *obj;

#define IS(what, want, got)                                                         \
	do {                                                                        \
		long w = (want), g = (got);                                         \
		if (w != g && ++wrong)                                              \
			printf("%s:%d: want %ld, got %ld\n", what, __LINE__, w, g); \
	} while (0)

struct value {
	unsigned long long plain, owner, data;
};

static int run(const char *prog)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	struct bpf_program *p = bpf_object__find_program_by_name(obj, prog);
	int err = bpf_prog_test_run_opts(bpf_program__fd(p), &opts);

	return err ? -1000 + err : (int)opts.retval;
}

/* In another process. */
static int run_elsewhere(const char *prog)
{
	int out[2], got = -2000, child;

	if (pipe(out))
		return -3000;
	child = fork();
	if (!child) {
		got = run(prog);
		_exit(write(out[1], &got, sizeof(got)) != sizeof(got));
	}
	if (read(out[0], &got, sizeof(got)) != sizeof(got))
		got = -3000;
	waitpid(child, NULL, 0);
	close(out[0]);
	close(out[1]);
	return got;
}

static int map_fd(const char *name)
{
	return bpf_object__find_map_fd_by_name(obj, name);
}

static void array(void)
{
	struct value v = {.plain = 77, .owner = 78, .data = 79};
	int key = 0;

	IS("empty", -4, run("follow"));
	IS("put", 2, run("put_array"));
	IS("put again", 2, run("put_array"));
	IS("follow", 43, run("follow"));
	IS("follow elsewhere", 43, run_elsewhere("follow"));
	IS("get elsewhere", 3, run_elsewhere("get"));
	IS("lookup", 0, bpf_map_lookup_elem(map_fd("array"), &key, &v));
	IS("not shown", 0, v.plain | v.owner);
	IS("take out elsewhere", 1, run_elsewhere("take_out"));
	IS("nothing left", -4, run("take_out"));
	IS("put once more", 2, run("put_array"));
	v = (struct value){.plain = 1, .owner = 1, .data = 79};
	IS("update", 0, bpf_map_update_elem(map_fd("array"), &key, &v, 0));
	IS("an update empties", -4, run("follow"));
	IS("and gives back", 1, run("counted"));
	v = (struct value){};
	IS("lookup", 0, bpf_map_lookup_elem(map_fd("array"), &key, &v));
	IS("the rest is there", 79, v.data);
}

static void hash(void)
{
	struct value v = {};
	int key = 7;

	IS("absent", -2, run("put_hash"));
	for (int i = 0; i < 3; i++) {
		IS("insert", 0, bpf_map_update_elem(map_fd("hash"), &key, &v, BPF_ANY));
		IS("put", 2, run("put_hash"));
		IS("replace", 0, bpf_map_update_elem(map_fd("hash"), &key, &v, BPF_ANY));
		IS("given back", 1, run("counted"));
		IS("put", 2, run("put_hash"));
		IS("delete", 0, bpf_map_delete_elem(map_fd("hash"), &key));
		IS("given back", 1, run("counted"));
	}
}

static void per_cpu(void)
{
	struct value *v = calloc(libbpf_num_possible_cpus(), sizeof(*v));
	int key = 0;

	IS("put", 1, run("put_percpu") >= 2);
	IS("lookup", 0, bpf_map_lookup_elem(map_fd("percpu"), &key, v));
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		IS("not shown", 0, v[i].plain | v[i].owner);
	IS("update", 0, bpf_map_update_elem(map_fd("percpu"), &key, v, 0));
	IS("given back", 1, run("counted"));
	free(v);
}

static int load(const char *path)
{
	obj = bpf_object__open_file(path, NULL);
	return !obj || bpf_object__load(obj);
}

int main(int argc, char **argv)
{
	int last = -1;

	if (load(argv[argc - 1])) {
		printf("does not load\n");
		return 1;
	}
	array();
	hash();
	per_cpu();
	/* a map that goes gives back what is in it */
	IS("put", 2, run("put_array"));
	bpf_object__close(obj);
	for (int i = 0; i < 100 && !load(argv[argc - 1]); i++) {
		last = run("counted");
		if (last == 1)
			break;
		bpf_object__close(obj);
		usleep(20000);
	}
	IS("all given back", 1, last);
	if (!wrong)
		printf("ok\n");
	return !!wrong;
}
