/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <urcu/urcu-bp.h>

#include "obj/table.h"

/* What freeing a published object needs; allocated when it is published, so that dropping a
 * reference cannot fail. */
struct obj_node {
	struct rcu_head rcu;
	struct obj *obj;
	struct obj_table *table;
};

void obj_init(struct obj *o, const struct obj_class *class)
{
	*o = (struct obj){.class = class, .refs = 1};
	list_init(&o->handles);
}

int obj_publish(struct obj_table *t, struct obj *o)
{
	struct obj_node *node = malloc(sizeof(*node));
	int id;

	if (!node)
		return -ENOMEM;
	*node = (struct obj_node){.obj = o, .table = t};
	pthread_mutex_lock(&t->lock);
	id = idr_alloc_cyclic(&t->ids[o->class->kind], o, 1, INT_MAX);
	if (id > 0) {
		o->id = id;
		o->priv_node = node;
		if (o->class->set_id)
			o->class->set_id(o, id);
		__atomic_store_n(&o->table, t, __ATOMIC_RELEASE);
		__atomic_add_fetch(&t->live[o->class->kind], 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&t->lock);
	if (id > 0)
		return 0;
	free(node);
	return id;
}

struct obj *obj_get(struct obj *o)
{
	if (o) {
		u32 old = __atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);

		assert(old);
		(void)old;
	}
	return o;
}

struct obj *obj_get_unless_zero(struct obj *o)
{
	u32 refs;

	if (!o)
		return NULL;
	refs = __atomic_load_n(&o->refs, __ATOMIC_RELAXED);
	while (refs) {
		if (__atomic_compare_exchange_n(&o->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return o;
	}
	return NULL;
}

static void obj_free_rcu(struct rcu_head *head)
{
	struct obj_node *node = container_of(head, struct obj_node, rcu);
	struct obj_table *t = node->table;
	enum obj_kind kind = node->obj->class->kind;

	node->obj->class->free(node->obj);
	__atomic_sub_fetch(&t->live[kind], 1, __ATOMIC_RELEASE);
	free(node);
	__atomic_sub_fetch(&t->dying, 1, __ATOMIC_RELEASE); /* the table may be gone after this */
}

static bool last_ref(struct obj *o)
{
	assert(__atomic_load_n(&o->refs, __ATOMIC_RELAXED));
	return !__atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL);
}

static void destroy(struct obj *o)
{
	struct obj_node *node = o->priv_node;

	if (node) {
		__atomic_add_fetch(&node->table->dying, 1, __ATOMIC_RELAXED);
		pthread_mutex_lock(&node->table->lock);
		idr_remove(&node->table->ids[o->class->kind], o->id);
		pthread_mutex_unlock(&node->table->lock);
	}
	o->class->release(o);
	if (node)
		urcu_bp_call_rcu(&node->rcu, obj_free_rcu);
	else
		o->class->free(o);
}

/* The class wants to know of references that go while others stay; it is told with one of our
 * own. */
static void put_and_tell(struct obj *o)
{
	struct obj *mine = NULL;
	bool last;

	urcu_bp_read_lock(); /* the others may go at once: the memory stays until we have looked */
	last = last_ref(o);
	if (!last)
		mine = obj_get_unless_zero(o);
	urcu_bp_read_unlock();
	if (last)
		destroy(o);
	if (!mine)
		return;
	mine->class->dropped(mine);
	if (last_ref(mine))
		destroy(mine);
}

void obj_put(struct obj *o)
{
	if (!o)
		return;
	if (o->class->dropped)
		put_and_tell(o);
	else if (last_ref(o))
		destroy(o);
}

struct obj *obj_by_id(struct obj_table *t, enum obj_kind kind, u32 id)
{
	struct obj *o;

	pthread_mutex_lock(&t->lock);
	o = obj_get_unless_zero(idr_find(&t->ids[kind], id));
	pthread_mutex_unlock(&t->lock);
	return o;
}

struct obj *obj_next(struct obj_table *t, enum obj_kind kind, u32 start)
{
	const struct idr *ids = &t->ids[kind];
	struct obj *o = NULL;

	pthread_mutex_lock(&t->lock);
	for (u32 pos = idr_position(ids, start); pos < ids->nr && !o; pos++)
		o = obj_get_unless_zero(ids->entries[pos].ptr);
	pthread_mutex_unlock(&t->lock);
	return o;
}
