/* SPDX-License-Identifier: BSD-2-Clause */
/* Values with locks, timers and pointers to objects inside; records of ring buffers. */
#include "base/slot.h"
#include "map/kptr.h"
#include "map/kptr_test.h"
#include <sys/wait.h>
#include <unistd.h>
#include "map_test.h"

struct value {
	u32 count;
	u32 lock;
	u64 sum;
};

static void open_locked(struct bpf_map *map, u32 type)
{
	struct map_attr a = attr_of(type, 4, sizeof(struct value), 4, 0);

	a.lock_at = 1 + offsetof(struct value, lock);
	assert_int_equal(map_open(map, &a), 0);
}

/* A lock is neither read nor written from outside. */
static void test_lock_stays(void **state)
{
	static const u32 types[] = {BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH};
	struct value in = {1, 0x55, 2}, out;
	struct bpf_map map;
	u32 key = 1;

	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		struct value *v;

		open_locked(&map, types[i]);
		assert_int_equal(map_sys_update(&map, &key, &in, 0), 0);
		v = map.ops->lookup(&map, &key);
		assert_int_equal(v->lock, 0);
		v->lock = 0; /* free */
		in.sum = 3;
		assert_int_equal(map_sys_update(&map, &key, &in, BPF_F_LOCK), 0);
		v = map.ops->lookup(&map, &key);
		assert_int_equal(v->lock, 0);
		v->lock = 0x77;
		assert_int_equal(map_sys_lookup(&map, &key, &out, 0), 0);
		assert_int_equal(out.count, 1);
		assert_int_equal(out.lock, 0);
		assert_int_equal(out.sum, 3);
		v->lock = 0;
		assert_int_equal(map_sys_lookup(&map, &key, &out, BPF_F_LOCK), 0);
		assert_int_equal(map_sys_update(&map, &key, &in, BPF_F_LOCK | BPF_NOEXIST),
				 -EEXIST);
		map_close(&map);
	}
}

/* A new element's lock is free, whatever the memory held before. */
static void test_fresh_lock(void **state)
{
	struct value in = {}, *v;
	struct bpf_map map;

	open_locked(&map, BPF_MAP_TYPE_HASH);
	for (u32 key = 0; key < 64; key++) {
		assert_int_equal(map_sys_update(&map, &key, &in, 0), 0);
		v = map.ops->lookup(&map, &key);
		assert_int_equal(v->lock, 0);
		v->lock = 0x99;
		assert_int_equal(map_sys_delete(&map, &key), 0);
	}
	map_close(&map);
}

#define RING 4096u

static void test_ring_wraps(void **state)
{
	struct bpf_map map;
	u64 *consumer;

	open_map(&map, BPF_MAP_TYPE_RINGBUF, 0, 0, RING, 0);
	consumer = (u64 *)((char *)map.shm + map.value_off);
	for (u32 i = 0; i < 1000; i++) {
		u8 *record = map_ringbuf_reserve(&map, 1000);

		assert_non_null(record);
		memset(record, i, 1000); /* over the end now and then */
		for (u32 j = 0; j < 1000; j++)
			assert_int_equal(record[j], (u8)i);
		map_ringbuf_commit(&map, record, i & 1, 0);
		*consumer = map_ringbuf_query(&map, BPF_RB_PROD_POS);
		assert_int_equal(map_ringbuf_query(&map, BPF_RB_AVAIL_DATA), 0);
	}
	map_close(&map);
}

static void test_ring_full(void **state)
{
	struct bpf_map map;
	u32 *header;
	void *a;

	open_map(&map, BPF_MAP_TYPE_RINGBUF, 0, 0, RING, 0);
	assert_int_equal(map_ringbuf_query(&map, BPF_RB_RING_SIZE), RING);
	assert_null(map_ringbuf_reserve(&map, RING));
	assert_null(map_ringbuf_reserve(&map, ~0ull));
	a = map_ringbuf_reserve(&map, RING - 16);
	assert_non_null(a);
	header = (u32 *)a - 2;
	assert_int_equal(header[0], (RING - 16) | BPF_RINGBUF_BUSY_BIT);
	assert_null(map_ringbuf_reserve(&map, 8));
	map_ringbuf_commit(&map, a, true, 0);
	assert_int_equal(header[0], (RING - 16) | BPF_RINGBUF_DISCARD_BIT);
	map_close(&map);
}

static bool dead_or_not(u32 tid, void *arg)
{
	return arg;
}

