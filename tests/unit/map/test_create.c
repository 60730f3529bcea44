/* SPDX-License-Identifier: BSD-2-Clause */
/* What MAP_CREATE takes and refuses, kind by kind: the kernel's answers. */
#include "map_test.h"

#define A BPF_MAP_TYPE_ARRAY
#define H BPF_MAP_TYPE_HASH
#define PA BPF_MAP_TYPE_PERCPU_ARRAY
#define PH BPF_MAP_TYPE_PERCPU_HASH
#define P BPF_MAP_TYPE_PROG_ARRAY

static const struct create_case {
	u32 type, key, value, entries, flags;
	int want;
} cases[] = {
	{ A, 4, 8, 1, 0, 0 },
	{ A, 4, 8, 1, BPF_F_MMAPABLE, 0 },
	{ A, 4, 8, 1, BPF_F_INNER_MAP, 0 },
	{ A, 4, 8, 1, BPF_F_NUMA_NODE, 0 },
	{ A, 4, 8, 1, BPF_F_RDONLY_PROG, 0 },
	{ A, 4, 8, 1, BPF_F_WRONLY_PROG, 0 },
	{ A, 4, 8, 1, BPF_F_RDONLY, 0 },
	{ A, 4, 8, 1, BPF_F_WRONLY, 0 },
	{ A, 4, 8, 1, BPF_F_RDONLY | BPF_F_WRONLY, -EINVAL },
	{ A, 4, 8, 1, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG, -EINVAL },
	{ A, 4, 8, 1, BPF_F_NO_PREALLOC, -EINVAL },
	{ A, 4, 8, 1, BPF_F_ZERO_SEED, -EINVAL },
	{ A, 4, 8, 1, BPF_F_PRESERVE_ELEMS, -EINVAL },
	{ A, 4, 8, 1, 1u << 30, -EINVAL },
	{ A, 8, 8, 1, 0, -EINVAL },
	{ A, 0, 8, 1, 0, -EINVAL },
	{ A, 4, 0, 1, 0, -EINVAL },
	{ A, 4, 8, 0, 0, -EINVAL },
	{ A, 4, 0x7fffffff, 1, 0, 0 },
	{ A, 4, 0x80000000, 1, 0, -E2BIG },
	{ PA, 4, 8, 1, 0, 0 },
	{ PA, 4, 8, 1, BPF_F_MMAPABLE, -EINVAL },
	{ PA, 4, 8, 1, BPF_F_INNER_MAP, -EINVAL },
	{ PA, 4, 8, 1, BPF_F_NUMA_NODE, -EINVAL },
	{ PA, 4, 32768, 1, 0, 0 },
	{ PA, 4, 32769, 1, 0, -E2BIG },
	{ PA, 8, 8, 1, 0, -EINVAL },
	{ P, 4, 4, 1, 0, 0 },
	{ P, 4, 8, 1, 0, -EINVAL },
	{ P, 8, 4, 1, 0, -EINVAL },
	{ P, 4, 4, 0, 0, -EINVAL },
	{ P, 4, 4, 1, BPF_F_RDONLY_PROG, -EINVAL },
	{ P, 4, 4, 1, BPF_F_WRONLY_PROG, -EINVAL },
	{ P, 4, 4, 1, BPF_F_MMAPABLE, -EINVAL },
	{ P, 4, 4, 1, BPF_F_RDONLY, 0 },
	{ H, 4, 8, 1, 0, 0 },
	{ H, 1, 1, 1, BPF_F_NO_PREALLOC, 0 },
	{ H, 4, 8, 1, BPF_F_ZERO_SEED, 0 },
	{ H, 4, 8, 1, BPF_F_NUMA_NODE, 0 },
	{ H, 4, 8, 1, BPF_F_RDONLY_PROG, 0 },
	{ H, 4, 8, 1, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG, -EINVAL },
	{ H, 4, 8, 1, BPF_F_MMAPABLE, -EINVAL },
	{ H, 4, 8, 1, BPF_F_INNER_MAP, -EINVAL },
	{ H, 4, 8, 1, BPF_F_NO_COMMON_LRU, -EINVAL },
	{ H, 0, 8, 1, 0, -EINVAL },
	{ H, 4, 0, 1, 0, -EINVAL },
	{ H, 4, 8, 0, 0, -EINVAL },
	{ H, 4, (4u << 20) - 48 - 4, 1, 0, -E2BIG },
	{ H, 4, (4u << 20) - 48 - 5, 1, 0, 0 },
	{ H, 0xfffffff0, 0xfffffff0, 1, 0, -E2BIG },
	{ H, 4, 8, 0x80000001, BPF_F_NO_PREALLOC, -E2BIG },
	{ H, 4, 8, 0x80000000, BPF_F_NO_PREALLOC, -E2BIG },
	{ PH, 4, 8, 1, 0, 0 },
	{ PH, 4, 8, 1, BPF_F_NO_PREALLOC, 0 },
	{ PH, 4, 8, 1, BPF_F_NUMA_NODE, -EINVAL },
	{ PH, 4, 32768, 1, 0, 0 },
	{ PH, 4, 32769, 1, 0, -E2BIG },
	{ 0, 4, 8, 1, 0, -EINVAL },
	{ BPF_MAP_TYPE_LRU_HASH, 4, 8, 1, 0, -EINVAL },
	{ 12345, 4, 8, 1, 0, -EINVAL },
	{ 0xffffffff, 4, 8, 1, 0, -EINVAL },
};

static void test_checks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct create_case *c = &cases[i];
		struct map_attr a = attr_of(c->type, c->key, c->value, c->entries, c->flags);
		int got = map_check_attr(&a);

		if (got != c->want)
			fail_msg("case %zu: type %u key %u value %u entries %u flags %#x: want %d, got %d", i, c->type, c->key, c->value, c->entries,
				 c->flags, c->want, got);
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
		{ .map_type = A, .key_size = 4, .value_size = 1u << 30, .max_entries = 1u << 30, .nr_cpus = 1 },
		{ .map_type = H, .key_size = 4, .value_size = 1u << 20, .max_entries = 1u << 27, .nr_cpus = 1 },
		{ .map_type = PA, .key_size = 4, .value_size = 1u << 15, .max_entries = 1u << 31, .nr_cpus = 256 },
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
	assert_int_equal(map.map_flags, BPF_F_MMAPABLE); /* access of the first handle is no property of the map */
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
		assert_true(o->name && o->alloc_check && o->shm_size && o->bind && o->lookup && o->update && o->delete && o->get_next_key);
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
