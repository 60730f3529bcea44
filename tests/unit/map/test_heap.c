/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects that programs make, and the lists and trees that own them: order, owners, what comes back when their
 * collections go, after kill -9 at any instruction, and under a peer that scribbles.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "map/heap_owner.h"
#include "map/heap_pool.h"
#include "map_test.h"

#define SIZE 64u

/* An object: its node, and a number. */
struct thing {
	u64 node[4];
	u64 key;
	u64 head[2]; /* of a list of such, in lists of lists */
	u64 more;
};
_Static_assert(sizeof(struct thing) == SIZE, "one class");

static const struct heap_at in_map = {0};
static const struct heap_at in_thing = {0, offsetof(struct thing, head), true};

static void open_heap(struct bpf_map *heap)
{
	struct map_attr a = attr_of(MAP_TYPE_HEAP, 0, 0, 0, 0);

	a.nr_cpus = NR_CPUS;
	assert_int_equal(map_open(heap, &a), 0);
}

static struct thing *make(struct bpf_map *heap, u64 key)
{
	struct thing *t = heap_new(heap, SIZE);

	assert_non_null(t);
	assert_int_equal(t->key, 0);
	t->key = key;
	return t;
}

static int less(void *a, void *b, void *arg)
{
	return ((struct thing *)a)->key < ((struct thing *)b)->key;
}

/* Units of the heap that were ever used: what leaks makes it grow. */
static u32 used(const struct bpf_map *heap)
{
	return heap_shm(heap)->fresh;
}

static void lists_keep_order(void **state)
{
	struct bpf_map heap;
	u64 head[2] = {};
	struct thing *t;

	open_heap(&heap);
	assert_null(heap_list_pop(&heap, head, in_map, false));
	for (u64 i = 0; i < 100; i++)
		assert_int_equal(heap_list_push(&heap, head, make(&heap, i), in_map, i & 1), 0);
	/* 98 ... 2 0 1 3 ... 99 */
	t = heap_list_end(&heap, head, in_map, true);
	assert_int_equal(t->key, 99);
	for (u64 i = 0; i < 50; i++) {
		t = heap_list_pop(&heap, head, in_map, false);
		assert_int_equal(t->key, 98 - 2 * i);
		heap_drop(&heap, t);
	}
	for (u64 i = 0; i < 50; i++) {
		t = heap_list_pop(&heap, head, in_map, true);
		assert_int_equal(t->key, 99 - 2 * i);
		heap_drop(&heap, t);
	}
	assert_null(heap_list_pop(&heap, head, in_map, true));
	map_close(&heap);
}

static void trees_keep_order(void **state)
{
	enum { N = 5000 };
	struct bpf_map heap;
	u64 root[2] = {}, last = 0;
	struct thing *t, *all[N];
	u32 seed = 7, n = 0;

	open_heap(&heap);
	for (u32 i = 0; i < N; i++) {
		seed = seed * 1664525 + 1013904223;
		all[i] = make(&heap, seed >> 12);
		assert_int_equal(heap_tree_add(&heap, root, all[i], in_map, less, NULL), 0);
	}
	assert_non_null(heap_tree_root(&heap, root, in_map));
	for (u32 i = 0; i < N; i += 3) {
		assert_ptr_equal(heap_tree_remove(&heap, root, all[i], in_map), all[i]);
		assert_null(
			heap_tree_remove(&heap, root, all[i], in_map)); /* not in there any more */
		heap_drop(&heap, all[i]);
	}
	while ((t = heap_tree_first(&heap, root, in_map))) {
		assert_true(t->key >= last);
		last = t->key;
		assert_ptr_equal(heap_tree_remove(&heap, root, t, in_map), t);
		heap_drop(&heap, t);
		n++;
	}
	assert_int_equal(n, N - (N + 2) / 3);
	map_close(&heap);
}

static int cannot_say(void *a, void *b, void *arg)
{
	return -EINTR;
}

/* Without an order the node is not added, and not lost. */
static void order_may_fail(void **state)
{
	struct bpf_map heap;
	u64 root[2] = {};
	struct thing *t;

	open_heap(&heap);
	assert_int_equal(heap_tree_add(&heap, root, make(&heap, 1), in_map, cannot_say, NULL), 0);
	t = make(&heap, 2);
	assert_int_equal(heap_tree_add(&heap, root, t, in_map, cannot_say, NULL), -EINVAL);
	assert_ptr_equal(make(&heap, 3), t);
	map_close(&heap);
}

/* A sorted order is no worse than another. */
static void trees_stay_flat(void **state)
{
	struct bpf_map heap;
	u64 root[2] = {};
	u32 depth = 0;
	void *t;

	open_heap(&heap);
	for (u64 i = 0; i < 20000; i++)
		assert_int_equal(heap_tree_add(&heap, root, make(&heap, i), in_map, less, NULL), 0);
	for (t = heap_tree_root(&heap, root, in_map); t;
	     t = heap_tree_step(&heap, root, t, in_map, HEAP_RIGHT))
		depth++;
	assert_in_range(depth, 2, 60);
	heap_field_free(&heap, root);
	map_close(&heap);
}

