/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * owned rules OBJECT [only NAME]   loads the programs one by one: is each accepted, or refused with the text it says (tag
 *                                  "refused:")? V=1 prints the logs
 * owned types                      which structs may own which: BTF_LOAD's and MAP_CREATE's answers
 * owned run OBJECT                 what they do, in this process and in children, some of which are killed
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/btf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char verifier_log[1 << 20];
static int verbose;

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

/* The text behind "refused:" on function @name, or NULL. */
static const char *expected(const struct btf *btf, const char *name)
{
	int func = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);

	for (int i = 1, n = btf__type_cnt(btf); i < n && func > 0; i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);
		const char *tag = btf__name_by_offset(btf, t->name_off);

		if (btf_is_decl_tag(t) && (int)t->type == func && !strncmp(tag, "refused:", 8))
			return tag + 8;
	}
	return NULL;
}

static int try_one(const char *file, const char *name)
{
	struct bpf_object *obj = bpf_object__open_file(file, NULL);
	struct bpf_program *p;
	const char *want;
	int err, bad;

	if (!obj)
		return -errno;
	bpf_object__for_each_program(p, obj)
	{
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), name));
		if (!bpf_program__autoload(p))
			continue;
		verifier_log[0] = 0;
		bpf_program__set_log_buf(p, verifier_log, sizeof(verifier_log));
		bpf_program__set_log_level(p, verbose ? 2 : 1);
	}
	want = expected(bpf_object__btf(obj), name);
	err = bpf_object__load(obj);
	bad = want ? !err || !strstr(verifier_log, want) : err;
	printf("%s %s: %s%s%s\n", bad ? "not ok" : "ok", name, err ? strerror(-err) : "accepted",
	       want ? ", expected: " : "", want ? want : "");
	if (bad || verbose)
		printf("%s\n", verifier_log);
	bpf_object__close(obj);
	return bad;
}

static int rules(const char *file, const char *only)
{
	struct bpf_object *obj = bpf_object__open_file(file, NULL);
	struct bpf_program *p;
	int bad = 0, n = 0;

	if (!obj)
		return 1;
	bpf_object__for_each_program(p, obj)
	{
		if (only && strcmp(only, bpf_program__name(p)))
			continue;
		bad += !!try_one(file, bpf_program__name(p));
		n++;
	}
	bpf_object__close(obj);
	printf("%d programs, %d not as expected\n", n, bad);
	return bad || !n;
}

/* --- which structs may own which --- */

enum { END, LOCK, HEAD, NODE, ROOT, RBNODE, REFCOUNT, NUMBER };

struct field {
	int kind, off;	   /* bytes */
	const char *tag;   /* "contains:..." */
	const char *name;  /* NULL: by its kind */
};

struct shape {
	const char *name;
	int size;
	struct field field[6];
};

