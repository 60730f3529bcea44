/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds.c - map kinds by bpf(2) and from programs: prints what every operation answers, so that two
 * kernels can be compared. argv[1]: kinds.bpf.o; argv[2]: number of random operations per kind.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long long u64;
typedef unsigned int u32;

struct key {
	u32 prefixlen;
	unsigned char data[4];
};

struct call {
	u32 op, pad;
	u64 flags;
	struct key key;
	u64 value;
	long long ret;
};

static struct bpf_object *obj;
static int prog;
static u64 seed;

static u32 rnd(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(seed >> 33) % n;
}

static int ret(int r)
{
	return r < 0 ? -errno : r;
}

/* --- what MAP_CREATE takes --- */

static const struct {
	const char *what;
	u32 type, key, value, entries, flags;
	u64 extra;
} creates[] = {
	{"queue", BPF_MAP_TYPE_QUEUE, 0, 8, 4, 0},
	{"queue with keys", BPF_MAP_TYPE_QUEUE, 4, 8, 4, 0},
	{"queue without values", BPF_MAP_TYPE_QUEUE, 0, 0, 4, 0},
	{"empty queue", BPF_MAP_TYPE_QUEUE, 0, 8, 0, 0},
	{"queue, no prealloc", BPF_MAP_TYPE_QUEUE, 0, 8, 4, BPF_F_NO_PREALLOC},
	{"queue, read-only", BPF_MAP_TYPE_QUEUE, 0, 8, 4, BPF_F_RDONLY},
	{"queue, both prog flags", BPF_MAP_TYPE_QUEUE, 0, 8, 4,
	 BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG},
	{"queue, map_extra", BPF_MAP_TYPE_QUEUE, 0, 8, 4, 0, 1},
	{"queue, huge value", BPF_MAP_TYPE_QUEUE, 0, (4 << 20) + 1, 1, 0},
	{"stack", BPF_MAP_TYPE_STACK, 0, 3, 1, 0},
	{"stack with keys", BPF_MAP_TYPE_STACK, 8, 8, 4, 0},
	{"bloom", BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 100, 0},
	{"bloom, 15 hashes", BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 100, 0, 15},
	{"bloom, 16 hashes", BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 100, 0, 16},
	{"bloom with keys", BPF_MAP_TYPE_BLOOM_FILTER, 4, 8, 100, 0},
	{"bloom, empty", BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 0, 0},
	{"bloom, zero seed", BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 100, BPF_F_ZERO_SEED},
	{"bloom, no prealloc", BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 100, BPF_F_NO_PREALLOC},
	{"lru", BPF_MAP_TYPE_LRU_HASH, 4, 8, 16, 0},
	{"lru, no prealloc", BPF_MAP_TYPE_LRU_HASH, 4, 8, 16, BPF_F_NO_PREALLOC},
	{"lru, no common", BPF_MAP_TYPE_LRU_HASH, 4, 8, 64, BPF_F_NO_COMMON_LRU},
	{"hash, no common", BPF_MAP_TYPE_HASH, 4, 8, 64, BPF_F_NO_COMMON_LRU},
	{"lru, no common, numa", BPF_MAP_TYPE_LRU_HASH, 4, 8, 64,
	 BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE},
	{"percpu lru", BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 16, 0},
	{"percpu lru, no prealloc", BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 16, BPF_F_NO_PREALLOC},
	{"lru, no keys", BPF_MAP_TYPE_LRU_HASH, 0, 8, 16, 0},
	{"lpm", BPF_MAP_TYPE_LPM_TRIE, 8, 8, 16, BPF_F_NO_PREALLOC},
	{"lpm, prealloc", BPF_MAP_TYPE_LPM_TRIE, 8, 8, 16, 0},
	{"lpm, key too short", BPF_MAP_TYPE_LPM_TRIE, 4, 8, 16, BPF_F_NO_PREALLOC},
	{"lpm, shortest key", BPF_MAP_TYPE_LPM_TRIE, 5, 1, 16, BPF_F_NO_PREALLOC},
	{"lpm, longest key", BPF_MAP_TYPE_LPM_TRIE, 260, 8, 16, BPF_F_NO_PREALLOC},
	{"lpm, key too long", BPF_MAP_TYPE_LPM_TRIE, 261, 8, 16, BPF_F_NO_PREALLOC},
	{"lpm, no values", BPF_MAP_TYPE_LPM_TRIE, 8, 0, 16, BPF_F_NO_PREALLOC},
	{"lpm, empty", BPF_MAP_TYPE_LPM_TRIE, 8, 8, 0, BPF_F_NO_PREALLOC},
	{"lpm, zero seed", BPF_MAP_TYPE_LPM_TRIE, 8, 8, 16, BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED},
};

static void create(void)
{
	for (size_t i = 0; i < sizeof(creates) / sizeof(creates[0]); i++) {
		LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = creates[i].flags,
			    .map_extra = creates[i].extra);
		int fd = bpf_map_create(creates[i].type, NULL, creates[i].key, creates[i].value,
					creates[i].entries, &o);

		printf("create %s: %d\n", creates[i].what, fd < 0 ? -errno : 0);
		close(fd);
	}
}

