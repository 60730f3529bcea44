/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kinds with queues, tries and lists among processes that die and that lie: after kill -9 at any
 * instruction a map works as before and shows nothing that nobody wrote; whatever a peer writes over
 * its memory, operations come back and touch nothing else.
 */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "map_test.h"

#define VALUE 64u
#define MAX   40u

/* Keys: a hash's is the number; a prefix of 16 + n % 17 bits has the number in its first two bytes. */
struct key {
	u32 word[2];
};

static u32 next_rand(u32 *seed)
{
	return (*seed = *seed * 1664525 + 1013904223) >> 8;
}

static bool is_queue(const struct bpf_map *map)
{
	return map->map_type == BPF_MAP_TYPE_QUEUE || map->map_type == BPF_MAP_TYPE_STACK;
}

static bool is_lpm(const struct bpf_map *map)
{
	return map->map_type == BPF_MAP_TYPE_LPM_TRIE;
}

static bool is_lru(const struct bpf_map *map)
{
	return map->map_type == BPF_MAP_TYPE_LRU_HASH ||
	       map->map_type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static struct key key_of(const struct bpf_map *map, u32 n)
{
	struct key k = {{n}};

	if (is_lpm(map)) {
		k.word[0] = 16 + n % 17;
		k.word[1] = n & 0xffff;
	}
	return k;
}

static void fill(u8 *value, u32 n)
{
	memset(value, n & 0xff, VALUE * NR_CPUS);
}

/* What all of a value says, or -1: parts of different ones. */
static int said(const u8 *value)
{
	for (u32 i = 1; i < VALUE; i++)
		if (value[i] != value[0])
			return -1;
	return value[0];
}

static const u32 types[] = {BPF_MAP_TYPE_QUEUE,	   BPF_MAP_TYPE_STACK,
			    BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH,
			    BPF_MAP_TYPE_LPM_TRIE, BPF_MAP_TYPE_BLOOM_FILTER,
			    BPF_MAP_TYPE_HASH};

static void open_kind(struct bpf_map *map, u32 type)
{
	bool keys = type != BPF_MAP_TYPE_QUEUE && type != BPF_MAP_TYPE_STACK &&
		    type != BPF_MAP_TYPE_BLOOM_FILTER;

	open_map(map, type, keys ? sizeof(struct key) : 0, VALUE, MAX,
		 type == BPF_MAP_TYPE_LPM_TRIE ? BPF_F_NO_PREALLOC : 0);
}

static int put_n(struct bpf_map *map, u32 n, u64 flags)
{
	u8 value[VALUE * NR_CPUS];
	struct key k = key_of(map, n);

	fill(value, n);
	return map_sys_update(map, map->key_size ? &k : NULL, value, flags);
}

static int del_n(struct bpf_map *map, u32 n)
{
	u8 value[VALUE * NR_CPUS];
	struct key k = key_of(map, n);

	return is_queue(map) ? map_sys_take(map, NULL, value, 0)
			     : map_sys_delete(map, map->key_size ? &k : NULL);
}

static u32 count(struct bpf_map *map, u32 limit)
{
	struct key k, next;
	u32 n = 0;
	int err;

	for (err = map_sys_next_key(map, NULL, &next); !err && n < limit; n++) {
		k = next;
		err = map_sys_next_key(map, &k, &next);
	}
	return n;
}

static void churn(struct bpf_map *view, u32 seed)
{
	for (;;) {
		u32 n = next_rand(&seed) & 63;

		if (next_rand(&seed) & 1)
			del_n(view, n);
		else
			put_n(view, n, is_queue(view) && n & 1 ? BPF_EXIST : BPF_ANY);
	}
}

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static bool everybody_dead(u32 tid, void *arg)
{
	return tid != (u32)gettid() && kill(tid, 0) && errno == ESRCH;
}

static void check_queue(struct bpf_map *map)
{
	bool fifo = map->map_type == BPF_MAP_TYPE_QUEUE;
	u8 value[VALUE * NR_CPUS];
	u32 n = 0;

	for (; !map_sys_take(map, NULL, value, 0); n++)
		assert_in_range(said(value), 0, 63);
	assert_in_range(n, 0, MAX);
	for (n = 0; n < MAX; n++)
		assert_int_equal(put_n(map, n, BPF_ANY), 0);
	assert_int_equal(put_n(map, n, BPF_ANY), -E2BIG);
	for (n = 0; n < MAX; n++) {
		assert_int_equal(map_sys_lookup(map, NULL, value, 0), 0);
		assert_int_equal(said(value), fifo ? n : MAX - 1 - n);
		assert_int_equal(map_sys_take(map, NULL, value, 0), 0);
	}
	assert_int_equal(map_sys_take(map, NULL, value, 0), -ENOENT);
}

static void check_keys(struct bpf_map *map)
{
	int full = is_lpm(map) ? -ENOSPC : -E2BIG;
	u8 value[VALUE * NR_CPUS];

	for (u32 n = 0; n < 64; n++) {
		struct key k = key_of(map, n);

		/* the longest prefix of one with 16 bits more than any other is itself */
		if (!map_sys_lookup(map, &k, value, 0) && !is_lpm(map))
			assert_int_equal(said(value), n);
		del_n(map, n);
	}
	assert_int_equal(count(map, 1000), 0);
	for (u32 n = 0; n < MAX; n++)
		assert_int_equal(put_n(map, 100 + n, BPF_NOEXIST), 0);
	assert_int_equal(count(map, 1000), MAX);
	assert_int_equal(put_n(map, 99, BPF_NOEXIST), is_lru(map) ? 0 : full);
	assert_int_equal(count(map, 1000), MAX);
	for (u32 n = 0; n <= MAX; n++)
		del_n(map, 99 + n);
	assert_int_equal(count(map, 1000), 0);
}

/* No key that was pushed is missing, whatever happened to others. */
static void check_bloom(struct bpf_map *map)
{
	u8 value[VALUE * NR_CPUS];

	assert_int_equal(put_n(map, 7, BPF_ANY), 0);
	fill(value, 7);
	assert_int_equal(map_sys_lookup(map, NULL, value, 0), 0);
}

static void check_whole(struct bpf_map *map)
{
	if (is_queue(map))
		check_queue(map);
	else if (map->key_size)
		check_keys(map);
	else
		check_bloom(map);
}

static void chaos(u32 type)
{
	u64 end = now_ms() + 800;
	struct bpf_map map;

	open_kind(&map, type);
	for (u32 round = 0; now_ms() < end; round++) {
		pid_t kids[3];

		for (int i = 0; i < 3; i++) {
			kids[i] = fork();
			if (!kids[i]) {
				struct bpf_map view;

				if (map_bind(&view, &map.attr, map.memfd, false))
					_exit(1);
				churn(&view, round * 3 + i);
			}
		}
		usleep(1000 + random() % 3000);
		for (int i = 0; i < 3; i++)
			kill(kids[i], SIGKILL);
		for (int i = 0; i < 3; i++)
			waitpid(kids[i], NULL, 0);
		if (round % 8 == 7) {
			map_release_dead(&map, everybody_dead, NULL);
			check_whole(&map);
		}
	}
	map_release_dead(&map, everybody_dead, NULL);
	check_whole(&map);
	map_close(&map);
}

static void test_kill(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		chaos(types[i]);
}

static void scribble(struct bpf_map *view, u32 seed)
{
	u32 *words = (u32 *)view->shm;
	u64 nr = view->shm_len / 4;

	for (;;) {
		u64 at = ((u64)next_rand(&seed) << 7 ^ next_rand(&seed)) % nr;

		/* the header is where it hurts */
		if (seed & 0x40000000)
			at %= 32;
		words[at] = seed & 0x100    ? seed >> 24
			    : seed & 0x200  ? 0x80000000u | seed >> 28
			    : seed & 0x3c00 ? 0
					    : seed;
	}
}

static void use(struct bpf_map *map, u32 n)
{
	u8 value[VALUE * NR_CPUS];
	struct key k = key_of(map, n), *key = map->key_size ? &k : NULL;

	put_n(map, n, BPF_ANY);
	fill(value, n);
	map_sys_lookup(map, key, value, 0);
	map->ops->lookup(map, &k);
	del_n(map, n + 1);
	if (map->key_size)
		count(map, 100);
}

static void test_scribble(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		u64 end = now_ms() + 600, worst = 0;
		struct bpf_map map;
		pid_t kid;

		open_kind(&map, types[i]);
		kid = fork();
		if (!kid) {
			struct bpf_map view;

			if (map_bind(&view, &map.attr, map.memfd, false))
				_exit(1);
			scribble(&view, 12345);
		}
		for (u32 n = 0; now_ms() < end; n++) {
			u64 t0 = now_ms();

			use(&map, n & 127);
			worst = max(worst, now_ms() - t0);
		}
		kill(kid, SIGKILL);
		waitpid(kid, NULL, 0);
		map_release_dead(&map, everybody_dead, NULL);
		assert_true(worst < 5000);
		map_close(&map);
	}
}