/* Each case: structs, the last one is a map's value. What BTF_LOAD says; if 0, what MAP_CREATE says. */
static const struct type_case {
	const char *what;
	int btf, map, map_type, map_flags;
	struct shape shape[5];
} type_cases[] = {
	{"a list", 0, 0, 0, 0, {{"foo", 24, {{NODE, 0}}}, {"value", 24, {{LOCK, 0}, {HEAD, 8, "contains:foo:node"}}}}},
	{"a tree", 0, 0, BPF_MAP_TYPE_HASH, 0, {{"foo", 32, {{RBNODE, 0}}}, {"value", 24, {{LOCK, 0}, {ROOT, 8, "contains:foo:rbnode"}}}}},
	{"two locks", -E2BIG, 0, 0, 0, {{"foo", 24, {{NODE, 0}}}, {"value", 32, {{LOCK, 0}, {LOCK, 4, NULL, "l2"}, {HEAD, 8, "contains:foo:node"}}}}},
	{"no lock", -EINVAL, 0, 0, 0, {{"foo", 24, {{NODE, 0}}}, {"value", 24, {{HEAD, 8, "contains:foo:node"}}}}},
	{"of nothing", -EINVAL, 0, 0, 0, {{"foo", 24, {{NODE, 0}}}, {"value", 24, {{LOCK, 0}, {HEAD, 8}}}}},
	{"of nothing named so", -ENOENT, 0, 0, 0, {{"foo", 24, {{NODE, 0}}}, {"value", 24, {{LOCK, 0}, {HEAD, 8, "contains:bar:node"}}}}},
	{"by no member", -EINVAL, 0, 0, 0, {{"foo", 24, {{NODE, 0}}}, {"value", 24, {{LOCK, 0}, {HEAD, 8, "contains:foo"}}}}},
	{"by a member that is not there", -ENOENT, 0, 0, 0, {{"foo", 24, {{NODE, 0}}}, {"value", 24, {{LOCK, 0}, {HEAD, 8, "contains:foo:other"}}}}},
	{"by a number", -EINVAL, 0, 0, 0, {{"foo", 32, {{NODE, 0}, {NUMBER, 24}}}, {"value", 24, {{LOCK, 0}, {HEAD, 8, "contains:foo:number"}}}}},
	{"a list by a tree's node", -EINVAL, 0, 0, 0, {{"foo", 32, {{RBNODE, 0}}}, {"value", 24, {{LOCK, 0}, {HEAD, 8, "contains:foo:rbnode"}}}}},
	{"none at an odd place", 0, 0, 0, 0, {{"foo", 24, {{NODE, 0}}}, {"value", 24, {{LOCK, 0}, {HEAD, 4, "contains:foo:node"}}}}},
	{"one over the other", -EEXIST, 0, 0, 0, {{"foo", 24, {{NODE, 0}}}, {"value", 32, {{LOCK, 0}, {HEAD, 8, "contains:foo:node"}, {HEAD, 16, "contains:foo:node", "h2"}}}}},
	{"both nodes, not counted", -EINVAL, 0, 0, 0, {{"foo", 56, {{NODE, 0}, {RBNODE, 24}}}, {"value", 4, {{LOCK, 0}}}}},
	{"both nodes, counted", 0, 0, 0, 0, {{"foo", 64, {{NODE, 0}, {RBNODE, 24}, {REFCOUNT, 56}}}, {"value", 24, {{LOCK, 0}, {HEAD, 8, "contains:foo:node"}}}}},
	{"one owns itself", -ELOOP, 0, 0, 0, {{"foo", 48, {{NODE, 0}, {LOCK, 24}, {HEAD, 32, "contains:foo:node"}}}, {"value", 4, {{LOCK, 0}}}}},
	{"two own each other", -ELOOP, 0, 0, 0, {{"foo", 48, {{NODE, 0}, {LOCK, 24}, {HEAD, 32, "contains:bar:node"}}},
	  {"bar", 48, {{NODE, 0}, {LOCK, 24}, {HEAD, 32, "contains:foo:node"}}}, {"value", 4, {{LOCK, 0}}}}},
	{"owners own what owns nothing", 0, 0, 0, 0, {{"bar", 24, {{NODE, 0}}}, {"foo", 48, {{NODE, 0}, {LOCK, 24}, {HEAD, 32, "contains:bar:node"}}},
	  {"value", 24, {{LOCK, 0}, {HEAD, 8, "contains:foo:node"}}}}},
	{"owned ones own owners", -ELOOP, 0, 0, 0, {{"bar", 24, {{NODE, 0}}}, {"foo", 48, {{NODE, 0}, {LOCK, 24}, {HEAD, 32, "contains:bar:node"}}},
	  {"baz", 48, {{NODE, 0}, {LOCK, 24}, {HEAD, 32, "contains:foo:node"}}}, {"value", 24, {{LOCK, 0}, {HEAD, 8, "contains:baz:node"}}}}},
	{"programs may only read", 0, -EACCES, 0, BPF_F_RDONLY_PROG, {{"foo", 24, {{NODE, 0}}}, {"value", 24, {{LOCK, 0}, {HEAD, 8, "contains:foo:node"}}}}},
};