/* Keys outside: each kind has its own errno. */
static void outside(void)
{
	static const u32 types[] = {BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_CGROUP_ARRAY,
				    BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, BPF_MAP_TYPE_CPUMAP};

	for (int i = 0; i < 4; i++) {
		int fd = bpf_map_create(types[i], NULL, 4, 4, 2, NULL);
		u32 key = 2;

		printf("delete outside, kind %u: %d\n", types[i],
		       ret(bpf_map_delete_elem(fd, &key)));
		close(fd);
	}
}

/* --- one operation --- */

static int fd_of(const char *name)
{
	return bpf_object__find_map_fd_by_name(obj, name);
}

static int run(u32 op, void *key, u64 *value, u64 flags)
{
	char packet[64] = {}, out[64];
	struct call c = {.op = op, .flags = flags, .value = *value};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = packet, .data_size_in = sizeof(packet),
		    .data_out = out, .data_size_out = sizeof(out));

	if (key)
		memcpy(&c.key, key, sizeof(c.key));
	memcpy(packet, &c, sizeof(c));
	if (bpf_prog_test_run_opts(prog, &o) || o.retval)
		return -9999;
	memcpy(&c, out, sizeof(c));
	*value = c.ret ? *value : c.value;
	return c.ret;
}

enum { PUSH, POP, PEEK, LOOKUP, UPDATE, DELETE, NEXT, OPS };

static int by_fd(int fd, int op, void *key, u64 *value, u64 flags)
{
	u64 v = *value, next = 0;
	int r;

	switch (op) {
	case PUSH: return ret(bpf_map_update_elem(fd, NULL, value, flags));
	case POP: r = ret(bpf_map_lookup_and_delete_elem(fd, NULL, &v)); break;
	case PEEK: r = ret(bpf_map_lookup_elem(fd, NULL, &v)); break;
	case LOOKUP: r = ret(bpf_map_lookup_elem(fd, key, &v)); break;
	case UPDATE: return ret(bpf_map_update_elem(fd, key, value, flags));
	case DELETE: return ret(bpf_map_delete_elem(fd, key));
	default:
		r = ret(bpf_map_get_next_key(fd, key, &next));
		v = next;
		break;
	}
	if (!r)
		*value = v;
	return r;
}

static const int sides[2][OPS] = {{0, 1, 2}, {3, 4, 5}};

static void queue_random(const char *name, int kind, int n)
{
	int fd = fd_of(name);

	for (int i = 0; i < n; i++) {
		int op = rnd(8) < 4 ? PUSH : POP + rnd(2), here = rnd(2), r;
		u64 flags = rnd(8) ? 0 : rnd(4), v = op == PUSH ? rnd(1000) : 0;

		r = here ? run(sides[kind][op], NULL, &v, flags) : by_fd(fd, op, NULL, &v, flags);
		printf("%s %d %d flags %llu: %d %llu\n", name, op, here, flags, r, v);
	}
}

static void queues(int n)
{
	static const char *const names[] = {"queue", "stack"};

	for (int k = 0; k < 2; k++) {
		int fd = fd_of(names[k]);
		u64 v = 0, key = 0;

		printf("%s delete: %d\n", names[k], ret(bpf_map_delete_elem(fd, NULL)));
		printf("%s next: %d\n", names[k], ret(bpf_map_get_next_key(fd, NULL, &key)));
		printf("%s lookup with key: %d\n", names[k],
		       ret(bpf_map_lookup_elem(fd, &key, &v)));
		printf("%s pop with flags: %d\n", names[k],
		       ret(bpf_map_lookup_and_delete_elem_flags(fd, NULL, &v, BPF_F_LOCK)));
		printf("%s peek with lock: %d\n", names[k],
		       ret(bpf_map_lookup_elem_flags(fd, NULL, &v, BPF_F_LOCK)));
		queue_random(names[k], k, n);
	}
}

static void bloom(int n)
{
	int fd = fd_of("bloom"), there = 0, absent = 0;
	u64 v = 1, key;

	printf("bloom flags: %d\n", ret(bpf_map_update_elem(fd, NULL, &v, BPF_NOEXIST)));
	printf("bloom delete: %d\n", ret(bpf_map_delete_elem(fd, NULL)));
	printf("bloom pop: %d\n", ret(bpf_map_lookup_and_delete_elem(fd, NULL, &v)));
	printf("bloom next: %d\n", ret(bpf_map_get_next_key(fd, NULL, &key)));
	printf("bloom empty: %d\n", by_fd(fd, PEEK, NULL, &v, 0));
	for (int i = 0; i < 100; i++) {
		v = i * 7;
		if (i & 1 ? run(6, NULL, &v, 0) : by_fd(fd, PUSH, NULL, &v, 0))
			printf("bloom push %d\n", i);
	}
	for (int i = 0; i < 100; i++) {
		v = i * 7;
		there += !(i & 2 ? run(7, NULL, &v, 0) : by_fd(fd, PEEK, NULL, &v, 0));
		v = i * 7 + 1000003;
		absent += by_fd(fd, PEEK, NULL, &v, 0) == -ENOENT;
	}
	printf("bloom: %d there, most others absent: %d\n", there, absent > 50);
}

