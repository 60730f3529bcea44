/* SPDX-License-Identifier: BSD-2-Clause */
/* The table as a whole: of objects, and of handles that name them. */
#include <stdlib.h>
#include <unistd.h>
#include <urcu/urcu-bp.h>

#include "obj/table.h"

struct obj_table *obj_table_new(void)
{
	struct obj_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	/* Now, since the first call_rcu() would make its thread, and liburcu knows no other
	 * answer to lack of memory than abort(). */
	urcu_bp_get_default_call_rcu_data();
	pthread_mutex_init(&t->lock, NULL);
	pthread_mutex_init(&t->reaping, NULL);
	for (int k = 0; k < OBJ_KINDS; k++)
		idr_init(&t->ids[k]);
	if (handle_table_init(t) == 0)
		return t;
	pthread_mutex_destroy(&t->lock);
	free(t);
	return NULL;
}

u32 obj_table_live(struct obj_table *t)
{
	u32 sum = 0;

	for (int k = 0; k < OBJ_KINDS; k++)
		sum += __atomic_load_n(&t->live[k], __ATOMIC_ACQUIRE);
	return sum;
}

u32 obj_table_free(struct obj_table *t)
{
	u32 left;

	if (!t)
		return 0;
	handle_table_drop(t);
	/* Not rcu_barrier(): it aborts the process when it gets no memory. A chain of objects is
	 * counted link by link before the last one is freed. */
	while (__atomic_load_n(&t->dying, __ATOMIC_ACQUIRE))
		usleep(500);
	left = obj_table_live(t);
	/* Somebody still holds references: their objects stay, and so must the table they point
	 * to. */
	if (left)
		return left;
	for (int k = 0; k < OBJ_KINDS; k++)
		idr_free(&t->ids[k]);
	handle_table_free(t);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return 0;
}

void obj_table_stats(struct obj_table *t, u32 count[OBJ_KINDS], u32 *handles)
{
	pthread_mutex_lock(&t->lock);
	for (int k = 0; k < OBJ_KINDS; k++)
		count[k] = t->ids[k].nr;
	if (handles)
		*handles = t->nr_handles;
	pthread_mutex_unlock(&t->lock);
}
