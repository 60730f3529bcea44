/* SPDX-License-Identifier: BSD-2-Clause */
/* Handles: whoever holds the fd in whatever way keeps the object, and nobody else does (DESIGN
 * D2). */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "obj/obj.h"

struct thing {
	struct obj obj;
	u32 id;
	struct thing *other;
};

static u32 released, freed;

static void thing_set_id(struct obj *o, u32 id)
{
	container_of(o, struct thing, obj)->id = id;
}

static void thing_release(struct obj *o)
{
	struct thing *t = container_of(o, struct thing, obj);

	if (t->other)
		obj_put(&t->other->obj);
	__atomic_add_fetch(&released, 1, __ATOMIC_RELAXED);
}

static void thing_free(struct obj *o)
{
	__atomic_add_fetch(&freed, 1, __ATOMIC_RELAXED);
	free(container_of(o, struct thing, obj));
}

static const struct obj_class thing_class = {
	.name = "map",
	.kind = OBJ_MAP,
	.set_id = thing_set_id,
	.release = thing_release,
	.free = thing_free,
};

static struct thing *thing_new(void)
{
	struct thing *t = calloc(1, sizeof(*t));

	obj_init(&t->obj, &thing_class);
	return t;
}

static int setup(void **state)
{
	released = freed = 0;
	*state = obj_table_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	return obj_table_free(*state) ? -1 : 0;
}

/* A published thing whose only reference is the handle returned. */
static int thing_fd(struct obj_table *t, u32 perm)
{
	struct thing *th = thing_new();
	int fd;

	assert_int_equal(obj_publish(t, &th->obj), 0);
	fd = handle_open(t, &th->obj, perm);
	assert_true(fd >= 0);
	obj_put(&th->obj);
	return fd;
}

static void settle(struct obj_table *t, int ms)
{
	struct pollfd p = {.fd = obj_table_event_fd(t), .events = POLLIN};
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	do {
		if (poll(&p, 1, 5) > 0)
			obj_table_reap(t);
		clock_gettime(CLOCK_MONOTONIC, &b);
	} while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < ms);
}

static bool released_within(struct obj_table *t, u32 want, int ms)
{
	for (int i = 0; i < ms / 5 && released < want; i++)
		settle(t, 5);
	return released == want;
}

static void test_ids(void **state)
{
	struct obj_table *t = *state;
	struct thing *a = thing_new(), *b = thing_new(), *c = thing_new();
	struct obj *o;

	assert_int_equal(obj_publish(t, &a->obj), 0);
	assert_int_equal(obj_publish(t, &b->obj), 0);
	assert_int_equal(a->id, 1);
	assert_int_equal(b->id, 2);
	obj_put(&a->obj);
	assert_null(obj_by_id(t, OBJ_MAP, 1));
	assert_null(obj_by_id(t, OBJ_PROG, 2));
	assert_int_equal(obj_publish(t, &c->obj), 0);
	assert_int_equal(c->id, 3); /* cyclic: 1 is not reused */
	o = obj_next(t, OBJ_MAP, 1);
	assert_ptr_equal(o, &b->obj);
	obj_put(o);
	o = obj_next(t, OBJ_MAP, 3);
	assert_ptr_equal(o, &c->obj);
	obj_put(o);
	assert_null(obj_next(t, OBJ_MAP, 4));
	obj_put(&b->obj);
	obj_put(&c->obj);
	assert_int_equal(released, 3);
}

static void test_close(void **state)
{
	struct obj_table *t = *state;
	int fd = thing_fd(t, HANDLE_RW), other = thing_fd(t, HANDLE_READ);
	u32 count[OBJ_KINDS], handles, perm;
	struct obj *o = handle_lookup(t, fd, &perm);

	assert_int_equal(perm, HANDLE_RW);
	assert_int_equal(o->id, 1);
	obj_put(o);
	o = handle_lookup(t, other, &perm);
	assert_int_equal(perm, HANDLE_READ);
	obj_put(o);
	obj_table_stats(t, count, &handles);
	assert_int_equal(count[OBJ_MAP], 2);
	assert_int_equal(handles, 2);
	close(fd);
	assert_true(released_within(t, 1, 200));
	assert_int_equal(PTR_ERR(handle_lookup(t, fd, NULL)), -EBADF);
	close(other);
	assert_true(released_within(t, 2, 200));
	obj_table_stats(t, count, &handles);
	assert_int_equal(handles, 0);
}