/* --- longest prefixes --- */

static struct key random_key(void)
{
	struct key k = {.prefixlen = rnd(40) ? rnd(33) : 33 + rnd(3)};

	/* few different bits, so that prefixes meet */
	for (int i = 0; i < 4; i++)
		k.data[i] = rnd(3) ? 0 : 1 << rnd(8);
	return k;
}

static u64 as_u64(const struct key *k)
{
	u64 v;

	memcpy(&v, k, sizeof(v));
	return v;
}

static void lpm_list(int fd)
{
	struct key k, next;
	int n = 0;

	printf("keys:");
	for (int r = bpf_map_get_next_key(fd, NULL, &next); !r && n < 200; n++) {
		printf(" %u:%02x%02x%02x%02x", next.prefixlen, next.data[0], next.data[1],
		       next.data[2], next.data[3]);
		k = next;
		r = bpf_map_get_next_key(fd, &k, &next);
	}
	printf("; %d\n", n);
}

static void lpm(int n)
{
	static const int ops[] = {LOOKUP, LOOKUP, UPDATE, UPDATE, UPDATE, DELETE, DELETE, NEXT};
	static const int here[OPS] = {[LOOKUP] = 11, [UPDATE] = 12, [DELETE] = 13};
	int fd = fd_of("lpm");

	for (int i = 0; i < n; i++) {
		int op = ops[rnd(8)], r;
		struct key k = random_key();
		u64 flags = rnd(4) ? 0 : rnd(4), v = op == UPDATE ? rnd(1000) : 0;

		if (op != NEXT && rnd(2)) {
			r = run(here[op], &k, &v, flags);
			op += 10;
		} else {
			r = by_fd(fd, op, &k, &v, flags);
		}
		printf("lpm %d %016llx flags %llu: %d %llx\n", op, as_u64(&k), flags, r, v);
		if (i % 100 == 99)
			lpm_list(fd);
	}
}

/* What is used stays, when there is more than fits; how much is thrown out at once is the kernel's business. */
static void lru(const char *name, int fd, int used_by_prog)
{
	int kept = 0, old = 0, fresh = 0, bad = 0;
	u64 v[512] = {};

	for (u64 k = 0; k < 64; k++)
		bad += bpf_map_update_elem(fd, &k, (v[0] = k, v), BPF_NOEXIST) != 0;
	for (u64 i = 0; i < 12000; i++) {
		u64 k = 1000 + i, hot = i % 4;

		bad += bpf_map_update_elem(fd, &k, (v[0] = i, v), BPF_ANY) != 0;
		if (used_by_prog && run(8, &hot, v, 0))
			bad++;
	}
	for (u64 k = 0; k < 64; k++) {
		int r = bpf_map_lookup_elem(fd, &k, v);

		kept += k < 4 && !r && v[0] == k;
		old += k >= 4 && !r;
	}
	for (u64 k = 12999 - 8; k <= 12999; k++)
		fresh += !bpf_map_lookup_elem(fd, &k, v);
	printf("%s: failures %d, used ones kept %d, unused ones kept %d, new ones there %d\n", name,
	       bad, used_by_prog ? kept : 0, old, fresh > 0);
}

static void lrus(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_NO_COMMON_LRU);
	int fd = bpf_map_create(BPF_MAP_TYPE_LRU_PERCPU_HASH, NULL, 8, 8, 64, NULL);
	u64 v = 3, k = 1;

	lru("lru", fd_of("lru"), 1);
	lru("percpu lru", fd, 0);
	close(fd);
	fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, NULL, 8, 8, 256, &o);
	lru("lru, no common", fd, 0);
	for (int i = 0; i < 6; i++)
		printf("lru flags %d: %d\n", 2 >> i % 3,
		       ret(bpf_map_update_elem(fd, &k, &v, 2 >> i % 3)));
	v = 0;
	printf("lru take: %d", ret(bpf_map_lookup_and_delete_elem(fd, &k, &v)));
	printf(" %llu, again: %d\n", v, ret(bpf_map_lookup_and_delete_elem(fd, &k, &v)));
	printf("lru bad flags: %d\n", ret(bpf_map_update_elem(fd, &k, &v, 3)));
	close(fd);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 1000;

	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj || bpf_object__load(obj)) {
		printf("load: %d\n", errno);
		return 1;
	}
	prog = bpf_program__fd(bpf_object__find_program_by_name(obj, "call"));
	create();
	outside();
	queues(n);
	bloom(n);
	lpm(n);
	lrus();
	return 0;
}
