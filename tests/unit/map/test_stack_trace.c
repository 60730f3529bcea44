/* SPDX-License-Identifier: BSD-2-Clause */
/* Stack traces: ids and flags as the kernel's, and what scribblers and killed writers leave. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "map_test.h"

#define S	BPF_MAP_TYPE_STACK_TRACE
#define FAST	BPF_F_FAST_STACK_CMP
#define REUSE	BPF_F_REUSE_STACKID
#define FRAMES	4u
#define BUCKETS 4u /* what max_entries 3 gives */

/* 6.1's stack_map_alloc() */
static void test_create(void **state)
{
	static const struct {
		u32 key, value, entries, flags;
		int want;
	} cases[] = {
		{4, 8, 1, 0, 0},
		{4, 127 * 8, 1, BPF_F_NUMA_NODE, 0},
		{4, 128 * 8, 1, 0, -EINVAL},
		{4, 12, 1, 0, -EINVAL},
		{4, 0, 1, 0, -EINVAL},
		{8, 8, 1, 0, -EINVAL},
		{4, 8, 0, 0, -EINVAL},
		{4, 8, 1, BPF_F_NO_PREALLOC, -EINVAL},
		{4, 8, 1, BPF_F_RDONLY_PROG, -EINVAL},
		{4, 8, 0x80000001u, 0, -E2BIG},
		{4, 32, 1, BPF_F_STACK_BUILD_ID, 0},
		{4, 8, 1, BPF_F_STACK_BUILD_ID, -EINVAL},
		{4, 128 * 32, 1, BPF_F_STACK_BUILD_ID, -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct map_attr a =
			attr_of(S, cases[i].key, cases[i].value, cases[i].entries, cases[i].flags);

		assert_int_equal(map_check_attr(&a), cases[i].want);
	}
}

static long store(struct bpf_map *map, u32 hash, u64 a, u64 b, u64 flags)
{
	u64 frames[2] = {a, b};

	return map_stack_trace_id(map, hash, frames, b ? 2 : 1, flags);
}

static void assert_stack(struct bpf_map *map, u32 id, u64 a, u64 b)
{
	u64 got[FRAMES] = {9, 9, 9, 9};

	assert_int_equal(map_sys_lookup(map, &id, got, 0), 0);
	assert_int_equal(got[0], a);
	assert_int_equal(got[1], b);
	assert_int_equal(got[2] | got[3], 0); /* the rest is zeroed */
}

static void test_ids(void **state)
{
	struct bpf_map map;

	open_map(&map, S, 4, FRAMES * 8, 3, 0);
	assert_int_equal(store(&map, 5, 0x10, 0x20, 0), 5 % BUCKETS);
	assert_int_equal(store(&map, 5, 0x10, 0x20, 0), 1);
	assert_stack(&map, 1, 0x10, 0x20);
	/* same hash, other stack; same bucket, other hash */
	assert_int_equal(store(&map, 5, 0x10, 0x21, 0), -EEXIST);
	assert_int_equal(store(&map, 9, 0x10, 0x20, 0), -EEXIST);
	assert_int_equal(store(&map, 5, 0x10, 0x21, FAST), 1); /* the hash is enough */
	assert_stack(&map, 1, 0x10, 0x20);
	assert_int_equal(store(&map, 9, 0x30, 0, REUSE), 1);
	assert_stack(&map, 1, 0x30, 0);
	map_close(&map);
}

/* Four buckets, but room for three; and a full map has no room for a replacement. */
static void test_full(void **state)
{
	struct bpf_map map;
	u32 key = 2;

	open_map(&map, S, 4, FRAMES * 8, 3, 0);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(store(&map, i, 1, 0, 0), i);
	assert_int_equal(store(&map, 3, 1, 0, 0), -ENOMEM);
	assert_int_equal(store(&map, 2, 2, 0, REUSE), -ENOMEM);
	assert_int_equal(map_sys_delete(&map, &key), 0);
	assert_int_equal(store(&map, 3, 1, 0, 0), 3);
	map_close(&map);
}

static void test_bpf2(void **state)
{
	struct bpf_map map;
	u64 v[FRAMES] = {};
	u32 key = 1, next;

	open_map(&map, S, 4, FRAMES * 8, 3, 0);
	assert_int_equal(map_sys_next_key(&map, NULL, &next), -ENOENT);
	store(&map, 1, 1, 0, 0);
	store(&map, 3, 3, 0, 0);
	assert_int_equal(map_sys_next_key(&map, NULL, &next), 0);
	assert_int_equal(next, 1);
	assert_int_equal(map_sys_next_key(&map, &next, &next), 0);
	assert_int_equal(next, 3);
	assert_int_equal(map_sys_next_key(&map, &next, &next), -ENOENT);
	next = 2; /* not there: from the beginning */
	assert_int_equal(map_sys_next_key(&map, &next, &next), 0);
	assert_int_equal(next, 1);
	assert_int_equal(map_sys_update(&map, &key, v, BPF_ANY), -EINVAL);
	assert_int_equal(map_sys_delete(&map, &key), 0);
	assert_int_equal(map_sys_delete(&map, &key), -ENOENT);
	assert_int_equal(map_sys_lookup(&map, &key, v, 0), -ENOENT);
	key = BUCKETS;
	assert_int_equal(map_sys_lookup(&map, &key, v, 0), -ENOENT);
	assert_int_equal(map_sys_delete(&map, &key), -E2BIG);
	map_close(&map);
}

static int reader(struct bpf_map *map)
{
	struct bpf_map view;
	u32 key = 1;
	u64 v[FRAMES];

	if (map_bind(&view, &map->attr, map->memfd, true))
		return 1;
	if (map_sys_lookup(&view, &key, v, 0) || v[0] != 7)
		return 2;
	if (store(&view, 1, 7, 0, 0) != 1 || store(&view, 2, 7, 0, 0) != -EPERM)
		return 3;
	return map_sys_delete(&view, &key) == -EPERM ? 0 : 4;
}

static void test_rdonly(void **state)
{
	struct bpf_map map;
	int status;
	pid_t pid;

	open_map(&map, S, 4, FRAMES * 8, 3, 0);
	store(&map, 1, 7, 0, 0);
	pid = fork();
	if (!pid)
		_exit(reader(&map));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	map_close(&map);
}

/* Whatever stands in the memory, calls come back and stay inside. */
static void test_scribbled(void **state)
{
	struct bpf_map map;
	u64 v[FRAMES];
	u32 key, next;

	open_map(&map, S, 4, FRAMES * 8, 3, 0);
	for (int fill = 0; fill < 256; fill += 51) {
		memset((char *)map.shm + sizeof(*map.shm), fill, map.shm_len - sizeof(*map.shm));
		((u32 *)(map.shm + 1))[0] = 0; /* a lock for ever is EBUSY, after a while */
		for (key = 0; key <= BUCKETS; key++) {
			map_sys_lookup(&map, &key, v, 0);
			map_sys_next_key(&map, &key, &next);
			store(&map, key, 1, 2, 0);
			store(&map, key, 1, 2, FAST);
			store(&map, key, 1, 2, REUSE);
			map_sys_delete(&map, &key);
		}
	}
	map_close(&map);
}

static bool is_dead(u32 tid, void *arg)
{
	return kill((pid_t)tid, 0) != 0;
}

/* Writers that die anywhere: afterwards all room is there again. */
static void test_killed(void **state)
{
	struct bpf_map map;
	u64 v[FRAMES];
	u32 key;

	open_map(&map, S, 4, FRAMES * 8, 3, 0);
	for (int round = 0; round < 100; round++) {
		pid_t pid = fork();

		for (u32 i = 0; !pid; i++) {
			u32 id = i % BUCKETS;

			store(&map, i, i + 1, i + 1, REUSE);
			map_sys_delete(&map, &id);
		}
		usleep(500 + round * 7);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		if (round & 1)
			map_release_dead(&map, is_dead, NULL);
		for (key = 0; key < BUCKETS; key++) {
			int err = map_sys_lookup(&map, &key, v, 0);

			assert_true(err == -ENOENT || (!err && v[0] == v[1] && v[0]));
			if (!err)
				assert_int_equal(map_sys_delete(&map, &key), 0);
		}
		for (key = 0; key < 3; key++)
			assert_int_equal(store(&map, key, 1, 0, 0), key);
		assert_int_equal(store(&map, 3, 1, 0, 0), -ENOMEM);
		for (key = 0; key < 3; key++)
			assert_int_equal(map_sys_delete(&map, &key), 0);
	}
	map_close(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create), cmocka_unit_test(test_ids),
		cmocka_unit_test(test_full),   cmocka_unit_test(test_bpf2),
		cmocka_unit_test(test_rdonly), cmocka_unit_test(test_scribbled),
		cmocka_unit_test(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
