/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elem.c - element operations of a bpf(2) client, ns each, one line per kind, operation and number
 * of threads: "KIND OP THREADS NS". Run under `userbpf run` and on the machine's kernel to compare;
 * it knows nothing about either. Maps are small and go with the process.
 *
 * Each thread has its own keys, as a map that many use has; every figure is the median of several
 * rounds, of the slower thread in each.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ELEMS	8192 /* in the map; half of them each of two threads' */
#define MINE	(ELEMS / 2)
#define ROUNDS	25
#define PASSES	8 /* over the keys in a round, where the operation allows it */
#define MAX_CPU 256

struct lpm_key {
	uint32_t bits, addr;
};

enum { LOOKUP, UPDATE, INSERT, DELETE, PUSH, PEEK, POP, NEXT, NR_OPS };

static const struct op {
	const char *name;
	int cmd;
	int prepare, restore; /* what is done to all keys before and after, untimed; -1: nothing */
} ops[NR_OPS] = {
	[LOOKUP] = {"lookup", BPF_MAP_LOOKUP_ELEM, UPDATE, -1},
	[UPDATE] = {"update", BPF_MAP_UPDATE_ELEM, UPDATE, -1},
	[INSERT] = {"insert", BPF_MAP_UPDATE_ELEM, DELETE, -1},
	[DELETE] = {"delete", BPF_MAP_DELETE_ELEM, UPDATE, -1},
	[PUSH] = {"push", BPF_MAP_UPDATE_ELEM, -1, POP},
	[PEEK] = {"peek", BPF_MAP_LOOKUP_ELEM, PUSH, POP},
	[POP] = {"pop", BPF_MAP_LOOKUP_AND_DELETE_ELEM, PUSH, -1},
	[NEXT] = {"next_key", BPF_MAP_GET_NEXT_KEY, UPDATE, -1},
};

#define BIT(n)	  (1u << (n))
#define ARRAY_OPS (BIT(LOOKUP) | BIT(UPDATE) | BIT(NEXT))
#define HASH_OPS  (BIT(LOOKUP) | BIT(UPDATE) | BIT(INSERT) | BIT(DELETE) | BIT(NEXT))

static const struct kind {
	const char *name;
	uint32_t type, key_size, flags, ops;
} kinds[] = {
	{"array", BPF_MAP_TYPE_ARRAY, 4, 0, ARRAY_OPS},
	{"percpu_array", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 0, ARRAY_OPS},
	{"hash", BPF_MAP_TYPE_HASH, 4, 0, HASH_OPS},
	{"percpu_hash", BPF_MAP_TYPE_PERCPU_HASH, 4, 0, HASH_OPS},
	{"lru_hash", BPF_MAP_TYPE_LRU_HASH, 4, 0, HASH_OPS},
	{"lru_percpu_hash", BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 0, HASH_OPS},
	{"lpm_trie", BPF_MAP_TYPE_LPM_TRIE, 8, BPF_F_NO_PREALLOC, HASH_OPS},
	{"queue", BPF_MAP_TYPE_QUEUE, 0, 0, BIT(PUSH) | BIT(PEEK) | BIT(POP)},
	{"stack", BPF_MAP_TYPE_STACK, 0, 0, BIT(PUSH) | BIT(PEEK) | BIT(POP)},
	{"bloom_filter", BPF_MAP_TYPE_BLOOM_FILTER, 0, 0, BIT(PUSH) | BIT(PEEK)},
};

struct worker {
	const struct kind *kind;
	const struct op *op;
	int fd, index, nr;
	unsigned int *go;
	double ns[ROUNDS];
	int err;
};

