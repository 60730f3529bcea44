/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of one process on a map of each kind, by all operations of programs and of bpf(2): what
 * `make tsan` looks at. What is read is checked as far as it can be: values are copied while others
 * write them, so their halves may be of two writers, but of the right key.
 */
#include <pthread.h>
#include <sched.h>
#include "map/bucket_lock.h"
#include "map_test.h"

#define THREADS 3
#define KEYS	48u
#define MAX	32u
#define ROUNDS	6000u
#define TAG	0x51ull

struct key {
	u32 word[2];
};
struct value {
	u64 word[2];
};

static const struct kind {
	u32 type, key_size, flags;
} kinds[] = {
	{BPF_MAP_TYPE_ARRAY, 4},
	{BPF_MAP_TYPE_PERCPU_ARRAY, 4},
	{BPF_MAP_TYPE_HASH, 4},
	{BPF_MAP_TYPE_HASH, 8, BPF_F_NO_PREALLOC},
	{BPF_MAP_TYPE_PERCPU_HASH, 4},
	{BPF_MAP_TYPE_LRU_HASH, 4},
	{BPF_MAP_TYPE_LRU_PERCPU_HASH, 4},
	{BPF_MAP_TYPE_LPM_TRIE, 8, BPF_F_NO_PREALLOC},
	{BPF_MAP_TYPE_QUEUE},
	{BPF_MAP_TYPE_STACK},
	{BPF_MAP_TYPE_BLOOM_FILTER},
};

struct worker {
	struct bpf_map *map;
	u32 seed;
	u64 wrong;
};

static u32 next_rand(u32 *seed)
{
	return (*seed = *seed * 1664525 + 1013904223) >> 8;
}

static bool is_lpm(const struct bpf_map *map)
{
	return map->map_type == BPF_MAP_TYPE_LPM_TRIE;
}

/* Of key @n, or of any when there are none. */
static bool plausible(const struct bpf_map *map, const struct value *v, u32 n)
{
	for (int i = 0; i < 2; i++) {
		u64 w = v->word[i];

		if (w && (w >> 56 != TAG || (map->key_size && (u32)w != n)))
			return false;
	}
	return true;
}

static void operation(struct worker *w, u32 n, u32 what)
{
	struct bpf_map *map = w->map;
	struct key k = is_lpm(map) ? (struct key){{32, n}} : (struct key){{n}}, next;
	struct value v[NR_CPUS];
	const struct value *at;
	u64 pos = 0;
	void *value;

	for (u32 i = 0; i < 2 * NR_CPUS; i++)
		v[i / 2].word[i % 2] = TAG << 56 | n;
	switch (what % 8) {
	case 0: map_sys_update(map, map->key_size ? &k : NULL, v, BPF_ANY); break;
	case 1: map->ops->update(map, &k, v, BPF_ANY); break;
	case 2: map_sys_delete(map, &k); break;
	case 3:
		if (!map_sys_take(map, &k, v, 0))
			w->wrong += !plausible(map, v, n);
		break;
	case 4: map_sys_next_key(map, what & 64 ? &k : NULL, &next); break;
	case 5:
		if (map->ops->walk && !map->ops->walk(map, &pos, &next, &value))
			pos++;
		break;
	case 6:
		at = map->ops->lookup(map, &k);
		(void)at;
		break;
	default:
		if (!map_sys_lookup(map, map->key_size ? &k : NULL, v, 0) && !map->ops->asks_value)
			w->wrong += !plausible(map, v, n);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;

	slot_enter();
	for (u32 i = 0; i < ROUNDS; i++) {
		u32 r = next_rand(&w->seed);

		operation(w, r % KEYS, r >> 8);
	}
	slot_leave();
	return NULL;
}

static bool nobody_dead(u32 tid, void *arg)
{
	return false;
}

static void one(const struct kind *k)
{
	struct worker w[THREADS];
	pthread_t th[THREADS];
	struct bpf_map map;

	open_map(&map, k->type, k->key_size, sizeof(struct value), MAX, k->flags);
	for (u32 i = 0; i < THREADS; i++) {
		w[i] = (struct worker){.map = &map, .seed = i * 77 + 1};
		assert_int_equal(pthread_create(&th[i], NULL, work, &w[i]), 0);
	}
	for (u32 i = 0; i < 20; i++)
		map_release_dead(&map, nobody_dead, NULL);
	for (u32 i = 0; i < THREADS; i++) {
		pthread_join(th[i], NULL);
		assert_int_equal(w[i].wrong, 0);
	}
	map_close(&map);
}

static void test_kinds(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		one(&kinds[i]);
}

static struct bpf_map ring;

static void *producer(void *arg)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		u64 *r;

		while (!(r = map_ringbuf_reserve(&ring, 16)))
			sched_yield();
		r[0] = r[1] = TAG << 56 | i;
		map_ringbuf_commit(&ring, r, i & 1, 0);
	}
	return NULL;
}

/* As libbpf reads. */
static u64 consume(void)
{
	u64 *cons = (u64 *)((char *)ring.shm + 4096), *prod = (u64 *)((char *)ring.shm + 8192);
	char *data = ring.extra;
	u64 at = __atomic_load_n(cons, __ATOMIC_ACQUIRE), seen = 0;

	while (at < __atomic_load_n(prod, __ATOMIC_ACQUIRE)) {
		u32 *head = (u32 *)(data + (at & (ring.max_entries - 1)));
		u32 len = __atomic_load_n(head, __ATOMIC_ACQUIRE);
		u64 *r = (u64 *)(head + 2);

		if (len & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(len & BPF_RINGBUF_DISCARD_BIT)) {
			assert_int_equal(r[0] >> 56, TAG);
			assert_int_equal(r[0], r[1]);
			seen++;
		}
		at += ((len << 2 >> 2) + 8 + 7) & ~7u;
		__atomic_store_n(cons, at, __ATOMIC_RELEASE);
	}
	return seen;
}

static void test_ring(void **state)
{
	pthread_t th[2];
	u64 seen = 0;

	open_map(&ring, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&th[i], NULL, producer, NULL);
	while (seen < ROUNDS) { /* half of what two producers write */
		seen += consume();
		sched_yield();
	}
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	consume();
	assert_int_equal(map_ringbuf_query(&ring, BPF_RB_AVAIL_DATA), 0);
	map_close(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds),
					   cmocka_unit_test(test_ring)};

	bucket_lock_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