/* Whom a commit wakes: a reader that has read all before, unless the flags say otherwise. */
static void test_ring_wakeup(void **state)
{
	struct bpf_map map;
	void *a, *b;

	open_map(&map, BPF_MAP_TYPE_RINGBUF, 0, 0, RING, 0);
	assert_false(map.ops->ready(&map));
	a = map_ringbuf_reserve(&map, 8);
	b = map_ringbuf_reserve(&map, 8);
	assert_true(map.ops->ready(&map));
	assert_true(map_ringbuf_holds(&map, a) && map_ringbuf_holds(&map, b));
	assert_false(map_ringbuf_holds(&map, (char *)map.extra + map.extra_len));
	assert_false(map_ringbuf_holds(&map, (char *)map.extra - 1));
	assert_false(map_ringbuf_commit(&map, b, false, 0)); /* the reader waits for a */
	assert_true(map_ringbuf_commit(&map, a, false, 0));
	assert_false(map_ringbuf_commit(&map, map_ringbuf_reserve(&map, 8), false, 0));
	assert_true(
		map_ringbuf_commit(&map, map_ringbuf_reserve(&map, 8), true, BPF_RB_FORCE_WAKEUP));
	/* who had to wake the reader may have died before */
	assert_false(map_release_dead(&map, dead_or_not, NULL));
	assert_true(map_release_dead(&map, dead_or_not, &map));
	*(u64 *)((char *)map.shm + map.value_off) = map_ringbuf_query(&map, BPF_RB_PROD_POS);
	assert_false(map_release_dead(&map, dead_or_not, &map));
	assert_false(
		map_ringbuf_commit(&map, map_ringbuf_reserve(&map, 8), false, BPF_RB_NO_WAKEUP));
	map_close(&map);
}

/* Positions a hostile reader wrote: records stay inside the ring. */
static void test_ring_hostile(void **state)
{
	static const u64 positions[] = {0, 1, 3, 4095, 4096, 1ull << 63, ~0ull, ~0ull - 7};
	struct bpf_map map;
	u64 *page;

	open_map(&map, BPF_MAP_TYPE_RINGBUF, 0, 0, RING, 0);
	page = (u64 *)((char *)map.shm + map.value_off);
	for (u32 i = 0; i < ARRAY_SIZE(positions); i++)
		for (u32 j = 0; j < ARRAY_SIZE(positions); j++) {
			char *record;

			page[0] = positions[i];
			page[RING / 8] = positions[j];
			record = map_ringbuf_reserve(&map, RING - 16);
			if (!record)
				continue;
			assert_true(record >= (char *)map.extra &&
				    record + RING - 16 <= (char *)map.extra + map.extra_len);
			memset(record, 0xff, RING - 16);
			map_ringbuf_commit(&map, record, false, 0);
		}
	map_close(&map);
}

/* What user space wrote, whatever it is: a record lies inside the ring, or there is none. */
static void test_user_ring_hostile(void **state)
{
	static const u64 positions[] = {0, 1, 8, 4088, 4095, 4096, 8192, 1ull << 63, ~0ull, ~7ull};
	static const u32 lengths[] = {
		0, 1, 8, 4080, 4088, 4096, 0x3fffffff, BPF_RINGBUF_DISCARD_BIT | 16, ~0u};
	const u32 nr = ARRAY_SIZE(positions);
	struct bpf_map map;
	u64 *page;

	open_map(&map, BPF_MAP_TYPE_USER_RINGBUF, 0, 0, RING, 0);
	page = (u64 *)((char *)map.shm + map.value_off);
	assert_int_equal(map_user_ringbuf_begin(&map), 0);
	assert_int_equal(map_user_ringbuf_begin(&map), -EBUSY);
	for (u32 i = 0; i < nr * nr * ARRAY_SIZE(lengths); i++) {
		u64 from = positions[i % nr];
		u32 size = 0;
		char *record;
		int err;

		page[0] = from;
		page[RING / 8] = positions[i / nr % nr];
		*(u32 *)((char *)map.extra + (from & (RING - 1) & ~7ull)) = lengths[i / nr / nr];
		record = map_user_ringbuf_next(&map, &size, &err);
		assert_true(!record || !err);
		assert_true(!record || (record >= (char *)map.extra &&
					record + size <= (char *)map.extra + map.extra_len));
		if (record)
			memset(record, 0xff, size);
	}
	map_user_ringbuf_end(&map);
	map_close(&map);
}

/* A reader that died leaves the ring to the next. */
static void test_user_ring_dead(void **state)
{
	struct bpf_map map;
	int status;
	pid_t pid;

	open_map(&map, BPF_MAP_TYPE_USER_RINGBUF, 0, 0, RING, 0);
	pid = fork();
	if (!pid)
		_exit(map_user_ringbuf_begin(&map));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(map_user_ringbuf_begin(&map), 0);
	map_user_ringbuf_end(&map);
	map_close(&map);
}

struct with_kptr {
	u64 owner, data, plain, timer[2];
};

static void open_kptr(struct bpf_map *map, u32 type)
{
	struct map_attr a = attr_of(type, 4, sizeof(struct with_kptr), 4, 0);

	a.nr_kptrs = 2;
	a.kptr[0] = (struct map_kptr){offsetof(struct with_kptr, owner), KPTR_TEST_REF, true};
	a.kptr[1] = (struct map_kptr){offsetof(struct with_kptr, plain), KPTR_TEST_REF, false};
	if (type != BPF_MAP_TYPE_PERCPU_ARRAY)
		a.timer_at = 1 + offsetof(struct with_kptr, timer);
	assert_int_equal(map_open(map, &a), 0);
}

static u32 refs(void)
{
	return *slot_object_refs(KPTR_TEST_REF);
}