static const struct {
	const char *type, *member;
	int size;
} kinds[] = {[LOCK] = {"bpf_spin_lock", "lock", 4},  [HEAD] = {"bpf_list_head", "head", 16}, [NODE] = {"bpf_list_node", "node", 24},
	     [ROOT] = {"bpf_rb_root", "root", 16},   [RBNODE] = {"bpf_rb_node", "rbnode", 32}, [REFCOUNT] = {"bpf_refcount", "ref", 4},
	     [NUMBER] = {"int", "number", 4}};

static struct btf *build(const struct type_case *c, int *value)
{
	struct btf *btf = btf__new_empty();
	int id[NUMBER + 1];

	id[NUMBER] = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	for (int k = LOCK; k < NUMBER; k++) {
		id[k] = btf__add_struct(btf, kinds[k].type, kinds[k].size);
		btf__add_field(btf, "o", id[NUMBER], 0, 0);
	}
	for (const struct shape *s = c->shape; s->name; s++) {
		int n = 0;

		*value = btf__add_struct(btf, s->name, s->size);
		for (const struct field *f = s->field; f->kind; f++)
			btf__add_field(btf, f->name ? f->name : kinds[f->kind].member, id[f->kind], f->off * 8, 0);
		for (const struct field *f = s->field; f->kind; f++, n++)
			if (f->tag)
				btf__add_decl_tag(btf, f->tag, *value, n);
	}
	return btf;
}

static int make_map(const struct type_case *c, const struct btf *btf, int value)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .btf_fd = btf__fd(btf), .btf_key_type_id = 1, .btf_value_type_id = value,
		    .map_flags = c->map_flags);
	int fd = bpf_map_create(c->map_type ? c->map_type : BPF_MAP_TYPE_ARRAY, "owned", 4, btf__type_by_id(btf, value)->size, 1, &o);
	int err = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static int types(void)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof(type_cases) / sizeof(type_cases[0]); i++) {
		const struct type_case *c = &type_cases[i];
		int value = 0, load, map = 0;
		struct btf *btf = build(c, &value);

		load = btf__load_into_kernel(btf);
		if (!load)
			map = make_map(c, btf, value);
		printf("%s: %d %d\n", c->what, load, map);
		if (load != c->btf || map != c->map) {
			printf("not ok %s: expected %d %d\n", c->what, c->btf, c->map);
			wrong = 1;
		}
		btf__free(btf);
	}
	return wrong;
}

/* --- what they do --- */

static struct bpf_object *all;
static int bad;

static __u64 *variable(const char *name)
{
	struct bpf_map *bss = bpf_object__find_map_by_name(all, ".bss");
	const struct btf *btf = bpf_object__btf(all);
	const struct btf_type *sec = btf__type_by_id(btf, bpf_map__btf_value_type_id(bss));
	const struct btf_var_secinfo *v = btf_var_secinfos((struct btf_type *)sec);
	static char *values;

	if (!values)
		values = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(bss), 0);
	for (int i = 0; i < btf_vlen(sec); i++)
		if (!strcmp(btf__name_by_offset(btf, btf__type_by_id(btf, v[i].type)->name_off),
			    name))
			return (__u64 *)(values + v[i].offset);
	abort();
}

static int call(const char *name)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = packet, .data_size_in = sizeof(packet));
	int err = bpf_prog_test_run_opts(
		bpf_program__fd(bpf_object__find_program_by_name(all, name)), &o);

	return err ? err : (int)o.retval;
}

static void want(const char *what, long long got, long long expected)
{
	if (got == expected)
		return;
	printf("%s: %lld, expected %lld\n", what, got, expected);
	bad = 1;
}