/* A read-only view reads, and changes nothing. */
static void test_rdonly(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		u8 value[VALUE * NR_CPUS];
		struct bpf_map map, view;
		struct key k;

		open_kind(&map, types[i]);
		assert_int_equal(put_n(&map, 7, BPF_ANY), 0);
		assert_int_equal(map_bind(&view, &map.attr, map.memfd, true), 0);
		k = key_of(&map, 7);
		fill(value, 7);
		assert_int_equal(map_sys_lookup(&view, map.key_size ? &k : NULL, value, 0), 0);
		assert_int_equal(said(value), 7);
		view.ops->lookup(&view, &k);
		assert_int_equal(put_n(&view, 8, BPF_ANY), -EPERM);
		if (types[i] != BPF_MAP_TYPE_BLOOM_FILTER)
			assert_int_equal(del_n(&view, 7), -EPERM);
		map_close(&view);
		map_close(&map);
	}
}

/* Who is used stays. */
static void test_lru(void **state)
{
	struct bpf_map map;
	u64 v[NR_CPUS] = {};

	open_map(&map, BPF_MAP_TYPE_LRU_HASH, 4, 8, 8, 0);
	for (u32 n = 0; n < 8; n++)
		assert_int_equal(put(&map, n, n, BPF_NOEXIST), 0);
	for (u32 n = 100; n < 200; n++) {
		for (u32 used = 0; used < 2; used++)
			assert_non_null(map.ops->lookup(&map, &used));
		assert_int_equal(put(&map, n, n, BPF_NOEXIST), 0);
	}
	for (u32 n = 0; n < 2; n++)
		assert_int_equal(get(&map, n, v), 0);
	for (u32 n = 2; n < 8; n++)
		assert_int_equal(get(&map, n, v), -ENOENT);
	assert_int_equal(get(&map, 199, v), 0);
	assert_int_equal(v[0], 199);
	map_close(&map);
}

/* A bloom filter's certain "no", and how often it says "perhaps" of what never came. */
static void test_bloom(void **state)
{
	struct map_attr a = attr_of(BPF_MAP_TYPE_BLOOM_FILTER, 0, 4, 1000, 0);
	struct bpf_map map;
	u32 wrong = 0;

	a.map_extra = 3;
	assert_int_equal(map_check_attr(&a), 0);
	assert_int_equal(map_open(&map, &a), 0);
	for (u32 n = 0; n < 1000; n++)
		assert_int_equal(map.ops->push(&map, &n, BPF_ANY), 0);
	for (u32 n = 0; n < 1000; n++)
		assert_int_equal(map.ops->peek(&map, &n), 0);
	for (u32 n = 1000; n < 11000; n++)
		wrong += !map.ops->peek(&map, &n);
	assert_in_range(wrong, 1, 2500);
	map_close(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rdonly),	 cmocka_unit_test(test_lru),
		cmocka_unit_test(test_bloom),	 cmocka_unit_test(test_kill),
		cmocka_unit_test(test_scribble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