static void put_in(struct with_kptr *v)
{
	kptr_get(KPTR_TEST_REF);
	assert_null(kptr_xchg(&v->owner, KPTR_TEST_REF, &kptr_test_object));
	kptr_store(&v->plain, KPTR_TEST_REF, &kptr_test_object);
	v->timer[0] = 9;
}

static void assert_empty(const struct with_kptr *v)
{
	assert_null(kptr_load(&v->owner, KPTR_TEST_REF));
	assert_null(kptr_load(&v->plain, KPTR_TEST_REF));
	assert_int_equal(v->timer[0], 0);
	assert_int_equal(refs(), 0);
}

/* References are given back by updates, deletes and the end of a map; bpf(2) neither sees nor
 * writes the fields. */
static void test_kptr_given_back(void **state)
{
	static const u32 types[] = {BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH};
	struct with_kptr in = {1, 5, 1, {7}}, out, *v, *old;
	struct bpf_map map;
	u32 key = 1;

	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		open_kptr(&map, types[i]);
		assert_int_equal(map_sys_update(&map, &key, &in, 0), 0);
		v = map.ops->lookup(&map, &key);
		assert_empty(v);
		put_in(v);
		assert_int_equal(map_sys_lookup(&map, &key, &out, 0), 0);
		assert_int_equal(out.owner | out.plain | out.timer[0], 0);
		assert_int_equal(out.data, 5);
		assert_int_equal(refs(), 1);
		assert_int_equal(map_sys_update(&map, &key, &in, 0), 0);
		assert_empty(map.ops->lookup(&map, &key));
		old = v;
		put_in(map.ops->lookup(&map, &key));
		if (types[i] == BPF_MAP_TYPE_HASH) {
			assert_int_equal(map_sys_delete(&map, &key), 0);
			assert_int_equal(refs(), 0);
			put_in(old); /* a program still had the deleted one */
		}
		assert_int_equal(refs(), 1);
		map_free_fields(&map);
		assert_int_equal(refs(), 0);
		map_close(&map);
	}
}

static void test_kptr_percpu(void **state)
{
	struct bpf_map map;
	u32 key = 2, nr;

	open_kptr(&map, BPF_MAP_TYPE_PERCPU_ARRAY);
	nr = map.attr.nr_cpus;
	for (u32 cpu = 0; cpu < nr; cpu++)
		put_in(map.ops->lookup_percpu(&map, &key, cpu));
	assert_int_equal(refs(), nr);
	map_free_fields(&map);
	assert_int_equal(refs(), 0);
	map_close(&map);
}

/* Numbers that name no object, or one too often. */
static void test_kptr_forged(void **state)
{
	static const u64 forged[] = {2, ~0ull, (u64)&kptr_test_object, 0xffff888000000000};
	struct with_kptr *v;
	struct bpf_map map;
	u32 key = 0;

	open_kptr(&map, BPF_MAP_TYPE_ARRAY);
	v = map.ops->lookup(&map, &key);
	for (u32 i = 0; i < ARRAY_SIZE(forged); i++) {
		v->owner = v->plain = forged[i];
		assert_null(kptr_load(&v->owner, KPTR_TEST_REF));
		assert_null(kptr_xchg(&v->owner, KPTR_TEST_REF, NULL));
		assert_null(kptr_load(&v->plain, KPTR_TEST_MEMBER));
	}
	v->owner = 1; /* nobody took a reference: the count stays where it is */
	map_free_fields(&map);
	assert_int_equal(refs(), 0);
	map_close(&map);
}

/* Only places of values have keys. */
static void test_key_of(void **state)
{
	static const u32 types[] = {BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH};
	struct with_kptr in = {};
	struct bpf_map map;
	const u32 *found;
	u32 key = 3, index;
	char *v;

	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		open_kptr(&map, types[i]);
		assert_int_equal(map_sys_update(&map, &key, &in, 0), 0);
		v = map.ops->lookup(&map, &key);
		found = map.ops->key_of(&map, v, &index);
		assert_non_null(found);
		assert_int_equal(*found, key);
		assert_null(map.ops->key_of(&map, v + 8, &index));
		assert_null(map.ops->key_of(&map, map.shm, &index));
		assert_null(map.ops->key_of(&map, (char *)map.shm - 4096, &index));
		for (char *at = (char *)map.shm + map.shm_len - 64;
		     at < (char *)map.shm + map.shm_len + 8192; at += 8)
			assert_null(map.ops->key_of(&map, at, &index));
		map_close(&map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock_stays),	cmocka_unit_test(test_fresh_lock),
		cmocka_unit_test(test_ring_wraps),	cmocka_unit_test(test_ring_full),
		cmocka_unit_test(test_ring_wakeup),	cmocka_unit_test(test_user_ring_hostile),
		cmocka_unit_test(test_user_ring_dead),	cmocka_unit_test(test_ring_hostile),
		cmocka_unit_test(test_kptr_given_back), cmocka_unit_test(test_kptr_percpu),
		cmocka_unit_test(test_kptr_forged),	cmocka_unit_test(test_key_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
