/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LPM tries against a list of prefixes that is searched from one end to the other: random updates,
 * deletes and look-ups of few bits, so that prefixes cover each other at all lengths; and the order in which keys come.
 * Where root may use the machine's own kernel the same is asked of it: the list is right about that.
 */
#include <sys/syscall.h>
#include <unistd.h>
#include "map_test.h"

#define MAX  48u
#define DATA 16u

struct lpm_key {
	u32 bits;
	u8 data[DATA];
};

static u32 size; /* of the data */

/* --- the list --- */

struct entry {
	struct lpm_key key;
	u64 value;
};

struct list {
	struct entry e[MAX];
	u32 nr;
};

static u32 bit(const struct lpm_key *k, u32 i)
{
	return k->data[i / 8] >> (7 - i % 8) & 1;
}

static u32 in_common(const struct lpm_key *a, const struct lpm_key *b)
{
	u32 n = 0;

	while (n < a->bits && n < b->bits && bit(a, n) == bit(b, n))
		n++;
	return n;
}

static bool covers(const struct lpm_key *a, const struct lpm_key *b)
{
	return in_common(a, b) == a->bits;
}

static struct entry *exactly(struct list *l, const struct lpm_key *key)
{
	for (u32 i = 0; i < l->nr; i++)
		if (l->e[i].key.bits == key->bits && covers(&l->e[i].key, key))
			return &l->e[i];
	return NULL;
}

static struct entry *best(struct list *l, const struct lpm_key *key)
{
	struct entry *found = NULL;

	for (u32 i = 0; i < l->nr; i++)
		if (covers(&l->e[i].key, key) && (!found || l->e[i].key.bits > found->key.bits))
			found = &l->e[i];
	return found;
}

/* Longer prefixes before what covers them, 0 before 1. */
static bool before(const struct lpm_key *a, const struct lpm_key *b)
{
	u32 n = in_common(a, b);

	if (n == a->bits || n == b->bits)
		return a->bits > b->bits;
	return !bit(a, n);
}

static struct entry *next(struct list *l, const struct lpm_key *key)
{
	struct entry *found = NULL;

	if (key && !exactly(l, key))
		key = NULL;
	for (u32 i = 0; i < l->nr; i++)
		if ((!key || before(key, &l->e[i].key)) &&
		    (!found || before(&l->e[i].key, &found->key)))
			found = &l->e[i];
	return found;
}

static int list_put(struct list *l, const struct lpm_key *key, u64 value, u64 flags)
{
	struct entry *e = exactly(l, key);

	if (flags == BPF_NOEXIST && e)
		return -EEXIST;
	if (flags == BPF_EXIST && !e)
		return -ENOENT;
	if (!e && l->nr == MAX)
		return -ENOSPC;
	if (!e)
		e = &l->e[l->nr++];
	*e = (struct entry){*key, value};
	return 0;
}

static int list_del(struct list *l, const struct lpm_key *key)
{
	struct entry *e = exactly(l, key);

	if (!e)
		return -ENOENT;
	*e = l->e[--l->nr];
	return 0;
}

/* --- who is asked --- */

struct subject {
	struct bpf_map map;
	int fd; /* of a kernel's map, or -1 */
};

