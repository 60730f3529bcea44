/* SPDX-License-Identifier: BSD-2-Clause */
/* One map in several processes: binding, access, freezing; and what happens when they die or
 * misbehave inside it. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "map_test.h"

#define A BPF_MAP_TYPE_ARRAY
#define H BPF_MAP_TYPE_HASH

/* Runs @fn in a child on a view of its own; -> its exit status. */
static int in_child(struct bpf_map *map, bool rdonly, int (*fn)(struct bpf_map *view))
{
	int status, fd = map->memfd;
	pid_t pid = fork();

	if (!pid) {
		struct bpf_map view;
		int err = map_bind(&view, &map->attr, fd, rdonly);

		_exit(err ? 100 : fn(&view));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

static int child_reads_and_writes(struct bpf_map *view)
{
	u64 v;

	if (get(view, 1, &v) || v != 11)
		return 1;
	return put(view, 2, 22, BPF_ANY) ? 2 : 0;
}

static void test_two_processes(void **state)
{
	static const u32 types[] = {A, H, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERCPU_HASH};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct bpf_map map;
		u64 v;

		open_map(&map, types[i], 4, 8, 10, 0);
		assert_int_equal(put(&map, 1, 11, BPF_ANY), 0);
		assert_int_equal(in_child(&map, false, child_reads_and_writes), 0);
		assert_int_equal(get(&map, 2, &v), 0);
		assert_int_equal(v, 22);
		map_close(&map);
	}
}

static int child_may_not_write(struct bpf_map *view)
{
	u64 v;
	u32 key = 1;

	if (get(view, 1, &v) || v != 11)
		return 1;
	if (put(view, 1, 1, BPF_ANY) != -EPERM || view->ops->update(view, &key, &v, 0) != -EPERM)
		return 2;
	if (view->ops->delete (view, &key) != (view->map_type == A ? -EINVAL : -EPERM))
		return 3;
	return 0;
}

static void test_rdonly_view(void **state)
{
	static const u32 types[] = {A, H};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct bpf_map map;

		open_map(&map, types[i], 4, 8, 10, 0);
		assert_int_equal(put(&map, 1, 11, BPF_ANY), 0);
		assert_int_equal(in_child(&map, true, child_may_not_write), 0);
		map_close(&map);
	}
}

static void test_sealed(void **state)
{
	struct map_attr other;
	struct bpf_map map, view;

	open_map(&map, A, 4, 8, 10, 0);
	assert_int_equal(ftruncate(map.memfd, 0), -1);
	assert_int_equal(ftruncate(map.memfd, 1 << 20), -1);
	assert_int_equal(fcntl(map.memfd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	/* memory of another map is not taken for this one's */
	other = attr_of(A, 4, 8, 100000, 0);
	assert_int_equal(map_bind(&view, &other, map.memfd, false), -EINVAL);
	map_close(&map);
}

static int child_sees_frozen(struct bpf_map *view)
{
	u64 v;

	return put(view, 1, 1, BPF_ANY) == -EPERM && del(view, 1) == -EPERM && !get(view, 1, &v) &&
			       v == 11
		       ? 0
		       : 1;
}

static void test_freeze(void **state)
{
	struct bpf_map map;
	u32 key = 1;
	u64 v = 12;

	open_map(&map, H, 4, 8, 10, 0);
	assert_int_equal(put(&map, 1, 11, BPF_ANY), 0);
	assert_int_equal(map_freeze(&map), 0);
	assert_int_equal(map_freeze(&map), -EBUSY);
	assert_int_equal(put(&map, 1, 1, BPF_ANY), -EPERM);
	assert_int_equal(del(&map, 1), -EPERM);
	assert_int_equal(in_child(&map, false, child_sees_frozen), 0);
	assert_int_equal(map.ops->update(&map, &key, &v, BPF_ANY), 0); /* programs go on writing */
	map_close(&map);
}

static int child_writes_rodata(struct bpf_map *view)
{
	u32 key = 0;
	u64 v = 5;

	if (view->ops->update(view, &key, &v, BPF_ANY) != -EPERM) /* not by programs */
		return 1;
	return put(view, 0, 6, BPF_ANY) ? 2 : 0;
}

static int child_sees_const(struct bpf_map *view)
{
	if (put(view, 0, 7, BPF_ANY) != -EPERM)
		return 1;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, view->memfd, view->value_off) ==
			       MAP_FAILED
		       ? 0
		       : 2;
}

/* Constants of programs: writable by bpf(2) until frozen, then by nobody, not even by who has the
 * memory. */
static void test_rodata(void **state)
{
	struct bpf_map map;
	void *mem;
	u64 v;

	open_map(&map, A, 4, 8, 1, BPF_F_RDONLY_PROG | BPF_F_MMAPABLE);
	assert_int_equal(put(&map, 0, 5, BPF_ANY), 0);
	assert_int_equal(in_child(&map, false, child_writes_rodata), 0);
	assert_int_equal(get(&map, 0, &v), 0);
	assert_int_equal(v, 6);

	mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map.memfd, map.value_off);
	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_int_equal(map_freeze(&map), -EBUSY); /* somebody has it mapped writable */
	assert_int_equal(put(&map, 0, 5, BPF_ANY), 0);
	munmap(mem, 4096);

	assert_int_equal(map_freeze(&map), 0);
	assert_int_equal(map_freeze(&map), -EBUSY);
	assert_int_equal(put(&map, 0, 8, BPF_ANY), -EPERM);
	assert_int_equal(in_child(&map, false, child_sees_const), 0);
	assert_int_equal(*(u64 *)map.ops->direct_value(&map, 0), 5);
	map_close(&map);
}