static void owners_are_counted(void **state)
{
	struct bpf_map heap;
	u64 head[2] = {}, other[2] = {};
	struct thing *t, *same;
	u32 before;

	open_heap(&heap);
	t = make(&heap, 1);
	before = used(&heap);
	assert_ptr_equal(heap_acquire(&heap, t), t);
	assert_int_equal(heap_list_push(&heap, head, t, in_map, false), 0);
	/* a node is in one collection only; the reference is given up all the same */
	assert_int_equal(heap_list_push(&heap, other, t, in_map, false), -EINVAL);
	same = heap_list_pop(&heap, head, in_map, false);
	assert_ptr_equal(same, t);
	heap_drop(&heap, same);
	assert_ptr_equal(heap_new(&heap, SIZE), t); /* it was the last one */
	heap_drop(&heap, t);
	heap_field_free(&heap, head);
	for (u32 i = 0; i < 1000; i++)
		heap_drop(&heap, make(&heap, i));
	assert_in_range(used(&heap), before, before + 4);
	map_close(&heap);
}

static void collections_take_what_they_own(void **state)
{
	struct bpf_map heap;
	u64 head[2] = {};
	u32 most = 0;

	open_heap(&heap);
	for (u32 round = 0; round < 20; round++) {
		for (u64 i = 0; i < 10; i++) {
			struct thing *t = make(&heap, i);

			for (u64 j = 0; j < 10; j++)
				assert_int_equal(heap_list_push(&heap, t->head, make(&heap, j),
								in_thing, true),
						 0);
			if (i & 1)
				heap_drop(&heap, t);
			else
				assert_int_equal(heap_list_push(&heap, head, t, in_map, true), 0);
		}
		heap_field_free(&heap, head);
		assert_int_equal(head[0], 0);
		if (!round)
			most = used(&heap);
	}
	assert_int_equal(used(&heap), most);
	map_close(&heap);
}

/* A field somebody else wrote to is empty. */
static void fields_are_not_trusted(void **state)
{
	struct bpf_map heap;
	u64 head[2] = {}, copy;

	open_heap(&heap);
	assert_int_equal(heap_list_push(&heap, head, make(&heap, 1), in_map, false), 0);
	copy = head[0];
	heap_field_free(&heap, head);
	head[0] = copy; /* what it named is gone */
	assert_null(heap_list_pop(&heap, head, in_map, false));
	head[0] = ~0ull;
	assert_null(heap_list_pop(&heap, head, in_map, false));
	assert_int_equal(heap_list_push(&heap, head, make(&heap, 2), in_map, false), 0);
	/* a list is no tree */
	assert_null(heap_tree_first(&heap, head, in_map));
	heap_field_free(&heap, head);
	map_close(&heap);
}

static void there_is_an_end(void **state)
{
	struct bpf_map heap;
	u64 head[2] = {};
	u32 n = 0;
	void *p;

	open_heap(&heap);
	assert_null(heap_new(&heap, HEAP_OBJ_MAX + 1));
	assert_null(heap_new(&heap, 0));
	while ((p = heap_new(&heap, HEAP_OBJ_MAX)) && n < 100) {
		assert_int_equal(heap_list_push(&heap, head, p, in_map, true), 0);
		n++;
	}
	assert_int_equal(n, 100);
	heap_drop(&heap, p);
	heap_shm(&heap)->fresh = (HEAP_SIZE - 2 * HEAP_OBJ_MAX) / HEAP_UNIT;
	assert_null(heap_new(&heap, SIZE));
	assert_non_null(heap_new(&heap, HEAP_OBJ_MAX)); /* one was given back */
	map_close(&heap);
}

/* --- processes --- */

static bool dead(u32 tid, void *arg)
{
	return kill(tid, 0) && errno == ESRCH;
}

/* Fields in memory that processes share. */
struct fields {
	u64 list[2], tree[2];
	u64 in, out; /* objects that went in and came out, by those who did not die in between */
};

static void churn(struct bpf_map *heap, struct fields *f, u32 seed)
{
	for (u32 n = 0;; n++) {
		struct thing *t, *u;

		seed = seed * 1664525 + 1013904223;
		t = heap_new(heap, SIZE);
		if (!t)
			continue;
		t->key = seed >> 16;
		switch (seed >> 8 & 7) {
		case 0:
		case 1: heap_list_push(heap, f->list, t, in_map, seed >> 20 & 1); break;
		case 2:
		case 3: heap_tree_add(heap, f->tree, t, in_map, less, NULL); break;
		case 4:
			u = heap_new(heap, SIZE);
			if (u)
				heap_list_push(heap, t->head, u, in_thing, false);
			heap_list_push(heap, f->list, t, in_map, false);
			break;
		case 5:
			heap_drop(heap, t);
			t = heap_tree_first(heap, f->tree, in_map);
			t = t ? heap_tree_remove(heap, f->tree, t, in_map) : NULL;
			if (t)
				heap_drop(heap, t);
			break;
		default:
			heap_drop(heap, t);
			for (u32 i = 0; i < 4 && (t = heap_list_pop(heap, f->list, in_map, i & 1));
			     i++)
				heap_drop(heap, t);
		}
	}
}

