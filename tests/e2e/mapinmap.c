/* SPDX-License-Identifier: BSD-2-Clause */
/* mapinmap.c - maps of maps with unmodified libbpf: fds go in, ids come out, programs that run here
 * see what was stored last. argv[1]: mapinmap.bpf.o. Prints what went wrong. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int wrong;

#define IS(what, want, got)                                                         \
	do {                                                                        \
		long w = (want), g = (got);                                         \
		if (w != g && ++wrong)                                              \
			printf("%s:%d: want %ld, got %ld\n", what, __LINE__, w, g); \
	} while (0)

struct app {
	struct bpf_object *obj;
	int index_fd, key_fd, choice_fd;
};

static int map_fd(struct app *a, const char *name)
{
	return bpf_object__find_map_fd_by_name(a->obj, name);
}

static int run(struct app *a, const char *prog)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	struct bpf_program *p = bpf_object__find_program_by_name(a->obj, prog);
	int err = bpf_prog_test_run_opts(bpf_program__fd(p), &opts);

	return err ? -1000 + err : (int)opts.retval;
}

static int choose(struct app *a, unsigned long long key, unsigned long long index)
{
	unsigned long long choice[2] = {key, index};
	unsigned int zero = 0;

	return bpf_map_update_elem(a->choice_fd, &zero, choice, 0);
}

static int through_index(struct app *a, unsigned int index)
{
	return choose(a, 0, index) ?: run(a, "through_index");
}

static int through_key(struct app *a, unsigned long long key)
{
	return choose(a, key, 0) ?: run(a, "through_key");
}

static int new_inner(unsigned int max, unsigned long long value)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "inner", 4, 8, max, NULL);
	unsigned int zero = 0;

	bpf_map_update_elem(fd, &zero, &value, 0);
	return fd;
}

static unsigned int id_of(int fd)
{
	struct bpf_map_info info = {};
	unsigned int len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static unsigned long long value_of(int fd)
{
	unsigned long long value = 0;
	unsigned int zero = 0;

	bpf_map_lookup_elem(fd, &zero, &value);
	return value;
}

static void arrays(struct app *a)
{
	unsigned int id = 0, i;
	int fd, other;

	IS("slot 0", 1, through_index(a, 0));
	IS("slot 0 again", 2, through_index(a, 0));
	IS("slot 1 is empty", -1, through_index(a, 1));
	IS("slot 2", 1, through_index(a, 2));
	IS("outside", -1, through_index(a, 4));
	IS("first", 2, value_of(map_fd(a, "first")));
	i = 0;
	IS("lookup", 0, bpf_map_lookup_elem(a->index_fd, &i, &id));
	IS("id", id_of(map_fd(a, "first")), id);
	i = 1;
	IS("lookup of nothing", -ENOENT, bpf_map_lookup_elem(a->index_fd, &i, &id));

	fd = new_inner(2, 40);
	i = 0;
	IS("replace", 0, bpf_map_update_elem(a->index_fd, &i, &fd, BPF_ANY));
	IS("replaced", 41, through_index(a, 0));
	IS("the old one", 2, value_of(map_fd(a, "first")));
	IS("noexist", -EINVAL, bpf_map_update_elem(a->index_fd, &i, &fd, BPF_NOEXIST));
	i = 4;
	IS("too far", -E2BIG, bpf_map_update_elem(a->index_fd, &i, &fd, BPF_ANY));
	IS("delete too far", -E2BIG, bpf_map_delete_elem(a->index_fd, &i));
	i = 1;
	IS("delete nothing", -ENOENT, bpf_map_delete_elem(a->index_fd, &i));
	other = new_inner(3, 0);
	IS("another size", -EINVAL, bpf_map_update_elem(a->index_fd, &i, &other, BPF_ANY));
	close(other);
	IS("itself", -EINVAL, bpf_map_update_elem(a->index_fd, &i, &a->index_fd, BPF_ANY));
	other = 999;
	IS("no fd", -EBADF, bpf_map_update_elem(a->index_fd, &i, &other, BPF_ANY));
	id = id_of(fd);
	close(fd);
	IS("held by the outer map", 42, through_index(a, 0));
	i = 0;
	IS("delete", 0, bpf_map_delete_elem(a->index_fd, &i));
	IS("deleted", -1, through_index(a, 0));
	for (int tries = 0; (fd = bpf_map_get_fd_by_id(id)) >= 0 && tries < 100; tries++) {
		close(fd);
		usleep(20000);
	}
	IS("and gone", -ENOENT, fd);
}

static void hashes(struct app *a)
{
	unsigned long long key = 7, next = 0;
	int fd = new_inner(2, 100), other = new_inner(2, 200);
	unsigned int id;

	IS("nothing there", -1, through_key(a, 7));
	IS("exist", -ENOENT, bpf_map_update_elem(a->key_fd, &key, &fd, BPF_EXIST));
	IS("insert", 0, bpf_map_update_elem(a->key_fd, &key, &fd, BPF_NOEXIST));
	IS("inserted", 101, through_key(a, 7));
	IS("noexist", -EEXIST, bpf_map_update_elem(a->key_fd, &key, &other, BPF_NOEXIST));
	IS("replace", 0, bpf_map_update_elem(a->key_fd, &key, &other, BPF_ANY));
	IS("replaced", 201, through_key(a, 7));
	IS("lookup", 0, bpf_map_lookup_elem(a->key_fd, &key, &id));
	IS("id", id_of(other), id);
	IS("next key", 0, bpf_map_get_next_key(a->key_fd, NULL, &next));
	IS("the key", 7, next);
	IS("delete", 0, bpf_map_delete_elem(a->key_fd, &key));
	IS("delete again", -ENOENT, bpf_map_delete_elem(a->key_fd, &key));
	IS("deleted", -1, through_key(a, 7));
	close(fd);
	close(other);
}

static int nr_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	int c, n = 0;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

/* More inner maps than a process keeps views of, then many replaced ones: nothing piles up. */
static void many(struct app *a)
{
	unsigned long long key;
	int before, child, status = 0;

	for (key = 0; key < 600; key++) {
		int fd = new_inner(2, 0);

		IS("fill", 0, bpf_map_update_elem(a->key_fd, &key, &fd, BPF_ANY));
		close(fd);
	}
	IS("all", 600, run(a, "all_keys"));
	IS("all again", 600, run(a, "all_keys"));
	before = nr_mappings();
	for (int round = 0; round < 1000; round++) {
		int fd = new_inner(2, round);

		key = 1;
		IS("replace", 0, bpf_map_update_elem(a->key_fd, &key, &fd, BPF_ANY));
		close(fd);
		IS("see it", round + 1, through_key(a, 1));
	}
	if (nr_mappings() > before + 520 && ++wrong)
		printf("%d mappings, %d before\n", nr_mappings(), before);
	child = fork();
	if (!child)
		_exit(run(a, "all_keys") != 600);
	waitpid(child, &status, 0);
	IS("in a child", 0, status);
}

