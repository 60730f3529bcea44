/* SPDX-License-Identifier: BSD-2-Clause */
/* Element operations of every kind: results and errno. */
#include "cases.h"
#include "map_test.h"

static int do_step(struct bpf_map *map, const struct step *s, u64 *out)
{
	u32 next = 0;
	int err;

	*out = s->value;
	switch (s->op) {
	case PUT: return put(map, s->key, s->value, s->flags);
	case DEL: return del(map, s->key);
	case GET: err = get(map, s->key, out); break;
	case NEXT:
		err = map_sys_next_key(map, &s->key, &next);
		*out = next;
		break;
	default:
		err = map_sys_next_key(map, NULL, &next);
		*out = next;
		break;
	}
	if (err)
		*out = s->value;
	return err;
}

static void test_steps(void **state)
{
	struct bpf_map map = {.memfd = -1};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		const struct step *s = &steps[i];
		u64 out;
		int got;

		if (!i || s->type != s[-1].type) {
			map_close(&map);
			open_map(&map, s->type, 4, 8, s->entries, 0);
		}
		got = do_step(&map, s, &out);
		if (got != s->want || out != s->value)
			fail_msg("step %zu (type %u op %d key %u): want %d, got %d; value %llu", i,
				 s->type, s->op, s->key, s->want, got, (unsigned long long)out);
	}
	map_close(&map);
}

static void test_lookup_flags(void **state)
{
	struct bpf_map map;
	u64 v;
	u32 key = 0;

	open_map(&map, A, 4, 8, 1, 0);
	assert_int_equal(map_sys_lookup(&map, &key, &v, BPF_F_LOCK), -EINVAL);
	assert_int_equal(map_sys_lookup(&map, &key, &v, 1), -EINVAL);
	map_close(&map);
}

/* Programs get pointers into the map, and change values through them. */
static void test_pointers(void **state)
{
	static const u32 types[] = {A, H};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct bpf_map map;
		u32 key = 1;
		u64 v = 41, *p;

		open_map(&map, types[i], 4, 8, 4, 0);
		assert_int_equal(map.ops->update(&map, &key, &v, BPF_ANY), 0);
		p = map.ops->lookup(&map, &key);
		assert_non_null(p);
		++*p;
		assert_int_equal(get(&map, key, &v), 0);
		assert_int_equal(v, 42);
		map_close(&map);
	}
}

static void test_direct_value(void **state)
{
	struct bpf_map map;
	char *p;

	open_map(&map, A, 4, 100, 1, 0);
	p = map.ops->direct_value(&map, 0);
	assert_non_null(p);
	assert_ptr_equal(map.ops->direct_value(&map, 99), p + 99);
	assert_null(map.ops->direct_value(&map, 100));
	map_close(&map);
	open_map(&map, A, 4, 100, 2, 0);
	assert_null(map.ops->direct_value(&map, 0)); /* one-element arrays only */
	map_close(&map);
}

static void test_percpu(void **state)
{
	static const u32 types[] = {PA, PH};
	u64 in[NR_CPUS] = {10, 11, 12, 13}, out[NR_CPUS], v = 99;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct bpf_map map;
		u32 key = 1, slot;

		open_map(&map, types[i], 4, 8, 2, 0);
		assert_int_equal(map_sys_update(&map, &key, in, BPF_ANY), 0);
		assert_int_equal(map_sys_lookup(&map, &key, out, 0), 0);
		assert_memory_equal(in, out, sizeof(in));
		for (u32 cpu = 0; cpu < NR_CPUS; cpu++)
			assert_int_equal(*(u64 *)map.ops->lookup_percpu(&map, &key, cpu), in[cpu]);
		assert_null(map.ops->lookup_percpu(&map, &key, NR_CPUS));
		slot = slot_enter();
		assert_true(slot < NR_CPUS);
		assert_int_equal(map.ops->update(&map, &key, &v, BPF_ANY),
				 0); /* a program writes its own slot's */
		assert_int_equal(*(u64 *)map.ops->lookup(&map, &key), 99);
		slot_leave();
		assert_int_equal(map_sys_lookup(&map, &key, out, 0), 0);
		for (u32 cpu = 0; cpu < NR_CPUS; cpu++)
			assert_int_equal(out[cpu], cpu == slot ? 99 : in[cpu]);
		map_close(&map);
	}
}

/* A program that adds an element to a per-CPU hash must not see what its memory held before. */
static void test_percpu_hash_fresh(void **state)
{
	u64 in[NR_CPUS] = {1, 2, 3, 4}, out[NR_CPUS], v = 5;
	struct bpf_map map;
	u32 key = 1, slot;

	open_map(&map, PH, 4, 8, 1, 0);
	assert_int_equal(map_sys_update(&map, &key, in, BPF_ANY), 0);
	assert_int_equal(del(&map, key), 0);
	key = 2;
	slot = slot_enter();
	assert_int_equal(map.ops->update(&map, &key, &v, BPF_ANY), 0);
	slot_leave();
	assert_int_equal(map_sys_lookup(&map, &key, out, 0), 0);
	for (u32 cpu = 0; cpu < NR_CPUS; cpu++)
		assert_int_equal(out[cpu], cpu == slot ? 5 : 0);
	map_close(&map);
}

