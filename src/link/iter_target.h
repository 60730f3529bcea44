/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_ITER_TARGET_H
#define USERBPF_ITER_TARGET_H
/*
 * iter_target.h - what the files of the targets share; private to src/link.
 *
 * Targets that walk the objects of one kind by ascending id differ in the kind and in what the
 * program gets for an object.
 */
#include "link/iter.h"
#include "link/iter_types.h"

#define ITER_TARGET(name) extern const struct iter_target iter_target_##name;
#include "link/iter_targets.def"
#undef ITER_TARGET

struct iter_objs {
	struct obj_table *table;
	enum obj_kind kind;
	u32 id;		 /* where to look for the next one */
	struct obj *obj; /* referenced, or NULL */
};

struct iter_objs *iter_objs_start(struct obj_table *table, enum obj_kind kind);
struct obj *iter_objs_show(struct iter_objs *s); /* the object at the position, NULL at the end */
/* ops of the target, with the session as void * */
void iter_objs_next(void *session);
void iter_objs_pause(void *session);
void iter_objs_stop(void *session);

/* iter_task.c: was the session asked for one thread (tid)? */
bool iter_task_is_one(const void *session);

#endif