static int sys(const struct subject *s, int cmd, const void *key, void *value, u64 flags)
{
	union bpf_attr attr = {.map_fd = s->fd, .key = (uintptr_t)key};

	attr.value = (uintptr_t)value;
	attr.flags = flags;
	return syscall(__NR_bpf, cmd, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int do_put(struct subject *s, const struct lpm_key *key, u64 value, u64 flags)
{
	u64 v[2] = {value, ~value};

	if (s->fd >= 0)
		return sys(s, BPF_MAP_UPDATE_ELEM, key, v, flags);
	return map_sys_update(&s->map, key, v, flags);
}

static int do_del(struct subject *s, const struct lpm_key *key)
{
	return s->fd >= 0 ? sys(s, BPF_MAP_DELETE_ELEM, key, NULL, 0)
			  : map_sys_delete(&s->map, key);
}

static int do_get(struct subject *s, const struct lpm_key *key, u64 *value)
{
	u64 v[2] = {};
	int err = s->fd >= 0 ? sys(s, BPF_MAP_LOOKUP_ELEM, key, v, 0)
			     : map_sys_lookup(&s->map, key, v, 0);

	*value = v[0];
	return err;
}

static int do_next(struct subject *s, const struct lpm_key *key, struct lpm_key *out)
{
	return s->fd >= 0 ? sys(s, BPF_MAP_GET_NEXT_KEY, key, out, 0)
			  : map_sys_next_key(&s->map, key, out);
}

/* --- the same of both --- */

static u32 seed;

static u32 rnd(u32 n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Few different bits: in the first byte, and in the last three. */
static struct lpm_key any_key(void)
{
	struct lpm_key key = {rnd(3) ? rnd(8 * size + 1) : 8 * size};

	key.data[0] = rnd(2) ? 0x80 : rnd(256) & 0xc1;
	for (u32 i = size > 3 ? size - 3 : 1; i < size; i++)
		key.data[i] = rnd(2) ? 0 : rnd(256) & 0xa0;
	return key;
}

static void check_walk(struct subject *s, struct list *l)
{
	struct lpm_key key, out, *at = NULL;
	struct entry *e;
	u32 n = 0;

	while (!do_next(s, at, &out)) {
		e = next(l, at);
		assert_non_null(e);
		assert_int_equal(out.bits, e->key.bits);
		assert_memory_equal(out.data, e->key.data, size);
		memset(&key, 0, sizeof(key));
		memcpy(&key, &out, sizeof(u32) + size);
		at = &key;
		assert_true(++n <= l->nr);
	}
	assert_int_equal(n, l->nr);
	key = any_key();
	e = next(l, &key);
	assert_int_equal(do_next(s, &key, &out), e ? 0 : -ENOENT);
	if (e)
		assert_memory_equal(&out, &e->key, sizeof(u32) + size);
}

static void compare(struct subject *s, u32 steps)
{
	struct list l = {};

	for (u32 i = 0; i < steps; i++) {
		struct lpm_key key = any_key(), probe = any_key();
		struct entry *e;
		u64 got = 0, flags = rnd(6) ? BPF_ANY : rnd(3);

		/* fills up, and is emptied again */
		if (rnd(100) < (i / 200 % 2 ? 65u : 25u))
			assert_int_equal(do_del(s, &key), list_del(&l, &key));
		else
			assert_int_equal(do_put(s, &key, i, flags), list_put(&l, &key, i, flags));
		e = best(&l, &probe);
		assert_int_equal(do_get(s, &probe, &got), e ? 0 : -ENOENT);
		assert_int_equal(got, e ? e->value : 0);
		if (i % 16 == 0)
			check_walk(s, &l);
	}
}

static const u32 sizes[] = {1, 2, 4, 8, 9, 16};

static void test_list(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct subject s = {.fd = -1};

		size = sizes[i];
		open_map(&s.map, BPF_MAP_TYPE_LPM_TRIE, sizeof(u32) + size, i % 2 ? 8 : 16, MAX,
			 BPF_F_NO_PREALLOC);
		compare(&s, 20000);
		map_close(&s.map);
	}
}

static void test_kernel(void **state)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_LPM_TRIE,
			       .value_size = 8,
			       .max_entries = MAX,
			       .map_flags = BPF_F_NO_PREALLOC};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct subject s = {};

		size = attr.key_size = sizes[i];
		attr.key_size += sizeof(u32);
		s.fd = syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
		if (s.fd < 0)
			skip(); /* its bpf(2) is not for us */
		compare(&s, 2000);
		close(s.fd);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_kernel),
	};

	seed = argc > 1 ? (u32)strtoul(argv[1], NULL, 0) : 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
