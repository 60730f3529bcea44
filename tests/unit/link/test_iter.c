/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading iterators: the kernel's bpf_seq_read(). */
#include "link_test.h"

#define BUF (8 * 4096)

struct world {
	struct obj_table *t;
	struct fake_prog *p;
	struct bpf_link *link;
	struct map_obj *maps[8];
	u32 nr;
};

static void set_up(struct world *w, u32 nr_maps, u64 (*run)(struct fake_prog *, void *))
{
	memset(w, 0, sizeof(*w));
	w->t = obj_table_new();
	assert_non_null(w->t);
	for (w->nr = 0; w->nr < nr_maps; w->nr++)
		w->maps[w->nr] = new_map(w->t, BPF_MAP_TYPE_ARRAY, 4, 8, w->nr + 1);
	w->p = iter_prog("bpf_iter_bpf_map");
	w->p->run = run;
	w->link = create(w->t, NULL, w->p, BPF_TRACE_ITER, NULL);
	assert_false(IS_ERR(w->link));
}

static void tear_down(struct world *w)
{
	for (u32 i = 0; i < w->nr; i++)
		obj_put(w->maps[i] ? &w->maps[i]->obj : NULL);
	obj_put(&w->link->obj);
	obj_put(&w->p->prog.obj);
	assert_int_equal(live_progs, 0);
	assert_int_equal(obj_table_free(w->t), 0);
}

static struct iter_file *open_iter(struct world *w)
{
	struct iter_file *f = iter_open(w->link, w->t, NULL);

	assert_false(IS_ERR(f));
	return f;
}

/* Reads to the end in pieces of @piece bytes; stops at an error. */
static ssize_t slurp(struct iter_file *f, char *out, size_t piece)
{
	size_t len = 0;
	ssize_t n;

	while ((n = iter_read(f, out + len, piece)) > 0)
		len += n;
	out[len] = 0;
	return n ? n : (ssize_t)len;
}

static u64 list_maps(struct fake_prog *p, void *ctx)
{
	struct bpf_iter__bpf_map *c = ctx;
	char line[64];
	int n;

	if (c->map)
		n = snprintf(line, sizeof(line), "%llu:%u\n", (unsigned long long)c->meta->seq_num,
			     c->map->max_entries);
	else
		n = snprintf(line, sizeof(line), "end %llu\n",
			     (unsigned long long)c->meta->seq_num);
	seq_write(c->meta->seq, line, n);
	return 0;
}

static void test_order(void **state)
{
	static const size_t pieces[] = {1, 3, 7, 100000};
	static char out[BUF * 2];
	struct world w;

	set_up(&w, 4, list_maps);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct iter_file *f = open_iter(&w);

		assert_true(slurp(f, out, pieces[i]) > 0);
		assert_string_equal(out, "0:1\n1:2\n2:3\n3:4\nend 3\n");
		assert_int_equal(iter_read(f, out, 10), 0); /* and stays at the end */
		iter_close(f);
	}
	tear_down(&w);
}

static void test_nothing(void **state)
{
	static char out[BUF];
	struct iter_file *f;
	struct world w;

	set_up(&w, 0, list_maps);
	f = open_iter(&w);
	assert_true(slurp(f, out, 100) > 0);
	assert_string_equal(out, "end 0\n"); /* programs are told the end of nothing too */
	assert_int_equal(w.p->calls, 1);
	iter_close(f);
	tear_down(&w);
}

static void test_readers(void **state)
{
	static char a[BUF], b[BUF];
	struct iter_file *f, *g;
	struct world w;

	set_up(&w, 3, list_maps);
	f = open_iter(&w);
	g = open_iter(&w);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(iter_read(f, a + i, 1), 1);
		assert_int_equal(iter_read(g, b + i, 1), 1);
	}
	slurp(f, a + 5, 2);
	slurp(g, b + 5, 3);
	assert_string_equal(a, b);
	iter_close(f);
	iter_close(g);
	tear_down(&w);
}

/* Text of @p->run_cnt-independent size per object. */
static size_t per_object;