/* --- death inside --- */

static bool everybody_dead(u32 tid, void *arg)
{
	return tid != (u32)gettid() && kill(tid, 0) && errno == ESRCH;
}

static void churn(struct bpf_map *view, u32 seed)
{
	for (;;) {
		u32 key = (seed = seed * 1664525 + 1013904223) >> 20 & 63;
		u64 v[NR_CPUS] = {key, key, key, key};

		if (seed & 1 << 19)
			map_sys_delete(view, &key);
		else
			map_sys_update(view, &key, v, BPF_ANY);
	}
}

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/* The map works as if nothing had happened: all places can be used, every value is its key's. */
static void check_whole(struct bpf_map *map)
{
	u64 v;

	for (u32 key = 0; key < 64; key++) {
		int err = get(map, key, &v);

		assert_true(err == 0 || err == -ENOENT);
		if (!err)
			assert_int_equal(v, key);
	}
	for (u32 key = 0; key < 64; key++) {
		int err = del(map, key);

		assert_true(err == 0 || err == -ENOENT);
	}
	assert_int_equal(count_keys(map, 1000), 0);
	for (u32 key = 1000; key < 1000 + map->max_entries; key++)
		assert_int_equal(put(map, key, key, BPF_ANY), 0);
	assert_int_equal(put(map, 1, 1, BPF_ANY), -E2BIG);
	assert_int_equal(count_keys(map, 1000), map->max_entries);
	for (u32 key = 1000; key < 1000 + map->max_entries; key++)
		assert_int_equal(del(map, key), 0);
}

static void chaos(u32 type, u32 entries)
{
	u64 end = now_ms() + 1000;
	struct bpf_map map;
	u32 round = 0;

	open_map(&map, type, 4, 8, entries, 0);
	while (now_ms() < end) {
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
		round++;
		if (round % 16 == 0) {
			map_release_dead(&map, everybody_dead, NULL);
			check_whole(&map);
		}
	}
	map_release_dead(&map, everybody_dead, NULL);
	check_whole(&map);
	print_message("%u rounds\n", round);
	map_close(&map);
}

static void test_kill(void **state)
{
	chaos(H, 40);
	chaos(BPF_MAP_TYPE_PERCPU_HASH, 40);
}

/* Dies holding the only bucket's lock, an element in its hands. */
static int child_dies_inside(struct bpf_map *view)
{
	u32 *words = (u32 *)((char *)view->shm + 4096);

	words[0] = gettid(); /* lock of bucket 0 */
	words[1] = gettid(); /* and of bucket 1 */
	return 0;
}

static void test_dead_owner(void **state)
{
	struct bpf_map map;

	open_map(&map, H, 4, 8, 2, 0);
	assert_int_equal(in_child(&map, false, child_dies_inside), 0);
	assert_int_equal(put(&map, 1, 1, BPF_ANY), 0); /* taken over */
	assert_int_equal(del(&map, 1), 0);
	assert_int_equal(in_child(&map, false, child_dies_inside), 0);
	map_release_dead(&map, everybody_dead, NULL);
	for (u32 key = 0; key < 2; key++)
		assert_int_equal(put(&map, key, key, BPF_ANY), 0);
	assert_int_equal(put(&map, 3, 3, BPF_ANY), -E2BIG);
	map_close(&map);
}

/* A program that interrupts an update of its own thread is told so, as by the kernel; a lock
 * somebody alive never gives back is no hang. */
static void test_busy(void **state)
{
	struct bpf_map map;
	u64 t0;
	u32 *words;

	open_map(&map, H, 4, 8, 1, 0);
	words = (u32 *)((char *)map.shm + 4096);
	words[0] = gettid();
	assert_int_equal(put(&map, 1, 1, BPF_ANY), -EBUSY);
	words[0] = getppid();
	t0 = now_ms();
	assert_int_equal(put(&map, 1, 1, BPF_ANY), -EBUSY);
	assert_true(now_ms() - t0 < 5000);
	words[0] = 0;
	assert_int_equal(put(&map, 1, 1, BPF_ANY), 0);
	map_close(&map);
}

/* --- readers and writers at once --- */

#define STABLE \
	8u /* keys 0..7 are replaced all the time, never deleted; others come and go in the same \
	      chains */

struct race {
	struct bpf_map map;
	bool stop;
	u64 missed, wrong, looked;
};