static long bpf(int cmd, union bpf_attr *attr)
{
	return syscall(__NR_bpf, cmd, attr, sizeof(*attr));
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* @op on each key of this worker, @passes times. -> errno that should not be */
static int all(const struct worker *w, const struct op *op, int passes)
{
	uint64_t value[MAX_CPU] = {0}, next = 0;
	struct lpm_key lpm = {.bits = 32};
	uint32_t key, *word = w->kind->key_size == 8 ? &lpm.addr : &key;
	union bpf_attr attr = {.map_fd = w->fd};

	attr.key = w->kind->key_size == 8 ? (uintptr_t)&lpm
		   : w->kind->key_size	  ? (uintptr_t)&key
					  : 0;
	attr.value = op->cmd == BPF_MAP_GET_NEXT_KEY  ? (uintptr_t)&next
		     : op->cmd == BPF_MAP_DELETE_ELEM ? 0
						      : (uintptr_t)value;
	while (passes--)
		for (uint32_t i = 0; i < MINE; i++) {
			*word = i + MINE * w->index;
			value[0] = i;
			if (bpf(op->cmd, &attr) && errno != ENOENT)
				return errno;
		}
	return 0;
}

/* All go on at once: who sleeps here comes too late to meet the others. */
static void meet(const struct worker *w)
{
	unsigned int mine = __atomic_add_fetch(w->go, 1, __ATOMIC_SEQ_CST);
	unsigned int all_here = (mine + w->nr - 1) / w->nr * w->nr;

	while (__atomic_load_n(w->go, __ATOMIC_SEQ_CST) < all_here)
		sched_yield();
}

static void *work(void *arg)
{
	struct worker *w = arg;
	/* operations that change what they find are good for one pass */
	int passes = w->op->prepare == UPDATE && w->op->cmd != BPF_MAP_DELETE_ELEM ? PASSES : 1;

	for (int r = 0; r < ROUNDS && !w->err; r++) {
		double t;

		if (w->op->prepare >= 0)
			w->err = all(w, &ops[w->op->prepare], 1);
		meet(w);
		t = now_ns();
		if (!w->err)
			w->err = all(w, w->op, passes);
		w->ns[r] = (now_ns() - t) / MINE / passes;
		meet(w);
		if (w->op->restore >= 0 && w->kind->type != BPF_MAP_TYPE_BLOOM_FILTER)
			all(w, &ops[w->op->restore], 1);
		meet(w);
	}
	return NULL;
}

static int measure(const struct kind *k, const struct op *op, int fd, int threads)
{
	struct worker w[2];
	pthread_t t[2];
	unsigned int go = 0;
	double worst[ROUNDS];

	for (int i = 0; i < threads; i++) {
		w[i] = (struct worker){
			.kind = k, .op = op, .fd = fd, .index = i, .nr = threads, .go = &go};
		if (pthread_create(&t[i], NULL, work, &w[i]))
			return 1;
	}
	for (int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < threads; i++)
		if (w[i].err) {
			fprintf(stderr, "%s %s: %s\n", k->name, op->name, strerror(w[i].err));
			return 1;
		}
	for (int r = 0; r < ROUNDS; r++)
		worst[r] = threads == 2 && w[1].ns[r] > w[0].ns[r] ? w[1].ns[r] : w[0].ns[r];
	qsort(worst, ROUNDS, sizeof(*worst), by_value);
	printf("%s %s %d %.1f\n", k->name, op->name, threads, worst[ROUNDS / 2]);
	return 0;
}

static int bench(const struct kind *k)
{
	int bad = 0;

	for (unsigned int o = 0; o < NR_OPS; o++) {
		union bpf_attr attr = {.map_type = k->type,
				       .key_size = k->key_size,
				       .value_size = 8,
				       .max_entries = ELEMS,
				       .map_flags = k->flags};
		int fd;

		if (!(k->ops & BIT(o)))
			continue;
		fd = bpf(BPF_MAP_CREATE, &attr);
		if (fd < 0) {
			perror(k->name);
			return 1;
		}
		for (int threads = 1; threads <= 2; threads++)
			bad |= measure(k, &ops[o], fd, threads);
		close(fd);
	}
	return bad;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (argc < 2 || !strcmp(argv[1], kinds[i].name))
			bad |= bench(&kinds[i]);
	return bad;
}
