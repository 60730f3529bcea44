/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of probes in processes: who hears of what, and what a probe holds. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "link/probe.h"
#include "link_test.h"

#define MANY 100u

/* Who runs in processes, as the list sees it. */
struct agent {
	struct probes *list;
	u32 added, removed, calls, in_list;
	u64 last_id;
	int fail;
};

static int added(void *arg, struct probe *const *p, u32 n)
{
	struct agent *a = arg;

	a->calls++;
	for (u32 i = 0; i < n; i++) {
		assert_true(p[i]->id > a->last_id);
		a->last_id = p[i]->id;
	}
	a->in_list = probes_count(a->list);
	a->added += n;
	return a->fail;
}

static void removed(void *arg, struct probe *const *p, u32 n)
{
	struct agent *a = arg;

	a->calls++;
	a->in_list = probes_count(a->list);
	a->removed += n;
}

static const struct probe_ops ops = {.added = added, .removed = removed};

static struct probe_spec uprobe(int file, const char *path, u64 offset)
{
	return (struct probe_spec){.point = {.kind = PROBE_UPROBE,
					     .file = file,
					     .path = path,
					     .offset = offset,
					     .cpu = -1,
					     .nr = -1},
				   .cookie = offset + 1};
}

/* Nobody runs in processes: nothing can be attached there. */
static void test_nobody(void **state)
{
	struct fake_prog *p = fake_prog(BPF_PROG_TYPE_KPROBE, 0, NULL);
	struct probe_spec s = {.point = {.kind = PROBE_SYS_ENTER, .nr = -1, .file = -1}};
	struct probes *ps = probes_new();
	u64 id;

	assert_int_equal(probes_add(ps, &s, 1, &p->prog, &id), -EOPNOTSUPP);
	assert_int_equal(probes_add(NULL, &s, 1, &p->prog, &id), -EOPNOTSUPP);
	assert_int_equal(probes_count(ps), 0);
	assert_int_equal(p->prog.obj.refs, 1);
	obj_put(&p->prog.obj);
	probes_free(ps);
}

/* A probe has its own fd, path and reference of the program, and outlives its place in the list. */
static void test_holds(void **state)
{
	struct fake_prog *p = fake_prog(BPF_PROG_TYPE_KPROBE, 0, NULL);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char path[] = "/dev/null";
	struct probe_spec s = uprobe(fd, path, 64);
	struct agent a = {.list = probes_new()};
	struct probe *got;
	struct stat st;
	u64 id;

	probes_set_ops(a.list, &ops, &a);
	assert_int_equal(probes_add(a.list, &s, 1, &p->prog, &id), 0);
	assert_int_equal(a.in_list, 1);
	path[0] = 'x';
	close(fd);
	assert_int_equal(p->prog.obj.refs, 2);
	got = probes_next(a.list, 0);
	assert_int_equal(got->id, id);
	assert_string_equal(got->point.path, "/dev/null");
	assert_int_equal(got->cookie, 65);
	assert_int_equal(fstat(got->point.file, &st), 0);
	assert_null(probes_next(a.list, id));
	probes_del(a.list, id, 1);
	assert_int_equal(a.removed, 1);
	assert_int_equal(a.in_list, 0);
	fd = got->point.file;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(p->prog.obj.refs, 2);
	probe_put(got);
	assert_int_equal(fstat(fd, &st), -1);
	assert_int_equal(p->prog.obj.refs, 1);
	probes_del(a.list, id, 1); /* gone already */
	assert_int_equal(a.calls, 2);
	obj_put(&p->prog.obj);
	probes_free(a.list);
}

static void test_many(void **state)
{
	struct fake_prog *p = fake_prog(BPF_PROG_TYPE_KPROBE, 0, NULL);
	struct agent a = {.list = probes_new()};
	struct probe_spec s[MANY];
	u64 first, second, at = 0;
	struct probe *got;
	u32 n = 0;

	for (u32 i = 0; i < MANY; i++)
		s[i] = uprobe(0, "/bin/true", i);
	probes_set_ops(a.list, &ops, &a);
	assert_int_equal(probes_add(a.list, s, MANY, &p->prog, &first), 0);
	assert_int_equal(probes_add(a.list, s, 3, &p->prog, &second), 0);
	assert_int_equal(a.calls, 2); /* one each, however many */
	for (; (got = probes_next(a.list, at)); n++) {
		assert_int_equal(got->cookie, n < MANY ? n + 1 : n - MANY + 1);
		at = got->id;
		probe_put(got);
	}
	assert_int_equal(n, MANY + 3);
	probes_del(a.list, first, MANY);
	assert_int_equal(probes_count(a.list), 3);
	probes_del(a.list, second, 3);
	assert_int_equal(a.removed, MANY + 3);
	assert_int_equal(a.calls, 4);
	assert_int_equal(p->prog.obj.refs, 1);
	obj_put(&p->prog.obj);
	probes_free(a.list);
}

/* What cannot be put in place is not in the list, and nobody hears that it went. */
static void test_refused(void **state)
{
	struct fake_prog *p = fake_prog(BPF_PROG_TYPE_KPROBE, 0, NULL);
	struct agent a = {.list = probes_new(), .fail = -EINVAL};
	struct probe_spec s[2] = {uprobe(0, "/bin/true", 0), uprobe(-1, "/bin/true", 0)};
	u64 id;

	probes_set_ops(a.list, &ops, &a);
	assert_int_equal(probes_add(a.list, s, 1, &p->prog, &id), -EINVAL);
	assert_int_equal(a.added, 1);
	a.fail = 0;
	assert_int_equal(probes_add(a.list, s, 2, &p->prog, &id),
			 -EBADF); /* the second one's file */
	assert_int_equal(a.added, 1);
	assert_int_equal(a.removed, 0);
	assert_int_equal(probes_count(a.list), 0);
	assert_int_equal(p->prog.obj.refs, 1);
	obj_put(&p->prog.obj);
	probes_free(a.list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_holds),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
