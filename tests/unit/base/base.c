/* SPDX-License-Identifier: BSD-2-Clause */
/* base.c - ids and logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/idr.h"
#include "base/list.h"
#include "base/log.h"

static void test_idr_cyclic(void **state)
{
	struct idr idr;
	int x[8];

	idr_init(&idr);
	for (int i = 0; i < 4; i++)
		assert_int_equal(idr_alloc_cyclic(&idr, &x[i], 1, 6), i + 1);
	assert_ptr_equal(idr_find(&idr, 2), &x[1]);
	assert_ptr_equal(idr_remove(&idr, 2), &x[1]);
	assert_null(idr_find(&idr, 2));
	assert_null(idr_remove(&idr, 2));
	assert_int_equal(idr_alloc_cyclic(&idr, &x[5], 1, 6), 5);
	assert_int_equal(idr_alloc_cyclic(&idr, &x[6], 1, 6), 2); /* wrapped to the hole */
	assert_int_equal(idr_alloc_cyclic(&idr, &x[7], 1, 6), -ENOSPC);
	idr_remove(&idr, 1);
	idr_remove(&idr, 4);
	assert_int_equal(idr_alloc_cyclic(&idr, &x[7], 1, 6), 4); /* at or above the cursor first */
	assert_int_equal(idr_position(&idr, 1), 0);
	assert_int_equal(idr_position(&idr, 6), idr.nr);
	for (u32 i = 1; i < idr.nr; i++)
		assert_true(idr.entries[i - 1].id < idr.entries[i].id);
	idr_free(&idr);
}

static void test_idr_many(void **state)
{
	enum { N = 5000 };
	struct idr idr;
	static int x[N];

	idr_init(&idr);
	for (int i = 0; i < N; i++)
		assert_int_equal(idr_alloc_cyclic(&idr, &x[i], 1, 1 << 30), i + 1);
	for (int i = 0; i < N; i += 2)
		idr_remove(&idr, i + 1);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(idr_find(&idr, i + 1), i % 2 ? &x[i] : NULL);
	assert_int_equal(idr.nr, N / 2);
	idr_free(&idr);
}

static void test_log(void **state)
{
	struct log l;

	log_init(&l, LOG_LEVEL1, 16);
	log_printf(&l, "%s", "hello ");
	log_printf(&l, "%d", 12345);
	assert_string_equal(l.buf, "hello 12345");
	assert_false(l.truncated);
	log_reset(&l, 6);
	assert_string_equal(l.buf, "hello ");
	log_printf(&l, "%s", "0123456789");
	assert_true(l.truncated);
	assert_string_equal(l.buf, "hello 012345678");
	assert_int_equal(l.len, 15);
	log_printf(&l, "more");
	assert_int_equal(l.len, 15);
	log_free(&l);
	log_init(&l, 0, 100);
	log_printf(&l, "swallowed");
	assert_null(l.buf);
	log_free(&l);
}

/* Longer than what is formatted on the stack. */
static void test_log_long(void **state)
{
	struct log l;
	char big[4000];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	log_init(&l, LOG_LEVEL2, 10000);
	log_printf(&l, "%s", big);
	log_printf(&l, "%s", big);
	assert_int_equal(l.len, 2 * (sizeof(big) - 1));
	assert_int_equal(strlen(l.buf), l.len);
	log_free(&l);
}

static void test_list(void **state)
{
	struct node {
		int v;
		struct list node;
	} n[3] = {{.v = 0}, {.v = 1}, {.v = 2}}, *p, *tmp;
	struct list head = LIST_INIT(head);
	int want = 0;

	for (int i = 0; i < 3; i++)
		list_add_tail(&head, &n[i].node);
	list_for_each(p, &head, node)
		assert_int_equal(p->v, want++);
	list_for_each_safe(p, tmp, &head, node)
		list_del(&p->node);
	assert_true(list_empty(&head));
	list_del(&n[0].node); /* harmless twice */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idr_cyclic), cmocka_unit_test(test_idr_many),
		cmocka_unit_test(test_log),	   cmocka_unit_test(test_log_long),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