static u64 write_much(struct fake_prog *p, void *ctx)
{
	struct bpf_iter__bpf_map *c = ctx;
	static char text[BUF + 1];

	memset(text, 'a' + (c->map ? c->map->max_entries - 1 : 25), per_object);
	if (c->map)
		seq_write(c->meta->seq, text, per_object);
	return 0;
}

static void test_overflow(void **state)
{
	static char out[BUF * 8];
	struct iter_file *f;
	struct world w;

	/* three fit the buffer, the fourth is shown again by the next read */
	set_up(&w, 4, write_much);
	per_object = 10000;
	f = open_iter(&w);
	assert_int_equal(iter_read(f, out, sizeof(out)), 30000);
	assert_int_equal(w.p->calls, 4);
	assert_int_equal(iter_read(f, out + 30000, sizeof(out)), 10000);
	assert_int_equal(iter_read(f, out, 1), 0);
	assert_int_equal(out[39999], 'd');
	iter_close(f);

	/* an object that does not fit at all */
	per_object = BUF;
	f = open_iter(&w);
	assert_int_equal(iter_read(f, out, sizeof(out)), -E2BIG);
	assert_int_equal(iter_read(f, out, sizeof(out)), -E2BIG);
	per_object = BUF - 1;
	assert_int_equal(slurp(f, out, 5000), 4 * (BUF - 1));
	iter_close(f);
	tear_down(&w);
}

static u32 refuse_at; /* max_entries of the map the program answers 1 for */

static u64 refuse(struct fake_prog *p, void *ctx)
{
	struct bpf_iter__bpf_map *c = ctx;

	list_maps(p, ctx);
	return c->map && c->map->max_entries == refuse_at;
}

/* Return value 1: the object again; what it wrote is gone. An error only when there is nothing else
 * to give. */
static void test_again(void **state)
{
	static char out[BUF];
	struct iter_file *f;
	struct world w;

	set_up(&w, 3, refuse);
	refuse_at = 2;
	f = open_iter(&w);
	assert_int_equal(iter_read(f, out, sizeof(out)), 4);
	assert_memory_equal(out, "0:1\n", 4);
	assert_int_equal(iter_read(f, out, sizeof(out)), -EAGAIN);
	refuse_at = 0;
	slurp(f, out, 1000);
	assert_string_equal(out, "1:2\n2:3\nend 2\n");
	iter_close(f);
	tear_down(&w);
}

static u64 big_end(struct fake_prog *p, void *ctx)
{
	struct bpf_iter__bpf_map *c = ctx;
	static char text[BUF];

	seq_write(c->meta->seq, text, c->map ? 10 : BUF - 1);
	return 0;
}

static void test_end_overflow(void **state)
{
	static char out[BUF * 2];
	struct iter_file *f;
	struct world w;

	set_up(&w, 1, big_end);
	f = open_iter(&w);
	assert_int_equal(iter_read(f, out, sizeof(out)), 10);
	assert_int_equal(iter_read(f, out, sizeof(out)), BUF - 1); /* the end is told again */
	assert_int_equal(iter_read(f, out, sizeof(out)), 0);
	iter_close(f);
	tear_down(&w);
}

/* An idle reader keeps nothing alive, and goes on behind what went. */
static void test_objects_go(void **state)
{
	static char out[BUF];
	struct iter_file *f;
	u32 counts[OBJ_KINDS];
	struct world w;

	set_up(&w, 4, list_maps);
	f = open_iter(&w);
	assert_int_equal(iter_read(f, out, 1), 1); /* stands before map 2 */
	obj_put(&w.maps[1]->obj);
	obj_put(&w.maps[2]->obj);
	w.maps[1] = w.maps[2] = NULL;
	obj_table_stats(w.t, counts, NULL);
	assert_int_equal(counts[OBJ_MAP], 2);
	slurp(f, out + 1, 100);
	assert_string_equal(out, "0:1\n1:4\nend 1\n");
	iter_close(f);
	tear_down(&w);
}