static void creation(void)
{
	int inner = new_inner(2, 0), prog_array, outer;
	LIBBPF_OPTS(bpf_map_create_opts, o, .inner_map_fd = inner);
	LIBBPF_OPTS(bpf_map_create_opts, none, .inner_map_fd = 999);
	LIBBPF_OPTS(bpf_map_create_opts, bad);

	IS("value size", -EINVAL, bpf_map_create(BPF_MAP_TYPE_HASH_OF_MAPS, "o", 4, 8, 1, &o));
	IS("no inner", -EBADF, bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "o", 4, 4, 1, &none));
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "o", 4, 4, 1, &o);
	bad.inner_map_fd = outer;
	IS("two levels", -EINVAL, bpf_map_create(BPF_MAP_TYPE_HASH_OF_MAPS, "o", 4, 4, 1, &bad));
	prog_array = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "p", 4, 4, 1, NULL);
	bad.inner_map_fd = prog_array;
	IS("prog array", -524, bpf_map_create(BPF_MAP_TYPE_HASH_OF_MAPS, "o", 4, 4, 1, &bad));
	close(inner);
	close(outer);
	close(prog_array);
}

int main(int argc, char **argv)
{
	struct app a = {.obj = bpf_object__open_file(argv[argc - 1], NULL)};

	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	if (!a.obj || bpf_object__load(a.obj)) {
		printf("does not load\n");
		return 1;
	}
	a.index_fd = map_fd(&a, "by_index");
	a.key_fd = map_fd(&a, "by_key");
	a.choice_fd = map_fd(&a, ".data.choice");
	creation();
	arrays(&a);
	hashes(&a);
	many(&a);
	bpf_object__close(a.obj);
	if (!wrong)
		printf("ok\n");
	return !!wrong;
}
