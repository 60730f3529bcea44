/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include "link/iter_target.h"

struct iter_objs *iter_objs_start(struct obj_table *table, enum obj_kind kind)
{
	struct iter_objs *s = calloc(1, sizeof(*s));

	if (!s)
		return ERR_PTR(-ENOMEM);
	s->table = table;
	s->kind = kind;
	return s;
}

struct obj *iter_objs_show(struct iter_objs *s)
{
	if (!s->obj) {
		s->obj = obj_next(s->table, s->kind, s->id);
		if (s->obj)
			s->id = s->obj->id;
	}
	return s->obj;
}

void iter_objs_pause(void *session)
{
	struct iter_objs *s = session;

	obj_put(s->obj);
	s->obj = NULL;
}

void iter_objs_next(void *session)
{
	struct iter_objs *s = session;

	s->id++;
	iter_objs_pause(s);
}

void iter_objs_stop(void *session)
{
	iter_objs_pause(session);
	free(session);
}