/* The link may go and may get another program: an open file keeps what it was opened with. */
static void test_link_goes(void **state)
{
	struct fake_prog *other = iter_prog("bpf_iter_bpf_map");
	static char out[BUF];
	struct iter_file *f;
	struct world w;

	set_up(&w, 1, list_maps);
	other->run = write_much;
	per_object = 3;
	f = open_iter(&w);
	obj_get(&other->prog.obj);
	assert_int_equal(w.link->ops->update_prog(w.link, &other->prog, NULL), 0);
	slurp(f, out, 100);
	assert_string_equal(out, "0:1\nend 0\n");
	iter_close(f);
	f = open_iter(&w);
	slurp(f, out, 100);
	assert_string_equal(out, "aaa");
	iter_close(f);
	obj_put(&other->prog.obj);
	tear_down(&w);
}

static u64 list_elems(struct fake_prog *p, void *ctx)
{
	struct bpf_iter__bpf_map_elem *c = ctx;
	char line[64];
	u64 *v = c->value;
	int n;

	if (c->key) {
		n = snprintf(line, sizeof(line), "%u=%llu,%llu\n", *(u32 *)c->key,
			     (unsigned long long)v[0],
			     (unsigned long long)(c->map->ops->percpu ? v[1] : 0));
		seq_write(c->meta->seq, line, n);
		v[0]++;
	}
	return 0;
}

static void test_elems(void **state)
{
	static const struct {
		u32 type, flags;
		u64 after; /* what the program's write left */
	} cases[] = {
		{BPF_MAP_TYPE_ARRAY, 0, 11},
		{BPF_MAP_TYPE_HASH, 0, 11},
		{BPF_MAP_TYPE_PERCPU_ARRAY, 0, 10},
		{BPF_MAP_TYPE_PERCPU_HASH, 0, 10},
		{BPF_MAP_TYPE_ARRAY, BPF_F_RDONLY_PROG, 10},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct map_attr a = {.map_type = cases[i].type,
				     .key_size = 4,
				     .value_size = 8,
				     .max_entries = 1,
				     .nr_cpus = 2,
				     .map_flags = cases[i].flags};
		struct obj_table *t = obj_table_new();
		struct map_obj *m = map_obj_new(&a, NULL, 0, 0);
		struct fake_prog *p = iter_prog("bpf_iter_bpf_map_elem");
		union bpf_iter_link_info info = {.map.map_fd = 100};
		u64 in[2] = {10, 20}, out[2];
		struct iter_file *f;
		struct bpf_link *l;
		char text[100];
		u32 key = 0;

		p->run = list_elems;
		assert_int_equal(map_sys_update(&m->map, &key, in, BPF_ANY), 0);
		l = create(t, m, p, BPF_TRACE_ITER, &info);
		assert_false(IS_ERR(l));
		f = iter_open(l, t, NULL);
		assert_false(IS_ERR(f));
		obj_put(&l->obj); /* the reader keeps the map */
		obj_put(&m->obj);
		slurp(f, text, 4);
		assert_string_equal(text, m->map.ops->percpu ? "0=10,20\n" : "0=10,0\n");
		assert_int_equal(map_sys_lookup(&m->map, &key, out, 0), 0);
		assert_int_equal(out[0], cases[i].after);
		iter_close(f);
		obj_put(&p->prog.obj);
		assert_int_equal(obj_table_free(t), 0);
	}
}

static void test_targets(void **state)
{
	const struct iter_target *t;

	for (u32 i = 0; (t = iter_target_at(i)); i++) {
		char func[64];

		snprintf(func, sizeof(func), "bpf_iter_%s", t->name);
		assert_ptr_equal(iter_target_by_func(func), t);
		assert_true(t->start && t->show && t->next && t->pause && t->stop &&
			    t->ctx_size >= 16 && t->nr_ctx_args);
		for (u32 a = 0; a < t->nr_ctx_args; a++)
			assert_true(t->ctx_args[a].offset < t->ctx_size);
	}
	assert_null(iter_target_by_func("bpf_iter_"));
	assert_null(iter_target_by_func("bpf_map"));
	assert_null(iter_target_by_func("xpf_iter_bpf_map"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	   cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_readers),	   cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_again),	   cmocka_unit_test(test_end_overflow),
		cmocka_unit_test(test_objects_go), cmocka_unit_test(test_link_goes),
		cmocka_unit_test(test_elems),	   cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