/* Odd sizes, long keys: every key found, none twice. */
static void test_hash_sizes(void **state)
{
	static const u32 sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 64, 200, 1000};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		u32 n = sizes[i] == 1 ? 100 : 300;
		struct bpf_map map;
		u8 key[1000] = {};
		u16 v, got;

		open_map(&map, H, sizes[i], 2, n, i % 2 ? BPF_F_NO_PREALLOC : 0);
		for (v = 0; v < n; v++) {
			memcpy(key, &v, min(2u, sizes[i]));
			assert_int_equal(map_sys_update(&map, key, &v, BPF_NOEXIST), 0);
		}
		for (v = 0; v < n; v++) {
			memcpy(key, &v, min(2u, sizes[i]));
			assert_int_equal(map_sys_lookup(&map, key, &got, 0), 0);
			assert_int_equal(got, v);
		}
		map_close(&map);
	}
}

/* Values of a word and less are replaced where they are, longer ones by another element: all are whole. */
static void test_replace(void **state)
{
	for (u32 size = 1; size <= 17; size++) {
		struct bpf_map map;
		u8 value[24], got[24];

		open_map(&map, H, 4, size, 64, 0);
		for (u32 i = 0; i < 64 * 8; i++) {
			u32 key = i % 64;

			memset(value, i * 7 + 1, sizeof(value));
			assert_int_equal(map_sys_update(&map, &key, value, BPF_ANY), 0);
			memset(got, 0, sizeof(got));
			assert_int_equal(map_sys_lookup(&map, &key, got, 0), 0);
			assert_memory_equal(got, value, size);
			assert_int_equal(got[size], 0);
			if (i % 5 == 0)
				assert_int_equal(del(&map, key), 0);
		}
		map_close(&map);
	}
}

static long count_cb(struct bpf_map *map, void *key, void *value, void *arg)
{
	u32 *left = arg;

	return !--*left;
}

static void test_walks(void **state)
{
	static const u32 types[] = {A, H, PA, PH};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		u32 seen[100] = {}, left = 1000, key, n = 0;
		struct bpf_map map;
		void *value;

		open_map(&map, types[i], 4, 8, 100, 0);
		for (u32 k = 0; k < 100; k++)
			assert_int_equal(put(&map, k, k, BPF_ANY), 0);
		assert_int_equal(count_keys(&map, 1000), 100);
		assert_int_equal(map.ops->for_each(&map, count_cb, &left), 100);
		left = 10;
		assert_int_equal(map.ops->for_each(&map, count_cb, &left), 10);
		for (u64 pos = 0; !map.ops->walk(&map, &pos, &key, &value); pos++) {
			assert_true(key < 100);
			assert_int_equal(seen[key]++, 0);
			assert_true(map.ops->percpu ? !value : *(u64 *)value == key);
			n++;
		}
		assert_int_equal(n, 100);
		map_close(&map);
	}
}

/* GET_NEXT_KEY while deleting what it gave, as programs do to empty a map. */
static void test_drain(void **state)
{
	struct bpf_map map;
	u32 key, n = 0;

	open_map(&map, H, 4, 8, 500, 0);
	for (u32 k = 0; k < 500; k++)
		assert_int_equal(put(&map, k, k, BPF_ANY), 0);
	while (!map_sys_next_key(&map, NULL, &key)) {
		assert_int_equal(del(&map, key), 0);
		n++;
	}
	assert_int_equal(n, 500);
	assert_int_equal(map.shm->used, 0);
	map_close(&map);
}

static void test_prog_array(void **state)
{
	struct bpf_map map;
	u32 key = 1, id;

	open_map(&map, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 3, 0);
	assert_int_equal(map_sys_lookup(&map, &key, &id, 0), -ENOENT);
	map_prog_array_publish(&map, 1, 77);
	assert_int_equal(map_sys_lookup(&map, &key, &id, 0), 0);
	assert_int_equal(id, 77);
	assert_int_equal(map_prog_array_id(&map, 1), 77);
	assert_int_equal(map_prog_array_id(&map, 3), 0);
	map_prog_array_publish(&map, 3, 1); /* outside: nothing happens */
	assert_int_equal(count_keys(&map, 10), 3);
	assert_null(map.ops->lookup(&map, &key));
	map_close(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),	   cmocka_unit_test(test_lookup_flags),
		cmocka_unit_test(test_pointers),   cmocka_unit_test(test_direct_value),
		cmocka_unit_test(test_percpu),	   cmocka_unit_test(test_percpu_hash_fresh),
		cmocka_unit_test(test_hash_sizes), cmocka_unit_test(test_replace),
		cmocka_unit_test(test_walks),	   cmocka_unit_test(test_drain),
		cmocka_unit_test(test_prog_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