static void want_in_child(const char *what, const char *name, int expected)
{
	int status, pid = fork();

	if (!pid) {
		bad = 0;
		want(what, call(name), expected);
		fflush(stdout);
		_exit(bad);
	}
	waitpid(pid, &status, 0);
	bad |= status;
}

static __u64 sum_of(int from, int step)
{
	__u64 sum = 0;

	for (int i = 0; i < 1000; i++, from += step)
		sum = sum * 31 + from;
	return sum;
}

static void lists(void)
{
	*variable("arg") = 0;
	want("push", call("push"), 1000);
	want("pop", call("pop"), 1000);
	want("what came last comes first", *variable("sum") == sum_of(999, -1), 1);
	want("empty", call("pop"), 0);
	*variable("arg") = 1;
	want("push at the end", call("push"), 1000);
	want_in_child("popped by another process", "pop", 1000);
	want("in that order", *variable("sum") == sum_of(0, 1), 1);
	want_in_child("pushed by another process", "push", 1000);
	want("popped here", call("pop"), 1000);
	want("both", call("both"), 1);
}

static void trees(void)
{
	want("add", call("add"), 1000);
	want_in_child("added by another process", "add", 1000);
	want("in order", call("remove"), 2000);
	want("none left", call("remove"), 0);
}

/* Values that go take along what they own: the heap has room for a tenth of all that is made here. */
static void owners(void)
{
	int map = bpf_object__find_map_fd_by_name(all, "boxes");
	struct {
		__u32 lock, n;
		__u64 head[2];
	} v = {}, out;
	__u64 *key = variable("arg");

	for (__u32 i = 0; i < 60; i++) {
		*key = i & 3;
		want("update", bpf_map_update_elem(map, key, &v, BPF_ANY), 0);
		want("fill", call("fill"), 5000);
		want("lookup", bpf_map_lookup_elem(map, key, &out), 0);
		want("how many", out.n, 5000);
		want("nothing of the list is seen", out.lock | out.head[0] | out.head[1], 0);
		if (i & 4)
			want("delete", bpf_map_delete_elem(map, key), 0);
		else if (i & 8)
			want("delete in a program", call("delete"), 0);
	}
	for (*key = 0; *key < 4; ++*key)
		bpf_map_delete_elem(map, key);
}

/* Children die while they push, pop, add and remove; what is left is whole. */
static void killed(void)
{
	struct timespec some = {};
	int n;

	for (int i = 0; i < 60; i++) {
		int pid = fork();

		if (!pid)
			for (int j = i;; j++)
				call(j & 1 ? j & 2 ? "push" : "add" : j & 2 ? "pop" : "remove");
		some.tv_nsec = 1000000 + i * 7919 % 40 * 1000000;
		nanosleep(&some, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	n = call("remove");
	want("in order after all", n >= 0, 1);
	while ((n = call("pop")) > 0)
		;
	want("the list comes to its end", n, 0);
	want("and works", call("push"), 1000);
	want("and works still", call("pop"), 1000);
	want("so does the tree", call("add"), 1000);
	want("in order", call("remove"), 1000);
}

static int run(const char *file)
{
	all = bpf_object__open_file(file, NULL);
	if (!all || bpf_object__load(all)) {
		printf("%s does not load\n", file);
		return 1;
	}
	lists();
	trees();
	owners();
	killed();
	bpf_object__close(all);
	puts(bad ? "not ok" : "ok");
	return bad;
}

int main(int argc, char **argv)
{
	verbose = getenv("V") != NULL;
	libbpf_set_print(quiet);
	if (argc >= 3 && !strcmp(argv[1], "rules"))
		return rules(argv[2], argc > 3 ? argv[3] : NULL);
	if (argc >= 2 && !strcmp(argv[1], "types"))
		return types();
	if (argc >= 3 && !strcmp(argv[1], "run"))
		return run(argv[2]);
	return 2;
}
