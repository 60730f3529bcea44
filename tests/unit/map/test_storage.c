/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage of tasks and groups: what MAP_CREATE takes, values by owner, and what goes with owners. */
#include "map/local_storage.h"
#include "map_test.h"
#include "no_world.h"

#define T BPF_MAP_TYPE_TASK_STORAGE
#define G BPF_MAP_TYPE_CGRP_STORAGE
#define N BPF_F_NO_PREALLOC

static void test_create(void **state)
{
	static const struct {
		u32 key, value, entries, flags;
		int want;
	} cases[] = {
		{4, 1, 0, N, 0},
		{4, 65407, 0, N, 0},
		{4, 8, 0, N | BPF_F_CLONE, 0},
		{4, 65408, 0, N, -E2BIG},
		{4, 0, 0, N, -EINVAL},
		{0, 8, 0, N, -EINVAL},
		{8, 8, 0, N, -EINVAL},
		{4, 8, 1, N, -EINVAL},
		{4, 8, 0, 0, -EINVAL},
		{4, 8, 0, N | BPF_F_RDONLY, -EINVAL},
		{4, 8, 0, N | BPF_F_WRONLY_PROG, -EINVAL},
		{4, 8, 0, N | BPF_F_MMAPABLE, -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (u32 t = 0; t < 2; t++) {
			struct map_attr a = attr_of(t ? G : T, cases[i].key, cases[i].value,
						    cases[i].entries, cases[i].flags);

			assert_int_equal(map_check_attr(&a), cases[i].want);
		}
}

/* bpf(2) by fd, programs by number: one value. */
static void test_values(void **state)
{
	struct bpf_map map;
	u64 v, *p, first = 9;

	open_map(&map, T, 4, 8, 0, N);
	assert_int_equal(get(&map, 5, &v), -ENOENT);
	assert_null(map_storage_get(&map, 1005, NULL, false));
	p = map_storage_get(&map, 1005, &first, true);
	assert_non_null(p);
	assert_int_equal(*p, 9);
	assert_ptr_equal(map_storage_get(&map, 1005, NULL, true), p);
	assert_int_equal(get(&map, 5, &v), 0);
	assert_int_equal(v, 9);
	assert_int_equal(put(&map, 5, 10, BPF_NOEXIST), -EEXIST);
	assert_int_equal(put(&map, 5, 10, BPF_EXIST), 0);
	assert_int_equal(*(u64 *)map_storage_get(&map, 1005, NULL, false), 10);
	assert_int_equal(put(&map, 6, 1, BPF_EXIST), -ENOENT);
	assert_int_equal(put(&map, 6, 1, 3), -EINVAL);
	assert_int_equal(put(&map, 6, 1, BPF_F_LOCK), -EINVAL);
	assert_int_equal(put(&map, (u32)-1, 1, 3), -EBADF);
	assert_int_equal(get(&map, (u32)-1, &v), -EBADF);
	assert_int_equal(del(&map, (u32)-1), -EBADF);
	assert_int_equal(map_used(&map), 1);
	assert_int_equal(del(&map, 5), 0);
	assert_int_equal(del(&map, 5), -ENOENT);
	assert_int_equal(map_storage_delete(&map, 1005), -ENOENT);
	assert_int_equal(map_sys_next_key(&map, NULL, &v), -ENOTSUPP);
	assert_int_equal(map_sys_take(&map, &(u32){5}, &v, 0), -ENOTSUPP);
	/* nobody's value */
	assert_null(map_storage_get(&map, 0, NULL, true));
	assert_int_equal(map_storage_delete(&map, 0), -ENOENT);
	map_close(&map);
}

/* A value made of nothing is zero, whatever its memory held. */
static void test_zeroes(void **state)
{
	struct bpf_map map;
	char *p, dirt[1000], zero[1000] = {};

	memset(dirt, 0xff, sizeof(dirt));
	open_map(&map, G, 4, sizeof(dirt), 0, N);
	for (u32 i = 1; i < 100; i++) {
		assert_non_null(map_storage_get(&map, i, dirt, true));
		assert_int_equal(map_storage_delete(&map, i), 0);
		p = map_storage_get(&map, i, NULL, true);
		assert_memory_equal(p, zero, sizeof(zero));
		assert_int_equal(map_storage_delete(&map, i), 0);
	}
	map_close(&map);
}

static void test_sweep(void **state)
{
	struct bpf_map map;
	u64 v;

	open_map(&map, T, 4, 8, 0, N);
	for (u32 i = 0; i < 1000; i++)
		assert_int_equal(put(&map, i, i, 0), 0);
	assert_int_equal(map_storage_sweep(&map), 1000);
	storage_end = 1400;
	assert_int_equal(map_storage_sweep(&map), 400);
	assert_int_equal(map_used(&map), 400);
	assert_int_equal(get(&map, 399, &v), 0);
	assert_int_equal(v, 399);
	assert_int_equal(get(&map, 400, &v), -ENOENT);
	storage_end = 0;
	assert_int_equal(map_storage_sweep(&map), 0);
	storage_end = UINT64_MAX;
	map_close(&map);
}

/* Full of values of the dead: there is room. Full of others': there is none, and programs get none. */
static void test_full(void **state)
{
	struct bpf_map map;
	u64 v = 1;

	open_map(&map, T, 4, 8, 0, N);
	for (u32 i = 0; i < STORAGE_ELEMS_MAX; i++)
		assert_non_null(map_storage_get(&map, i + 1000, &v, true));
	assert_null(map_storage_get(&map, 1, &v, true));
	assert_int_equal(put(&map, STORAGE_ELEMS_MAX, 1, 0), -ENOMEM);
	assert_int_equal(put(&map, 7, 2, 0), 0); /* is there */
	storage_end = 2000;
	assert_int_equal(put(&map, 7, 3, 0), 0);
	assert_int_equal(map_storage_sweep(&map), 1000);
	assert_int_equal(put(&map, 8, 3, BPF_EXIST), 0);
	storage_end = UINT64_MAX;
	assert_int_equal(put(&map, STORAGE_ELEMS_MAX, 1, 0), 0);
	map_close(&map);
}

/* The same when an update finds it full, by itself. */
static void test_full_of_dead(void **state)
{
	struct bpf_map map;
	u64 v = 1;

	open_map(&map, T, 4, 8, 0, N);
	for (u32 i = 0; i < STORAGE_ELEMS_MAX; i++)
		assert_non_null(map_storage_get(&map, i + (1u << 20), &v, true));
	storage_end = 2000;
	assert_int_equal(put(&map, 7, 3, 0), 0);
	assert_int_equal(map_used(&map), 1);
	storage_end = UINT64_MAX;
	map_close(&map);
}

/* A second view, as another process has it, and one that may only read. */
static void test_views(void **state)
{
	struct bpf_map map, other, reader;
	u64 v;

	open_map(&map, T, 4, 8, 0, N);
	assert_int_equal(map_bind(&other, &map.attr, map.memfd, false), 0);
	assert_int_equal(map_bind(&reader, &map.attr, map.memfd, true), 0);
	assert_int_equal(put(&map, 1, 11, 0), 0);
	assert_int_equal(get(&other, 1, &v), 0);
	assert_int_equal(v, 11);
	assert_int_equal(put(&other, 2, 22, 0), 0);
	assert_int_equal(get(&reader, 2, &v), 0);
	assert_int_equal(v, 22);
	assert_int_equal(put(&reader, 3, 1, 0), -EPERM);
	assert_null(map_storage_get(&reader, 3, NULL, true));
	assert_int_equal(map_storage_delete(&reader, 1001), -EPERM);
	map_close(&reader);
	map_close(&other);
	map_close(&map);
}

/* Whatever stands in the memory, calls come back and stay inside. */
static void test_scribble(void **state)
{
	struct bpf_map map;
	u32 *words;
	u64 v;

	srand(1);
	open_map(&map, T, 4, 8, 0, N);
	words = (u32 *)map.shm;
	for (u32 round = 0; round < 50; round++) {
		for (u32 i = 0; i < 20000; i++)
			words[(u32)rand() % (map.shm_len / 4)] =
				rand() % 3 ? (u32)rand() % 70000 : (u32)rand();
		map.shm->frozen = 0;
		for (u32 i = 0; i < 100; i++) {
			get(&map, i, &v);
			put(&map, i, i, 0);
			map_storage_get(&map, i + 1000, NULL, true);
			del(&map, i);
		}
		map_storage_sweep(&map);
		map_used(&map);
	}
	map_close(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create), cmocka_unit_test(test_values),
		cmocka_unit_test(test_zeroes), cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_full),   cmocka_unit_test(test_full_of_dead),
		cmocka_unit_test(test_views),  cmocka_unit_test(test_scribble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