static void *race_writer(void *arg)
{
	struct race *r = arg;
	u32 seed = (uintptr_t)&seed >> 4;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		u32 key = (seed = seed * 1664525 + 1013904223) >> 24 & 31;

		if (key >= STABLE && seed & 1 << 20)
			del(&r->map, key);
		else
			put(&r->map, key, key, BPF_ANY);
	}
	return NULL;
}

static void *race_reader(void *arg)
{
	struct race *r = arg;
	u64 missed = 0, wrong = 0, looked = 0, v;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
		for (u32 key = 0; key < STABLE; key++, looked++) {
			int err = get(&r->map, key, &v);

			missed += err == -ENOENT;
			wrong += !err && v != key;
		}
	__atomic_add_fetch(&r->missed, missed, __ATOMIC_RELAXED);
	__atomic_add_fetch(&r->wrong, wrong, __ATOMIC_RELAXED);
	__atomic_add_fetch(&r->looked, looked, __ATOMIC_RELAXED);
	return NULL;
}

/* A key that is there is found, with a value that is its own, whatever is done to its neighbours.
 */
static void test_race(void **state)
{
	static struct race r;
	pthread_t t[4];

	open_map(&r.map, H, 4, 8, 20, 0);
	for (u32 key = 0; key < STABLE; key++)
		assert_int_equal(put(&r.map, key, key, BPF_ANY), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, i < 2 ? race_writer : race_reader, &r),
				 0);
	usleep(800000);
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	print_message("%llu lookups\n", (unsigned long long)r.looked);
	assert_int_equal(r.missed, 0);
	assert_int_equal(r.wrong, 0);
	map_close(&r.map);
}

/* --- hostile peers --- */

struct takes {
	struct bpf_map *map;
	u64 put, taken;
	u32 stop;
};

static void *taker(void *arg)
{
	struct takes *t = arg;
	u32 key = 1;
	u64 value, sum = 0;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED))
		if (!map_sys_take(t->map, &key, &value, 0))
			sum += value;
	while (!map_sys_take(t->map, &key, &value, 0))
		sum += value;
	__atomic_add_fetch(&t->taken, sum, __ATOMIC_RELAXED);
	return NULL;
}

/* What is put in is taken out once, whoever is faster. */
static void test_take(void **state)
{
	struct bpf_map map;
	struct takes t = {.map = &map};
	pthread_t th[2];
	u32 key = 1;

	open_map(&map, BPF_MAP_TYPE_HASH, 4, 8, 4, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&th[i], NULL, taker, &t);
	for (u64 n = 1; n < 300000; n++)
		if (!map_sys_update(&map, &key, &n, BPF_NOEXIST))
			t.put += n;
	__atomic_store_n(&t.stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	assert_int_equal(t.taken, t.put);
	map_close(&map);
}

static void scribble(struct bpf_map *view, u32 seed)
{
	u32 *words = (u32 *)view->shm;
	u64 nr = view->shm_len / 4;

	for (;;) {
		u64 at;

		seed = seed * 1664525 + 1013904223;
		at = ((u64)seed << 7 ^ seed >> 9) % nr;
		/* small numbers make references, END makes marks, locks of the living make trouble
		 */
		words[at] = seed & 0x100    ? seed >> 24
			    : seed & 0x200  ? 0x80000000u | seed >> 28
			    : seed & 0x3c00 ? 0
					    : seed;
	}
}

static long never_stop(struct bpf_map *map, void *key, void *value, void *arg)
{
	return 0;
}

/* Whatever a peer writes: no crash, no hang, no access outside; and nothing but errno that a map
 * may give. */
static void test_scribble(void **state)
{
	static const u32 types[] = {H, BPF_MAP_TYPE_PERCPU_HASH, A};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		u64 end = now_ms() + 700, v, worst = 0;
		struct bpf_map map;
		pid_t kid;

		open_map(&map, types[i], 4, 8, 64, 0);
		kid = fork();
		if (!kid) {
			struct bpf_map view;

			if (map_bind(&view, &map.attr, map.memfd, false))
				_exit(1);
			scribble(&view, 12345);
		}
		for (u32 k = 0; now_ms() < end; k++) {
			u64 t0 = now_ms();
			u32 key = k & 127;
			void *value;

			put(&map, key, key, BPF_ANY);
			get(&map, key, &v);
			map.ops->lookup(&map, &key);
			del(&map, key + 1);
			count_keys(&map, 200);
			map.ops->for_each(&map, never_stop, NULL);
			for (u64 pos = 0, n = 0;
			     n < 200 && !map.ops->walk(&map, &pos, &key, &value); pos++)
				n++;
			worst = max(worst, now_ms() - t0);
		}
		kill(kid, SIGKILL);
		waitpid(kid, NULL, 0);
		map_release_dead(&map, everybody_dead, NULL);
		assert_true(worst < 5000);
		map_close(&map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_processes), cmocka_unit_test(test_rdonly_view),
		cmocka_unit_test(test_sealed),	      cmocka_unit_test(test_freeze),
		cmocka_unit_test(test_rodata),	      cmocka_unit_test(test_dead_owner),
		cmocka_unit_test(test_busy),	      cmocka_unit_test(test_race),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_kill),	      cmocka_unit_test(test_scribble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
