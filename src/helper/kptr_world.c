/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kptr_world.c - tasks and groups in map values: numbers that name them in every process of the machine.
 *
 * A task is its number and when it was started, since numbers are used again. A group is its id; finding a
 * group that nobody holds means a walk through the hierarchy, so those that went into maps lately stay
 * held.
 */
#include "helper/cgroup_view.h"
#include "helper/task.h"
#include "helper/task_view.h"
#include "map/kptr.h"

#define KEPT 64u

/* --- tasks --- */

static u64 task_number_of(const void *object)
{
	return task_identity(object);
}

static void *task_object(u64 number)
{
	struct task_struct *t = task_get_pid((u32)number);

	if (t && task_number_of(t) == number)
		return t;
	task_put(t);
	return NULL;
}

static void put_task(void *object)
{
	task_put(object);
}

const struct kptr_world kptr_tasks = {
	.object = task_object, .number = task_number_of, .put = put_task, .keep = put_task};

/* --- groups --- */

static struct {
	struct cgroup *group[KEPT];
	u32 next;
} kept;

static void *group_object(u64 number)
{
	return cgroup_get_id(number);
}

static u64 group_number(const void *object)
{
	struct cgroup *c = cgroup_get(object);
	u64 number = c ? c->kn->id : 0;

	cgroup_put(c);
	return number;
}

static void put_group(void *object)
{
	cgroup_put(object);
}

static void keep_group(void *object)
{
	u32 at = __atomic_fetch_add(&kept.next, 1, __ATOMIC_RELAXED) % KEPT;

	cgroup_put(__atomic_exchange_n(&kept.group[at], object, __ATOMIC_ACQ_REL));
}

const struct kptr_world kptr_groups = {
	.object = group_object, .number = group_number, .put = put_group, .keep = keep_group};
