/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/slot.h"
#include "map/kptr.h"
#include "map/kptr_test.h"

/* Programs may write a and b. */
struct prog_test_ref_kfunc kptr_test_object = {
	.a = 42, .b = 108, .next = &kptr_test_object, .cnt = {{1}}};

static const struct {
	const char *name, *dtor;
	void *object; /* number 1 */
	const struct kptr_world *world;
} types[] = {
	[KPTR_OTHER] = {},
#define KPTR(id, name, dtor, object, world) [id] = {name, dtor, object, world},
#include "map/kptrs.def"
#undef KPTR
};
_Static_assert(NR_KPTR_TYPES <= SLOT_OBJECT_TYPES, "no count for each");

u32 kptr_type_of(const char *name)
{
	for (u32 i = 1; i < NR_KPTR_TYPES; i++)
		if (!strcmp(types[i].name, name))
			return i;
	return KPTR_OTHER;
}

const char *kptr_dtor(u32 type)
{
	return type < NR_KPTR_TYPES ? types[type].dtor : NULL;
}

static const struct kptr_world *world_of(u32 type)
{
	return type < NR_KPTR_TYPES ? types[type].world : NULL;
}

/* With a reference where references are counted by process. */
static void *object_of(u32 type, u64 number)
{
	const struct kptr_world *w = world_of(type);

	if (w)
		return number ? w->object(number) : NULL;
	return type < NR_KPTR_TYPES && number == 1 ? types[type].object : NULL;
}

static u64 number_of(u32 type, const void *object)
{
	const struct kptr_world *w = world_of(type);

	if (w)
		return object ? w->number(object) : 0;
	return object && type < NR_KPTR_TYPES && object == types[type].object;
}

/* Without a reference: memory of tasks and groups never becomes anything else (helper/objpool.h). */
void *kptr_load(const void *field, u32 type)
{
	const struct kptr_world *w = world_of(type);
	void *object = object_of(type, __atomic_load_n((const u64 *)field, __ATOMIC_ACQUIRE));

	if (w && object)
		w->put(object);
	return object;
}

void kptr_store(void *field, u32 type, const void *object)
{
	__atomic_store_n((u64 *)field, number_of(type, object), __ATOMIC_RELEASE);
}

void *kptr_xchg(void *field, u32 type, const void *object)
{
	const struct kptr_world *w = world_of(type);
	u64 number = number_of(type, object);

	number = __atomic_exchange_n((u64 *)field, number, __ATOMIC_ACQ_REL);
	if (w && object)
		w->keep((void *)object);
	return object_of(type, number);
}

/* --- counts --- */

/* The service's own reference is not counted there: 0 is an object nobody else holds. */
static void show_count(u32 type, u32 others)
{
	if (type == KPTR_TEST_REF)
		WRITE_ONCE(kptr_test_object.cnt.refs.counter, (int)others + 1);
}

void kptr_get(u32 type)
{
	show_count(type, __atomic_add_fetch(slot_object_refs(type), 1, __ATOMIC_RELAXED));
}

void kptr_put(u32 type)
{
	u32 *refs = slot_object_refs(type), n = __atomic_load_n(refs, __ATOMIC_RELAXED);

	while (n && !__atomic_compare_exchange_n(refs, &n, n - 1, false, __ATOMIC_RELEASE,
						 __ATOMIC_RELAXED))
		;
	show_count(type, n ? n - 1 : 0);
}

void kptr_free_fields(const struct bpf_map *map, void *value)
{
	for (u32 i = 0; i < map->attr.nr_kptrs && i < MAP_MAX_KPTRS; i++) {
		const struct map_kptr *k = &map->attr.kptr[i];
		u64 *field = (u64 *)((char *)value + k->off);
		u64 old = __atomic_exchange_n(field, 0, __ATOMIC_ACQ_REL);

		if (old == 1 && k->ref && !world_of(k->type))
			kptr_put(k->type);
	}
}
