/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of fds: it learns, keeps, forgets; views are shared; readers and closers may race. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "shim/fdtab.h"

static struct bpf_map map; /* what the "service" has */
static u32 asked;
static u32 perm = 3;

static int describe(void *arg, int fd, struct fd_obj *out, struct map_attr *attr, int *memfd)
{
	__atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
	out->kind = FD_MAP;
	out->perm = perm;
	out->id = 7;
	*attr = map.attr;
	*memfd = dup(map.memfd);
	return 0;
}

static const struct fd_source source = {.describe = describe};

static int setup(void **state)
{
	struct map_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 8,
		.max_entries = 4,
		.nr_cpus = 1,
		.id = 7,
		.name = "m",
	};

	asked = 0;
	perm = 3;
	if (map_open(&map, &attr))
		return -1;
	*state = fdtab_new(&source);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	map_close(&map);
	return 0;
}

static int handle(void)
{
	return memfd_create("handle", MFD_CLOEXEC);
}

static void test_learns_once(void **state)
{
	struct fdtab *t = *state;
	int fd = handle();
	struct fd_obj *o;

	assert_null(fdtab_peek(t, fd));
	o = fdtab_get(t, fd);
	assert_false(IS_ERR(o));
	assert_int_equal(o->id, 7);
	assert_non_null(o->map);
	fdtab_put(t, o);
	for (int i = 0; i < 10; i++)
		fdtab_put(t, fdtab_get(t, fd));
	assert_int_equal(asked, 1);
	fdtab_drop(t, fd);
	assert_null(fdtab_peek(t, fd));
	close(fd);
}

/* What the service says with a new fd is enough until somebody wants the map's memory. */
static void test_told(void **state)
{
	const struct fd_obj what = {.kind = FD_MAP, .perm = 3, .id = 7};
	struct fdtab *t = *state;
	int fd = handle();
	struct fd_obj *o;

	fdtab_tell(t, fd, &what, &map.attr, -1);
	o = fdtab_get_shape(t, fd);
	assert_true(o->unmapped);
	assert_null(o->map);
	assert_int_equal(o->id, 7);
	assert_int_equal(map_sys_value_size(&o->view), 8);
	fdtab_put(t, o);
	assert_true(fdtab_first_update(t, fd));
	assert_false(fdtab_first_update(t, fd));
	assert_int_equal(asked, 0);
	for (int i = 0; i < 3; i++) {
		o = fdtab_get(t, fd);
		assert_non_null(o->map);
		fdtab_put(t, o);
	}
	assert_int_equal(asked, 1);
	o = fdtab_get_shape(t, fd);
	assert_false(o->unmapped);
	fdtab_put(t, o);
	fdtab_drop(t, fd);
	assert_null(fdtab_peek(t, fd));
	close(fd);
}

/* With its memory it is as good as asked for. */
static void test_told_with_memory(void **state)
{
	const struct fd_obj what = {.kind = FD_MAP, .perm = 3, .id = 7};
	struct fdtab *t = *state;
	u64 v = 9, w = 0;
	int fd = handle();
	struct fd_obj *o;
	u32 k = 2;

	fdtab_tell(t, fd, &what, &map.attr, map.memfd);
	assert_false(fdtab_first_update(t, fd));
	o = fdtab_get(t, fd);
	assert_int_equal(asked, 0);
	assert_int_equal(map_sys_update(o->map, &k, &v, 0), 0);
	assert_int_equal(map_sys_lookup(&map, &k, &w, 0), 0);
	assert_int_equal(w, 9);
	fdtab_put(t, o);
	fdtab_drop(t, fd);
	close(fd);
}

/* The number means something else by now: nobody is told about the old map. */
static void test_told_and_replaced(void **state)
{
	const struct fd_obj what = {.kind = FD_MAP, .perm = 3, .id = 7};
	int fd = handle(), null = open("/dev/null", O_RDONLY);
	struct fdtab *t = *state;

	fdtab_tell(t, fd, &what, &map.attr, -1);
	dup2(null, fd);
	assert_int_equal(PTR_ERR(fdtab_get(t, fd)), -EINVAL);
	assert_int_equal(asked, 0);
	fdtab_drop(t, fd);
	close(fd);
	close(null);
}

static void test_what_is_no_handle(void **state)
{
	struct fdtab *t = *state;
	int file = memfd_create("file", 0), null = open("/dev/null", O_RDONLY);

	assert_int_equal(write(file, "x", 1), 1);
	assert_int_equal(PTR_ERR(fdtab_get(t, file)), -EINVAL);
	assert_int_equal(PTR_ERR(fdtab_get(t, null)), -EINVAL);
	assert_int_equal(PTR_ERR(fdtab_get(t, -1)), -EBADF);
	assert_int_equal(PTR_ERR(fdtab_get(t, 1000)), -EBADF);
	assert_int_equal(PTR_ERR(fdtab_get(t, INT32_MAX)), -EBADF);
	assert_int_equal(asked, 0);
	close(file);
	close(null);
}