/* Who closes a handle and says so finds it gone, unless somebody else has it. */
static void test_told(void **state)
{
	struct obj_table *t = *state;
	int fd = thing_fd(t, HANDLE_RW), again = dup(fd);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	obj_table_settle(t, st.st_dev, st.st_ino);
	assert_int_equal(released, 0);
	close(again);
	obj_table_settle(t, st.st_dev, st.st_ino);
	assert_int_equal(released, 1);
	obj_table_settle(t, st.st_dev, st.st_ino); /* it is not there any more */
	settle(t, 20);
	assert_int_equal(released, 1);
}

static void test_dup(void **state)
{
	struct obj_table *t = *state;
	int fd = thing_fd(t, HANDLE_RW), again = dup(fd);
	void *map;

	close(fd);
	settle(t, 50);
	assert_int_equal(released, 0);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, again, 0);
	close(again);
	settle(t, 50);
	assert_int_equal(released, 0); /* the mapping holds it */
	munmap(map, 4096);
	assert_true(released_within(t, 1, 200));
}

static void test_second_handle(void **state)
{
	struct obj_table *t = *state;
	int fd = thing_fd(t, HANDLE_RW), more;
	struct obj *o = handle_lookup(t, fd, NULL);

	more = handle_open(t, o, HANDLE_RW);
	obj_put(o);
	close(fd);
	settle(t, 300); /* past all re-checks */
	assert_int_equal(released, 0);
	close(more);
	assert_true(released_within(t, 1, 200));
}

static void test_fork_kill(void **state)
{
	struct obj_table *t = *state;
	int fd = thing_fd(t, HANDLE_RW);
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	close(fd);
	settle(t, 50);
	assert_int_equal(released, 0);
	kill(child, SIGKILL);
	assert_true(released_within(t, 1, 200));
	waitpid(child, NULL, 0);
}

static void test_scm_rights(void **state)
{
	struct obj_table *t = *state;
	int fd = thing_fd(t, HANDLE_RW), sv[2];
	char byte = 0, ctl[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = ctl,
			     .msg_controllen = sizeof(ctl)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sendmsg(sv[0], &msg, 0), 1);
	close(fd);
	settle(t, 50);
	assert_int_equal(released, 0); /* in flight */
	close(sv[0]);
	close(sv[1]);
	assert_true(released_within(t, 1, 200));
}

static void test_many(void **state)
{
	struct obj_table *t = *state;
	struct rlimit rl;
	u32 handles, count[OBJ_KINDS], n;
	int *fds;

	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
	n = min(10000u, (u32)min(rl.rlim_max, (rlim_t)100000) / 2 - 100);
	fds = calloc(n, sizeof(*fds));
	for (u32 i = 0; i < n; i++)
		fds[i] = thing_fd(t, HANDLE_RW);
	for (u32 i = 0; i < n; i++)
		close(fds[i]);
	free(fds);
	assert_true(released_within(t, n, 2000));
	obj_table_stats(t, count, &handles);
	assert_int_equal(handles, 0);
	assert_int_equal(count[OBJ_MAP], 0);
}

static void test_reference_chain(void **state)
{
	struct obj_table *t = *state;
	struct thing *a = thing_new(), *b = thing_new();
	int fd;

	obj_publish(t, &a->obj);
	b->other = a;
	obj_publish(t, &b->obj);
	fd = handle_open(t, &b->obj, HANDLE_RW);
	obj_put(&b->obj);
	close(fd);
	assert_true(released_within(t, 2, 200));
	assert_null(obj_by_id(t, OBJ_MAP, 1));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_ids),	       T(test_close),		T(test_dup),
		T(test_second_handle), T(test_fork_kill),	T(test_scm_rights),
		T(test_many),	       T(test_reference_chain), T(test_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
