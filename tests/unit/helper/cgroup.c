/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups as objects: one per group and process, its parents with it, and what the host's files say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "helper/cgroup_view.h"
#include "helper/objpool.h"
#include "helper/task.h"
#include "helper/task_view.h"

static char base[64] = "/tmp/userbpf-cgroup.XXXXXX";

static u64 ino(const char *sub)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", base, sub);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void make(const char *sub)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", base, sub);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void test_chain(void **state)
{
	struct cgroup *b = cgroup_get_own(base, "/a/b"), *a, *root;

	assert_false(IS_ERR(b));
	assert_int_equal(b->level, 2);
	assert_int_equal(b->kn->id, ino("/a/b"));
	assert_string_equal(b->kn->name, "b");
	assert_string_equal(b->kn->parent->name, "a");
	assert_ptr_equal(b->ancestors[2], b);
	a = cgroup_get_own(base, "/a/");
	assert_ptr_equal(a, b->ancestors[1]);
	assert_ptr_equal(b->self.parent->cgroup, a);
	root = cgroup_get_own(base, "/");
	assert_ptr_equal(root, b->ancestors[0]);
	assert_null(root->kn->parent);
	assert_int_equal(root->kn->id, ino(""));
	/* the group holds its parents */
	cgroup_put(a);
	cgroup_put(root);
	assert_string_equal(b->ancestors[0]->kn->name, "");
	a = cgroup_get_own(base, "/a");
	assert_ptr_equal(a, b->ancestors[1]);
	cgroup_put(a);
	cgroup_put(b);
}

static void test_errors(void **state)
{
	char deep[2 * CGROUP_LEVELS + 8] = "";

	assert_int_equal(PTR_ERR(cgroup_get_own(base, "/none")), -ENOENT);
	assert_int_equal(PTR_ERR(cgroup_get_own(base, "/a/none/x")), -ENOENT);
	assert_int_equal(PTR_ERR(cgroup_get_own(base, "/file")), -ENOTDIR);
	assert_int_equal(PTR_ERR(cgroup_get_dir("/proc", "/self")), -EINVAL); /* no cgroup file system */
	for (u32 i = 0; i <= CGROUP_LEVELS; i++)
		strcat(deep, "/d");
	assert_int_equal(PTR_ERR(cgroup_get_own(base, deep)), -ENAMETOOLONG);
}

/* Any address may be asked about: programs pass what they have. */
static void test_any_address(void **state)
{
	struct cgroup *a = cgroup_get_own(base, "/a");
	char text[sizeof(*a)] = "";

	assert_null(cgroup_get(NULL));
	assert_null(cgroup_get((void *)8));
	assert_null(cgroup_get((void *)text));
	assert_null(cgroup_get((void *)((char *)a + 16)));
	assert_ptr_equal(cgroup_get(a), a);
	cgroup_put(a);
	cgroup_put(a);
	assert_null(cgroup_get(a)); /* nobody holds it */
}

static void *look_again(void *arg)
{
	for (u32 i = 0; i < 20000; i++) {
		struct cgroup *b = cgroup_get_own(base, i & 1 ? "/a/b" : "/a");

		if (IS_ERR(b) || b->ancestors[b->level] != b || cgroup_get(b) != b)
			return (void *)1;
		cgroup_put(b);
		cgroup_put(b);
	}
	return NULL;
}

/* Groups come and go while others look for them. */
static void test_threads(void **state)
{
	pthread_t t[4];
	void *failed;

	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, look_again, NULL), 0);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
}

static void test_task(void **state)
{
	struct task_struct *t = task_get_pid(getpid()), *p;

	assert_non_null(t);
	assert_int_equal(t->pid, getpid());
	assert_int_equal(t->real_parent ? t->real_parent->pid : 0, getppid());
	assert_ptr_equal(task_get(t), t);
	task_put(t);
	/* not counted where it is, so another look */
	p = t->real_parent ? task_get(t->real_parent) : NULL;
	if (p)
		assert_int_equal(p->pid, getppid());
	task_put(p);
	assert_null(task_get(NULL));
	task_put(t);
	assert_null(task_get_pid(0));
	assert_null(task_get_pid(0x7ffffff0));
}

/* The host's own groups, where it has any. */
static void test_host(void **state)
{
	struct task_struct *t = task_get_pid(getpid());
	struct cgroup *c = t->cgroups->dfl_cgrp, *same;

	if (c) {
		assert_true(c->level >= 0);
		same = cgroup_get_id(c->kn->id);
		assert_ptr_equal(same, c);
		cgroup_refresh(same);
		assert_true(same->nr_populated_csets);
		cgroup_put(same);
	}
	task_put(t);
}

static int setup(void **state)
{
	char path[128];

	if (!mkdtemp(base))
		return -1;
	make("/a");
	make("/a/b");
	snprintf(path, sizeof(path), "%s/file", base);
	fclose(fopen(path, "w"));
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -r %s", base);
	return system(cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),	    cmocka_unit_test(test_errors),
		cmocka_unit_test(test_any_address), cmocka_unit_test(test_threads),
		cmocka_unit_test(test_task),	    cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