static void test_views_are_shared(void **state)
{
	struct fdtab *t = *state;
	int a = handle(), b = dup(a), c = handle();
	struct fd_obj *x = fdtab_get(t, a), *y = fdtab_get(t, b), *z;
	u64 v = 5, w = 0;
	u32 k = 1;

	assert_ptr_equal(x->map, y->map);
	assert_int_equal(map_sys_update(x->map, &k, &v, 0), 0);
	assert_int_equal(map_sys_lookup(&map, &k, &w, 0), 0);
	assert_int_equal(w, 5);
	perm = 1;
	z = fdtab_get(t, c);
	assert_ptr_not_equal(z->map, x->map);
	assert_true(z->map->rdonly);
	fdtab_put(t, x);
	fdtab_drop(t, a);
	close(a);
	/* the other fd keeps the view */
	assert_int_equal(map_sys_lookup(y->map, &k, &w, 0), 0);
	fdtab_put(t, y);
	fdtab_put(t, z);
	fdtab_drop_range(t, 0, ~0u);
	assert_null(fdtab_peek(t, b));
	assert_null(fdtab_peek(t, c));
	close(b);
	close(c);
}

static void test_fork(void **state)
{
	struct fdtab *t = *state;
	int fd = handle(), status;
	u64 v = 9, w = 0;
	u32 k = 2;
	pid_t pid;

	fdtab_put(t, fdtab_get(t, fd));
	pid = fork();
	if (!pid) {
		struct fd_obj *o;

		fdtab_after_fork(t);
		o = fdtab_peek(t, fd);
		_exit(o && !map_sys_update(o->map, &k, &v, 0) ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(map_sys_lookup(&map, &k, &w, 0), 0);
	assert_int_equal(w, 9);
	fdtab_drop(t, fd);
	close(fd);
}

struct race {
	struct fdtab *t;
	int fd;
	u32 stop, hits;
	bool hold;
};

static void *reader(void *arg)
{
	struct race *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		struct fd_obj *o = r->hold ? fdtab_hold(r->t, r->fd) : fdtab_peek(r->t, r->fd);
		u32 k = 0;
		u64 v;

		if (!o)
			continue;
		if (o->id == 7 && !map_sys_lookup(o->map, &k, &v, 0))
			__atomic_add_fetch(&r->hits, 1, __ATOMIC_RELAXED);
		if (r->hold)
			fdtab_release();
		else
			fdtab_put(r->t, o);
	}
	return NULL;
}

static void race(struct fdtab *t, bool hold)
{
	struct race r = {.t = t, .fd = handle(), .hold = hold};
	pthread_t th[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&th[i], NULL, reader, &r);
	for (int i = 0; i < 3000; i++) {
		fdtab_put(r.t, fdtab_get(r.t, r.fd));
		fdtab_drop(r.t, r.fd);
	}
	__atomic_store_n(&r.stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	assert_null(fdtab_peek(r.t, r.fd));
	close(r.fd);
}

static void test_race(void **state)
{
	race(*state, false);
	race(*state, true);
}

static void *dropper(void *arg)
{
	struct race *r = arg;

	fdtab_drop(r->t, r->fd);
	__atomic_store_n(&r->stop, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* What a thread holds stays until it lets go, whoever closes the fd. */
static void test_hold(void **state)
{
	struct race r = {.t = *state, .fd = handle()};
	struct fd_obj *o;
	pthread_t th;
	u64 v;

	assert_null(fdtab_hold(r.t, r.fd)); /* only what is known */
	fdtab_put(r.t, fdtab_get(r.t, r.fd));
	o = fdtab_hold(r.t, r.fd);
	assert_non_null(o);
	pthread_create(&th, NULL, dropper, &r);
	while (fdtab_peek(r.t, r.fd))
		fdtab_put(r.t, o);
	usleep(20000);
	assert_int_equal(__atomic_load_n(&r.stop, __ATOMIC_SEQ_CST), 0);
	assert_int_equal(map_sys_lookup(o->map, &(u32){1}, &v, 0), 0);
	fdtab_release();
	pthread_join(th, NULL);
	assert_int_equal(r.stop, 1);
	close(r.fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_learns_once),
		T(test_told),
		T(test_told_with_memory),
		T(test_told_and_replaced),
		T(test_what_is_no_handle),
		T(test_views_are_shared),
		T(test_fork),
		T(test_race),
		T(test_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
