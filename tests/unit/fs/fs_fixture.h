/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FS_FIXTURE_H
#define TESTS_FS_FIXTURE_H
/* fs_fixture.h - an instance with objects that count their lives, and content that is a text per
 * object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "fs/fs.h"

struct thing {
	struct obj obj;
	const char *text; /* NULL: nothing to read */
	int delay_ms;
};

static int things_alive;

static void thing_release(struct obj *o)
{
	__atomic_sub_fetch(&things_alive, 1, __ATOMIC_SEQ_CST);
}

static void thing_free(struct obj *o)
{
	free(container_of(o, struct thing, obj));
}

static const struct obj_class thing_class = { .name = "thing", .kind = OBJ_LINK, .release = thing_release, .free = thing_free };

static struct obj *thing_new(const char *text)
{
	struct thing *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	obj_init(&t->obj, &thing_class);
	t->text = text;
	__atomic_add_fetch(&things_alive, 1, __ATOMIC_SEQ_CST);
	return &t->obj;
}

#endif
