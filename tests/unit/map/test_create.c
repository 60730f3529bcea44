/* SPDX-License-Identifier: BSD-2-Clause */
/* What MAP_CREATE takes and refuses, kind by kind: the kernel's answers. */
#include "cases.h"
#include "map_test.h"

static void test_checks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(create_cases); i++) {
		const struct create_case *c = &create_cases[i];
		struct map_attr a = attr_of(c->type, c->key, c->value, c->entries, c->flags);
		int got = map_check_attr(&a);

		if (got != c->want)
			fail_msg("case %zu: type %u key %u value %u entries %u flags %#x: want %d, "
				 "got %d",
				 i, c->type, c->key, c->value, c->entries, c->flags, c->want, got);
	}
}

static void test_map_extra(void **state)
{
	struct map_attr a = attr_of(A, 4, 8, 1, 0);

	a.map_extra = 1;
	assert_int_equal(map_check_attr(&a), -EINVAL);
}

static void test_more_than_the_machine_has(void **state)
{
	static const struct map_attr big[] = {
		{.map_type = A,
		 .key_size = 4,
		 .value_size = 1u << 30,
		 .max_entries = 1u << 30,
		 .nr_cpus = 1},
		{.map_type = H,
		 .key_size = 4,
		 .value_size = 1u << 20,
		 .max_entries = 1u << 27,
		 .nr_cpus = 1},
		{.map_type = PA,
		 .key_size = 4,
		 .value_size = 1u << 15,
		 .max_entries = 1u << 31,
		 .nr_cpus = 256},
	};

	for (size_t i = 0; i < ARRAY_SIZE(big); i++) {
		struct bpf_map map;

		assert_int_equal(map_check_attr(&big[i]), 0);
		assert_int_equal(map_open(&map, &big[i]), -ENOMEM);
	}
}

static void test_view(void **state)
{
	struct bpf_map map;

	open_map(&map, A, 4, 12, 3, BPF_F_RDONLY | BPF_F_MMAPABLE);
	assert_int_equal(map.map_flags,
			 BPF_F_MMAPABLE); /* access of the first handle is no property of the map */
	assert_int_equal(map.elem_stride, 16);
	assert_int_equal(map.index_mask, 3);
	assert_int_equal(map.value_off % 4096, 0);
	assert_int_equal(map_sys_value_size(&map), 12);
	map_close(&map);
	map_close(&map);
	open_map(&map, PH, 4, 12, 3, 0);
	assert_int_equal(map_sys_value_size(&map), 16 * NR_CPUS);
	map_close(&map);
	open_map(&map, P, 4, 4, 3, 0);
	assert_int_equal(map_sys_value_size(&map), 4);
	map_close(&map);
}

/* Every kind of the list answers every operation. */
static void test_complete(void **state)
{
	static const u32 kinds[] = {
#define MAP_KIND(type, ops) type,
#include "map/kinds.def"
#undef MAP_KIND
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct bpf_map_ops *o = map_ops_of(kinds[i]);

		assert_non_null(o);
		assert_true(o->name && o->alloc_check && o->shm_size && o->bind && o->lookup &&
			    o->update && o->delete &&o->get_next_key);
		assert_true(!o->percpu || (o->lookup_percpu && o->sys_lookup && o->sys_update));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_map_extra),
		cmocka_unit_test(test_more_than_the_machine_has),
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
