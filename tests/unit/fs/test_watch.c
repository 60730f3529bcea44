/* SPDX-License-Identifier: BSD-2-Clause */
/* Inodes that end: who is told, when, in which order; and the way from an object to its pin. */
#include "fs_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

struct state {
	struct fs *fs;
	struct fs_super *sb;
	struct fs_inode *root;
};

static char told[64]; /* labels of the watches in the order of their callbacks */

struct probe {
	struct fs_watch watch;
	char label;
	struct state *st;
	struct thing *thing; /* its pin goes */
};

static void gone(struct fs_watch *w)
{
	struct probe *p = container_of(w, struct probe, watch);

	told[strlen(told)] = p->label;
	assert_null(w->inode);
	if (p->thing) /* the pin's reference is still there, the pin is not */
		assert_int_equal(things_alive, 1);
	fs_inode_put(fs_root(p->st->sb), 1); /* takes the tree's lock: we do not hold it */
}

static int setup(void **s)
{
	struct fs_options opt = FS_OPTIONS_DEFAULT;
	struct state *st = calloc(1, sizeof(*st));

	st->fs = fs_new(NULL);
	st->sb = fs_mount(st->fs, &opt, "/sys/fs/bpf");
	st->root = fs_root(st->sb);
	memset(told, 0, sizeof(told));
	*s = st;
	return 0;
}

static int teardown(void **s)
{
	struct state *st = *s;

	fs_inode_put(st->root, 1);
	fs_free(st->fs);
	free(st);
	return things_alive ? -1 : 0;
}

static struct probe *probe(struct state *st, struct fs_inode *i, struct probe *p, char label)
{
	*p = (struct probe){.watch.gone = gone, .label = label, .st = st};
	assert_int_equal(fs_watch_inode(i, &p->watch), 0);
	return p;
}

static void test_order(void **s)
{
	struct state *st = *s;
	struct obj *o = thing_new(NULL);
	struct probe a, b, c, d, late = {.watch.gone = gone};
	struct fs_inode *i;

	assert_int_equal(fs_pin(st->root, NULL, "x", o, 0600, false), 0);
	i = fs_lookup(st->root, NULL, "x");
	probe(st, i, &a, 'a')->thing = container_of(o, struct thing, obj);
	probe(st, i, &b, 'b');
	probe(st, i, &c, 'c');
	probe(st, i, &d, 'd');
	assert_true(fs_unwatch_inode(st->fs, &b.watch));
	assert_false(fs_unwatch_inode(st->fs, &b.watch));
	obj_put(o);
	/* a second link keeps it */
	assert_int_equal(fs_link(i, NULL, st->root, "y"), 0);
	assert_int_equal(fs_unlink(st->root, NULL, "x"), 0);
	assert_string_equal(told, "");
	assert_int_equal(fs_unlink(st->root, NULL, "y"), 0);
	assert_string_equal(told, "acd");
	assert_int_equal(things_alive, 0);
	assert_false(fs_unwatch_inode(st->fs, &a.watch));
	/* open, but ended */
	assert_int_equal(fs_watch_inode(i, &late.watch), -ENOENT);
	fs_inode_put(i, 1);
}

static void test_ways_to_end(void **s)
{
	struct state *st = *s;
	struct obj *o = thing_new(NULL), *p = thing_new(NULL);
	struct fs_options opt = FS_OPTIONS_DEFAULT;
	struct fs_super *other = fs_mount(st->fs, &opt, "/other");
	struct fs_inode *i, *r = fs_root(other);
	struct probe a, b, c, d;

	assert_int_equal(fs_pin(st->root, NULL, "x", o, 0600, false), 0);
	assert_int_equal(fs_pin(st->root, NULL, "y", p, 0600, false), 0);
	assert_int_equal(fs_mkdir(st->root, NULL, "d", 0700, &i), 0);
	probe(st, i, &a, 'd');
	fs_inode_put(i, 1);
	i = fs_lookup(st->root, NULL, "y");
	probe(st, i, &b, 'y');
	fs_inode_put(i, 1);
	assert_int_equal(fs_rename(st->root, NULL, "x", st->root, "y", 0), 0);
	assert_string_equal(told, "y");
	assert_int_equal(fs_rmdir(st->root, NULL, "d"), 0);
	assert_string_equal(told, "yd");
	assert_int_equal(fs_pin(r, NULL, "z", p, 0600, false), 0);
	i = fs_lookup(r, NULL, "z");
	probe(st, i, &c, 'z');
	fs_inode_put(i, 1);
	probe(st, r, &d, 'r');
	fs_inode_put(r, 1);
	fs_umount(other);
	assert_string_equal(told, "ydzr");
	obj_put(o);
	obj_put(p);
}

static void test_back_pointer(void **s)
{
	struct state *st = *s;
	struct obj *o = thing_new(NULL);
	struct fs_inode *i, *first;

	assert_null(fs_obj_inode(st->fs, o));
	assert_int_equal(fs_pin(st->root, NULL, "one", o, 0600, false), 0);
	assert_int_equal(fs_pin(st->root, NULL, "two", o, 0600, false), 0);
	first = fs_lookup(st->root, NULL, "one");
	i = fs_obj_inode(st->fs, o);
	assert_ptr_equal(i, first);
	fs_inode_put(i, 1);
	fs_inode_put(first, 1);
	/* another pin's end changes nothing, the first one's does, and the next pin sets it again */
	assert_int_equal(fs_unlink(st->root, NULL, "two"), 0);
	i = fs_obj_inode(st->fs, o);
	assert_ptr_equal(i, first);
	fs_inode_put(i, 1);
	assert_int_equal(fs_pin(st->root, NULL, "two", o, 0600, false), 0);
	assert_int_equal(fs_unlink(st->root, NULL, "one"), 0);
	assert_null(fs_obj_inode(st->fs, o));
	assert_int_equal(fs_pin(st->root, NULL, "three", o, 0600, false), 0);
	i = fs_obj_inode(st->fs, o);
	assert_non_null(i);
	fs_inode_put(i, 1);
	obj_put(o);
}

/* --- against a concurrent unlink --- */

#define ROUNDS 3000

static int fired;

static void count_gone(struct fs_watch *w)
{
	__atomic_add_fetch(&fired, 1, __ATOMIC_SEQ_CST);
	free(w);
}

static int stop;

static void *unlinker(void *arg)
{
	struct state *st = arg;

	while (!fs_unlink(st->root, NULL, "x") || !__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
		sched_yield();
	return NULL;
}

static void test_race(void **s)
{
	struct state *st = *s;
	struct obj *o = thing_new(NULL);
	time_t end = time(NULL) + 3; /* a busy machine does less */
	int watched = 0;
	pthread_t t;

	fired = stop = 0;
	pthread_create(&t, NULL, unlinker, st);
	for (int n = 0; n < ROUNDS && time(NULL) < end; n++) {
		struct fs_watch *w = calloc(1, sizeof(*w));
		struct fs_inode *i;

		while (fs_pin(st->root, NULL, "x", o, 0600, false))
			sched_yield();
		i = fs_obj_inode(st->fs, o);
		w->gone = count_gone;
		if (!i || fs_watch_inode(i, w)) {
			free(w);
		} else {
			watched++;
		}
		fs_inode_put(i, 1);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	pthread_join(t, NULL);
	assert_int_equal(fired, watched);
	assert_null(fs_obj_inode(st->fs, o));
	obj_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ways_to_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_back_pointer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_race, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