/* Every unit that was ever used is free, or in the pool's own memory. */
static u32 count_free(struct bpf_map *heap)
{
	u32 n = 0, ref;

	for (u32 c = 0; c < HEAP_CLASSES; c++)
		for (ref = heap_shm(heap)->free[c]; heap_inside(heap, ref) && n < 1u << 24;
		     ref = heap_head(heap, ref)->link)
			n++;
	return n;
}

static u32 count_all(struct bpf_map *heap)
{
	static const u16 size[HEAP_CLASSES] = {32,  48,	 64,   96,   128,  192,	 256,  384,
					       512, 768, 1024, 1536, 2048, 3072, 4096, 4128};
	u32 n = 0;

	for (u32 ref = heap_first(heap); ref < heap_shm(heap)->fresh; n++)
		ref += size[heap_head(heap, ref)->kind >> 16] / HEAP_UNIT;
	return n;
}

/* The program's lock holds off others, so one churns at a time; it dies anywhere. */
static void the_killed_leave_nothing(void **state)
{
	struct fields *f =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct bpf_map heap;
	u64 last = 0;
	u32 n = 0;
	void *t;

	open_heap(&heap);
	for (u32 i = 0; i < 400; i++) {
		struct timespec some = {.tv_nsec = 20000 + i * 7919 % 2000000};
		pid_t pid = fork();

		if (!pid) {
			slot_enter();
			churn(&heap, f, i);
		}
		nanosleep(&some, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (i & 1) /* else the next one finds it */
			map_release_dead(&heap, dead, NULL);
	}
	map_release_dead(&heap, dead, NULL);
	slot_enter();
	while ((t = heap_tree_first(&heap, f->tree, in_map))) {
		assert_true(((struct thing *)t)->key >= last);
		last = ((struct thing *)t)->key;
		assert_ptr_equal(heap_tree_remove(&heap, f->tree, t, in_map), t);
		heap_drop(&heap, t);
		n++;
	}
	for (u32 i = 0; (t = heap_list_pop(&heap, f->list, in_map, i & 1)); i++) {
		heap_drop(&heap, t);
		n++;
	}
	heap_field_free(&heap, f->tree);
	heap_field_free(&heap, f->list);
	slot_leave();
	assert_true(n > 0);
	assert_int_equal(count_free(&heap), count_all(&heap));
	munmap(f, 4096);
	map_close(&heap);
}

/* Whatever stands there, operations come back and touch nothing else. */
static void scribbles_do_no_harm(void **state)
{
	struct fields *f =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct bpf_map heap;
	pid_t scribbler, user;
	time_t end;
	int status;

	open_heap(&heap);
	user = fork();
	if (!user) {
		slot_enter();
		churn(&heap, f, 1);
	}
	scribbler = fork();
	if (!scribbler) {
		u32 seed = 3, *at = (u32 *)heap_shm(&heap), words;

		for (;;) {
			/* the header, the flights, and what is used of the rest */
			words = (min(heap_shm(&heap)->fresh, heap_first(&heap) + 4096) * HEAP_UNIT -
				 MAP_PAGE) /
				4;
			seed = seed * 1664525 + 1013904223;
			at[(seed >> 3) % max(words, 1024u)] =
				seed & 4 ? seed : heap_first(&heap) + (seed >> 8) % 4096;
			if (!(seed >> 16 & 63))
				usleep(1);
		}
	}
	for (end = time(NULL) + 4; time(NULL) < end; usleep(20000)) {
		assert_int_equal(waitpid(user, &status, WNOHANG), 0);
		map_release_dead(&heap, dead, NULL);
	}
	kill(scribbler, SIGKILL);
	waitpid(scribbler, NULL, 0);
	kill(user, SIGKILL);
	waitpid(user, &status, 0);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	map_release_dead(&heap, dead, NULL);
	heap_field_free(&heap, f->list);
	heap_field_free(&heap, f->tree);
	munmap(f, 4096);
	map_close(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_keep_order),
		cmocka_unit_test(trees_keep_order),
		cmocka_unit_test(trees_stay_flat),
		cmocka_unit_test(order_may_fail),
		cmocka_unit_test(owners_are_counted),
		cmocka_unit_test(collections_take_what_they_own),
		cmocka_unit_test(fields_are_not_trusted),
		cmocka_unit_test(there_is_an_end),
		cmocka_unit_test(the_killed_leave_nothing),
		cmocka_unit_test(scribbles_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
